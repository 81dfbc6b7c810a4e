"""Day closings beside the ledger: what a station said its day was, and what of it is here and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, LargeBinary, Row, Select, case, cast, null, select

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
from kiosk.sorting_center.ledger.schema import event as event_table
from kiosk.sorting_center.reports.journal import EventRow, Journal, converted
from kiosk.sorting_center.reports.tables.opening import Tables
from kiosk.sorting_center.reports.tables.schema import receipt

MAX_EVENTS: Final = 20_000
"""Of one closed day: a busy station tells some hundred."""


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
        told = self._journal.about(station, region, [DayClosed.TYPE], limit)
        once = {event.reissued or f"{event.epoch}-{event.seq}": event for event in reversed(told)}
        return tuple(
            self._closing(event, data)
            for event in once.values()
            if event.recomputed is not None and (data := converted(event, DayClosed)) is not None
        )

    def _closing(self, closed: EventRow, data: DayClosed) -> Closing:
        span = _Span(closed, data)
        rows = self._in_feed(span) if span.events <= MAX_EVENTS else []
        told = _Told()
        for row in rows:
            told.add(row)
        said = Totals(**{name: getattr(data, name) for name in _FIELDS})
        found = told.totals()
        differences = tuple(
            Difference(name, mine, theirs)
            for name in _FIELDS
            if (mine := getattr(said, name)) != (theirs := getattr(found, name))
        )
        standing = self._standing(span, told.receipts)
        return Closing(
            closed,
            said,
            found,
            _verdict(span, len(rows), differences, told),
            differences,
            span.events - len(rows),
            tuple(
                number
                for number, row in sorted(standing.items())
                if row.voided
                and number not in told.voided
                and (row.epoch, row.seq) == (span.epoch, told.receipts[number])
            ),
            tuple(
                number
                for number, seq in sorted(told.receipts.items())
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
