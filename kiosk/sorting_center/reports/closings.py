"""Day closings beside the ledger: what a station said its day was, and what of it is here and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Integer,
    LargeBinary,
    Row,
    Select,
    bindparam,
    case,
    cast,
    func,
    null,
    select,
    tuple_,
)

from kiosk.domain.events import (
    DayClosed,
    EpochStarted,
    IntakeAbandoned,
    IntakeConfirmed,
    IntakeVoided,
    ParcelArrived,
    ParcelCollected,
    ParcelReturned,
    ParcelWithdrawn,
    PhotoTaken,
)
from kiosk.domain.trade import Mode
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.keys import Keys, as_parameter
from kiosk.sorting_center.ledger.database.times import Instant
from kiosk.sorting_center.ledger.schema import event as event_table
from kiosk.sorting_center.reports.journal import EventRow, Journal, converted
from kiosk.sorting_center.reports.tables.opening import Tables
from kiosk.sorting_center.reports.tables.schema import newest, receipt, told
from kiosk.sorting_center.reports.times import AHEAD_MS

MAX_EVENTS: Final = 20_000
"""Of one closed day: a busy station tells some hundred."""
_MAX_CLOSES: Final = 800
"""Of one station, the newest: a year of them."""


class Compared(StrEnum):
    """What came of comparing a close with the ledger."""

    SAME = "same"
    DIFFERENT = "different"
    MISSING = "missing"
    """Events of the day are not in the feed: not here, set apart, or in an archive. Nothing more can be said."""
    OTHER_EPOCH = "other_epoch"
    """They differ, and the day began in an earlier epoch: what was told there is not in the range that was named."""
    TOO_LONG = "too_long"
    """The day is said to have more events than are gone through."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Of one day. Bags, grams and fen are of its intakes that are not void."""

    intakes: int = 0
    voids: int = 0
    abandoned: int = 0
    bags: int = 0
    net_g: int = 0
    purchase_fen: int = 0
    consignment_fen: int = 0
    parcels_in: int = 0
    parcels_out: int = 0
    parcels_returned: int = 0
    photos: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of `Totals` in which the two do not agree."""

    field: str
    said: int
    found: int


@dataclass(frozen=True, slots=True)
class Closing:
    """One close of a day. ``said`` is its event's, ``found`` is made of the events ``first_seq`` to ``last_seq`` of
    the same epoch that are in the feed.

    ``missing`` is how many of them are not. ``voided_since`` are receipts of that day that were voided after the close:
    they were in its totals and are not in the ledger's any more. ``not_counted`` are receipts of that day for which
    another event stands: told again from an earlier epoch, or told twice.
    """

    closed: EventRow
    said: Totals
    found: Totals
    verdict: Compared
    differences: tuple[Difference, ...]
    missing: int
    voided_since: tuple[str, ...]
    not_counted: tuple[str, ...]
    first_seq: int
    last_seq: int
    prints_unknown: int


class Closings:
    """Raises a LedgerError when one of the databases cannot be read."""

    def __init__(self, tables: Tables, ledger: Ledger, journal: Journal) -> None:
        self._tables = tables
        self._ledger = ledger
        self._journal = journal

    def of_station(self, region: str, station: str, limit: int = 30) -> tuple[Closing, ...]:
        """The newest first. A close that was told again in a later epoch is one close."""
        events = self._journal.about(station, region, [DayClosed.TYPE], limit)
        once = {event.reissued or f"{event.epoch}-{event.seq}": event for event in reversed(events)}
        return tuple(found for event in once.values() if (found := self._of_event(event)) is not None)

    def find(self, region: str, station: str, epoch: str, seq: int) -> Closing | None:
        """The close that this event told; None when it tells none."""
        mine = (told.c.subject == station) & (told.c.region == region) & (told.c.type == DayClosed.TYPE)
        with self._tables.reading() as connection:
            rows = connection.execute(select(told).where(mine, told.c.epoch == epoch, told.c.seq == seq)).all()
        found = (self._of_event(event) for event in self._journal.events(rows))
        return next((one for one in found if one is not None), None)

    def stations(self, after: tuple[str, str], limit: int) -> Sequence[tuple[str, str]]:
        """Number and region of the next stations behind ``after`` that have told anything."""
        c = newest.c
        wanted = select(c.station, c.region).where(tuple_(c.station, c.region) > tuple_(*after))
        with self._tables.reading() as connection:
            rows = connection.execute(wanted.order_by(c.station, c.region).limit(limit))
            return [(row.station, row.region) for row in rows]

    def of_day(self, day: date, now: datetime, stations: Sequence[tuple[str, str]]) -> tuple[Closing, ...]:
        """Closes that were made on this day in the zone of ``now``, by these stations (number and region), in their
        order.
        """
        midnight = datetime.combine(day, time(), now.tzinfo)
        most = min(_MAX_CLOSES, (max(0, (now - midnight).days) + _SPARE_DAYS) * _CLOSES_A_DAY)
        with self._tables.reading() as connection:
            wanted = _newest_closes(connection.dialect.name)
            rows = connection.execute(wanted, as_parameter(stations) | {"most": most}).all()
        arrived = self._arrived_since(rows, midnight)
        events = self._journal.events([row for row in rows if (row.station, row.epoch, row.region, row.seq) in arrived])
        once: dict[tuple[str, str, str], EventRow] = {}
        for event in sorted(events, key=lambda one: (one.station, one.region, one.feedseq)):
            made_at = event.at or event.received_at
            if made_at is not None and made_at.astimezone(now.tzinfo).date() == day:
                first_told = event.reissued or f"{event.epoch}-{event.seq}"
                once.setdefault((event.station, event.region, first_told), event)
        return tuple(found for event in once.values() if (found := self._of_event(event)) is not None)

    def _arrived_since(self, rows: Sequence[Row[Any]], midnight: datetime) -> set[tuple[str, str, str, int]]:
        """Which of these closes came after the day had begun: the others are of earlier days."""
        if not rows:
            return set()
        wanted = as_parameter((row.station, row.epoch, row.region, row.seq) for row in rows)
        since = (midnight - _AHEAD).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with self._ledger.reading() as connection:
            found = connection.execute(_arrived(connection.dialect.name), wanted | {"since": since})
            return {(row.station, row.epoch, row.region, row.seq) for row in found}

    def _of_event(self, event: EventRow) -> Closing | None:
        if event.recomputed is None or (data := converted(event, DayClosed)) is None:
            return None
        return self._closing(event, data)

    def _closing(self, closed: EventRow, data: DayClosed) -> Closing:
        span = _Span(closed, data)
        rows = self._in_feed(span) if span.events <= MAX_EVENTS else []
        day = _Told()
        for row in rows:
            day.add(row)
        said = Totals(**{name: getattr(data, name) for name in _FIELDS})
        found = day.totals()
        differences = tuple(
            Difference(name, mine, theirs)
            for name in _FIELDS
            if (mine := getattr(said, name)) != (theirs := getattr(found, name))
        )
        standing = self._standing(span, day.receipts)
        return Closing(
            closed,
            said,
            found,
            _verdict(span, len(rows), differences, day),
            differences,
            span.events - len(rows),
            tuple(
                number
                for number, row in sorted(standing.items())
                if row.voided
                and number not in day.voided
                and (row.epoch, row.seq) == (span.epoch, day.receipts[number])
            ),
            tuple(
                number
                for number, seq in sorted(day.receipts.items())
                if number not in standing or (standing[number].epoch, standing[number].seq) != (span.epoch, seq)
            ),
            span.first,
            span.last,
            data.prints_unknown,
        )

    def _in_feed(self, span: _Span) -> Sequence[Row[Any]]:
        c = event_table.c
        body = case((c.type.in_(_LOOKED_INTO), c.body), else_=cast(null(), LargeBinary)).label("body")
        of_stream = (c.station == span.station) & (c.epoch == span.epoch) & (c.region == span.region)
        columns: Sequence[ColumnElement[Any]] = (c.seq, c.type, body)
        wanted = select(*columns).where(of_stream, c.seq >= span.first, c.seq <= span.last)
        with self._ledger.reading() as connection:
            return connection.execute(wanted.where(c.feedseq.is_not(None)).order_by(c.seq)).all()

    def _standing(self, span: _Span, receipts: Mapping[str, int]) -> dict[str, Row[Any]]:
        if not receipts:
            return {}
        with self._tables.reading() as connection:
            wanted = as_parameter((span.station, number, span.region) for number in receipts)
            rows = connection.execute(_rows_of(connection.dialect.name), wanted)
            return {row.receipt: row for row in rows}


class _Span:
    """Which events a close is about: those of the epoch it was first told in."""

    def __init__(self, closed: EventRow, data: DayClosed) -> None:
        self.region, self.station = closed.region, closed.station
        self.epoch = closed.reissued.partition("-")[0] if closed.reissued else closed.epoch
        self.first, self.last = data.first_seq, data.last_seq
        self.events = max(0, data.last_seq - data.first_seq + 1)


class _Told:
    """Adds up the events of a day as the station does."""

    def __init__(self) -> None:
        self.receipts: dict[str, int] = {}
        """Confirmed, with the number of the event."""
        self.voided: set[str] = set()
        self._intakes: dict[str, IntakeConfirmed] = {}
        self._counts: Counter[str] = Counter()
        self.began_elsewhere = False
        """An epoch begins within the day, and it is not the station's first."""

    def add(self, row: Row[Any]) -> None:
        self._counts[row.type] += 1
        if row.type == IntakeConfirmed.TYPE:
            intake = msgspec.json.decode(row.body, type=_ConfirmedEvent).data
            self._intakes[intake.receipt] = intake
            self.receipts[intake.receipt] = row.seq
        elif row.type == IntakeVoided.TYPE:
            self.voided.add(msgspec.json.decode(row.body, type=_VoidedEvent).data.receipt)
        elif row.type == EpochStarted.TYPE:
            self.began_elsewhere = msgspec.json.decode(row.body, type=_StartedEvent).data.why != _FIRST_EPOCH

    def totals(self) -> Totals:
        counts = self._counts
        kept = [intake for number, intake in self._intakes.items() if number not in self.voided]
        fen = {mode: sum(one.amount_fen for one in kept if one.mode == mode) for mode in Mode}
        return Totals(
            intakes=counts[IntakeConfirmed.TYPE],
            voids=counts[IntakeVoided.TYPE],
            abandoned=counts[IntakeAbandoned.TYPE],
            bags=sum(len(one.bags) for one in kept),
            net_g=sum(one.net_g for one in kept),
            purchase_fen=fen[Mode.PURCHASE],
            consignment_fen=fen[Mode.CONSIGNMENT],
            parcels_in=max(0, counts[ParcelArrived.TYPE] - counts[ParcelWithdrawn.TYPE]),
            parcels_out=counts[ParcelCollected.TYPE],
            parcels_returned=counts[ParcelReturned.TYPE],
            photos=counts[PhotoTaken.TYPE],
        )


class _ConfirmedEvent(msgspec.Struct):
    data: IntakeConfirmed


class _VoidedEvent(msgspec.Struct):
    data: IntakeVoided


class _StartedEvent(msgspec.Struct):
    data: EpochStarted


_AHEAD: Final = timedelta(milliseconds=AHEAD_MS)
_CLOSES_A_DAY: Final = 2
_SPARE_DAYS: Final = 15
"""So many of a station's newest closes are looked through for those of a day."""


@cache
def _newest_closes(dialect: str) -> Select[Any]:
    keys, c = Keys(dialect), told.c
    place = func.row_number().over(partition_by=(c.subject, c.region), order_by=c.feedseq.desc()).label("place")
    same = (c.subject == keys.text(0)) & (c.region == keys.text(1)) & (c.type == DayClosed.TYPE)
    each = select(told, place).select_from(keys.table).join(told, same).subquery()
    columns = [each.c[column.name] for column in told.columns]
    return select(*columns).where(each.c.place <= bindparam("most", type_=Integer))


@cache
def _arrived(dialect: str) -> Select[Any]:
    keys, c = Keys(dialect), event_table.c
    same = (c.station == keys.text(0)) & (c.epoch == keys.text(1)) & (c.region == keys.text(2))
    found = select(c.station, c.epoch, c.region, c.seq).select_from(keys.table)
    found = found.join(event_table, same & (c.seq == keys.number(3)))
    return found.where(c.received_at >= bindparam("since", type_=Instant))


_FIELDS: Final = tuple(field.name for field in fields(Totals))
_LOOKED_INTO: Final = (IntakeConfirmed.TYPE, IntakeVoided.TYPE, EpochStarted.TYPE)
_FIRST_EPOCH: Final = "new"


def _verdict(span: _Span, found: int, differences: Sequence[Difference], told: _Told) -> Compared:
    if span.events > MAX_EVENTS:
        return Compared.TOO_LONG
    if found < span.events:
        return Compared.MISSING
    if not differences:
        return Compared.SAME
    return Compared.OTHER_EPOCH if told.began_elsewhere else Compared.DIFFERENT


@cache
def _rows_of(dialect: str) -> Select[Any]:
    keys, c = Keys(dialect), receipt.c
    same = (c.station == keys.text(0)) & (c.receipt == keys.text(1)) & (c.region == keys.text(2))
    return select(c.receipt, c.epoch, c.seq, c.voided).select_from(keys.table).join(receipt, same)
