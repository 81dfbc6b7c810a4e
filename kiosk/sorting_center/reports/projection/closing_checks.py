"""Closes of days, checked in feed order: the totals that a station reported, and those of the day's events.

Every event of the day comes before its close in the feed, except one that was set apart and accepted later: then the
close is compared once more. Days of one epoch cannot overlap: each event is read once, whatever ranges a station names.
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
from kiosk.sorting_center.ledger.database import schema as ledger
from kiosk.sorting_center.ledger.database.rows import Keys, as_parameter
from kiosk.sorting_center.reports.projection.feed_batch import FeedBatch, FeedEvent, LedgerReader
from kiosk.sorting_center.reports.shared.times import receipt_timing
from kiosk.sorting_center.reports.tables.schema import closing
from kiosk.sorting_center.shared.stored_events import decode_event

MAX_EVENTS: Final = 20_000  # Of one closed day: a busy station sends some hundred
# Receipts that are named; more are a clone or a restored backup, which have alarms of their own.
MAX_NOT_COUNTED: Final = 100
_NEW_DATABASE: Final = "new"


class ClosingVerdict(StrEnum):
    SAME = "same"
    DIFFERENT = "different"
    MISSING = "missing"  # Events of the day are not in the feed: set apart, or in an archive. No comparison.
    # They differ, and the day began in an earlier epoch: its events there are not in the range that was named.
    OTHER_EPOCH = "other_epoch"
    OVERLAPS = "overlaps"  # The day begins before an earlier one of the same epoch ends: nothing was compared
    TOO_LONG = "too_long"  # The reported range has more events than are read


@dataclass(frozen=True, slots=True)
class ClosingTotals:
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


TOTAL_FIELDS: Final = tuple(field.name for field in fields(ClosingTotals))

CloseKey = tuple[str, str, str, int]  # Station, region, epoch and number of the first event that reported it


class _ClosingSpan:
    """A close, and its events: those of the epoch in which it was first reported."""

    def __init__(self, event: FeedEvent, data: DayClosed) -> None:
        epoch, _, seq = (event.reissued or f"{event.epoch}-{event.seq}").partition("-")
        self.key: CloseKey = (event.station, event.region, epoch, int(seq))
        self.event, self.data = event, data
        self.events = max(0, data.last_seq - data.first_seq + 1)
        self.begins_after = 0  # Where the day before it ended
        self.event_range = (
            event.station,
            epoch,
            event.region,
            data.first_seq,
            min(data.last_seq, int(seq)),
            event.feedseq,
        )

    @property
    def end(self) -> int:
        """Where the next day may begin: no close can speak of what comes after it, whatever it says."""
        return max(self.begins_after, min(self.data.last_seq, self.key[3]))

    @property
    def is_compared(self) -> bool:
        return self.data.first_seq > self.begins_after and self.events <= MAX_EVENTS


class ClosingChecks:
    def __init__(self, ledger_connection: Connection, connection: Connection, zone: tzinfo) -> None:
        self._ledger = ledger_connection
        self._connection = connection
        self._dialect = connection.dialect.name
        self._zone = zone

    def rows(self, page: FeedBatch) -> list[tuple[Any, ...]]:
        """Return the new closes in this page as rows of ``closing``."""
        spans: dict[CloseKey, _ClosingSpan] = {}
        for event in page.events:
            if isinstance(event.data, DayClosed):
                span = _ClosingSpan(event, event.data)
                spans.setdefault(span.key, span)
        if not spans:
            return []
        keys = as_parameter(spans)
        known = {tuple(row) for row in self._connection.execute(_known_closings_query(self._dialect), keys)}
        ends = {tuple(row)[:3]: row.end_seq or 0 for row in self._connection.execute(_ends_query(self._dialect), keys)}
        new = []
        for key, span in spans.items():
            if key not in known:
                span.begins_after = ends[key[:3]]
                ends[key[:3]] = span.end
                new.append(span)
        found = self._accumulate([span for span in new if span.is_compared])
        standing = self._counted_events(found)
        return [self._row(span, found.get(span.key, _DayAccumulator()), standing) for span in new]

    def recheck_rows(self, page: FeedBatch) -> list[tuple[Any, ...]]:
        """Compare again closes that lacked an event of this page, which follows them in the feed. An event that a close
        names and that was written after it is not of its day, and is not awaited.
        """
        by_stream: dict[tuple[str, str, str], list[FeedEvent]] = {}
        for event in page.events:
            by_stream.setdefault((event.station, event.region, event.epoch), []).append(event)
        if not by_stream:
            return []
        numbers = {stream: [event.seq for event in events] for stream, events in by_stream.items()}
        seq_ranges = as_parameter((*stream, min(seqs), max(seqs)) for stream, seqs in numbers.items())
        spans = []
        for row in self._connection.execute(_incomplete_closings_query(self._dialect), seq_ranges).all():
            events, last_seq = by_stream[row.station, row.region, row.epoch], min(row.last_seq, row.seq)
            if any(row.first_seq <= one.seq <= last_seq and one.feedseq > row.feedseq for one in events):
                spans += self._recheck_spans(row.feedseq, page.upto)
        found = self._accumulate(spans)
        standing = self._counted_events(found)
        return [self._row(span, found[span.key], standing) for span in spans]

    def _recheck_spans(self, feedseq: int, upto: int) -> list[_ClosingSpan]:
        """Return the close at this place, with all its day up to ``upto``; none when its event is in an archive."""
        batch = LedgerReader(self._ledger).batch(feedseq - 1, 1)
        spans = []
        for event in batch.events if batch is not None else ():
            if event.feedseq == feedseq and isinstance(event.data, DayClosed):
                span = _ClosingSpan(event, event.data)
                span.begins_after = span.data.first_seq - 1
                span.event_range = (*span.event_range[:-1], upto + 1)
                spans.append(span)
        return spans

    def _accumulate(self, spans: Sequence[_ClosingSpan]) -> dict[CloseKey, _DayAccumulator]:
        found = {span.key: _DayAccumulator() for span in spans}
        if spans:
            parameters = as_parameter((place, *span.event_range) for place, span in enumerate(spans))
            for row in self._ledger.execute(_events_query(self._dialect), parameters):
                found[spans[int(row.place)].key].add(row)
        return found

    def _counted_events(self, found: Mapping[CloseKey, _DayAccumulator]) -> set[tuple[str, str, str, int]]:
        """Return region, receipt, epoch and number of the events that count for their receipts."""
        receipts = {(key[0], receipt, key[1]): None for key, one in found.items() for receipt in one.receipts}
        if not receipts:
            return set()
        rows = self._ledger.execute(_counted_events_query(self._dialect), as_parameter(receipts))
        return {tuple(row) for row in rows}

    def _row(
        self, span: _ClosingSpan, found: _DayAccumulator, standing: Set[tuple[str, str, str, int]]
    ) -> tuple[Any, ...]:
        station, region, epoch, seq = span.key
        not_counted = [
            receipt
            for receipt, number in sorted(found.receipts.items())
            if (region, receipt, epoch, number) not in standing
        ]
        event = span.event
        timing = receipt_timing(event.written_ms if event.is_synced else None, event.received_ms, self._zone)
        reported = [getattr(span.data, name) for name in TOTAL_FIELDS]
        compared = [getattr(found.totals(), name) for name in TOTAL_FIELDS]
        return (
            *(station, region, epoch, seq, event.feedseq, event.epoch, event.seq, timing.day),
            *(span.data.first_seq, span.data.last_seq, span.end),
            *(_verdict(span, found, reported == compared).value, span.events - found.events),
            *(json.dumps(reported), json.dumps(compared), json.dumps(not_counted[:MAX_NOT_COUNTED])),
            span.data.prints_unknown,
        )


_DECODED_TYPES: Final = (IntakeConfirmed.TYPE, IntakeVoided.TYPE, EpochStarted.TYPE)


class _DayAccumulator:
    def __init__(self) -> None:
        self.events = 0
        self.receipts: dict[str, int] = {}  # Confirmed, with the number of the event
        self.has_earlier_epoch = False  # An epoch begins within the day, and it is not the station's first
        self._voided: set[str] = set()
        self._intakes: dict[str, IntakeConfirmed] = {}
        self._counts: Counter[str] = Counter()

    def add(self, row: Row[Any]) -> None:
        self.events += 1
        self._counts[row.type] += 1
        if row.type == IntakeConfirmed.TYPE:
            intake = decode_event(IntakeConfirmed, row.body)
            self._intakes[intake.receipt] = intake
            self.receipts[intake.receipt] = row.seq
        elif row.type == IntakeVoided.TYPE:
            self._voided.add(decode_event(IntakeVoided, row.body).receipt)
        elif row.type == EpochStarted.TYPE:
            self.has_earlier_epoch = decode_event(EpochStarted, row.body).why != _NEW_DATABASE

    def totals(self) -> ClosingTotals:
        counts = self._counts
        valid = [intake for number, intake in self._intakes.items() if number not in self._voided]
        fen = {mode: sum(one.amount_fen for one in valid if one.mode == mode) for mode in Mode}
        return ClosingTotals(
            intakes=counts[IntakeConfirmed.TYPE],
            voids=counts[IntakeVoided.TYPE],
            abandoned=counts[IntakeAbandoned.TYPE],
            bags=sum(len(one.bags) for one in valid),
            net_g=sum(one.net_g for one in valid),
            purchase_fen=fen[Mode.PURCHASE],
            consignment_fen=fen[Mode.CONSIGNMENT],
            parcels_in=max(0, counts[ParcelArrived.TYPE] - counts[ParcelWithdrawn.TYPE]),
            parcels_out=counts[ParcelCollected.TYPE],
            parcels_returned=counts[ParcelReturned.TYPE],
            photos=counts[PhotoTaken.TYPE] + counts[PhotoAccepted.TYPE],
        )


def _verdict(span: _ClosingSpan, found: _DayAccumulator, is_same: bool) -> ClosingVerdict:
    if span.events > MAX_EVENTS:
        return ClosingVerdict.TOO_LONG
    if not span.is_compared:
        return ClosingVerdict.OVERLAPS
    if found.events < span.events:
        return ClosingVerdict.MISSING
    if is_same:
        return ClosingVerdict.SAME
    return ClosingVerdict.OTHER_EPOCH if found.has_earlier_epoch else ClosingVerdict.DIFFERENT


@cache
def _known_closings_query(dialect: str) -> Select[Any]:
    keys, c = Keys(dialect), closing.c
    same = (c.station == keys.text(0)) & (c.region == keys.text(1)) & (c.epoch == keys.text(2))
    columns: Sequence[ColumnElement[Any]] = (c.station, c.region, c.epoch, c.seq)
    return select(*columns).select_from(keys.table).join(closing, same & (c.seq == keys.number(3)))


@cache
def _incomplete_closings_query(dialect: str) -> Select[Any]:
    """Select closes of these epochs that lack events in a range of numbers: in an ordered feed there is hardly one."""
    keys, c = Keys(dialect), closing.c
    same = (c.station == keys.text(0)) & (c.region == keys.text(1)) & (c.epoch == keys.text(2))
    later = same & (c.seq > keys.number(3)) & (c.verdict == ClosingVerdict.MISSING.value)
    of_day = (c.last_seq >= keys.number(3)) & (c.first_seq <= keys.number(4))
    columns = (c.station, c.region, c.epoch, c.seq, c.feedseq, c.first_seq, c.last_seq)
    return select(*columns).select_from(keys.table).join(closing, later & of_day)


@cache
def _ends_query(dialect: str) -> Select[Any]:
    """Select where the days of these epochs end so far, from the newest close of each."""
    keys, c = Keys(dialect), closing.c
    key = (keys.text(0), keys.text(1), keys.text(2))
    of_epoch = (c.station == key[0]) & (c.region == key[1]) & (c.epoch == key[2])
    end = select(c.end_seq).where(of_epoch).order_by(c.seq.desc()).limit(1).scalar_subquery()
    columns: Sequence[ColumnElement[Any]] = (*key, end.label("end_seq"))
    return select(*columns).select_from(keys.table)


@cache
def _events_query(dialect: str) -> Select[Any]:
    keys, c = Keys(dialect), ledger.event.c
    of_stream = (c.station == keys.text(1)) & (c.epoch == keys.text(2)) & (c.region == keys.text(3))
    in_range = of_stream & (c.seq >= keys.number(4)) & (c.seq <= keys.number(5))
    body = case((c.type.in_(_DECODED_TYPES), c.body), else_=cast(null(), LargeBinary)).label("body")
    columns: Sequence[ColumnElement[Any]] = (keys.number(0).label("place"), c.seq, c.type, body)
    before = c.feedseq < keys.number(6)
    return select(*columns).select_from(keys.table).join(ledger.event, in_range).where(before)


@cache
def _counted_events_query(dialect: str) -> Select[Any]:
    keys, c = Keys(dialect), ledger.intake.c
    same = (c.station == keys.text(0)) & (c.receipt == keys.text(1)) & (c.region == keys.text(2))
    columns: Sequence[ColumnElement[Any]] = (c.region, c.receipt, c.epoch, c.seq)
    return select(*columns).select_from(keys.table).join(ledger.intake, same)
