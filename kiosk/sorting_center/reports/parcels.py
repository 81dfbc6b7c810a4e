"""Parcels of villagers, as far as the county knows them: numbers, carriers, states, and a few digits of a hash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, func, select

from kiosk.domain.events import ParcelCollected
from kiosk.domain.parcel import ParcelNumber, ParcelState
from kiosk.sorting_center.reports.journal import EventJournal, EventRow, RecordsCheck, data_of
from kiosk.sorting_center.reports.tables.opening import ReportTables
from kiosk.sorting_center.reports.tables.schema import parcel

# With one digest: a waybill has few packages, and of a million parcels hardly two share a digest by chance.
MAX_PARCELS: Final = 50

_ON_SHELF: Final = tuple(
    state.value for state in (ParcelState.SHELVED, ParcelState.NOTICED, ParcelState.OVERDUE, ParcelState.RETURN_DUE)
)


@dataclass(frozen=True, slots=True)
class ReportedParcel:
    """One parcel. ``digest`` and ``carrier`` are None until its arrival was reported, ``state`` until any step was.
    ``shelf`` is its slot, None without one.
    """

    region: str
    station: str
    parcel: str
    digest: str | None
    carrier: str | None
    state: ParcelState | None
    feedseq: int
    shelf: str | None = None

    @classmethod
    def of(cls, row: Row[Any]) -> ReportedParcel:
        state = ParcelState(row.state) if row.state is not None else None
        shelf = row.shelf if row.state in _ON_SHELF else None
        return cls(row.region, row.station, row.parcel, row.digest, row.carrier, state, row.feedseq, shelf)


@dataclass(frozen=True, slots=True)
class Parcel:
    row: ReportedParcel
    events: tuple[EventRow, ...]

    @property
    def collected(self) -> ParcelCollected | None:
        """How it was handed over; None of one that was not."""
        of_type = (data_of(event, ParcelCollected) for event in reversed(self.events))
        return next((one for one in of_type if one is not None and self.row.state is ParcelState.COLLECTED), None)

    @property
    def records(self) -> RecordsCheck:
        return RecordsCheck.of(self.events)


class ParcelReports:
    """Raises a LedgerError when one of the databases cannot be read."""

    def __init__(self, tables: ReportTables, journal: EventJournal) -> None:
        self._tables, self._journal = tables, journal

    def find(self, number: ParcelNumber, region: str | None = None) -> tuple[Parcel, ...]:
        c = parcel.c
        same = (c.station == number.station) & (c.parcel == str(number))
        if region is not None:
            same &= c.region == region
        with self._tables.reading() as connection:
            rows = [ReportedParcel.of(row) for row in connection.execute(select(parcel).where(same).order_by(c.region))]
        return tuple(Parcel(row, self._journal.about(row.parcel, row.region)) for row in rows)

    def row(self, number: str, region: str) -> ReportedParcel | None:
        """Return what lists show of the parcel."""
        query = select(parcel).where(parcel.c.station == f"S{number[2:6]}", parcel.c.parcel == number)
        with self._tables.reading() as connection:
            row = connection.execute(query.where(parcel.c.region == region)).one_or_none()
        return ReportedParcel.of(row) if row is not None else None

    def on_shelf(self, slot: str) -> tuple[ReportedParcel, ...]:
        """Return the parcels on this slot at any station, newest first, at most MAX_PARCELS."""
        c = parcel.c
        query = select(parcel).where(c.shelf == slot, c.state.in_(_ON_SHELF)).order_by(c.feedseq.desc())
        with self._tables.reading() as connection:
            return tuple(ReportedParcel.of(row) for row in connection.execute(query.limit(MAX_PARCELS)))

    def shelved(self, region: str, station: str) -> tuple[tuple[ParcelState, int], ...]:
        """Count the parcels on the shelves of a station, by state."""
        c = parcel.c
        here = (c.station == station) & (c.region == region) & c.state.in_(_ON_SHELF)
        query = select(c.state, func.count()).where(here).group_by(c.state).order_by(c.state)
        with self._tables.reading() as connection:
            return tuple((ParcelState(state), count) for state, count in connection.execute(query))

    def with_digest(self, digest: str) -> tuple[ReportedParcel, ...]:
        """Return the parcels whose waybill has this digest, newest first, at most MAX_PARCELS."""
        c = parcel.c
        query = select(parcel).where(c.digest == digest).order_by(c.feedseq.desc()).limit(MAX_PARCELS)
        with self._tables.reading() as connection:
            return tuple(ReportedParcel.of(row) for row in connection.execute(query))
