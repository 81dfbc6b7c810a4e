"""What the station's doctor says goes with the status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.messaging.contract.control import MAX_DOCTOR_ROWS, MAX_STATUS_ROWS, DoctorRow, Status, decode
from tests.messaging.relay.line import TOPICS, Bench

SILENT = (DoctorRow("scale", "fail", "scale_silent"), DoctorRow("clock"))


@pytest.fixture
def bench(tmp_path: Path, template: Path) -> Iterator[Bench]:
    one = Bench(tmp_path / "kiosk.sqlite", template)
    with one.open:
        yield one


def test_rows_go_with_the_status_and_again_when_they_have_changed(bench: Bench) -> None:
    bench.doctor.said = SILENT
    bench.flow()
    bench.now += 60
    bench.pump()  # the backlog is gone
    assert bench.wire.statuses[-1].doctor == SILENT
    told = len(bench.wire.statuses)
    bench.doctor.said = (DoctorRow("clock"), DoctorRow("scale"))
    bench.now += 59
    bench.pump()
    assert len(bench.wire.statuses) == told, "at most once a minute"
    bench.now += 1
    bench.pump()
    assert bench.wire.statuses[-1].doctor == bench.doctor.said
    bench.now += 60
    bench.pump()
    assert len(bench.wire.statuses) == told + 1, "the same is not said again"


def test_what_is_bad_and_new_waits_for_no_minute(bench: Bench) -> None:
    bench.doctor.said = (DoctorRow("scale"), DoctorRow("page"))
    bench.flow()
    bench.now += 60
    bench.pump()
    told = len(bench.wire.statuses)
    bench.doctor.said = (DoctorRow("page", "warn", "page_never"), DoctorRow("scale"))
    bench.now += 10
    bench.pump()
    assert bench.wire.statuses[-1].doctor == bench.doctor.said
    bench.doctor.said = (DoctorRow("scale"), DoctorRow("page"))
    bench.now += 10
    bench.pump()
    assert len(bench.wire.statuses) == told + 1, "what is well again has time"


def test_more_rows_than_one_list_bears_go_into_a_second_one_that_older_centers_do_not_read(bench: Bench) -> None:
    bench.doctor.said = tuple(DoctorRow(f"row_{number}") for number in range(MAX_STATUS_ROWS + 1))
    bench.pump()
    status = bench.wire.statuses[-1]
    assert (len(status.doctor), len(status.doctor_more)) == (MAX_DOCTOR_ROWS, MAX_DOCTOR_ROWS)
    assert status.doctor_rows == bench.doctor.said[:MAX_STATUS_ROWS]


def test_a_will_and_a_goodbye_have_no_rows(bench: Bench) -> None:
    bench.doctor.said = SILENT
    assert bench.session._status(online=False).doctor == ()


def test_a_station_that_is_well_costs_a_slow_line_little(bench: Bench) -> None:
    names = ("settings", "station", "scale", "printer_label", "printer_receipt", "camera", "scanner", "panel", "page")
    more = ("trade", "verification", "check_weight", "database", "records", "disk", "clock", "fonts", "catalog")
    units = ("people", "pickup_key", "backup", "root", "unit_station", "unit_relay")
    bench.doctor.said = tuple(DoctorRow(name) for name in (*names, *more, *units))
    bench.pump()
    (payload,) = (payload for topic, payload in bench.wire.sent if topic == TOPICS.status)
    assert decode(Status, payload).doctor == bench.doctor.said
    assert len(json.dumps(json.loads(payload)["doctor"], separators=(",", ":"))) <= 540
