"""The clock: what it says, in which zone, and how far it may be believed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk.domain.moment import ClockQuality
from kiosk.station.shared import clock
from kiosk.station.shared.clock import EARLIEST_VALID_TIME, StationClock


def at(text: str, zone: str = "Asia/Shanghai", synced: bool = True) -> StationClock:
    second = datetime.fromisoformat(text).timestamp()
    return StationClock(zone, "boot", lambda: second, lambda: synced)


@pytest.mark.parametrize(
    ("text", "synced", "quality"),
    [
        ("1970-01-01T00:00:07+00:00", False, ClockQuality.UNSET),
        ("1970-01-01T00:00:07+00:00", True, ClockQuality.UNSET),
        ("1901-01-01T00:00:00+00:00", True, ClockQuality.UNSET),
        ("2026-10-31T23:59:59.999999+00:00", True, ClockQuality.UNSET),
        ("2026-11-01T00:00:00+00:00", True, ClockQuality.SYNCED),
        ("2026-11-25T06:05:00+00:00", True, ClockQuality.SYNCED),
        ("2026-11-25T06:05:00+00:00", False, ClockQuality.RESTORED),
        ("2099-01-01T00:00:00+00:00", False, ClockQuality.RESTORED),
    ],
)
def test_how_far_it_may_be_believed(text: str, synced: bool, quality: ClockQuality) -> None:
    moment = at(text, synced=synced).now()
    assert moment.quality is quality
    assert (moment.local_date is None) == (quality is ClockQuality.UNSET)
    assert (moment.local_time is None) == (quality is ClockQuality.UNSET)


@pytest.mark.parametrize(
    ("text", "zone", "offset", "local"),
    [
        ("2026-11-25T16:30:00+00:00", "Asia/Shanghai", 480, "2026-11-26 00:30"),
        ("2026-11-25T16:30:00+00:00", "Asia/Urumqi", 360, "2026-11-25 22:30"),
        ("2027-03-28T00:59:00+00:00", "Europe/Berlin", 60, "2027-03-28 01:59"),
        ("2027-03-28T01:00:00+00:00", "Europe/Berlin", 120, "2027-03-28 03:00"),
        ("2027-10-31T00:59:00+00:00", "Europe/Berlin", 120, "2027-10-31 02:59"),
        ("2027-10-31T01:00:00+00:00", "Europe/Berlin", 60, "2027-10-31 02:00"),
        ("2026-12-25T00:00:00+00:00", "Asia/Kathmandu", 345, "2026-12-25 05:45"),
        ("2026-12-25T00:00:00+00:00", "America/St_Johns", -210, "2026-12-24 20:30"),
    ],
)
def test_the_zone_and_its_summer_time(text: str, zone: str, offset: int, local: str) -> None:
    moment = at(text, zone).now()
    assert (moment.zone, moment.offset_minutes) == (zone, offset)
    assert f"{moment.local_date} {moment.local_time}" == local
    assert moment.timestamp == datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_a_second_look_is_later_on_the_monotonic_clock_whatever_the_wall_says() -> None:
    seconds = iter([EARLIEST_VALID_TIME.timestamp() + 1000, EARLIEST_VALID_TIME.timestamp() - 86_400])
    station = StationClock("Asia/Shanghai", "boot-2", lambda: next(seconds), lambda: True)
    first, second = station.now(), station.now()
    assert second.utc < first.utc
    assert second.monotonic_ms >= first.monotonic_ms
    assert (first.quality, second.quality) == (ClockQuality.SYNCED, ClockQuality.UNSET)


def test_the_boot_is_the_kernels_or_zeros(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert StationClock("Asia/Shanghai").now().boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    monkeypatch.setattr(clock, "BOOT_ID", tmp_path / "none")
    assert StationClock("Asia/Shanghai").boot_id == "00000000-0000-0000-0000-000000000000"
