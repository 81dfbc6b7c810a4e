"""The technician's page of updates, and the page that everybody sees during one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kiosk.app.update.releases import ReleaseFolder
from kiosk.app.update.station import StationBundles
from kiosk.messaging.relay.updates.ports import Fetching
from kiosk.station.doctor.status_files import UpdatesStatusFile
from kiosk.station.update.journal import JournalFile, UpdateEntry, UpdateOutcome, UpdatePhase
from kiosk.station.update.refusals import UpdateRefusalReason
from kiosk.station.update.updates import Gate, Updates
from kiosk.store.database.migrate import migrate
from kiosk.texts import LANGUAGES, load
from kiosk.web.errors import draw_behind_gate, install_gate
from kiosk.web.factory import create_app
from kiosk.web.shared import roles
from kiosk.web.shared.settings import WebSettings
from kiosk.web.technician import update as pages
from tests.station.doctor.clinic import Clinic
from tests.station.update.machine import BUNDLE, NEW, OLD, OTHER_KEY, Machine, lay_bundle
from tests.station.update.test_station_side import FakeQuiet
from tests.web.shop import Shop
from tests.web.technician.teach_rig import app_of


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    monkeypatch.setattr("kiosk.base.systemd.MARK", tmp_path / "none")
    migrate(tmp_path / "empty.sqlite")
    clinic = Clinic(tmp_path, tmp_path / "empty.sqlite")
    yield clinic
    clinic.store.close()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr("kiosk.store.database.check.SCHEMA_VERSION", 8)
    return Machine(tmp_path / "machine").lay()


def person(clinic: Clinic, name: str = "technician", language: str = "en") -> FlaskClient:
    client = app_of(clinic, WebSettings(language=language)).test_client()
    client.set_cookie(roles.COOKIE, name)
    return client


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_station_without_an_updater_says_that_it_is_updated_another_way(clinic: Clinic, language: str) -> None:
    client = person(clinic, language=language)
    said = load(language).text("technician.update.other_way")
    page = client.get(pages.HOME)
    assert (page.status_code, said in page.text) == (200, True)
    refused = client.post(f"{pages.HOME}/install", data={"bundle": "x"})
    assert (refused.status_code, said in refused.text) == (409, True)


def test_a_technician_installs_what_is_here(clinic: Clinic, machine: Machine) -> None:
    journal, quiet = JournalFile(machine.releases), FakeQuiet()
    stick = machine.folder / "stick"
    stick.mkdir()
    shelf = StationBundles(ReleaseFolder(machine.releases, machine.package), journal, machine.data, lambda: [stick])
    clinic.equipment.updates = Updates(shelf, journal, quiet)
    for name in ("clerk", "nobody"):
        other = person(clinic, name)
        assert other.get(pages.HOME).status_code == 403
        assert other.post(f"{pages.HOME}/install").status_code == 403
    client = person(clinic)
    page = client.get(pages.HOME).text
    assert OLD in page
    assert "There is no update" in page
    lay_bundle(machine.data / "updates")
    lay_bundle(machine.data / "updates", "strange.kioskupdate", OTHER_KEY)
    page = client.get(pages.HOME).text
    assert page.count("<form") == page.count('name="bundle"') + 2, "one button: the other is refused"
    assert NEW in page
    assert "(on the stick)" not in page
    with_key = lay_bundle(stick)
    page = client.get(pages.HOME).text
    assert (f'value="{with_key}"' in page, page.count("(on the stick)")) == (True, 1)
    quiet.why = UpdateRefusalReason.BUSY_PAN
    answer = client.post(f"{pages.HOME}/install", data={"bundle": BUNDLE})
    assert answer.status_code == 409
    assert "Something lies on the pan: empty it." in answer.text
    quiet.why = None
    assert client.post(f"{pages.HOME}/install", data={"bundle": BUNDLE}).location == pages.HOME
    page = client.get(pages.HOME).text
    assert 'data-phase="asked"' in page
    assert 'name="bundle"' not in page, "nothing more to press"
    assert machine.update() is not None
    page = client.get(pages.HOME).text
    assert 'data-outcome="kept"' in page
    assert f"{NEW}</bdi> is in use." in page
    journal.write(UpdateEntry("2", UpdatePhase.TRIAL, "0.9.2"))
    assert 'data-phase="trial"' in client.get(pages.HOME).text
    (machine.releases / "journal.json").write_text("{")
    assert client.get(pages.HOME).status_code == 409


def test_every_reason_is_said_in_every_language(clinic: Clinic, machine: Machine) -> None:
    for language in LANGUAGES:
        texts = load(language)
        for why in UpdateRefusalReason:
            assert texts.text(f"technician.update.why.{why}")
    journal = JournalFile(machine.releases)
    shelf = StationBundles(ReleaseFolder(machine.releases, machine.package), journal, machine.data)
    clinic.equipment.updates = Updates(shelf, journal, FakeQuiet())
    journal.close(UpdateOutcome("1", NEW, UpdateRefusalReason.LATE, stepped_back=True, failed=NEW))
    for language in LANGUAGES:
        said = load(language).text("technician.update.why.late")
        assert said in person(clinic, language=language).get(pages.HOME).text


def test_the_page_says_what_comes_over_the_line(clinic: Clinic, machine: Machine) -> None:
    shelf = StationBundles(
        ReleaseFolder(machine.releases, machine.package), JournalFile(machine.releases), machine.data, tuple
    )
    clinic.equipment.updates = Updates(shelf, JournalFile(machine.releases), FakeQuiet())
    name = load("en").text("doctor.device.updates")
    assert name not in person(clinic).get(pages.HOME).text, "no place for them is set"
    clinic.config.relay = replace(clinic.config.relay, updates="http://127.0.0.1:8843")
    UpdatesStatusFile(clinic.settings.data).report(Fetching("99.0.1", 512_000, 1_130_000, offers_age_s=7260))
    page = person(clinic).get(pages.HOME).text
    assert name in page
    assert "99.0.1</bdi> is being fetched: " in page
    assert "2</bdi> h ago" in page


def test_while_the_gate_is_closed_there_is_one_page(tmp_path: Path) -> None:
    shop, gate, settings = Shop(tmp_path), Gate(), WebSettings(language="en")
    app = create_app(shop, settings)
    install_gate(app, gate, shop, settings)
    client = app.test_client()
    assert client.get("/").status_code == 200
    gate.close()
    for path in ("/", "/about", "/counter", "/live", "/none"):
        answer = client.get(path)
        assert (answer.status_code, "The station is being updated" in answer.text) == (503, True), path
    assert client.post("/start").status_code == 503
    for path in ("/health", "/station.css", "/static/css/base.css"):
        with client.get(path) as answer:
            assert answer.status_code == 200, path
    assert client.post("/alive").status_code == 204
    assert draw_behind_gate(app, "http://127.0.0.1", "/") == 200, "the trial sees the pages themselves"
    assert draw_behind_gate(app, "http://127.0.0.1", "/none") == 404
    assert client.get("/", headers={"Kiosk.Trial": "1", "kiosk-trial": "1"}).status_code == 503
    gate.open()
    assert client.get("/").status_code == 200
