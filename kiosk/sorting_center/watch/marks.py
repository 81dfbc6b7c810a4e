"""How a station looks from afar: one mark, the gravest first. No I/O here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Final

from kiosk.sorting_center.reports.fleet import FleetRow
from kiosk.sorting_center.watch.measure import Measure


class Mark(StrEnum):
    """From the gravest down."""

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


OF_CASES: Final[Mapping[str, Mark]] = {
    "fork": Mark.FORK,
    "twin": Mark.TWIN,
    "broken_chain": Mark.FAULT,
    "receipt_twice": Mark.FAULT,
    "second_region": Mark.FAULT,
    "too_many_epochs": Mark.FAULT,
    "quarantine": Mark.FAULT,
    "held_back": Mark.FAULT,
    "verification_over": Mark.FAULT,
    "impossible_mass": Mark.FAULT,
    "impossible_price": Mark.FAULT,
    "impossible_clock": Mark.FAULT,
    "gap": Mark.GAP,
}
"""What a person has to settle is shown until the case is closed, also a gap that an ended epoch has left. All other
marks are what is so at this moment."""


_WELL: Final = (Mark.WELL,)


def marks(row: FleetRow, measure: Measure, kinds: Collection[str]) -> tuple[Mark, ...]:
    """Of a station that was heard, the gravest first; ``kinds`` are those of its cases that are not closed."""
    found = {*_seen(row, measure), *_settled_by_people(kinds)}
    return tuple(mark for mark in Mark if mark in found) if found else _WELL


def marks_of_silent(kinds: Collection[str]) -> tuple[Mark, ...]:
    """Of a station that is expected and was never heard."""
    found = {Mark.NEVER, *_settled_by_people(kinds)}
    return tuple(mark for mark in Mark if mark in found)


def _settled_by_people(kinds: Collection[str]) -> Iterator[Mark]:
    return (OF_CASES[kind] for kind in kinds if kind in OF_CASES)


def _seen(row: FleetRow, measure: Measure) -> Iterator[Mark]:
    if row.complains:
        yield Mark.FORK if row.complains == "fork" else Mark.FAULT
    if measure.has_gap(row):
        yield Mark.GAP
    if row.doctor == "fail":
        yield Mark.DEVICE
    if measure.is_quiet(row):
        yield Mark.QUIET
    if measure.has_backlog(row) or measure.is_late(row):
        yield Mark.LATE
    if measure.is_unexpected((row.region, row.station)):
        yield Mark.UNEXPECTED
    if measure.is_old(row):
        yield Mark.OLD
