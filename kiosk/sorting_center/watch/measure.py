"""What a station is measured by, and its marks: the rules behind its tile and its cases, in one place. No I/O here."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final

from kiosk.sorting_center.desk.hours import OpeningHours, is_quiet
from kiosk.sorting_center.desk.registry import QUIET_MIN, ExpectedStation, StationKey, StationRegister, Township
from kiosk.sorting_center.reports.fleet import FleetRow

BACKLOG_EVENTS: Final = 100  # About thirty intakes that wait at the station: a bad line for an hour is not worth a word
LATE_AFTER: Final = timedelta(hours=24)
# Stations send what is missing again by themselves, in seconds when the line is well.
GAP_PATIENCE: Final = timedelta(minutes=15)
# A station sends nothing while it has no customers, and the broker knows that it is there: one that is online is
# allowed a whole open day.
ONLINE_FACTOR: Final = 8
# Software is old when so many of the stations run a newer one: at the beginning of an update no station is late.
OLD_SOFTWARE_SHARE: Final = 0.75
# Of stations that have no township in the registry. On the wall clock of the county.
DEFAULT_TOWNSHIP: Final = Township("", "", OpeningHours.parse("mon-sun 10:00-19:00"), QUIET_MIN)

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """``now`` is on the wall clock of the county; ``software`` is what at least three quarters of the stations run, or
    a newer one; None when it is unknown.
    """

    register: StationRegister
    software: Version | None
    now: datetime

    @classmethod
    def of(cls, rows: Iterable[FleetRow], register: StationRegister, now: datetime) -> Measure:
        versions = sorted((version(row.software or "") for row in rows), reverse=True)
        known = [one for one in versions if one]
        usual = known[math.ceil(OLD_SOFTWARE_SHARE * len(known)) - 1] if known else None
        return cls(register, usual, now)

    def township(self, key: StationKey) -> Township:
        """Return the station's township, or one with the usual opening hours."""
        return self.register.township_of(key) or DEFAULT_TOWNSHIP

    def is_quiet(self, row: FleetRow) -> bool:
        rule = self.township((row.region, row.station))
        patience_min = rule.quiet_min * (ONLINE_FACTOR if row.online else 1)
        if row.last_seen is None or self.now - row.last_seen < timedelta(minutes=patience_min):
            return False
        return is_quiet(rule.hours, patience_min, row.last_seen.astimezone(self.now.tzinfo), self.now)

    def has_gap(self, row: FleetRow) -> bool:
        """Return whether events are missing that the station should have sent again by now. The age of a gap that a
        wrong clock dated in the future is unknown.
        """
        if row.gaps.missing <= row.gaps.lost:
            return False
        return row.gaps.since is None or abs(self.now.astimezone(UTC) - row.gaps.since) >= GAP_PATIENCE

    def has_backlog(self, row: FleetRow) -> bool:
        return (row.pending or 0) >= BACKLOG_EVENTS

    def is_late(self, row: FleetRow) -> bool:
        """Return whether its newest receipt came over a day late: what waited there is still arriving."""
        newest = row.newest
        if newest is None or newest.receipt_at is None or newest.receipt_received_at is None:
            return False
        return newest.receipt_received_at - newest.receipt_at > LATE_AFTER

    def is_old(self, row: FleetRow) -> bool:
        installed = version(row.software or "")
        return bool(installed) and self.software is not None and installed < self.software

    def is_unexpected(self, key: StationKey) -> bool:
        """Return whether it is missing in the registry; never with an empty one."""
        return bool(self.register.stations) and key not in self.register.stations

    def is_verification_expired(self, expected: ExpectedStation) -> bool:
        return bool(expected.valid_until) and expected.valid_until < self.now.date().isoformat()


@lru_cache(maxsize=256)
def version(text: str) -> Version:
    """Return the numbers of ``station-kiosk/1.12.0+g2d3aa88``; empty for anything else, which is neither old nor new.

    A commit alone does not show which version is older.
    """
    parts = text.rpartition("/")[2].partition("+")[0].split(".")
    if all(part.isascii() and part.isdecimal() and len(part) <= 6 for part in parts):
        return tuple(int(part) for part in parts)
    return ()


class StationMark(StrEnum):
    FORK = "fork"
    TWIN = "twin"
    FAULT = "fault"
    GAP = "gap"
    DEVICE = "device"
    NEVER = "never"
    QUIET = "quiet"
    LATE = "late"
    UNEXPECTED = "unexpected"
    OLD = "old"
    WELL = "well"


# What a person has to settle is shown until the case is closed, also a gap that an ended epoch has left. All other
# marks show the present state.
MARK_OF_CASE: Final[Mapping[str, StationMark]] = {
    "fork": StationMark.FORK,
    "twin": StationMark.TWIN,
    "broken_chain": StationMark.FAULT,
    "receipt_twice": StationMark.FAULT,
    "second_region": StationMark.FAULT,
    "too_many_epochs": StationMark.FAULT,
    "county_log": StationMark.FAULT,
    "quarantine": StationMark.FAULT,
    "held_back": StationMark.FAULT,
    "verification_over": StationMark.FAULT,
    "impossible_mass": StationMark.FAULT,
    "impossible_price": StationMark.FAULT,
    "impossible_clock": StationMark.FAULT,
    "old_price": StationMark.FAULT,
    "document_refused": StationMark.FAULT,
    "unsigned": StationMark.FAULT,
    "gap": StationMark.GAP,
}


_WELL: Final = (StationMark.WELL,)


def marks(row: FleetRow, measure: Measure, kinds: Collection[str]) -> tuple[StationMark, ...]:
    """Return the marks of a station that has reported, the gravest first; ``kinds``: those of its open cases."""
    found = {*_current_marks(row, measure), *_case_marks(kinds)}
    return tuple(mark for mark in StationMark if mark in found) if found else _WELL


def marks_of_unseen(kinds: Collection[str]) -> tuple[StationMark, ...]:
    found = {StationMark.NEVER, *_case_marks(kinds)}
    return tuple(mark for mark in StationMark if mark in found)


def _case_marks(kinds: Collection[str]) -> Iterator[StationMark]:
    return (MARK_OF_CASE[kind] for kind in kinds if kind in MARK_OF_CASE)


def _current_marks(row: FleetRow, measure: Measure) -> Iterator[StationMark]:
    if row.complains:
        yield StationMark.FORK if row.complains == "fork" else StationMark.FAULT
    if measure.has_gap(row):
        yield StationMark.GAP
    if row.doctor == "fail":
        yield StationMark.DEVICE
    if measure.is_quiet(row):
        yield StationMark.QUIET
    if measure.has_backlog(row) or measure.is_late(row):
        yield StationMark.LATE
    if measure.is_unexpected((row.region, row.station)):
        yield StationMark.UNEXPECTED
    if measure.is_old(row):
        yield StationMark.OLD
