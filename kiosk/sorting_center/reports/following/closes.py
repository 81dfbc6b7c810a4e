"""Closes of days as they are followed: what a station said its day was, and what the events of that day come to.

Every event of the day stands before its close in the feed, but for one that was set apart and is taken in again: then
the close is compared once more. Days of one epoch cannot overlap: each event is gone through once, whatever ranges a
station names.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, fields
from datetime import tzinfo
from enum import StrEnum
from functools import cache
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, LargeBinary, Row, Select, case, cast, null, select

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
    PhotoAccepted,
    PhotoTaken,
)
from kiosk.domain.trade import Mode
from kiosk.sorting_center.ledger import schema as ledger
from kiosk.sorting_center.ledger.database.keys import Keys, as_parameter
from kiosk.sorting_center.reports.following.page import LedgerReader, Page, ToldEvent
from kiosk.sorting_center.reports.tables.schema import closing
from kiosk.sorting_center.reports.times import place

MAX_EVENTS: Final = 20_000
"""Of one closed day: a busy station tells some hundred."""
MAX_NOT_COUNTED: Final = 100
"""Receipts that are named; more are a clone or a restored backup, which have alarms of their own."""
_FIRST_EPOCH: Final = "new"


class Verdict(StrEnum):
    """What came of comparing a close with the ledger."""

    SAME = "same"
    DIFFERENT = "different"
    MISSING = "missing"
    """Events of the day are not in the feed: set apart, or in an archive. Nothing more can be said."""
    OTHER_EPOCH = "other_epoch"
    """They differ, and the day began in an earlier epoch: what was told there is not in the range that was named."""
    OVERLAPS = "overlaps"
    """The day begins before an earlier one of the same epoch ends: nothing was compared."""
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


FIELDS: Final = tuple(field.name for field in fields(Totals))

CloseKey = tuple[str, str, str, int]
"""Station, region, and epoch and number of the event that told it first."""


class _Span:
    """A close, and the events it is about: those of the epoch it was first told in."""

    def __init__(self, told: ToldEvent, data: DayClosed) -> None:
        epoch, _, seq = (told.reissued or f"{told.epoch}-{told.seq}").partition("-")
        self.key: CloseKey = (told.station, told.region, epoch, int(seq))
        self.told = told
        self.data = data
        self.events = max(0, data.last_seq - data.first_seq + 1)
        self.begins_after = 0
        """Where the day before it ended."""
        self.wanted = (told.station, epoch, told.region, data.first_seq, min(data.last_seq, int(seq)), told.feedseq)

    @property
    def end(self) -> int:
        """Where the next day may begin: no close can speak of what comes after it, whatever it says."""
        return max(self.begins_after, min(self.data.last_seq, self.key[3]))

    @property
    def is_compared(self) -> bool:
        return self.data.first_seq > self.begins_after and self.events <= MAX_EVENTS


class Closes:
    """Reads both databases, each with a connection that sees one picture."""

    def __init__(self, ledger_connection: Connection, connection: Connection, zone: tzinfo) -> None:
        self._ledger = ledger_connection
        self._connection = connection
        self._dialect = connection.dialect.name
        self._zone = zone

    def rows(self, page: Page) -> list[tuple[Any, ...]]:
        """Of the closes in this page those that are new, as rows of ``closing``."""
        spans: dict[CloseKey, _Span] = {}
        for told in page.events:
            if told.close is not None:
                span = _Span(told, told.close)
                spans.setdefault(span.key, span)
        if not spans:
            return []
        keys = as_parameter(spans)
        known = {tuple(row) for row in self._connection.execute(_known(self._dialect), keys)}
        ends = {tuple(row)[:3]: row.end_seq or 0 for row in self._connection.execute(_ends(self._dialect), keys)}
        new = []
        for key, span in spans.items():
            if key not in known:
                span.begins_after = ends[key[:3]]
                ends[key[:3]] = span.end
                new.append(span)
        found = self._found([span for span in new if span.is_compared])
        standing = self._standing(found)
        return [self._row(span, found.get(span.key, _Found()), standing) for span in new]

    def late_rows(self, page: Page) -> list[tuple[Any, ...]]:
        """Of closes that lacked an event which is in this page, behind them: they are compared again. An event that a
        close names and that was written after it is none of its day, and waits for nothing.
        """
        told: dict[tuple[str, str, str], list[ToldEvent]] = {}
        for event in page.events:
            told.setdefault((event.station, event.region, event.epoch), []).append(event)
        if not told:
            return []
        numbers = {stream: [event.seq for event in events] for stream, events in told.items()}
        between = as_parameter((*stream, min(seqs), max(seqs)) for stream, seqs in numbers.items())
        spans = []
        for row in self._connection.execute(_lacking(self._dialect), between).all():
            events, last_seq = told[row.station, row.region, row.epoch], min(row.last_seq, row.seq)
            if any(row.first_seq <= one.seq <= last_seq and one.feedseq > row.feedseq for one in events):
                spans += self._spans_again(row.feedseq, page.upto)
        found = self._found(spans)
        standing = self._standing(found)
        return [self._row(span, found[span.key], standing) for span in spans]

    def _spans_again(self, feedseq: int, upto: int) -> list[_Span]:
        """The close at this place, with everything of its day up to ``upto``; none when its event is in an archive."""
        read = LedgerReader(self._ledger).page(feedseq - 1, 1)
        spans = []
        for told in read.events if read is not None else ():
            if told.feedseq == feedseq and told.close is not None:
                span = _Span(told, told.close)
                span.begins_after = span.data.first_seq - 1
                span.wanted = (*span.wanted[:-1], upto + 1)
                spans.append(span)
        return spans

    def _found(self, spans: Sequence[_Span]) -> dict[CloseKey, _Found]:
        found = {span.key: _Found() for span in spans}
        if spans:
            wanted = as_parameter((place, *span.wanted) for place, span in enumerate(spans))
            for row in self._ledger.execute(_events(self._dialect), wanted):
                found[spans[int(row.place)].key].add(row)
        return found

    def _standing(self, found: Mapping[CloseKey, _Found]) -> set[tuple[str, str, str, int]]:
        """Region, receipt, epoch and number of the events that stand for their receipts."""
        wanted = {(key[0], receipt, key[1]): None for key, one in found.items() for receipt in one.receipts}
        if not wanted:
            return set()
        rows = self._ledger.execute(_standing(self._dialect), as_parameter(wanted))
        return {tuple(row) for row in rows}

    def _row(self, span: _Span, found: _Found, standing: Set[tuple[str, str, str, int]]) -> tuple[Any, ...]:
        """In the order of the table's columns."""
        station, region, epoch, seq = span.key
        not_counted = [
            receipt
            for receipt, number in sorted(found.receipts.items())
            if (region, receipt, epoch, number) not in standing
        ]
        told = span.told
        where = place(told.written_ms if told.is_synced else None, told.received_ms, self._zone)
        said = [getattr(span.data, name) for name in FIELDS]
        compared = [getattr(found.totals(), name) for name in FIELDS]
        return (
            *(station, region, epoch, seq, told.feedseq, told.epoch, told.seq, where.day),
            *(span.data.first_seq, span.data.last_seq, span.end),
            *(_verdict(span, found, said == compared).value, span.events - found.events),
            *(json.dumps(said), json.dumps(compared), json.dumps(not_counted[:MAX_NOT_COUNTED])),
            span.data.prints_unknown,
        )


class _Intake(msgspec.Struct):
    receipt: str
    mode: str
    net_g: int
    amount_fen: int
    bags: list[msgspec.Raw]


class _ConfirmedEvent(msgspec.Struct):
    data: _Intake


class _Receipt(msgspec.Struct):
    receipt: str


class _VoidedEvent(msgspec.Struct):
    data: _Receipt


class _Why(msgspec.Struct):
    why: str


class _StartedEvent(msgspec.Struct):
    data: _Why


_confirmed: Final = msgspec.json.Decoder(_ConfirmedEvent)
_voided: Final = msgspec.json.Decoder(_VoidedEvent)
_started: Final = msgspec.json.Decoder(_StartedEvent)
_LOOKED_INTO: Final = (IntakeConfirmed.TYPE, IntakeVoided.TYPE, EpochStarted.TYPE)


class _Found:
    """Adds up the events of a day as the station does."""

    def __init__(self) -> None:
        self.events = 0
        self.receipts: dict[str, int] = {}
        """Confirmed, with the number of the event."""
        self.began_elsewhere = False
        """An epoch begins within the day, and it is not the station's first."""
        self._voided: set[str] = set()
        self._intakes: dict[str, _Intake] = {}
        self._counts: Counter[str] = Counter()

    def add(self, row: Row[Any]) -> None:
        self.events += 1
        self._counts[row.type] += 1
        if row.type == IntakeConfirmed.TYPE:
            intake = _confirmed.decode(row.body).data
            self._intakes[intake.receipt] = intake
            self.receipts[intake.receipt] = row.seq
        elif row.type == IntakeVoided.TYPE:
            self._voided.add(_voided.decode(row.body).data.receipt)
        elif row.type == EpochStarted.TYPE:
            self.began_elsewhere = _started.decode(row.body).data.why != _FIRST_EPOCH

    def totals(self) -> Totals:
        counts = self._counts
        kept = [intake for number, intake in self._intakes.items() if number not in self._voided]
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
            photos=counts[PhotoTaken.TYPE] + counts[PhotoAccepted.TYPE],
        )


def _verdict(span: _Span, found: _Found, is_same: bool) -> Verdict:
    if span.events > MAX_EVENTS:
        return Verdict.TOO_LONG
    if not span.is_compared:
        return Verdict.OVERLAPS
    if found.events < span.events:
        return Verdict.MISSING
    if is_same:
        return Verdict.SAME
    return Verdict.OTHER_EPOCH if found.began_elsewhere else Verdict.DIFFERENT


@cache
def _known(dialect: str) -> Select[Any]:
    keys, c = Keys(dialect), closing.c
    same = (c.station == keys.text(0)) & (c.region == keys.text(1)) & (c.epoch == keys.text(2))
    columns: Sequence[ColumnElement[Any]] = (c.station, c.region, c.epoch, c.seq)
    return select(*columns).select_from(keys.table).join(closing, same & (c.seq == keys.number(3)))


@cache
def _lacking(dialect: str) -> Select[Any]:
    """Of these epochs the closes behind events between two numbers that lack any: of a feed in order there is hardly
    one.
    """
    keys, c = Keys(dialect), closing.c
    same = (c.station == keys.text(0)) & (c.region == keys.text(1)) & (c.epoch == keys.text(2))
    later = same & (c.seq > keys.number(3)) & (c.verdict == Verdict.MISSING.value)
    of_day = (c.last_seq >= keys.number(3)) & (c.first_seq <= keys.number(4))
    columns = (c.station, c.region, c.epoch, c.seq, c.feedseq, c.first_seq, c.last_seq)
    return select(*columns).select_from(keys.table).join(closing, later & of_day)


@cache
def _ends(dialect: str) -> Select[Any]:
    """Where the days of these epochs end so far: the newest close of each knows."""
    keys, c = Keys(dialect), closing.c
    key = (keys.text(0), keys.text(1), keys.text(2))
    of_epoch = (c.station == key[0]) & (c.region == key[1]) & (c.epoch == key[2])
    end = select(c.end_seq).where(of_epoch).order_by(c.seq.desc()).limit(1).scalar_subquery()
    columns: Sequence[ColumnElement[Any]] = (*key, end.label("end_seq"))
    return select(*columns).select_from(keys.table)


@cache
def _events(dialect: str) -> Select[Any]:
    keys, c = Keys(dialect), ledger.event.c
    of_stream = (c.station == keys.text(1)) & (c.epoch == keys.text(2)) & (c.region == keys.text(3))
    in_range = of_stream & (c.seq >= keys.number(4)) & (c.seq <= keys.number(5))
    body = case((c.type.in_(_LOOKED_INTO), c.body), else_=cast(null(), LargeBinary)).label("body")
    columns: Sequence[ColumnElement[Any]] = (keys.number(0).label("place"), c.seq, c.type, body)
    before = c.feedseq < keys.number(6)
    return select(*columns).select_from(keys.table).join(ledger.event, in_range).where(before)


@cache
def _standing(dialect: str) -> Select[Any]:
    keys, c = Keys(dialect), ledger.intake.c
    same = (c.station == keys.text(0)) & (c.receipt == keys.text(1)) & (c.region == keys.text(2))
    columns: Sequence[ColumnElement[Any]] = (c.region, c.receipt, c.epoch, c.seq)
    return select(*columns).select_from(keys.table).join(ledger.intake, same)
