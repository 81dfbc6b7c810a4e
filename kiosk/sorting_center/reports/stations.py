"""One station: its epochs, its scale, its own reports; its history is in `days`, its row in `fleet`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import func, select

from kiosk.domain.clerk import clerk_number
from kiosk.domain.events import (
    ClerkAdded,
    ClockChanged,
    CountersData,
    EpochStarted,
    IntakeConfirmed,
    ScaleChanged,
    ScaleChecked,
    ScaleData,
    TaresChanged,
)
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.acceptance import streams
from kiosk.sorting_center.ledger.database import schema as ledger_schema
from kiosk.sorting_center.ledger.epochs import MAX_EPOCHS, EpochRow
from kiosk.sorting_center.ledger.overview import AlarmRow, GapRow
from kiosk.sorting_center.ledger.shared.records import DatedDoctorRow
from kiosk.sorting_center.reports.journal import DataType, EventJournal, EventRow, data_of
from kiosk.sorting_center.reports.tables.opening import ReportTables
from kiosk.sorting_center.reports.tables.schema import newest
from kiosk.sorting_center.shared.stored_events import decode_event

MAX_GAPS: Final = 50
MAX_ALARMS: Final = 50


_decode_doctor_rows: Final = msgspec.json.Decoder(tuple[DatedDoctorRow, ...]).decode


@dataclass(frozen=True, slots=True)
class ScaleCheckRow:
    event: EventRow
    check: ScaleChecked


@dataclass(frozen=True, slots=True)
class ScaleFacts:
    """The station's reports about its scale; None: never reported. ``standing`` is from its newest receipt: for trade
    or not, checked, verified, and the event counters then. The date of the verification is known to people and never
    sent.
    """

    profile: ScaleChanged | None
    tares: TaresChanged | None
    clock: ClockChanged | None
    standing: ScaleData | None

    @property
    def counters(self) -> CountersData | None:
        """The highest that were told: they only go up."""
        changes = (self.profile, self.tares, self.clock)
        if self.standing is None and changes == (None, None, None):
            return None
        profile, tares, clock = (event.counter if event is not None else 0 for event in changes)
        counters = self.standing.counters if self.standing is not None else CountersData(0, 0, 0)
        return CountersData(
            scale_profile=max(profile, counters.scale_profile),
            tare_library=max(tares, counters.tare_library),
            clock=max(clock, counters.clock),
        )


class Stations:
    """Raises a LedgerError when one of the databases cannot be read."""

    def __init__(self, tables: ReportTables, ledger: Ledger, journal: EventJournal) -> None:
        self._tables, self._ledger, self._journal = tables, ledger, journal

    def regions(self, station: str) -> tuple[str, ...]:
        status = ledger_schema.station_status.c
        with self._ledger.reading() as connection:
            query = select(status.region).where(status.station == station).order_by(status.region)
            return tuple(connection.execute(query).scalars())

    def doctor(self, region: str, station: str) -> tuple[DatedDoctorRow, ...]:
        """Return the doctor's rows in the newest status, worst first; none from a station that does not report them."""
        status = ledger_schema.station_status.c
        with self._ledger.reading() as connection:
            query = select(status.doctor).where(status.station == station, status.region == region)
            rows = connection.execute(query).scalar()
        return _decode_doctor_rows(rows) if rows else ()

    def event_regions(self) -> tuple[str, ...]:
        """Return the regions that events came from; not more than two, which is enough to tell one from several."""
        with self._tables.reading() as connection:
            query = select(newest.c.region).distinct().order_by(newest.c.region).limit(2)
            return tuple(connection.execute(query).scalars())

    def epochs(self, region: str, station: str) -> tuple[EpochRow, ...]:
        """Return the newest epochs, in the order in which they began."""
        stream, event, intake = ledger_schema.stream.c, ledger_schema.event.c, ledger_schema.intake.c
        with self._ledger.reading() as connection:
            rows = connection.execute(
                select(ledger_schema.stream)
                .where(stream.station == station, stream.region == region)
                .order_by(stream.first_received_at.desc(), stream.epoch.desc())
                .limit(MAX_EPOCHS)
            ).all()
            counted = connection.execute(
                select(intake.epoch, func.count().label("number"))
                .where(intake.station == station, intake.region == region)
                .group_by(intake.epoch)
            )
            intakes = {row.epoch: row.number for row in counted}
            first = (event.station == station) & (event.region == region) & (event.seq == 1)
            is_start = (event.type == EpochStarted.TYPE) & event.problem.is_(None)
            bodies = connection.execute(
                select(event.epoch, event.body).where(first, is_start, event.epoch.in_([row.epoch for row in rows]))
            )
            started = {epoch: decode_event(EpochStarted, body) for epoch, body in bodies}
        return tuple(
            EpochRow(
                row.epoch,
                started[row.epoch].series if row.epoch in started else None,
                started[row.epoch].why if row.epoch in started else None,
                row.upto,
                intakes.get(row.epoch, 0),
                row.first_received_at,
                row.last_received_at,
            )
            for row in reversed(rows)
        )

    def gaps(self, region: str, station: str) -> tuple[GapRow, ...]:
        """Return the missing ranges of all its epochs, the oldest epoch first, at most MAX_GAPS."""
        stream = ledger_schema.stream.c
        found: list[GapRow] = []
        with self._ledger.reading() as connection:
            rows = connection.execute(
                select(ledger_schema.stream)
                .where(stream.station == station, stream.region == region)
                .order_by(stream.first_received_at)
            ).all()
            for row in rows:
                is_over = any(other.first_received_at > row.last_received_at for other in rows)
                for first, last in streams.gaps(connection, row, MAX_GAPS - len(found)):
                    missing = last - first + 1
                    found.append(GapRow(station, row.epoch, first, last, row.gap_since or "", is_over, missing, region))
        return tuple(found)

    def alarms(self, region: str, station: str) -> tuple[AlarmRow, ...]:
        alarm = ledger_schema.alarm.c
        query = (
            select(ledger_schema.alarm)
            .where(alarm.station == station, alarm.region == region)
            .order_by(alarm.id.desc())
            .limit(MAX_ALARMS)
        )
        with self._ledger.reading() as connection:
            return tuple(
                AlarmRow(row.kind, row.station, row.epoch, row.seq, row.detail, row.raised_at, row.region)
                for row in connection.execute(query)
            )

    def checks(self, region: str, station: str, limit: int = 60) -> tuple[ScaleCheckRow, ...]:
        events = self._journal.about(station, region, [ScaleChecked.TYPE], limit)
        return tuple(
            ScaleCheckRow(event, check)
            for event in reversed(events)
            if (check := data_of(event, ScaleChecked)) is not None
        )

    def clerk_numbers(self, region: str, station: str) -> tuple[str, ...]:
        """Return the numbers given to clerks. A station gives them in sequence, so the count of events supplies those
        in archives.
        """
        events = self._journal.about(station, region, [ClerkAdded.TYPE])
        added = (data_of(event, ClerkAdded) for event in events)
        numbers = {clerk_number(place) for place in range(1, len(events) + 1)}
        return tuple(sorted(numbers | {one.clerk.rpartition(":")[2] for one in added if one is not None}, key=int))

    def scale(self, region: str, station: str) -> ScaleFacts:
        intake = self._last_intake(region, station)
        confirmed = data_of(intake, IntakeConfirmed) if intake is not None else None
        return ScaleFacts(
            self._last(region, station, ScaleChanged),
            self._last(region, station, TaresChanged),
            self._last(region, station, ClockChanged),
            confirmed.scale if confirmed is not None else None,
        )

    def _last(self, region: str, station: str, kind: type[DataType]) -> DataType | None:
        event = next(iter(self._journal.about(station, region, [kind.TYPE], 1)), None)
        return data_of(event, kind) if event is not None else None

    def _last_intake(self, region: str, station: str) -> EventRow | None:
        c = newest.c
        with self._tables.reading() as connection:
            number = connection.execute(select(c.receipt).where(c.station == station, c.region == region)).scalar()
        if number is None:
            return None
        return next(iter(self._journal.about(number, region, [IntakeConfirmed.TYPE], 1)), None)
