"""The technician's page of goods on a stick: what a file would change, its import, and every refusal in its words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kiosk.app.shared.media import catalog_files
from kiosk.station.catalog.stick_import import StickCatalogs
from kiosk.station.update.refusals import UpdateRefusalReason
from kiosk.store import StoreError
from kiosk.store.catalogs import Catalogs
from kiosk.store.database.migrate import migrate
from kiosk.texts import LANGUAGES, load
from kiosk.web.shared import roles
from kiosk.web.shared.settings import WebSettings
from kiosk.web.technician import goods as pages
from tests.station.catalog.test_stick_import import changed, dearer
from tests.station.doctor.clinic import Clinic
from tests.web.technician.teach_rig import app_of


class Stick:
    """A folder that stands for one."""

    def __init__(self, clinic: Clinic, folder: Path) -> None:
        self.clinic, self.folder, self.busy = clinic, folder, ""
        folder.mkdir()
        clinic.equipment.catalogs = StickCatalogs(
            clinic.store.catalogs,
            lambda: catalog_files([folder]),
            lambda: self.busy or None,
            clinic.stamp,
            clinic.equipment.on_event,
        )

    def lay(self, content: bytes, name: str = "goods.json") -> str:
        (self.folder / name).write_bytes(content)
        return str(self.folder / name)

    def look(self, client: FlaskClient, file: str) -> dict[str, str]:
        """The hidden fields of the form that imports it."""
        page = client.get(pages.HOME, query_string={"file": file}).text
        return {name: unescape(value) for name, value in re.findall(r'name="(file|seen)" value="([^"]*)"', page)}


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    monkeypatch.setattr("kiosk.base.systemd.MARK", tmp_path / "none")
    migrate(tmp_path / "empty.sqlite")
    clinic = Clinic(tmp_path, tmp_path / "empty.sqlite")
    yield clinic
    clinic.store.close()


@pytest.fixture
def stick(clinic: Clinic, tmp_path: Path) -> Stick:
    return Stick(clinic, tmp_path / "TECHNICIAN-sda1")


def person(clinic: Clinic, name: str = "technician", language: str = "en") -> FlaskClient:
    client = app_of(clinic, WebSettings(language=language)).test_client()
    client.set_cookie(roles.COOKIE, name)
    return client


def test_a_price_is_changed_from_a_stick(clinic: Clinic, stick: Stick) -> None:
    client = person(clinic)
    assert "No catalog file" in client.get(pages.HOME).text
    file = stick.lay(changed())
    assert client.post(f"{pages.HOME}/bring", data=stick.look(client, file)).location == f"{pages.HOME}?done=1"
    stick.lay(changed(dearer))
    page = client.get(pages.HOME, query_string={"file": file}).text
    assert re.search(r"was <bdi[^>]*>¥[\d.,]+/kg</bdi>, will be <bdi", page)
    seen = stick.look(client, file)
    assert client.post(f"{pages.HOME}/bring", data=seen).status_code == 303
    assert 'role="status"' in client.get(f"{pages.HOME}?done=1").text
    assert (clinic.store.catalogs.get()[0], clinic.woken) == (2, 2)
    again = client.post(f"{pages.HOME}/bring", data=seen)
    assert (again.status_code, "Look again." in again.text) == (409, True)
    page = client.get(pages.HOME, query_string={"file": file}).text
    assert ("already has these goods" in page, 'name="seen"' in page) == (True, False)


def test_nobody_else_and_nowhere_else(clinic: Clinic, tmp_path: Path) -> None:
    for name in ("clerk", "nobody"):
        assert person(clinic, name).get(pages.HOME).status_code == 403
        assert person(clinic, name).post(f"{pages.HOME}/bring").status_code == 403
    assert person(clinic).get(pages.HOME).status_code == 503
    stick = Stick(clinic, tmp_path / "stick")
    client, data = person(clinic), {"file": stick.lay(changed()), "seen": ""}
    elsewhere = client.post(f"{pages.HOME}/bring", data=data, headers={"Origin": "http://evil.example"})
    assert elsewhere.status_code == 403
    for file in ("/etc/passwd", f"{stick.folder}/../goods.json", "\x00", "x" * 5000):
        assert "The file was removed." in client.get(pages.HOME, query_string={"file": file}).text
    assert client.post(f"{pages.HOME}/bring", data=data).status_code == 409
    assert clinic.store.catalogs.get()[0] == 0


def test_hostile_names_are_left_out_or_shown_as_text(clinic: Clinic, stick: Stick) -> None:
    for name in (b"\xff.json", "a\u202eb.json".encode(), b"x\n.json", b".hidden.json", b"link.json"):
        path = stick.folder / name.decode("utf-8", "surrogateescape")
        path.symlink_to("/etc/hostname") if name == b"link.json" else path.write_bytes(changed())
    stick.lay(changed(), "<b>&amp; goods.json")
    client = person(clinic)
    page = client.get(pages.HOME).text
    assert page.count('class="finding-said"') == 1
    assert "<b>" not in page
    (link,) = re.findall(r'href="(/technician/goods\?file=[^"]+)"', page)
    assert client.get(unescape(link)).status_code == 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_faults_and_refusals_are_said_in_every_language(
    clinic: Clinic, stick: Stick, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, client = load(language), person(clinic, language=language)
    for word in ("unreadable", "large", "text", "form", "missing", "unknown", "twice", "value"):
        assert texts.text(f"technician.goods.fault.{word}", place="x")
    for word in ("gone", "stale", "wait"):
        assert texts.text(f"technician.goods.refused.{word}")
    file = stick.lay(changed(lambda rows: rows["prices"][0].update(fen_per_kg="<i>12</i>")))
    answer = client.get(pages.HOME, query_string={"file": file})
    said = texts.text("technician.goods.fault.value", place="prices[1].fen_per_kg")
    assert answer.status_code == 200
    assert said in re.sub(r"</?bdi[^>]*>", "", answer.text)
    assert "goods.json: prices[1].fen_per_kg: is &#39;&lt;i&gt;12" in answer.text
    stick.lay(changed())
    stick.busy = UpdateRefusalReason.BUSY_PAN
    answer = client.post(f"{pages.HOME}/bring", data=stick.look(client, file))
    assert texts.text("technician.update.why.busy_pan") in answer.text
    stick.busy = ""

    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(Catalogs, "add", full)
    answer = client.post(f"{pages.HOME}/bring", data=stick.look(client, file))
    assert (answer.status_code, texts.text("technician.refused.store_failed") in answer.text) == (409, True)
