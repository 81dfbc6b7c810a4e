"""How a station looks from afar: one mark, the gravest first. No I/O here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Final

from kiosk.sorting_center.reports.fleet import FleetRow
from kiosk.sorting_center.watch.measure import Measure


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
# marks are what is so at this moment.
MARK_OF_CASE: Final[Mapping[str, StationMark]] = {
    "fork": StationMark.FORK,
    "twin": StationMark.TWIN,
    "broken_chain": StationMark.FAULT,
    "receipt_twice": StationMark.FAULT,
    "second_region": StationMark.FAULT,
    "too_many_epochs": StationMark.FAULT,
    "quarantine": StationMark.FAULT,
    "held_back": StationMark.FAULT,
    "verification_over": StationMark.FAULT,
    "impossible_mass": StationMark.FAULT,
    "impossible_price": StationMark.FAULT,
    "impossible_clock": StationMark.FAULT,
    "gap": StationMark.GAP,
}


_WELL: Final = (StationMark.WELL,)


def marks(row: FleetRow, measure: Measure, kinds: Collection[str]) -> tuple[StationMark, ...]:
    """Of a station that was heard, the gravest first; ``kinds`` are those of its cases that are not closed."""
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
