"""What the doctor says on its way to the sorting center: as codes, in a file, from a thread of the station."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from kiosk.messaging.contract.control import MAX_STATUS_ROWS, DoctorRow
from kiosk.messaging.relay.session import DOCTOR_POLL_S
from kiosk.station.doctor.devices import FIRST_PAGE_S, page
from kiosk.station.doctor.doctor import PAUSES_S, DoctorReporter, status_rows
from kiosk.station.doctor.finding import DoctorFinding, Severity
from kiosk.station.doctor.status_files import DoctorStatusFile
from kiosk.texts.catalog import catalog
from tests.station.doctor.clinic import Clinic

MUTE = (DoctorRow("station", "fail", "station_mute"),)
ROWS = (DoctorRow("scale", "fail", "scale_silent"), DoctorRow("clock"))


@pytest.fixture
def clinic(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    monkeypatch.setattr("kiosk.base.systemd.MARK", tmp_path / "none")
    clinic = Clinic(tmp_path, template)
    clinic.cure()
    yield clinic
    clinic.store.close()


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_worst_rows_come_first_and_those_of_the_link_stay_here(clinic: Clinic) -> None:
    clinic.printers["label"].is_silent()
    rows = status_rows(clinic.doctor.findings())
    assert rows[0] == DoctorRow("printer_label", "fail", "printer_silent")
    states = [row.state for row in rows]
    assert states == sorted(states, key=["fail", "warn", "ok"].index)
    assert {"link", "center"}.isdisjoint(row.row for row in rows)
    assert DoctorRow("scale") in rows


def test_a_page_that_never_comes_is_known_at_the_sorting_center_within_a_minute() -> None:
    assert page(None, FIRST_PAGE_S + 1.0).word == "page_never"
    second_look = sum(PAUSES_S[:2])
    assert FIRST_PAGE_S < second_look < second_look + DOCTOR_POLL_S < 60


def test_no_more_rows_than_a_status_bears() -> None:
    findings = [DoctorFinding(f"row_{number}", True, True) for number in range(100)]
    findings.append(DoctorFinding("board", True, None, word="board_pi4"))
    findings.append(DoctorFinding("scale", True, False, Severity.FAIL, "scale_silent"))
    rows = status_rows(findings)
    assert (len(rows), rows[0].row) == (MAX_STATUS_ROWS, "scale")
    assert rows[1] == DoctorRow("board", "ok", "board_pi4"), "what is well and says something is not left out"


def test_every_word_of_the_doctor_is_a_code_of_the_contract() -> None:
    words = [name.removeprefix("doctor.do.") for name in catalog("en") if name.startswith("doctor.do.")]
    devices = [name.removeprefix("doctor.device.") for name in catalog("en") if name.startswith("doctor.device.")]
    assert len(words) > 20 and len(devices) > 10
    for device in devices:
        for word in words:
            msgspec.convert({"row": device, "code": word}, DoctorRow)


def test_what_one_process_writes_the_other_reads(tmp_path: Path) -> None:
    time = Time()
    DoctorStatusFile(tmp_path, time, "boot").write(ROWS)
    reader = DoctorStatusFile(tmp_path, time, "boot")
    assert reader.rows() == ROWS
    time.now += 661
    assert reader.rows() == MUTE


def test_after_a_restart_of_the_machine_the_rows_are_none_until_the_station_says_some(tmp_path: Path) -> None:
    time = Time()
    DoctorStatusFile(tmp_path, time, "before").write(ROWS)
    reader = DoctorStatusFile(tmp_path, time, "now")
    assert reader.rows() == ()
    time.now = 661
    assert reader.rows() == MUTE


def test_the_card_is_spared(tmp_path: Path) -> None:
    time = Time()
    mark = DoctorStatusFile(tmp_path, time, "boot")
    mark.write(ROWS)
    (tmp_path / DoctorStatusFile.name).unlink()
    mark.write(ROWS)
    assert not (tmp_path / DoctorStatusFile.name).exists()
    time.now += 300
    mark.write(ROWS)
    assert mark.rows() == ROWS
    mark.write(ROWS[:1])
    assert mark.rows() == ROWS[:1]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "7",
        "[" * 100_000,
        '{"boot": "boot"}',
        '{"boot": "boot", "second": "x", "body": []}',
        "\N{ARABIC LETTER SEEN}",
    ]
    + [json.dumps({"boot": "boot", "second": 10**400, "body": []})]
    + [json.dumps({"boot": "boot", "second": 1, "body": rows}) for rows in ([{"row": "<b>"}], [7], {}, None)],
)
def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / DoctorStatusFile.name).write_text(content, encoding="utf-8")
    assert DoctorStatusFile(tmp_path, lambda: 1.0, "boot").rows() == ()


def test_a_card_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    DoctorStatusFile(tmp_path / "gone", lambda: 1.0, "boot").write(ROWS)
    assert DoctorStatusFile(tmp_path / "gone", lambda: 1.0, "boot").rows() == ()


def test_the_reporter_looks_again_after_a_look_that_failed_and_says_when_the_station_stops(tmp_path: Path) -> None:
    looks = iter([OSError("no"), [DoctorFinding("scale", True, False, Severity.FAIL, "scale_silent")]])
    looked = threading.Event()

    def look() -> Sequence[DoctorFinding]:
        found = next(looks, None)
        if found is None:
            looked.set()
            return [DoctorFinding("scale", True, True)]
        if isinstance(found, OSError):
            raise found
        return found

    mark = DoctorStatusFile(tmp_path, lambda: 1.0, "boot")
    reporter = DoctorReporter(look, mark, (0.0, 0.001))
    reporter.start()
    assert looked.wait(60)
    reporter.stop()
    assert mark.rows() == (DoctorRow("station", "warn", "station_stopped"),)
