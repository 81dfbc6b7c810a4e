"""The next events of the feed, read from the ledger and taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, select

from kiosk.domain.events import DayClosed, ListingSubmitted
from kiosk.domain.moment import ClockQuality
from kiosk.domain.trade import NON_MEMBER
from kiosk.sorting_center.ledger.database import schema as ledger
from kiosk.sorting_center.ledger.database.places import feed_page, placed_events
from kiosk.sorting_center.reports.projection.subjects import receipt_of_lot
from kiosk.sorting_center.reports.shared.times import to_milliseconds
from kiosk.sorting_center.reports.tables.clocks import MAX_MS, boot_number


class _FeedEventData(msgspec.Struct):
    """What is looked for in the data of any type."""

    receipt: str | None = None
    lot: str | None = None
    about: str | None = None
    parcel: str | None = None
    replacement: str | None = None
    reason: str | None = None
    carrier: str | None = None
    waybill_sha256_8: str | None = None
    shelf: str | None = None
    product: str = ""
    mode: str = ""
    party: str = ""
    net_g: int = 0
    amount_fen: int = 0
    price_fen_per_kg: int = 0
    e_g: int = 0
    max_g: int = 0
    bags: msgspec.Raw = msgspec.Raw(b"[]")


class _WeighedBag(msgspec.Struct):
    gross_g: int


class _EnvelopeWithData(msgspec.Struct):
    data: _FeedEventData
    time: str
    clock: str
    bootid: str
    monotonicms: str
    software: str
    reissued: str | None = None


class _DayClosedEvent(msgspec.Struct):
    data: DayClosed


class _OfferEvent(msgspec.Struct):
    data: ListingSubmitted


_event_decoder: Final = msgspec.json.Decoder(_EnvelopeWithData)
_closed_decoder: Final = msgspec.json.Decoder(_DayClosedEvent)
_offer_decoder: Final = msgspec.json.Decoder(_OfferEvent)
_raw_list_decoder: Final = msgspec.json.Decoder(list[msgspec.Raw])
_bags_decoder: Final = msgspec.json.Decoder(list[_WeighedBag])


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event of the feed. ``boot`` stands for the boot id; ``monotonic_ms`` is None where it cannot be used."""

    feedseq: int
    region: str
    station: str
    epoch: str
    seq: int
    type: str
    received_ms: int
    written_ms: int
    clock: str
    boot: int
    monotonic_ms: int | None
    software: str
    reissued: str | None
    data: _FeedEventData = field(repr=False)
    close: DayClosed | None = field(default=None, repr=False)  # Of the close of a day
    offer: ListingSubmitted | None = field(default=None, repr=False)  # Of an offer

    @property
    def subjects(self) -> Sequence[str]:
        """What it is about: receipts, a parcel, or the station."""
        data = self.data
        found: tuple[str, ...]
        if data.parcel:
            found = (data.parcel,)
        elif data.receipt:
            found = (data.receipt, *([data.replacement] if data.replacement else []))
        else:
            found = (_parse_subject(data.about) or _receipt_of_lot(data.lot) or self.station,)
        return tuple(dict.fromkeys(found))

    @property
    def is_synced(self) -> bool:
        return self.clock == ClockQuality.SYNCED

    @property
    def bags(self) -> int:
        return len(_raw_list_decoder.decode(self.data.bags))

    @property
    def heaviest_g(self) -> int:
        """Of the bags of an intake, with its container."""
        return max((bag.gross_g for bag in _bags_decoder.decode(self.data.bags)), default=0)

    @property
    def price_fen(self) -> int:
        """Of a kilogram."""
        return self.data.price_fen_per_kg

    @property
    def member(self) -> str | None:
        """Of an intake; None for a non-member."""
        return None if self.data.party in ("", NON_MEMBER) else self.data.party


@dataclass(frozen=True, slots=True)
class ArchivedIntake:
    """An intake whose event is in an archive: what the ledger itself keeps of it."""

    feedseq: int
    region: str
    station: str
    epoch: str
    seq: int
    receipt: str
    lot: str
    product: str
    mode: str
    net_g: int
    amount_fen: int
    received_ms: int


@dataclass(frozen=True, slots=True)
class ArchivedVoid:
    """A void whose event is in an archive."""

    region: str
    station: str
    epoch: str
    seq: int
    receipt: str
    reason: str
    replacement: str | None


@dataclass(frozen=True, slots=True)
class FeedBatch:
    """``upto`` is the place of the feed up to which all is in it, ``sha256`` the hash of the event there."""

    upto: int
    sha256: str
    events: Sequence[FeedEvent] = ()
    counted: frozenset[int] = frozenset()  # The places of the events that stand for their receipts
    bare_intakes: Sequence[ArchivedIntake] = ()
    bare_voids: Sequence[ArchivedVoid] = ()


class LedgerReader:
    """Reads with a connection that sees one picture of the ledger."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def identity(self) -> tuple[str, str]:
        """``ledger_id`` and ``generation``."""
        rows = self._connection.execute(select(ledger.meta.c.name, ledger.meta.c.value).where(_IS_IDENTITY))
        found = {row.name: row.value for row in rows}
        return found.get("ledger_id", ""), found.get("generation", "")

    def hash_at(self, feedseq: int) -> str:
        """Of the event at this place; "" when none is there."""
        found = placed_events(self._connection, feedseq - 1, feedseq, ("sha256",))
        return found[0].sha256 if found else ""

    def archived_upto(self) -> int:
        """Up to here some events are in an archive; 0 when none is."""
        query = select(ledger.feed_position.c.feedseq).where(ledger.feed_position.c.name == ledger.ARCHIVED)
        return self._connection.execute(query).scalar() or 0

    def batch(self, after: int, limit: int, *, with_voids: bool = False) -> FeedBatch | None:
        """The next events above ``after``, at most ``limit``; None when there are none.

        ``with_voids``: and every void in an archive. Of those nothing tells where in the feed they were, so whoever
        goes on takes all of them whenever events have left for one: some may have left before he came to them.
        """
        batch = self._batch(after, limit)
        return replace(batch, bare_voids=self._archived_voids()) if batch is not None and with_voids else batch

    def _batch(self, after: int, limit: int) -> FeedBatch | None:
        rows = feed_page(self._connection, after, limit, _COLUMNS)
        is_whole = bool(rows) and rows[-1].feedseq - after == len(rows)
        archived = 0 if is_whole else self.archived_upto()
        if after < archived:
            return self._batch_with_archived(after, limit, rows, archived)
        if not rows:
            return None
        counted = self._connection.execute(
            select(ledger.intake.c.feedseq).where(
                ledger.intake.c.feedseq > after, ledger.intake.c.feedseq <= rows[-1].feedseq
            )
        ).scalars()
        return FeedBatch(rows[-1].feedseq, rows[-1].sha256, [_decode_event(row) for row in rows], frozenset(counted))

    def _batch_with_archived(self, after: int, limit: int, rows: Sequence[Row[Any]], archived: int) -> FeedBatch:
        intake = ledger.intake.c
        intakes = self._connection.execute(
            select(ledger.intake).where(intake.feedseq > after).order_by(intake.feedseq).limit(limit)
        ).all()
        full = [intakes[-1].feedseq] if len(intakes) == limit else []
        if rows and feed_page(self._connection, rows[-1].feedseq, 1, _COLUMNS):  # a page is bounded by bytes as well
            full.append(rows[-1].feedseq)
        upto = min(full) if full else max([archived, *(found[-1].feedseq for found in (rows, intakes) if found)])
        events = [_decode_event(row) for row in rows if row.feedseq <= upto]
        stored = {item.feedseq for item in events}
        counted = frozenset(row.feedseq for row in intakes if row.feedseq <= upto)
        bare = [_archived_intake(row) for row in intakes if row.feedseq <= upto and row.feedseq not in stored]
        sha256 = next((row.sha256 for row in rows if row.feedseq == upto), "")
        return FeedBatch(upto, sha256, events, counted & stored, bare)

    def _archived_voids(self) -> list[ArchivedVoid]:
        event, void = ledger.event.c, ledger.intake_void.c
        key = (event.station == void.station) & (event.epoch == void.epoch) & (event.seq == void.seq)
        is_here = select(event.seq).where(key, event.region == void.region).exists()
        rows = self._connection.execute(select(ledger.intake_void).where(~is_here))
        return [
            ArchivedVoid(row.region, row.station, row.epoch, row.seq, row.receipt, row.reason, row.replacement)
            for row in rows
        ]


_COLUMNS: Final = ("region", "station", "epoch", "seq", "type", "sha256", "received_at", "body")
_IS_IDENTITY: Final = ledger.meta.c.name.in_(("ledger_id", "generation"))


def _decode_event(row: Row[Any]) -> FeedEvent:
    event = _event_decoder.decode(row.body)
    received_ms = to_milliseconds(datetime.fromisoformat(row.received_at))
    return FeedEvent(
        row.feedseq,
        row.region,
        row.station,
        row.epoch,
        row.seq,
        row.type,
        received_ms,
        to_milliseconds(datetime.fromisoformat(event.time)),
        event.clock,
        boot_number(event.bootid),
        ms if (ms := int(event.monotonicms)) <= MAX_MS else None,
        event.software,
        event.reissued,
        event.data,
        _closed_decoder.decode(row.body).data if row.type == DayClosed.TYPE else None,
        _offer_decoder.decode(row.body).data if row.type == ListingSubmitted.TYPE else None,
    )


def _archived_intake(row: Row[Any]) -> ArchivedIntake:
    return ArchivedIntake(
        row.feedseq,
        row.region,
        row.station,
        row.epoch,
        row.seq,
        row.receipt,
        row.lot,
        row.product,
        row.mode,
        row.net_g,
        row.amount_fen,
        to_milliseconds(datetime.fromisoformat(row.received_at)),
    )


def _parse_subject(text: str | None) -> str | None:
    """A paper's number, where the paper is a receipt's or a parcel's."""
    return text if text is not None and (text[:1].isdecimal() or text.startswith("P-")) else None


def _receipt_of_lot(lot: str | None) -> str | None:
    number = receipt_of_lot(lot) if lot else None
    return str(number) if number is not None else None
