"""The doctor: one row for every device and service, each with what to do, and nothing changed by looking."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.ports import LinkState, PrinterFault, PrinterStatus
from kiosk.devices.printer.settings import PrinterSettings
from kiosk.devices.scale.pause import ScaleListeners
from kiosk.devices.scanner.settings import ScannerSettings
from kiosk.domain.clerk import Role
from kiosk.labels.typesetting.fonts import FontProblem
from kiosk.messaging.relay.photos.ports import Backlog, PhotoFault
from kiosk.messaging.relay.shared.faults import LinkFault
from kiosk.messaging.relay.updates.ports import Fetching, UpdateFault
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.station.doctor import devices as doctor_devices
from kiosk.station.doctor import environment as doctor_place
from kiosk.station.doctor.doctor import liveness_finding
from kiosk.station.doctor.finding import DoctorFinding, Severity, has_failure
from kiosk.station.doctor.liveness import PageWatch, ScaleLiveness, ScaleWatch, ScannerWatch
from kiosk.station.doctor.status_files import PhotosStatusFile, RelayStatusFile, UpdatesStatusFile
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.station.shared.health import PartHealth
from kiosk.store.backup.backup import make_backup
from kiosk.store.backup.kit.sealing import seal_to_code, seal_to_county
from kiosk.store.backup.shared.county_key import CountyKey
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.database.persistence import WriteBlocker
from kiosk.texts import LANGUAGES, load
from tests.station.doctor.clinic import Clinic, StatusPrinter, reading
from tests.station.doctor.rows import DEVICES
from tests.store.backup.kit.test_sealing import CODE, COUNTY, KIT
from tests.store.village import STATION, bring_in, change


@pytest.fixture
def clinic(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    monkeypatch.setattr("kiosk.base.systemd.MARK", tmp_path / "no-systemd")
    monkeypatch.setattr(doctor_place, "disk_of", str)
    monkeypatch.setattr(doctor_place, "memory_file_system", lambda _: "")  # on a machine whose /tmp lies there, too
    monkeypatch.setattr(doctor_place, "uuid_of", lambda folder: "")
    clinic = Clinic(tmp_path, template)
    yield clinic
    clinic.store.close()


@pytest.fixture
def well(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    """Everything is in order."""
    clinic.cure()
    back_up(clinic)
    RelayStatusFile(clinic.settings.data).ack_received()
    clinic.store.outbox.acknowledge(clinic.store.outbox.counts().last_seq, ())
    return clinic


def back_up(clinic: Clinic) -> None:
    folder = clinic.config.backup.folder
    folder.mkdir(exist_ok=True)
    make_backup(clinic.settings.database, STATION, BackupSettings(folder), clinic.stamp(), same_disk=True)


def test_a_station_in_order_has_nothing_to_do(well: Clinic) -> None:
    found = well.doctor.findings()
    assert [row.device for row in found] == DEVICES
    assert {row.device: row.word for row in found if row.word != "fine"} == {
        "backup": "kit_none",
    }
    assert all(row.ok for row in found)
    assert not has_failure(found)


def test_a_new_station_is_told_what_it_lacks(clinic: Clinic) -> None:
    assert clinic.rows() == {
        **dict.fromkeys(DEVICES, ("ok", "fine")),
        "scale": ("fail", "scale_missing"),
        "catalog": ("fail", "catalog_none"),
        "people": ("fail", "people_none"),
        "pickup_key": ("warn", "key_missing"),
        "signing_key": ("warn", "signing_key_failed"),
        "link": ("warn", "link_waits"),
        "center": ("warn", "center_never"),
        "backup": ("warn", "backup_medium"),
    }
    assert has_failure(clinic.doctor.findings())


def test_looking_changes_nothing(well: Clinic) -> None:
    database = well.settings.database
    before = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(database.parent.glob("station.db*"))]
    well.doctor.findings(fresh=True)
    well.doctor.as_json()
    after = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(database.parent.glob("station.db*"))]
    assert after == before


def test_two_looks_at_once_ask_the_printers_once(well: Clinic) -> None:
    asked = well.printers["label"].asked
    for _ in range(5):
        well.doctor.findings()
    assert well.printers["label"].asked == asked + 1
    well.monotonic += 2.0
    well.doctor.findings()
    assert well.printers["label"].asked == asked + 2


def test_what_programs_read_holds_words_only(well: Clinic) -> None:
    well.printers["label"].says(PrinterFault.PAPER_OUT)
    told = json.dumps(well.doctor.as_json())
    assert '"printer_paper_out"' in told
    for private in ("127.0.0.1", str(well.folder), "Reyhan", "Tursun", "Aygul", "Test village", STATION):
        assert private not in told


# --- devices ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["mt_print", "mt_jik6cab", "dialog06", "dibal_tisa"])
def test_a_format_that_never_books_is_named_although_its_weights_come(well: Clinic, protocol: str) -> None:
    scale = well.equipment.config.scale
    assert scale is not None
    sign = ScaleLiveness(LinkState.CONNECTED, None, 0.1)
    row = doctor_devices.scale(replace(scale, protocol=protocol, params={}), sign)
    assert (row.verdict, row.word, row.answering, row.values["protocol"]) == (
        Severity.WARN,
        "scale_never_books",
        True,
        protocol,
    )


_TENS, _THOUSANDTHS = b"\x02\x29\x30\x20     0     0\r", b"\x02\x2d\x30\x20     0     0\r"
_NO_CHECK = {"checksum": "off"}


@pytest.mark.parametrize(
    ("link", "frame", "params", "expected"),
    [
        (LinkState.CONNECTED, _TENS, {}, (Severity.WARN, "scale_parameter", True)),
        (LinkState.REFUSES, _TENS, {}, (Severity.FAIL, "scale_parameter", False)),
        (LinkState.REFUSES, None, {}, (Severity.FAIL, "scale_parameter", False)),
        (LinkState.CONNECTED, _TENS, {"dummy_zeros": "omitted"}, (Severity.OK, "fine", True)),
        (LinkState.REFUSES, _TENS, {"dummy_zeros": "sent"}, (Severity.FAIL, "scale_refuses", False)),
        (LinkState.CONNECTED, _THOUSANDTHS, {}, (Severity.OK, "fine", True)),
        (LinkState.REFUSES, _THOUSANDTHS, {}, (Severity.FAIL, "scale_refuses", False)),
        (LinkState.CONNECTED, None, {}, (Severity.FAIL, "scale_silent", False)),
        (LinkState.SILENT, _TENS, {}, (Severity.FAIL, "scale_silent", False)),
        (LinkState.MISSING, _TENS, {}, (Severity.FAIL, "scale_missing", False)),
    ],
)
def test_a_parameter_that_nothing_is_guessed_for_is_named(
    well: Clinic, link: LinkState, frame: bytes | None, params: dict[str, str], expected: tuple[Severity, str, bool]
) -> None:
    fitted = well.equipment.config.scale
    assert fitted is not None
    settings = replace(fitted, protocol="mt_continuous", params=_NO_CHECK | params)
    (told,) = registry.read("mt_continuous", settings.params, frame) if frame else (None,)
    assert told is None or isinstance(told, Reading)
    row = doctor_devices.scale(settings, ScaleLiveness(link, told, 0.1 if told else None))
    assert (row.verdict, row.word, row.answering) == expected
    if row.word == "scale_parameter":
        for language in LANGUAGES:
            assert "dummy_zeros" in row.sentence(load(language, strict=True))
        assert ("units" in str(row.values["name"])) == (frame is None), "not one frame was a reading: either may be why"


def test_a_scale_that_says_why_is_not_called_silent(well: Clinic) -> None:
    well.equipment.scale.on_link(LinkState.REFUSES, "", 0.0)
    well.monotonic += 60
    assert well.rows()["scale"] == ("fail", "scale_refuses")


def test_the_scale_falls_silent_and_comes_back(well: Clinic) -> None:
    well.monotonic += 0.4
    (row,) = (row for row in well.doctor.findings(fresh=True) if row.device == "scale")
    assert row.verdict is Severity.OK
    assert row.last_seen_s == pytest.approx(0.4)
    well.equipment.scale.on_link(LinkState.SILENT, "", 0.0)
    well.monotonic += 60
    (row,) = (row for row in well.doctor.findings(fresh=True) if row.device == "scale")
    assert (row.word, row.found, row.answering) == ("scale_silent", True, False)
    assert row.last_seen_s == pytest.approx(60.4)
    well.equipment.scale.on_link(LinkState.MISSING, "", 0.0)
    assert well.rows()["scale"] == ("fail", "scale_missing")
    well.reads()
    assert well.rows()["scale"] == ("ok", "fine")
    well.config.scale = None
    assert well.rows()["scale"] == ("fail", "scale_none")


PRINTER = [
    (PrinterStatus(True, False, ()), "ok", "fine"),
    (PrinterStatus(False, False, (PrinterFault.PRINTING,)), "ok", "fine"),
    (PrinterStatus(None, None, (PrinterFault.UNKNOWN,)), "fail", "printer_silent"),
    (PrinterStatus(False, True, (PrinterFault.PAPER_OUT,)), "fail", "printer_paper_out"),
    (PrinterStatus(False, True, (PrinterFault.PAPER_OUT, PrinterFault.HEAD_OPEN)), "fail", "printer_open"),
    (PrinterStatus(False, True, (PrinterFault.COVER_OPEN,)), "fail", "printer_open"),
    (PrinterStatus(False, True, (PrinterFault.PAPER_JAM,)), "fail", "printer_jam"),
    (PrinterStatus(False, True, (PrinterFault.RIBBON_OUT,)), "fail", "printer_ribbon_out"),
    (PrinterStatus(False, False, (PrinterFault.PAUSED,)), "fail", "printer_paused"),
    (PrinterStatus(False, True, (PrinterFault.CUTTER_ERROR,)), "fail", "printer_fault"),
    (PrinterStatus(False, True, (PrinterFault.PAPER_NEAR_END, PrinterFault.PRINTING)), "warn", "printer_near_end"),
    (PrinterStatus(False, True, (PrinterFault.BATTERY_LOW,)), "warn", "printer_battery"),
    (PrinterStatus(False, True, (PrinterFault.BATTERY_LOW, PrinterFault.ERROR)), "fail", "printer_fault"),
    (PrinterStatus(False, True, (PrinterFault.PAPER_NEAR_END, PrinterFault.ERROR)), "fail", "printer_fault"),
]


@pytest.mark.parametrize(("status", "verdict", "word"), PRINTER)
def test_what_a_printer_says(well: Clinic, status: PrinterStatus, verdict: str, word: str) -> None:
    well.printers["receipt"].answer = status
    assert well.rows()["printer_receipt"] == (verdict, word)
    assert well.rows()["printer_label"] == ("ok", "fine")


def test_a_printer_that_cannot_be_asked_is_not_called_ready(well: Clinic) -> None:
    paper = well.folder / "paper"
    well.config.printers["label"] = PrinterSettings("file", str(paper), "tspl")
    well.printers["label"] = StatusPrinter(proof="write")
    well.equipment.printers = well.printers
    assert well.rows()["printer_label"] == ("fail", "printer_silent")
    paper.touch()
    (row,) = (row for row in well.doctor.findings(fresh=True) if row.device == "printer_label")
    assert (row.word, row.answering, row.ok) == ("printer_mute", None, True)


def test_a_printer_that_is_not_set_up(well: Clinic) -> None:
    del well.config.printers["receipt"]
    assert well.rows()["printer_receipt"] == ("warn", "printer_none")


def test_the_camera_is_looked_for_and_nothing_is_shot(well: Clinic) -> None:
    pictures = len(well.camera.pictures)
    well.board.mark(camera="camera_failed")
    assert well.rows()["camera"] == ("warn", "camera_failed")
    Path(well.config.camera.path).unlink()
    assert well.rows()["camera"] == ("warn", "camera_missing")
    well.config.camera = CameraSettings("rpicam", "0")
    assert well.rows()["camera"] == ("warn", "camera_failed")
    for mark, row in (("camera_missing", ("warn", "camera_missing")), ("ok", ("ok", "fine"))):
        well.board.mark(camera=mark)
        assert well.rows()["camera"] == row
    well.config.camera = None
    assert well.rows()["camera"] == ("ok", "not_fitted")
    assert len(well.camera.pictures) == pictures


def test_the_scanner_by_its_own_word(well: Clinic) -> None:
    scanner = well.equipment.scanner
    scanner.on_scan()
    well.monotonic += 12
    (row,) = (row for row in well.doctor.findings(fresh=True) if row.device == "scanner")
    assert row.ok
    assert row.last_seen_s == pytest.approx(12)
    for word in ("scanner_missing", "scanner_second_keyboard"):
        scanner.on_state(word)
        assert well.rows()["scanner"] == ("warn", word)
    well.config.scanner = None
    assert well.rows()["scanner"] == ("ok", "not_fitted")
    scanner.on_state("ok")
    for kind, word in ((None, "scanner_none"), ("camera", "scanner_none"), ("evdev", "fine")):
        well.config.scanner = ScannerSettings("" if kind == "camera" else "/dev/input/event7", kind) if kind else None
        for asked in (True, False):
            well.config.station = replace(well.config.station, scan_after_sticking=asked)
            found = well.rows()["scanner"]
            assert (found == ("warn", word)) if asked and word != "fine" else (found[0] == "ok"), (kind, asked)


def test_the_panel(well: Clinic) -> None:
    well.panel.fitted = False
    assert well.rows()["panel"] == ("warn", "panel_missing")
    well.config.panel = None
    assert well.rows()["panel"] == ("ok", "not_fitted")


@pytest.mark.parametrize(
    ("noted", "age", "waited", "word"),
    [
        (True, 59.0, 900.0, "fine"),
        (True, 61.0, 900.0, "page_silent"),
        (True, None, 35.0, "fine"),
        (True, None, 36.0, "page_never"),
        (False, None, 900.0, "fine"),  # outside of a service nobody would know
    ],
)
def test_the_page_on_the_screen(
    well: Clinic, tmp_path: Path, noted: bool, age: float | None, waited: float, word: str
) -> None:
    now = [5000.0]
    runtime = tmp_path / "run"
    runtime.mkdir()
    environ = {"RUNTIME_DIRECTORY": str(runtime)} if noted else {}
    well.equipment.page = PageWatch(lambda: now[0], environ, folder=runtime)
    now[0] += waited
    if age is not None:
        (runtime / "page-alive").write_text(f"{now[0] - age:.0f}\n")
    assert well.rows()["page"][1] == word


def test_a_part_that_hangs_is_named() -> None:
    row = liveness_finding(
        [PartHealth("web", True, 1.0), PartHealth("scale", False, 44.0, "no sign"), PartHealth("database", False, None)]
    )
    assert (row.word, row.verdict, row.needed) == ("station_hangs", Severity.FAIL, True)
    assert row.values == {"place": "scale, database"}
    assert liveness_finding([PartHealth("web", True, 1.0), PartHealth("scale", True, 2.0)]).last_seen_s == 2.0


# --- the place --------------------------------------------------------------------------------------------------------


def test_the_database(well: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    own = well.settings
    seen, row = doctor_place.database(own)
    assert seen is not None
    assert (seen.station, seen.epoch.series, seen.pending) == (STATION, "A", 0)
    assert row.ok
    other = SimpleNamespace(station="S0999", database=own.database)
    assert doctor_place.database(other)[1].word == "database_broken"  # type: ignore[arg-type]
    well.store.close()
    own.database.write_bytes(b"no database" * 100)
    assert doctor_place.database(own)[1].word == "database_broken"
    own.database.unlink()
    assert doctor_place.database(own)[1].word == "database_missing"


@pytest.mark.parametrize("name", ["station.db", "receipt-series", "receipt-series.lock"])
@pytest.mark.parametrize("why", ["owner", "read_only"])
def test_a_file_of_the_database_that_cannot_be_written(
    well: Clinic, monkeypatch: pytest.MonkeyPatch, name: str, why: str
) -> None:
    refused = well.settings.data / name

    def ask(path: Path) -> WriteBlocker | None:
        return WriteBlocker(why) if path == refused else None

    monkeypatch.setattr(doctor_place, "write_blocker", ask)
    (row,) = (row for row in well.doctor.findings(fresh=True) if row.device == "database")
    assert (row.word, row.verdict, row.needed) == (f"database_{why}", Severity.FAIL, True)
    assert row.values["place"] == str(refused)
    words = {"owner": f"chown --reference={refused.parent} {refused}", "read_only": f"chmod u+w {refused}"}
    assert words[why] in row.sentence(load("en"))


@pytest.mark.parametrize(
    ("free", "row"), [(10, ("fail", "disk_full")), (150, ("warn", "disk_low")), (201, ("ok", "fine"))]
)
def test_room_on_the_card(well: Clinic, monkeypatch: pytest.MonkeyPatch, free: int, row: tuple[str, str]) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free * 1_000_000))
    assert well.rows()["disk"] == row


def test_a_card_that_cannot_be_written(well: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert well.rows()["disk"] == ("fail", "disk_read_only")


def test_the_clock(well: Clinic) -> None:
    well.at_1970()
    assert well.rows()["clock"] == ("warn", "clock_unset")


def test_fonts_name_the_package(well: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise FontProblem("gone")

    with monkeypatch.context() as patch:
        patch.setattr(doctor_place, "require_shaping", missing)
        assert doctor_place.fonts().values == {"place": "libfribidi0"}
    monkeypatch.setattr(doctor_place, "find", missing)
    assert doctor_place.fonts().values == {"place": "fonts-noto-core"}
    assert well.rows()["fonts"] == ("fail", "fonts_missing")


def test_people_without_a_pin_do_not_count(clinic: Clinic) -> None:
    store, stamp = clinic.store, clinic.stamp()
    clerk = store.clerks.add("A", Role.CLERK, "hash", stamp)
    assert clinic.rows()["people"] == ("fail", "people_no_technician")
    store.clerks.add("B", Role.TECHNICIAN, "", stamp)
    assert clinic.rows()["people"] == ("fail", "people_no_technician")
    store.clerks.add("C", Role.TECHNICIAN, "hash", stamp)
    assert clinic.rows()["people"] == ("ok", "fine")
    store.clerks.retire(clerk.number, stamp)
    assert clinic.rows()["people"] == ("fail", "people_no_clerk")


def test_pins_that_nobody_can_check(well: Clinic) -> None:
    own = PickupKey.from_existing(ParcelSettings(), well.settings.data, {}).pins()
    other = PickupKey(bytes(32)).pins()
    assert well.rows()["people"] == ("ok", "fine")
    well.store.clerks.set_pin("01", own.hash("482913"), well.stamp())
    assert well.rows()["people"] == ("ok", "fine")
    well.store.clerks.set_pin("02", other.hash("482913"), well.stamp())
    assert well.rows()["people"] == ("fail", "people_other_key")
    row = next(row for row in well.doctor.findings(fresh=True) if row.device == "people")
    assert row.values == {"n": 1, "command": "kiosk clerk pin"}
    (well.settings.data / "pickup-key").unlink()
    row = next(row for row in well.doctor.findings(fresh=True) if row.device == "people")
    assert (row.word, row.values["n"]) == ("people_other_key", 2), "without the key none can be checked"


def test_the_pickup_key_wherever_it_belongs(well: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    own = well.settings.data / "pickup-key"
    own.unlink()
    assert well.rows()["pickup_key"] == ("warn", "key_missing")
    credentials = well.folder / "credentials"
    credentials.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert well.rows()["pickup_key"] == ("warn", "key_missing")
    (credentials / "pickup-key").touch()
    assert well.rows()["pickup_key"] == ("ok", "fine")
    well.config.parcels = ParcelSettings(key_file=well.folder / "named")
    assert well.rows()["pickup_key"] == ("warn", "key_missing")


def test_a_signing_key_that_fails_is_no_failure_of_the_station(well: Clinic) -> None:
    key = well.settings.data / "signing.key"
    content = key.read_bytes()
    for damaged in (b"", b"x" * 32, None):
        key.unlink()
        if damaged is not None:
            key.write_bytes(damaged)
        assert well.rows()["signing_key"] == ("warn", "signing_key_failed")
        assert not has_failure(well.doctor.findings(fresh=True))
        key.write_bytes(content)
        assert well.rows()["signing_key"] == ("ok", "fine")


# --- link, center, backup ---------------------------------------------------------------------------------------------


def test_pictures_have_a_row_where_a_place_for_them_is_set(well: Clinic) -> None:
    assert "photos" not in well.rows()
    well.config.relay = replace(well.config.relay, photos="http://127.0.0.1:8843")
    assert well.rows()["photos"] == ("ok", "photos_unknown")
    PhotosStatusFile(well.settings.data).report(Backlog(7, 700_000), PhotoFault.UNREACHABLE)
    assert well.rows()["photos"] == ("warn", "photos_no_way")


def test_updates_over_the_line_have_a_row_where_a_place_for_them_is_set(well: Clinic) -> None:
    assert "updates" not in well.rows()
    well.config.relay = replace(well.config.relay, updates="http://127.0.0.1:8843")
    assert well.rows()["updates"] == ("ok", "updates_unknown")
    UpdatesStatusFile(well.settings.data).report(Fetching(fault=UpdateFault.FULL))
    assert well.rows()["updates"] == ("warn", "updates_full")


def test_events_that_wait_while_the_center_answers_are_no_trouble(well: Clinic) -> None:
    bring_in(well.store)
    assert well.rows()["link"] == ("ok", "fine")


def test_events_that_wait_in_silence(well: Clinic) -> None:
    bring_in(well.store)
    (well.settings.data / "relay-mark").unlink()
    well.later(hours=3)
    (row,) = (row for row in well.doctor.findings(fresh=True) if row.device == "link")
    assert (row.word, row.verdict, row.values) == ("link_waits", Severity.WARN, {"n": 1})
    assert not row.needed, "a station works for weeks without a network"


def test_three_weeks_without_anything_to_send_are_no_trouble(well: Clinic) -> None:
    well.later(days=21)
    assert well.rows()["link"] == ("ok", "fine")


def test_no_relay_is_told(well: Clinic) -> None:
    well.config.relay = None
    rows = well.rows()
    assert rows["link"] == ("warn", "link_none")
    assert "center" not in rows


def test_what_the_relay_refuses_is_told_until_it_believes_again(well: Clinic) -> None:
    relay = RelayStatusFile(well.settings.data)
    for word in ("fork", "ahead"):
        relay.ack_received(word)
        assert well.rows()["center"] == ("warn", f"center_{word}")
        relay.ack_received()
        assert well.rows()["center"] == ("ok", "fine")
    relay.ack_received("ahead")
    assert RelayStatusFile(well.settings.data, boot_id="another").alarm() == ""


@pytest.mark.parametrize("fault", LinkFault)
def test_what_the_broker_refuses_is_told_with_what_to_do(well: Clinic, fault: LinkFault) -> None:
    RelayStatusFile(well.settings.data).fault(fault)
    assert well.rows()["link"] == ("warn", f"link_{fault}")
    for language in LANGUAGES:
        assert f"doctor.do.link_{fault}" in load(language, strict=True)


def test_a_refusal_is_told_until_the_center_answers_or_the_relay_says_it_no_more(tmp_path: Path) -> None:
    now = [100.0]
    relay = RelayStatusFile(tmp_path, lambda: now[0], "boot")
    relay.fault(LinkFault.NOT_AUTHORIZED)
    now[0] = 110.0
    relay.ack_received()
    assert relay.link_fault() is None
    for now[0] in (111.0, 113.0):  # the first one too soon after the acknowledgement to be written at once
        relay.fault(LinkFault.QUOTA)
    now[0] = 700.0
    assert relay.link_fault() is LinkFault.QUOTA
    assert RelayStatusFile(tmp_path, lambda: now[0], "another").link_fault() is None
    now[0] = 714.0
    assert relay.link_fault() is None


def test_two_machines_that_take_turns_stay_told_while_all_is_acknowledged(tmp_path: Path) -> None:
    now = [100.0]
    relay = RelayStatusFile(tmp_path, lambda: now[0], "boot")
    relay.fault(LinkFault.SESSION_TAKEOVER)
    for now[0] in (130.0, 400.0, 699.0):
        relay.ack_received()
        assert relay.link_fault() is LinkFault.SESSION_TAKEOVER
    now[0] = 701.0
    assert relay.link_fault() is None


def test_an_estimate_runs_down_and_is_forgotten_when_nobody_renews_it(tmp_path: Path) -> None:
    now = [100.0]
    relay = RelayStatusFile(tmp_path, lambda: now[0], "boot")
    assert relay.left_s() is None
    relay.remaining(240.0)
    now[0] = 130.0
    assert relay.left_s() == 210.0
    assert RelayStatusFile(tmp_path, lambda: now[0], "another").left_s() is None
    now[0] = 161.0
    assert relay.left_s() is None
    relay.remaining(10.0)
    relay.remaining(None)
    now[0] = 163.5
    relay.remaining(None)
    assert relay.left_s() is None, "all is sent: said as soon as the card may be written again"


def test_a_refusal_that_comes_and_goes_spares_the_card(tmp_path: Path) -> None:
    now = [100.0]
    relay = RelayStatusFile(tmp_path, lambda: now[0], "boot")
    relay.ack_received()
    first = (tmp_path / "relay-mark").stat().st_ino
    for now[0] in (100.5, 101.0, 101.5):
        relay.fault(LinkFault.QUOTA)
        relay.ack_received()
    assert (tmp_path / "relay-mark").stat().st_ino == first


def test_the_time_of_the_last_answer_that_was_believed_stays(tmp_path: Path) -> None:
    now = [100.0]
    relay = RelayStatusFile(tmp_path, lambda: now[0], "boot")
    relay.ack_received("ahead")
    assert (relay.age_s(), relay.alarm()) == (None, "ahead")
    relay.ack_received()
    now[0] = 130.0
    relay.ack_received("fork")
    assert (relay.age_s(), relay.alarm()) == (30.0, "fork")


def test_events_kept_apart_are_counted(well: Clinic) -> None:
    well.store.outbox.acknowledge(well.store.outbox.counts().last_seq, (1, 3))
    (row,) = (row for row in well.doctor.findings(fresh=True) if row.device == "center")
    assert (row.word, row.values) == ("center_apart", {"n": 2})


@pytest.mark.parametrize(
    ("days", "row"), [(1, ("ok", "kit_none")), (2, ("warn", "backup_old")), (40, ("warn", "backup_old"))]
)
def test_the_age_of_the_newest_backup(well: Clinic, days: int, row: tuple[str, str]) -> None:
    well.later(days=days, hours=1)
    assert well.rows()["backup"] == row


@pytest.mark.parametrize(("before", "after"), [('"made_at": "2', '"made_at": "r'), ('Z",', '",')])
def test_a_flipped_bit_in_a_time_costs_one_row_and_not_all(
    well: Clinic, monkeypatch: pytest.MonkeyPatch, before: str, after: str
) -> None:
    (manifest,) = well.config.backup.folder.glob("*.json")
    text = manifest.read_text()
    assert before in text
    manifest.write_text(text.replace(before, after))
    assert well.rows()["backup"] == ("warn", "backup_medium")
    seen = doctor_place.inspect_database(well.settings.database)
    assert seen is not None
    monkeypatch.setattr(
        doctor_place, "inspect_database", lambda path: replace(seen, pending=1, waiting_since="2026-1q-25")
    )
    assert "link" in well.rows()


def test_an_unset_clock_accuses_no_backup(well: Clinic) -> None:
    well.at_1970()
    assert well.rows()["backup"] == ("ok", "kit_none")


def test_what_is_wrong_with_the_medium(well: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = well.config.backup.folder
    with monkeypatch.context() as patch:
        patch.setattr(doctor_place, "disk_of", lambda path: "mmcblk0")
        assert well.rows()["backup"] == ("warn", "backup_same_disk")
    for path in folder.glob("*.json"):
        path.write_text("{")
    assert well.rows()["backup"] == ("warn", "backup_medium")
    for path in folder.glob("S0147*"):
        path.unlink()
    assert well.rows()["backup"] == ("warn", "backup_never")
    well.config.backup = BackupSettings(well.folder / "unplugged")
    assert well.rows()["backup"] == ("warn", "backup_medium")
    well.config.backup = None
    assert well.rows()["backup"] == ("warn", "backup_none")


def test_whose_medium_it_is(well: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"uuid": "1A2B-3C4D"}
    monkeypatch.setattr(doctor_place, "uuid_of", lambda folder: said["uuid"])
    assert well.rows()["backup"] == ("warn", "backup_unbound")
    well.config.backup = replace(well.config.backup, uuid="1a2b-3c4d")
    assert well.rows()["backup"] == ("ok", "kit_none")
    said["uuid"] = "5E6F-7081"
    row = next(row for row in well.doctor.findings(fresh=True) if row.device == "backup")
    assert (row.word, row.values["command"]) == ("backup_other", "kiosk backup --bind")
    said["uuid"] = ""
    assert well.rows()["backup"] == ("warn", "backup_other"), "a medium nobody can name is not the bound one"


def test_a_box_without_the_countys_key_is_to_be_looked_at(well: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead card costs all PINs and codes there; a station of another kind has somebody with a shell."""
    assert well.rows()["backup"] == ("ok", "kit_none")
    monkeypatch.setenv("KIOSK_BOX", "1")
    row = next(row for row in well.doctor.findings(fresh=True) if row.device == "backup")
    assert (row.verdict, row.word) == (Severity.WARN, "kit_none")


def test_a_backup_without_its_recovery_kit_is_told(well: Clinic) -> None:
    file, folder = well.folder / "county.pub", well.config.backup.folder
    well.config.backup = BackupSettings(folder, county_key_file=file)
    assert well.rows()["backup"] == ("warn", "kit_key")
    file.write_text(COUNTY.text)
    assert well.rows()["backup"] == ("warn", "kit_missing")
    kit = max(folder.glob("*.db")).with_suffix(".kit")
    for content in (b"half", seal_to_county(KIT, CountyKey(bytes(range(1, 33)))), seal_to_code(KIT, CODE)):
        kit.write_bytes(content)
        assert well.rows()["backup"] == ("warn", "kit_missing")
    kit.write_bytes(seal_to_county(KIT, COUNTY))
    assert well.rows()["backup"] == ("ok", "fine")


def told_by_systemd(monkeypatch: pytest.MonkeyPatch, well: Clinic, say: Callable[[str], str]) -> dict[str, str]:
    """The word of each row of a service; ``say`` is what ``systemctl show`` prints of a unit."""
    monkeypatch.setattr("kiosk.base.systemd.MARK", well.folder)
    monkeypatch.setattr(subprocess, "run", lambda words, **_: SimpleNamespace(stdout=say(words[-1])))
    return {device: word for device, (_, word) in well.rows().items() if device in doctor_place.UNITS}


def unit_says(active: str, sub: str = "running", restarts: int = 0, since_s: float = 9000.0) -> str:
    entered = int((time.monotonic() - since_s) * 1_000_000)
    return (
        f"LoadState=loaded\nActiveState={active}\nSubState={sub}\nNRestarts={restarts}\n"
        f"ActiveEnterTimestampMonotonic={entered}\n"
    )


def unit_states() -> dict[str, list[str]]:
    """Made when they are asked for: seconds since a start go on while other tests run."""
    return {
        "fine": [
            unit_says("active"),
            unit_says("activating", "start"),
            unit_says("activating", "auto-restart", 1),  # once may be a cable
            unit_says("active", restarts=40),  # got over it long ago
            "LoadState=loaded\nActiveState=active\n",  # an older systemd
        ],
        "unit_off": [unit_says("inactive", "dead")],
        "unit_failed": [unit_says("failed", "failed"), unit_says("failed", "failed", 7)],
        "unit_restarts": [
            unit_says("activating", "auto-restart", 3),
            unit_says("activating", "start", 3),
            unit_says("active", "running", 3, since_s=5.0),
            unit_says("deactivating", "stop", 900),
        ],
    }


def test_services(well: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    for word, states in unit_states().items():
        for state in states:
            told = told_by_systemd(monkeypatch, well, lambda _, state=state: state)  # type: ignore[misc]
            assert told == dict.fromkeys(doctor_place.UNITS, word), state
    (row,) = (row for row in well.doctor.findings(fresh=True) if row.device == "unit_browser")
    assert "kiosk-browser.service" in row.sentence(load("en"))
    assert "900 times" in row.sentence(load("en"))
    assert has_failure((row,))


def test_a_station_without_a_county_has_no_row_for_its_relay(well: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row of the link says that none is set: a service that rests is then no trouble of its own."""
    well.config.relay = None
    told = told_by_systemd(monkeypatch, well, lambda _: unit_says("inactive", "dead"))
    assert set(told) == set(doctor_place.UNITS) - {"unit_relay"}


def test_a_backup_that_failed_is_seen_behind_its_timer(well: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = {"kiosk-backup.service": unit_says("failed", "failed")}
    told = told_by_systemd(monkeypatch, well, lambda unit: failed.get(unit, unit_says("active")))
    assert told == {**dict.fromkeys(doctor_place.UNITS, "fine"), "unit_backup": "unit_failed"}


@pytest.mark.parametrize("told", ["LoadState=not-found\nActiveState=inactive\n", "", "garbage\n"])
def test_services_that_are_not_installed(well: Clinic, monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    assert told_by_systemd(monkeypatch, well, lambda _: told) == {}


# --- the box ----------------------------------------------------------------------------------------------------------


def test_data_in_memory(well: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a box it is the worst there is; anywhere else somebody wanted it so."""
    monkeypatch.setattr(doctor_place, "memory_file_system", lambda _: "tmpfs")
    (row,) = (row for row in well.doctor.findings(fresh=True) if row.device == "disk")
    assert (row.verdict, row.word, has_failure((row,))) == (Severity.WARN, "disk_in_memory", False)
    monkeypatch.setenv("KIOSK_BOX", "1")
    (row,) = (row for row in well.doctor.findings(fresh=True) if row.device == "disk")
    assert (row.verdict, row.word, has_failure((row,))) == (Severity.FAIL, "disk_in_memory", True)
    assert str(well.settings.data) in row.sentence(load("en"))


def test_a_root_that_should_be_sealed(well: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "root" not in well.rows(), "the root of some other machine is nobody's business"
    monkeypatch.setenv("KIOSK_BOX", "1")
    assert "root" in well.rows()
    kernel = well.folder / "cmdline"
    for words, told in {
        "console=tty3 root=PARTUUID=4e639091-02": "root_open",
        "quiet overlayroot=tmpfs:recurse=0": "root_unsealed",
        "overlayroot=tmpfs:recurse=0 overlayroot=disabled": "root_open",
        "overlayroot=": "root_open",
    }.items():
        kernel.write_text(f"{words}\n")
        row = doctor_place.root(lambda: True, kernel)
        assert (row.verdict, row.word) == (Severity.WARN, told), words
        assert ("overlayroot busybox" in row.sentence(load("en", strict=True))) == (told == "root_unsealed")
    assert doctor_place.root(lambda: False).ok

    def refuse() -> bool:
        raise PermissionError(13, "Permission denied", "/proc/self/mountinfo")

    assert doctor_place.root(refuse).word == "unreadable"


# --- signs of life ----------------------------------------------------------------------------------------------------


class Listener:
    def __init__(self) -> None:
        self.told: list[str] = []

    def on_reading(self, reading: Any, at: float) -> None:
        self.told.append("reading")

    def on_expired(self, at: float) -> None:
        self.told.append("expired")

    def on_link(self, state: LinkState, detail: str, at: float) -> None:
        self.told.append(state.value)


def test_the_watch_hears_what_the_others_hear() -> None:
    watch, listener, listeners = ScaleWatch(clock=lambda: 5.0), Listener(), ScaleListeners()
    listeners.subscribe(watch)
    listeners.subscribe(listener)
    assert watch.liveness() == ScaleLiveness()
    listeners.on_link(LinkState.CONNECTED, "detail", 1.0)
    listeners.on_reading(reading(), 4.5)
    listeners.on_expired(4.6)
    assert listener.told == ["connected", "reading", "expired"]
    assert watch.liveness() == ScaleLiveness(LinkState.CONNECTED, reading(), 0.5)


def test_a_mark_of_this_boot_and_of_an_earlier_one(tmp_path: Path) -> None:
    now = [100.0]
    mark = RelayStatusFile(tmp_path, lambda: now[0], "boot-1")
    assert mark.age_s() is None
    mark.ack_received()
    now[0] = 130.0
    assert mark.age_s() == 30.0
    later = RelayStatusFile(tmp_path, lambda: 12.0, "boot-2")
    assert later.age_s() == 12.0, "at least since this boot"


def test_the_mark_spares_the_card(tmp_path: Path) -> None:
    now = [0.0]
    mark = RelayStatusFile(tmp_path, lambda: now[0], "boot")
    mark.ack_received()
    first = (tmp_path / "relay-mark").stat().st_ino
    now[0] = 19.0
    mark.ack_received()
    assert (tmp_path / "relay-mark").stat().st_ino == first
    now[0] = 21.0
    mark.ack_received()
    assert mark.age_s() == 0.0


HUGE = "9" * 400
NO_MARKS = (
    *("", "{", "[]", "\N{ARABIC LETTER SEEN}", "[" * 100_000, '{"boot": "boot"}'),
    '{"boot": "boot", "second": "x", "body": {"alarm": "fork"}}',
    '{"boot": "boot", "second": 1, "body": {"alarm": "<b>"}}',
    f'{{"boot": "boot", "second": 1, "body": {{"answered": {HUGE}, "fault": "quota", "fault_second": 1}}}}',
    f'{{"boot": "boot", "second": 1, "body": {{"left": {HUGE}, "left_second": 1}}}}',
    '{"boot": "boot", "second": 1, "body": {"alarm": [], "fault": [], "left": {}, "left_second": null}}',
)


@pytest.mark.parametrize("text", NO_MARKS)
def test_a_mark_nobody_can_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "relay-mark").write_text(text)
    assert RelayStatusFile(tmp_path, lambda: 1.0, "boot").age_s() is None
    assert RelayStatusFile(tmp_path, lambda: 1.0, "boot").alarm() == ""
    assert RelayStatusFile(tmp_path, lambda: 1.0, "boot").link_fault() is None
    assert RelayStatusFile(tmp_path, lambda: 1.0, "boot").left_s() is None


def test_a_card_that_cannot_be_written_does_not_stop_the_relay(tmp_path: Path) -> None:
    RelayStatusFile(tmp_path / "gone", lambda: 1.0, "boot").ack_received()


def test_the_page_s_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    page = PageWatch(lambda: 50.0)
    assert (page.age_s(), page.waited_s()) == (None, 0.0)
    (tmp_path / "page-alive").write_text("42\n")
    assert (page.age_s(), page.waited_s()) == (8.0, None)
    (tmp_path / "page-alive").write_text("x")
    assert (page.age_s(), page.waited_s()) == (None, 0.0)


def test_a_scanner_that_has_said_nothing() -> None:
    watch = ScannerWatch()
    assert (watch.word, watch.age_s) == ("", None)


# --- texts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_word_has_a_sentence_in_every_language(lang: str) -> None:
    source = "".join(
        Path(doctor_place.__file__).parent.joinpath(name).read_text()
        for name in (
            "environment.py",
            "devices.py",
            "doctor.py",
            "finding.py",
            "tools.py",
        )
    )
    texts = load(lang, strict=True)
    devices = "scale|printer|camera|scanner|panel|page|disk|clock|catalog|people|key|kit|link|center"
    prefixes = f"{devices}|backup|unit|database|root"
    words = set(re.findall(rf'"((?:{prefixes})_[a-z_]+)"', source)) - set(doctor_place.UNITS)
    not_words = {"printer_", "people_no_", "pickup_key", "backup_running", "root_is_open", "printer_address"}
    for word in {*words - not_words, "unreadable"}:
        assert f"doctor.do.{word}" in texts, word
    for device in [*DEVICES, *doctor_place.UNITS, "broker", "root"]:
        assert f"doctor.device.{device}" in texts, device


def test_a_printer_the_box_may_not_reach_is_not_asked() -> None:
    """``kiosk doctor`` of an administrator would reach it; the station does not."""
    settings, printer = PrinterSettings("tcp", "192.168.1.50:9100", "tspl"), StatusPrinter()
    loopback = [ip_network("127.0.0.0/8")]
    row = doctor_devices.printer("label", settings, printer, lambda: loopback)
    assert (row.word, row.verdict, row.needed) == ("printer_not_allowed", Severity.FAIL, True)
    assert "192.168.1.50:9100" in row.sentence(load("en", strict=True))
    assert printer.asked == 0
    allowed = [*loopback, ip_network("192.168.1.50/32")]
    for reachable in (allowed, None):
        assert doctor_devices.printer("label", settings, printer, lambda told=reachable: told).ok  # type: ignore[misc]


def test_a_sentence_names_the_thing_and_its_place() -> None:
    row = DoctorFinding(
        "scale", False, False, Severity.FAIL, "scale_missing", True, values={"place": "/dev/serial/by-id/x"}
    )
    assert row.sentence(load("en", strict=True)) == (
        "The scale is not there at /dev/serial/by-id/x: check its cable and its power."
    )


def test_an_altered_record_is_named_and_the_whole_journal_is_looked_at_from_outside(well: Clinic) -> None:
    station = well.settings
    receipts = [bring_in(well.store, 5_000 + number).receipt for number in range(3)]
    assert doctor_place.records(station) == doctor_place.records(station, thorough=True)
    assert doctor_place.records(station).ok
    change(station.database, "UPDATE intake SET gross_g = gross_g + 5, net_g = net_g + 5 WHERE number = 2")
    for row in (doctor_place.records(station), doctor_place.records(station, thorough=True)):
        assert (row.word, row.verdict, row.needed) == ("records_altered", Severity.FAIL, True)
        for language in LANGUAGES:
            assert receipts[1] in row.sentence(load(language)), language
    assert any(row.word == "records_altered" for row in well.doctor.findings(fresh=True))
    change(station.database, "UPDATE intake SET gross_g = gross_g - 5, net_g = net_g - 5 WHERE number = 2")
    lie = "CAST(replace(CAST(body AS TEXT), 'new', 'old') AS BLOB) WHERE position = (SELECT min(position) FROM journal)"
    change(station.database, f"UPDATE journal SET body = {lie}")
    assert doctor_place.records(station).ok, "no event of an intake"
    row = doctor_place.records(station, thorough=True)
    assert (row.word, row.verdict) == ("journal_altered", Severity.FAIL)
    assert "event" in row.sentence(load("en"))
