from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.hours import DAY_MIN, DAYS, OpeningHours, is_quiet

ZONE = ZoneInfo("Asia/Shanghai")
WEEK = OpeningHours.parse("mon-fri 09:00-18:00; sat 10:00-14:00")
MONDAY = datetime(2026, 11, 23, tzinfo=ZONE)

SPANS = st.one_of(
    st.none(),
    st.tuples(st.integers(0, DAY_MIN), st.integers(0, DAY_MIN)).filter(lambda span: span[0] < span[1]),
)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """``day`` from Monday on."""
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


@given(st.lists(SPANS, min_size=7, max_size=7))
def test_what_is_written_is_read_back(week: list[tuple[int, int] | None]) -> None:
    hours = OpeningHours(tuple(week))
    assert OpeningHours.parse(str(hours)) == hours


def test_hours_that_are_meant(subtests: pytest.Subtests) -> None:
    for text, shown in [
        ("", ""),
        ("mon-sun 00:00-24:00", "mon-sun 00:00-24:00"),
        ("Mon-Fri 09:00-18:00 ;sat 10:00-14:00;", "mon-fri 09:00-18:00; sat 10:00-14:00"),
        ("tue 09:00-10:00; mon 09:00-10:00", "mon-tue 09:00-10:00"),
    ]:
        with subtests.test(text=text, shown=shown):
            assert str(OpeningHours.parse(text)) == shown


def test_hours_that_cannot_be_meant(subtests: pytest.Subtests) -> None:
    for text in [
        "9-18",
        "mon 9:00-18:00",
        "mon-foo 09:00-18:00",
        "foo 09:00-18:00",
        "mon 18:00-09:00",
        "mon 09:00-09:00",
        "fri-mon 09:00-18:00",
        "mon 09:00-24:01",
        "mon 09:60-18:00",
        "mon 09:00-12:00; mon 13:00-18:00",
        "mon ٠٩:00-18:00",
        "x" * 10_000,
    ]:
        with subtests.test(text=text), pytest.raises(Refused):
            OpeningHours.parse(text)


def test_minutes_within_the_hours(subtests: pytest.Subtests) -> None:
    for since, until, minutes in [
        (at(0, 9), at(0, 10), 60),
        (at(0, 8), at(0, 10), 60),
        (at(0, 17), at(1, 10), 120),
        (at(4, 17), at(7, 10), 60 + 4 * 60 + 60),
        (at(5, 14), at(7, 9), 0),
        (at(0, 0), at(7, 0), 5 * 9 * 60 + 4 * 60),
        (at(0, 10), at(0, 10), 0),
        (at(0, 11), at(0, 10), 0),
    ]:
        with subtests.test(since=since, until=until, minutes=minutes):
            assert WEEK.open_min(since, until) == minutes


@given(st.integers(0, 20_000), st.integers(0, 20_000), st.lists(SPANS, min_size=7, max_size=7))
def test_minutes_are_those_counted_one_by_one(first: int, length: int, week: list[tuple[int, int] | None]) -> None:
    hours, since = OpeningHours(tuple(week)), MONDAY + timedelta(minutes=first)
    length %= 3_000
    counted = sum(hours.is_open(since + timedelta(minutes=number)) for number in range(length))
    assert hours.open_min(since, since + timedelta(minutes=length)) == counted


def test_a_station_is_quiet_after_an_hour_of_its_open_hours(subtests: pytest.Subtests) -> None:
    for heard, now, quiet in [
        (at(0, 9), at(0, 9, 59), False),
        (at(0, 9), at(0, 10), True),
        (at(0, 17, 30), at(1, 9, 29), False),
        (at(0, 17, 30), at(1, 9, 30), True),
        (at(5, 14), at(7, 9, 59), False),
        (at(0, 12), at(0, 11), False),
        (None, at(0, 12), False),
        (at(0, 0), at(61, 0), True),
    ]:
        with subtests.test(heard=heard, now=now, quiet=quiet):
            assert is_quiet(WEEK, 60, heard, now) is quiet


def test_without_hours_only_months_make_a_station_quiet() -> None:
    closed = OpeningHours.parse("")
    assert not is_quiet(closed, 60, at(0, 0), at(30, 0))
    assert is_quiet(closed, 60, at(0, 0), at(61, 0))


def test_a_week_has_seven_days() -> None:
    with pytest.raises(ValueError, match="seven"):
        OpeningHours((None,) * (len(DAYS) - 1))
