"""The routes of Teach me this scale: who may, what is refused, and that a device's bytes are text on the page."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kiosk.simulators.scale.line import PtyLine
from kiosk.store.database.migrate import migrate
from kiosk.texts import LANGUAGES, load
from kiosk.web.shared import roles
from kiosk.web.shared.settings import WebSettings
from kiosk.web.technician import teach
from tests.station.doctor.clinic import Clinic
from tests.web.technician.teach_rig import app_of, taught

HOSTILE = b'<script>alert(1)</script>"\x1b[2J\x00\xe2\x80\xae\r\n'


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.sqlite"
    migrate(path)
    return path


@pytest.fixture
def clinic(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    monkeypatch.setattr("kiosk.base.systemd.MARK", tmp_path / "none")
    clinic = Clinic(tmp_path, template)
    clinic.cure()
    yield clinic
    clinic.store.close()


@pytest.fixture
def line() -> Iterator[PtyLine]:
    line = PtyLine(None)
    line.plug()
    yield line
    line.close()


@pytest.fixture
def app(clinic: Clinic, line: PtyLine) -> Iterator[Flask]:
    with taught(clinic, lambda: (line.path,)) as can_teach:
        yield app_of(clinic, WebSettings(language="en"), can_teach)


def as_person(app: Flask, name: str) -> FlaskClient:
    client = app.test_client()
    client.set_cookie(roles.COOKIE, name)
    return client


@pytest.mark.parametrize("name", ["clerk", "nobody"])
def test_only_a_technician(app: Flask, clinic: Clinic, name: str) -> None:
    other = as_person(app, name)
    own = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("teach.")]
    assert {rule.endpoint for rule in own} == set(teach.NEEDS)
    assert set(teach.NEEDS.values()) == {roles.Need.TECHNICIAN}
    for rule in own:
        act = other.post if "POST" in (rule.methods or ()) else other.get
        assert act(rule.rule).status_code == 403, rule.rule
    assert cast(Any, clinic).teach_paused.told == []


def test_a_station_that_cannot_be_taught_says_so(clinic: Clinic) -> None:
    app = app_of(clinic, WebSettings(language="en"))
    assert as_person(app, "technician").get(teach.HOME).status_code == 503
    assert as_person(app, "technician").get("/technician/scale").status_code == 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refusal_has_its_reason(app: Flask, language: str) -> None:
    client = as_person(app, "technician")
    client.set_cookie("lang", language)
    for path, form, code in (
        ("begin", {"port": "/dev/ttyUSB9"}, "gone"),
        ("known", {"kg": "two"}, "no_weight"),
        ("write", {}, "not_offered"),
    ):
        answer = client.post(f"{teach.HOME}/{path}", data=form)
        assert answer.status_code == 409
        assert load(language).text(f"technician.teach.refused.{code}") in answer.text
        assert f'href="{teach.HOME}"' in answer.text


def test_bytes_of_a_device_are_text_and_never_raw(app: Flask, line: PtyLine) -> None:
    """Whatever hangs at the port: it is no scale, and what it sent is shown as what it is."""
    client = as_person(app, "technician")
    over = threading.Event()

    def shout() -> None:
        while not over.wait(0.02):
            line.write(HOSTILE)

    thread = threading.Thread(target=shout)
    thread.start()
    try:
        assert client.post(f"{teach.HOME}/begin", data={"port": line.path}).location == teach.HOME
        _until(lambda: client.get(f"{teach.HOME}.json").get_json()["step"] == "nothing")
    finally:
        over.set()
        thread.join()
    page, state = client.get(teach.HOME).text, client.get(f"{teach.HOME}.json")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page or "&lt;1B&gt;" in page
    for text in (page, state.text):
        assert not any(bad in text for bad in ("\x1b", "\x00", "\u202e"))
    assert load("en").text("technician.teach.nothing") in page


def _until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not met() and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    assert met()


def test_each_step_that_is_drawn_has_a_template() -> None:
    folder = Path(teach.__file__).parent.parent / "templates" / "technician"
    steps = ("ports", "listening", "heard", "emptied", "known", "loaded", "offer", "unclear", "nothing", "failed")
    for step in steps:
        assert (folder / f"teach_{teach._BODIES.get(step, step)}.html").is_file(), step
