"""The technician's face: who may see it, what it shows, and that each button does its one thing."""

from __future__ import annotations

import errno
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import StrictUndefined
from werkzeug.test import TestResponse

from kiosk.devices.ports import CameraFault, CommandOutcome, CommandResult, LinkState
from kiosk.devices.printer.settings import PrinterSettings
from kiosk.domain.clerk import Role
from kiosk.domain.metrology.legal_status import CheckState, CounterValues, ScaleLegalStatus, Verification
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.pin_hash import Person
from kiosk.station.doctor import environment as doctor_place
from kiosk.station.doctor import tools as doctor_tools
from kiosk.station.doctor.doctor import Doctor
from kiosk.station.doctor.status_files import RelayStatusFile
from kiosk.station.doctor.tools import back_up
from kiosk.station.papers.network_printer import request_file
from kiosk.station.scale.keys import ScaleKeys
from kiosk.store.backup.medium import BackupRefused, finished_manifests
from kiosk.store.database.migrate import migrate
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import NewPhoto
from kiosk.texts import LANGUAGES, load
from kiosk.web.factory import _FILTERS
from kiosk.web.shared import guard, roles
from kiosk.web.shared.settings import WebSettings
from kiosk.web.technician import routes as technician
from kiosk.web.technician import technical
from tests.station.doctor.clinic import Clinic
from tests.station.fakes import Rig
from tests.station.scale.test_keys import FakeScale
from tests.store.village import bring_in, content, events, pictures
from tests.web.scale_worth import LONGEST, give_scale

PEOPLE = {
    "technician": Person("01", "Reyhan", Role.TECHNICIAN),
    "clerk": Person("02", '<b>"Tursun"', Role.CLERK),
}
PAGES = ("/technician", *(f"/technician/{name}" for name in technician.PAGES if name not in ("doctor",)))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.sqlite"
    migrate(path)
    return path


@pytest.fixture
def clinic(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    monkeypatch.setattr("kiosk.base.systemd.MARK", tmp_path / "none")
    monkeypatch.setattr(doctor_place, "disk_of", str)
    monkeypatch.setattr(doctor_place, "uuid_of", lambda folder: "")
    clinic = Clinic(tmp_path, template)
    clinic.cure()
    give_scale(clinic, LONGEST)
    yield clinic
    clinic.store.close()


def app_of(clinic: Clinic, doctor: Doctor | None) -> Flask:
    """This blueprint, and of the others what its pages are drawn with."""
    settings = WebSettings(language="en")
    app = Flask("kiosk.web")
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(_FILTERS)
    guard.install(app)
    needs = roles.merge([technician.NEEDS, technical.NEEDS])
    roles.install(app, needs, lambda token: CounterSession(token, PEOPLE[token]) if token in PEOPLE else None)
    app.register_error_handler(roles.AccessDenied, lambda error: ("", 403))
    app.register_blueprint(technical.blueprint(cast(Any, clinic), settings, cast(Any, None)))
    app.register_blueprint(technician.blueprint(cast(Any, clinic), settings, doctor))
    return app


@pytest.fixture
def app(clinic: Clinic) -> Flask:
    return app_of(clinic, clinic.doctor)


def as_person(app: Flask, name: str) -> FlaskClient:
    client = app.test_client()
    client.set_cookie(roles.COOKIE, name)
    return client


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return as_person(app, "technician")


def raising(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def words(answer: TestResponse) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", answer.text)).split())


# --- who --------------------------------------------------------------------------------------------------------------


def test_every_route_has_a_need_and_only_the_doctor_s_words_are_public(app: Flask) -> None:
    own = {rule.endpoint for rule in app.url_map.iter_rules() if rule.endpoint.startswith("technician.")}
    assert own == set(technician.NEEDS)
    public = {name for name, need in technician.NEEDS.items() if need in (roles.Need.PUBLIC, roles.Need.OPEN)}
    assert public == {"technician.doctor_json"}


@pytest.mark.parametrize("name", ["clerk", "nobody"])
def test_nobody_else_gets_in(app: Flask, clinic: Clinic, name: str) -> None:
    other, before = as_person(app, name), content(clinic.settings.database)
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("technician.") and rule.endpoint != "technician.doctor_json":
            act = other.post if "POST" in (rule.methods or ()) else other.get
            assert act(rule.rule).status_code == 403, rule.rule
    assert content(clinic.settings.database) == before
    assert clinic.panel.told == []


def test_the_doctor_s_words_are_for_this_machine(app: Flask, clinic: Clinic) -> None:
    answer = app.test_client().get("/doctor.json")
    assert answer.status_code == 200
    assert {row["device"] for row in answer.get_json()["rows"]} >= {"scale", "printer_label", "page"}
    for private in ("Reyhan", str(clinic.folder), "127.0.0.1:9100"):
        assert private not in answer.text
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    assert app.test_client().get("/doctor.json", environ_overrides=elsewhere).status_code == 403


def test_a_station_without_a_doctor_says_so(clinic: Clinic) -> None:
    app = app_of(clinic, None)
    assert as_person(app, "technician").get("/technician").status_code == 503
    assert app.test_client().get("/doctor.json").status_code == 503


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", PAGES)
def test_every_page_in_every_language(client: FlaskClient, path: str, language: str) -> None:
    client.set_cookie("lang", language)
    answer = client.get(path)
    assert answer.status_code == 200
    assert f'<html lang="{language}"' in answer.text
    assert "technician." not in words(answer), "a text id instead of a text"
    assert "doctor." not in words(answer)


def test_looking_changes_nothing(client: FlaskClient, clinic: Clinic) -> None:
    before = content(clinic.settings.database)
    for path in (*PAGES, "/technician/scale.json", "/doctor.json"):
        client.get(path)
    assert content(clinic.settings.database) == before
    assert clinic.panel.told == []


def test_what_is_broken_stands_first(client: FlaskClient, clinic: Clinic) -> None:
    clinic.printers["receipt"].is_silent()
    page = client.get("/technician")
    names = re.findall(r'class="finding finding-(\w+)"', page.text)
    assert names[0] == "fail"
    assert names == sorted(names, key=["fail", "warn", "ok"].index)
    assert "The printer at 127.0.0.1:9101 does not answer: check its power and cable." in words(page)
    assert "Broken: 1" in words(page)


def test_all_rows_can_be_reached(client: FlaskClient, clinic: Clinic) -> None:
    seen: list[str] = []
    address: str | None = "/technician"
    while address is not None:
        page = client.get(address).text
        seen += map(unescape, re.findall(r'class="finding-name">([^<]+)<', page))
        following = re.search(r'href="([^"]+)" aria-label="Next page"', page)
        address = following[1] if following else None
    texts = load("en")
    assert sorted(seen) == sorted(texts.text(row.name_id) for row in clinic.doctor.findings())


def test_a_name_is_text_everywhere(app: Flask, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PEOPLE, "technician", Person("01", "<script>alert(1)</script>", Role.TECHNICIAN))
    assert "<script>alert" not in as_person(app, "technician").get("/technician").text


def test_the_language_is_kept_and_leads_back(client: FlaskClient) -> None:
    answer = client.post("/technician/language", data={"lang": "ug", "here": "/technician/care"})
    assert (answer.status_code, answer.location) == (303, "/technician/care")
    assert "lang=ug" in answer.headers["Set-Cookie"]
    answer = client.post("/technician/language", data={"lang": "xx", "here": "https://elsewhere.example/"})
    assert answer.location == "/technician"
    assert "lang=" not in answer.headers.get("Set-Cookie", "")


def test_what_is_asked_for_at_a_verification(client: FlaskClient, clinic: Clinic) -> None:
    counters = CounterValues(3, 12, 5)
    give_scale(clinic, ScaleLegalStatus(True, CheckState.PASSED, Verification.VALID, counters, "A/2024-317"))
    page = words(client.get("/technician/about"))
    for said in ("station-kiosk/test", "1+00000000", "xk3190_tf0", "60.000 kg · 0.100 kg · 0.005 kg", "A/2024-317"):
        assert said in page
    for said in ("2027-03-31 valid", "Passed today", "3-12-5", "May be used for trade"):
        assert said in page
    give_scale(clinic, ScaleLegalStatus(), until="")
    clinic.config.scale = None
    page = words(client.get("/technician/about"))
    assert page.count("Not set") == 3
    assert "Not stated" in page
    assert "Not required" in page
    assert "0-0-0" in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_worth_of_a_scale_has_its_words(client: FlaskClient, clinic: Clinic, language: str) -> None:
    client.set_cookie("lang", language)
    texts = load(language, strict=True)
    for trade, said in ((True, "trade_yes"), (False, "trade_no"), (None, "trade_unsaid")):
        give_scale(clinic, ScaleLegalStatus(trade))
        assert texts.text(f"technician.about.{said}") in words(client.get("/technician/about"))
    for check in CheckState:
        give_scale(clinic, ScaleLegalStatus(check=check))
        assert texts.text(f"technician.about.check_state.{check.value}") in words(client.get("/technician/about"))
    for seal in Verification:
        give_scale(clinic, ScaleLegalStatus(verification=seal))
        assert texts.text(f"technician.about.verification.{seal.value}") in words(client.get("/technician/about"))


def test_a_database_that_cannot_be_read_is_said_and_no_fault(
    client: FlaskClient, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> ScaleLegalStatus:
        raise StoreError("the disk does not answer")

    monkeypatch.setattr(clinic, "standing", fail)
    answer = client.get("/technician/about")
    assert answer.status_code == 409
    assert load("en").text("technician.refused.store_failed") in words(answer)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_doctor_says_of_the_scale_s_worth(language: str) -> None:
    """The words come from a settings file that one station in ten has; here each is said once."""
    texts = load(language, strict=True)
    for device in ("verification", "check_weight", "trade"):
        assert texts.text(f"doctor.device.{device}")
    for word in ("expired", "soon"):
        assert "2027-03-31" in texts.text(f"doctor.do.verification_{word}", date="2027-03-31")
    for word in ("check_failed", "check_late", "not_for_trade"):
        assert texts.text(f"doctor.do.{word}")


# --- tests of devices -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("printer", "document"), [("label", "test_label"), ("receipt", "test_receipt")])
def test_a_test_paper_is_queued_and_the_worker_woken(
    client: FlaskClient, clinic: Clinic, printer: str, document: str
) -> None:
    before = clinic.store.outbox.counts().last_seq
    answer = client.post("/technician/print", data={"printer": printer})
    assert answer.location.startswith("/technician/tests")
    job = clinic.store.papers.next(printer)
    assert job is not None
    assert (job.document, job.about, job.receipt) == (document, f"test-{printer}", "")
    assert json.loads(job.body)["station"] == "S0147"
    assert clinic.woken == 1
    assert clinic.store.outbox.counts().last_seq == before, "a test is no event"


@pytest.mark.parametrize("printer", ["", "door", "label\n"])
def test_a_printer_that_is_not_there(client: FlaskClient, printer: str) -> None:
    answer = client.post("/technician/print", data={"printer": printer})
    assert answer.status_code == 409
    assert load("en").text("technician.refused.no_printer") in words(answer)


def test_a_printer_the_box_may_not_reach_is_asked_for_instead_of_printed_on(
    client: FlaskClient, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_tools, "reachable_networks", lambda: (ip_network("127.0.0.0/8"),))
    clinic.config.printers["label"] = PrinterSettings("tcp", "192.168.1.50:9100", "tspl")
    page = client.get("/technician/tests")
    assert "Allow the printer at 192.168.1.50" in words(page)
    assert "Print a test receipt" in words(page)
    assert client.post("/technician/reach", data={"printer": "label"}).location == "/technician/tests?asked=1"
    request = request_file(clinic.settings.data)
    message = request.take()
    assert message is not None
    assert message.body.address == "192.168.1.50"
    assert "restarts" in words(client.get("/technician/tests?asked=1"))
    assert client.post("/technician/reach", data={"printer": "receipt"}).status_code == 409
    clinic.config.printers["label"] = PrinterSettings("tcp", "8.8.8.8:9100", "tspl")
    answer = client.post("/technician/reach", data={"printer": "label"})
    assert (answer.status_code, "Only a private address" in words(answer)) == (409, True)
    assert not request.exists()
    (clinic.settings.data / "requests").rmdir()
    (clinic.settings.data / "requests").touch()
    clinic.config.printers["label"] = PrinterSettings("tcp", "fd00::5:9100", "tspl")
    assert client.post("/technician/reach", data={"printer": "label"}).status_code == 409


def test_the_scale_live_with_its_frame(client: FlaskClient, clinic: Clinic) -> None:
    told = client.get("/technician/scale.json").get_json()
    assert told == {"weight": "12.450 kg", "word": "Stable", "raw": "ww12.450kg<0D><0A>"}
    clinic.monotonic += 1.5
    told = client.get("/technician/scale.json").get_json()
    assert (told["weight"], told["word"]) == ("– – –", "Nothing is received from the scale"), (
        "an old weight is not live"
    )
    clinic.equipment.scale.on_link(LinkState.MISSING, "", 0.0)
    assert "– – –" in client.get("/technician/scale").text


# --- keys of the scale ------------------------------------------------------------------------------------------------


def give_keys(clinic: Clinic, result: CommandResult, commands: tuple[str, ...] = ("zero", "clear_tare")) -> FakeScale:
    """From now on the clinic has a scale with these commands, and an empty pan."""
    scale, rig = FakeScale(result), Rig()
    rig.rest(0)
    clinic.equipment.scale_keys = ScaleKeys(scale, commands, 60_000, rig.desk.loads)
    return scale


def key_names(client: FlaskClient) -> list[str]:
    return re.findall(r'action="/technician/scale/(\w+)"', client.get("/technician/scale").text)


def test_the_page_has_the_keys_that_the_running_scale_has(client: FlaskClient, clinic: Clinic) -> None:
    done = CommandResult(CommandOutcome.DONE)
    assert key_names(client) == [], "no scale"
    for commands in (("zero", "clear_tare"), ("zero",), ("clear_tare",), ()):
        give_keys(clinic, done, (*commands, "tare", "read"))
        assert key_names(client) == list(commands)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", ["zero", "clear_tare"])
@pytest.mark.parametrize("outcome", [CommandOutcome.DONE, CommandOutcome.NO_ANSWER, CommandOutcome.UNCONFIRMED])
def test_a_key_is_pressed_once_and_its_end_told_on_a_page_of_its_own(
    client: FlaskClient, clinic: Clinic, key: str, outcome: CommandOutcome, language: str
) -> None:
    scale = give_keys(clinic, CommandResult(outcome))
    before = content(clinic.settings.database)
    client.set_cookie("lang", language)
    answer = client.post(f"/technician/scale/{key}")
    assert answer.status_code == 303
    for _ in range(2):
        page = client.get(answer.location)
        word = f"{key}_done" if outcome is CommandOutcome.DONE else outcome.value
        assert load(language, strict=True).text(f"technician.scale.told.{word}") in words(page)
    assert scale.sent == [key], "looking again sends nothing"
    assert content(clinic.settings.database) == before, "it is no event"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("result", "code"),
    [
        (CommandResult(CommandOutcome.REFUSED, "busy"), "scale_busy"),
        (CommandResult(CommandOutcome.REFUSED, "not_connected"), "scale_not_connected"),
        (CommandResult(CommandOutcome.REFUSED, "zero_range"), "scale_zero_range"),
        (CommandResult(CommandOutcome.REFUSED, "timeout_unstable"), "pan_moving"),
        (CommandResult(CommandOutcome.REFUSED, "nak"), "scale_said_no"),
        (CommandResult(CommandOutcome.NOT_SUPPORTED), "no_scale_key"),
    ],
)
def test_a_key_that_changed_nothing_says_why(
    client: FlaskClient, clinic: Clinic, result: CommandResult, code: str, language: str
) -> None:
    give_keys(clinic, result)
    client.set_cookie("lang", language)
    answer = client.post("/technician/scale/zero")
    assert answer.status_code == 409
    assert load(language, strict=True).text(f"technician.refused.{code}") in words(answer)


def test_a_key_is_refused_while_somebody_weighs_or_the_pan_is_full(client: FlaskClient, clinic: Clinic) -> None:
    scale, rig = FakeScale(), Rig()
    clinic.equipment.scale_keys = ScaleKeys(scale, ("zero", "clear_tare"), 60_000, rig.desk.loads)
    rig.rest(0)
    rig.rest(12_450)
    answer = client.post("/technician/scale/zero")
    assert (answer.status_code, "4 % of Max. Empty it" in words(answer)) == (409, True)
    rig.desk.choices.choose_party("non_member")
    rig.desk.choices.choose_product("BADAM", 1)
    for key in ("zero", "clear_tare"):
        answer = client.post(f"/technician/scale/{key}")
        assert (answer.status_code, "Somebody is at the screen with goods" in words(answer)) == (409, True)
    assert scale.sent == []


def test_without_a_scale_a_key_says_so_and_a_word_in_the_address_is_no_result(client: FlaskClient) -> None:
    assert client.post("/technician/scale/clear_tare").status_code == 409
    assert client.post("/technician/scale/tare").status_code == 404
    assert client.get("/technician/scale/zero").status_code == 405
    for word in ("tare_done", "done", "<b>", "zero"):
        assert 'class="told"' not in client.get("/technician/scale", query_string={"told": word}).text


def test_a_shot_is_shown_once_and_kept_nowhere(client: FlaskClient, clinic: Clinic) -> None:
    assert client.post("/technician/shoot").location == "/technician/shot"
    picture = client.get("/technician/shot.jpg")
    assert (picture.mimetype, picture.data[:3]) == ("image/jpeg", b"\xff\xd8\xff")
    assert picture.headers["Cache-Control"] == "no-store"
    assert client.get("/technician/shot.jpg").status_code == 404
    assert not (clinic.settings.data / "photos").exists()


@pytest.mark.parametrize(("code", "word"), [("missing", "camera_missing"), ("timeout", "camera_failed")])
def test_a_shot_that_fails(client: FlaskClient, clinic: Clinic, code: str, word: str) -> None:
    clinic.camera.plan.append(CameraFault(code, "the camera at /dev/x"))
    answer = client.post("/technician/shoot")
    assert answer.status_code == 409
    assert load("en").text(f"technician.refused.{word}") in words(answer)
    clinic.equipment.camera = None
    assert client.post("/technician/shoot").status_code == 409


def test_each_lamp_alone_and_the_buzzer(client: FlaskClient, clinic: Clinic) -> None:
    ended: list[int] = []
    clinic.equipment.end_lamp_test = lambda: ended.append(1)
    for lamp in ("ready", "busy", "fault", "buzzer"):
        assert client.post("/technician/lamp", data={"lamp": lamp}).location == "/technician/lamps"
    assert clinic.panel.told == [(True, False, False), (False, True, False), (False, False, True), "attention"]
    assert client.post("/technician/lamp", data={"lamp": ""}).location == "/technician/tests"
    assert ended == [1]
    clinic.panel.fitted = False
    answer = client.post("/technician/lamp", data={"lamp": "ready"})
    assert (answer.status_code, "No lamps" in words(answer)) == (409, True)


# --- care -------------------------------------------------------------------------------------------------------------


def backed_up(clinic: Clinic, client: FlaskClient) -> None:
    """Press the button and wait for its thread."""
    assert client.post("/technician/backup").location == "/technician/care"
    for thread in threading.enumerate():
        if thread.name == "backup":
            thread.join(20)


def test_a_backup_at_the_press_of_a_button(
    client: FlaskClient, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic.config.backup.folder.mkdir()
    monkeypatch.setattr("kiosk.store.backup.medium.disk_of", str)
    backed_up(clinic, client)
    (manifest,) = finished_manifests(clinic.config.backup.folder, "S0147")
    page = client.get("/technician/care")
    assert "The backup is made" in words(page)
    assert str(manifest.with_suffix(".db")) in page.text
    assert events(clinic.settings.database)[-1]["type"] == "station.backup.made.v1"
    assert clinic.woken == 1


def test_a_backup_that_fails_says_why(client: FlaskClient, clinic: Clinic) -> None:
    backed_up(clinic, client)
    page, folder = words(client.get("/technician/care")), str(clinic.config.backup.folder)
    assert "The backup medium is missing" in page
    assert page.count(load("en").text("doctor.do.backup_medium", place=folder)) == 1, "the doctor's row says the same"
    clinic.config.backup.folder.mkdir()
    backed_up(clinic, client)
    assert "a backup on the same card is none" in words(client.get("/technician/care"))


@pytest.mark.parametrize(
    ("place", "fault", "text_id"),
    [
        ("medium.disk_of", lambda path: "mmcblk0", "doctor.do.backup_same_disk"),
        ("medium.uuid_of", lambda path: "5E6F-7081", "doctor.do.backup_other"),
        ("medium.os.access", lambda path, mode: False, "setup.fault.read_only"),
        ("medium.flock", raising(BlockingIOError()), "technician.refused.backup_running"),
        ("backup._require_room", raising(OSError(errno.ENOSPC, "no room")), "setup.fault.full"),
        ("backup.shutil.disk_usage", lambda path: SimpleNamespace(free=0), "setup.fault.full"),
        ("backup._copy", raising(OSError(errno.EIO, "gone")), "technician.care.fault.broke_off"),
        ("backup._copy", raising(BackupRefused("database", "It is damaged.")), "technician.refused.store_failed"),
        ("backup.check_file", raising(StoreError("It is damaged.")), "technician.care.fault.copy"),
        ("backup.backup_photos.copy", raising(OSError(errno.EIO, "gone")), "technician.care.fault.beside"),
        ("backup.prune", raising(RuntimeError("odd")), "technician.care.fault.log"),
    ],
)
def test_a_backup_that_fails_is_told_in_the_technician_s_language(
    client: FlaskClient, clinic: Clinic, monkeypatch: pytest.MonkeyPatch, place: str, fault: object, text_id: str
) -> None:
    folder = clinic.config.backup.folder
    folder.mkdir()
    clinic.config.backup = replace(clinic.config.backup, uuid="1A2B-3C4D")
    monkeypatch.setattr("kiosk.store.backup.medium.disk_of", str)
    monkeypatch.setattr("kiosk.store.backup.medium.uuid_of", lambda path: "1A2B-3C4D")
    monkeypatch.setattr(f"kiosk.store.backup.{place}", fault)
    backed_up(clinic, client)
    for language in LANGUAGES:
        client.set_cookie("lang", language)
        said = load(language, strict=True).text(text_id, place=str(folder), command="kiosk backup --bind")
        page = client.get("/technician/care")
        assert said in words(page), language
        assert 'lang="en" dir="ltr">' in page.text, "the English text stands behind it"


def test_a_fault_nobody_thought_of_ends_the_thread_with_a_sentence(
    client: FlaskClient, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_tools, "make_backup", raising(RuntimeError("odd")))
    backed_up(clinic, client)
    assert "The backup failed: look at the station's log." in words(client.get("/technician/care"))


def test_one_backup_at_a_time(client: FlaskClient, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    held = threading.Event()

    def slow(*_: object, **__: object) -> None:
        held.wait(20)
        raise StoreError("enough")

    monkeypatch.setattr(doctor_tools, "make_backup", slow)
    client.post("/technician/backup")
    try:
        assert 'data-again="2000"' in client.get("/technician/care").text
        answer = client.post("/technician/backup")
        assert (answer.status_code, "Wait until" in words(answer)) == (409, True)
    finally:
        held.set()
        for thread in threading.enumerate():
            if thread.name == "backup":
                thread.join(20)


def test_no_backup_is_set_up(client: FlaskClient, clinic: Clinic) -> None:
    clinic.config.backup = None
    answer = client.post("/technician/backup")
    assert (answer.status_code, "No backup is set up" in words(answer)) == (409, True)


def test_the_bundle_goes_to_the_medium_else_to_the_card(client: FlaskClient, clinic: Clinic) -> None:
    assert client.post("/technician/bundle").location == "/technician/care"
    (first,) = clinic.settings.data.glob("support-*.zip")
    assert str(first) in client.get("/technician/care").text
    clinic.config.backup.folder.mkdir()
    client.post("/technician/bundle")
    assert len(list(clinic.config.backup.folder.glob("support-*.zip"))) == 1


def test_on_a_box_root_is_asked_to_copy_the_bundle_to_a_stick(
    client: FlaskClient, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = doctor_tools.copy_request_file(clinic.settings.data)
    client.post("/technician/bundle")
    assert not request.exists(), "nobody else has such a helper"
    monkeypatch.setenv("KIOSK_BOX", "1")
    client.post("/technician/bundle")
    message = request.take()
    assert message is not None
    assert (clinic.settings.data / message.body.bundle).is_file()
    clinic.config.backup.folder.mkdir()
    client.post("/technician/bundle")
    assert not request.exists(), "it lies on the station's own medium"


def test_the_bundle_goes_on_no_strange_medium(
    client: FlaskClient, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = clinic.config.backup.folder
    folder.mkdir()
    clinic.config.backup = replace(clinic.config.backup, uuid="1A2B-3C4D")
    monkeypatch.setattr("kiosk.store.backup.medium.uuid_of", lambda path: "5E6F-7081")
    assert client.post("/technician/bundle").location == "/technician/care"
    assert list(folder.iterdir()) == []
    assert list(clinic.settings.data.glob("support-*.zip"))


@pytest.mark.parametrize("sent", ["/technician?x=\r\nSet-Cookie: counter=stolen", "\r\n", "\0", "\u202e", "\x85"])
def test_no_header_is_made_of_a_field(client: FlaskClient, sent: str) -> None:
    """A line break in the page that the language leads back to is no fault of the station's: 400."""
    answer = client.post("/technician/language", data={"here": sent, "lang": "zh"})
    assert answer.status_code == 400
    assert "Set-Cookie" not in answer.headers


def test_a_bundle_that_cannot_be_written(client: FlaskClient, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(doctor_tools, "write_bundle", fail)
    assert client.post("/technician/bundle").status_code == 409


# --- events -----------------------------------------------------------------------------------------------------------


def test_events_kept_apart_are_listed(client: FlaskClient, clinic: Clinic) -> None:
    clinic.store.outbox.acknowledge(clinic.store.outbox.counts().last_seq, (2, 3))
    page = words(client.get("/technician/events"))
    assert "2 · 3" in page
    assert "Call the sorting center" in page


def test_events_that_wait_and_how_long_it_takes(client: FlaskClient, clinic: Clinic) -> None:
    row = bring_in(clinic.store)
    clinic.store.photos.add(NewPhoto(row.lot, row.product, pictures()), clinic.stamp())
    RelayStatusFile(clinic.settings.data).remaining(100.0)
    page = words(client.get("/technician/events"))
    assert "all sent in about 2 min" in page
    assert "Pictures to be sent2" in page


def test_a_fork_is_settled_by_a_new_epoch_after_a_question(client: FlaskClient, clinic: Clinic) -> None:
    bring_in(clinic.store)
    pending, old = clinic.store.outbox.counts().pending, clinic.store.epochs.identity()
    question = client.get("/technician/epoch")
    assert clinic.store.epochs.identity() == old, "the question changes nothing"
    (epoch,) = re.findall(r'name="epoch" value="([0-9a-f]{16})"', question.text)
    assert client.post("/technician/new_epoch", data={"epoch": epoch}).location == "/technician/events"
    new = clinic.store.epochs.identity()
    assert (new.series, new.epoch != old.epoch) == ("B", True)
    assert clinic.store.outbox.counts().pending == pending + 1
    started = next(event for event in events(clinic.settings.database) if event["epoch"] == new.epoch)
    counters = {"scale_profile": 1, "tare_library": 1, "clock": 1}
    assert started["data"] == {"series": "B", "why": "forked", "counters": counters}
    again = client.post("/technician/new_epoch", data={"epoch": epoch})
    assert (again.status_code, clinic.store.epochs.identity()) == (409, new), "the same tap twice is one epoch"
    assert client.post("/technician/new_epoch").status_code == 409


def test_two_presses_at_once_cost_one_letter(
    client: FlaskClient, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have looked before either has begun."""
    old = clinic.store.epochs.identity()
    monkeypatch.setattr(clinic.store.epochs, "identity", lambda: old)
    answers = [client.post("/technician/new_epoch", data={"epoch": old.epoch}).status_code for _ in range(2)]
    monkeypatch.undo()
    assert (answers, clinic.store.epochs.identity().series) == ([303, 409], "B")


def test_a_database_that_cannot_be_written_is_told(
    client: FlaskClient, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(clinic.store.papers, "queue", full)
    answer = client.post("/technician/print", data={"printer": "label"})
    assert (answer.status_code, "cannot be used now" in words(answer)) == (409, True)


def test_a_backup_and_its_event(clinic: Clinic) -> None:
    clinic.config.backup.folder.mkdir()
    own = clinic.settings
    made = back_up(clinic.store, clinic.config.backup, own, clinic.stamp(), same_disk=True)
    told = events(own.database)[-1]["data"]
    manifest = made.manifest
    assert told == {"size_bytes": manifest.size_bytes, "sha256": manifest.sha256, "events": manifest.events}
