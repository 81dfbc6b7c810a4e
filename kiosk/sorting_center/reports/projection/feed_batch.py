"""The next events of the feed, read from the ledger and taken apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from kiosk.domain.events import EventData
from kiosk.domain.identifiers import BadIdentifier, ReceiptNumber, parse_internal_code
from kiosk.domain.moment import ClockQuality
from kiosk.sorting_center.ledger.database import schema as ledger
from kiosk.sorting_center.ledger.database.places import feed_page, placed_events
from kiosk.sorting_center.reports.shared.times import MAX_MS, boot_number, to_milliseconds
from kiosk.sorting_center.shared.stored_events import decode_envelope, decode_known

_SERIAL: Final = re.compile(r"[TZM]-[0-9]{4}-[A-Z]-[0-9]{6}")


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event of the feed. ``boot`` replaces the boot id; ``monotonic_ms`` is None where it cannot be used.

    ``data`` is None for a type that this software does not know.
    """

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
    reissued: str | None
    data: EventData | None = field(repr=False)

    @property
    def subjects(self) -> Sequence[str]:
        """What it is about: receipts, a parcel, or the station, with the tote, seal or manifest whose paper it was."""
        data = self.data
        if parcel := getattr(data, "parcel", None):
            return (parcel,)
        if receipt := getattr(data, "receipt", None):
            found = (receipt, getattr(data, "replacement", None))
            return tuple(dict.fromkeys(number for number in found if number))
        paper = getattr(data, "about", None) or ""
        if paper[:1].isdecimal() or paper.startswith("P-"):  # the paper of a receipt or a parcel
            return (paper,)
        if _SERIAL.fullmatch(paper):
            return (paper, self.station)
        number = receipt_of_lot(getattr(data, "lot", None) or "")
        return (str(number) if number is not None else self.station,)

    @property
    def is_synced(self) -> bool:
        return self.clock == ClockQuality.SYNCED


def receipt_of_lot(lot: str) -> ReceiptNumber | None:
    """Return the receipt in the code of a lot, as each lot has one receipt; None when it is no lot's code."""
    try:
        number = ReceiptNumber.of_body(parse_internal_code(lot).body)
    except BadIdentifier:
        return None
    return number if number.lot == lot else None


@dataclass(frozen=True, slots=True)
class FeedBatch:
    """``upto`` is the place of the feed up to which all is in it, ``sha256`` the hash of the event there."""

    upto: int
    sha256: str
    events: Sequence[FeedEvent] = ()
    counted: frozenset[int] = frozenset()  # The places of the events that count for their receipts
    # Those whose events are in an archive: what the ledger itself keeps of them, rows of `intake` and `intake_void`.
    bare_intakes: Sequence[Row[Any]] = ()
    bare_voids: Sequence[Row[Any]] = ()


class LedgerReader:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def identity(self) -> tuple[str, str]:
        rows = self._connection.execute(select(ledger.meta.c.name, ledger.meta.c.value).where(_IS_IDENTITY))
        found = {row.name: row.value for row in rows}
        return found.get("ledger_id", ""), found.get("generation", "")

    def hash_at(self, feedseq: int) -> str:
        """Return the hash of the event at this place; "" when there is none."""
        found = placed_events(self._connection, feedseq - 1, feedseq, ("sha256",))
        return found[0].sha256 if found else ""

    def archived_upto(self) -> int:
        """Return the place up to which some events are in an archive; 0 when none is."""
        query = select(ledger.feed_position.c.feedseq).where(ledger.feed_position.c.name == ledger.ARCHIVED)
        return self._connection.execute(query).scalar() or 0

    def batch(self, after: int, limit: int, *, with_voids: bool = False) -> FeedBatch | None:
        """Return the next events above ``after``, at most ``limit``; None when there are none.

        ``with_voids``: and every void in an archive. Their places in the feed are unknown, so take all of them whenever
        events have been archived: some may have been before the reader came to them.
        """
        batch = self._batch(after, limit)
        if batch is None or not with_voids:
            return batch
        event, void = ledger.event.c, ledger.intake_void.c
        key = (event.station == void.station) & (event.epoch == void.epoch) & (event.seq == void.seq)
        is_here = select(event.seq).where(key, event.region == void.region).exists()
        voids = self._connection.execute(select(ledger.intake_void).where(~is_here)).all()
        return replace(batch, bare_voids=voids)

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
        bare = [row for row in intakes if row.feedseq <= upto and row.feedseq not in stored]
        sha256 = next((row.sha256 for row in rows if row.feedseq == upto), "")
        return FeedBatch(upto, sha256, events, counted & stored, bare)


_COLUMNS: Final = ("region", "station", "epoch", "seq", "type", "sha256", "received_at", "body")
_IS_IDENTITY: Final = ledger.meta.c.name.in_(("ledger_id", "generation"))


def _decode_event(row: Row[Any]) -> FeedEvent:
    event = decode_envelope(row.body)
    return FeedEvent(
        row.feedseq,
        row.region,
        row.station,
        row.epoch,
        row.seq,
        row.type,
        to_milliseconds(datetime.fromisoformat(row.received_at)),
        to_milliseconds(datetime.fromisoformat(event.time)),
        event.clock,
        boot_number(event.bootid),
        ms if (ms := int(event.monotonicms)) <= MAX_MS else None,
        event.reissued,
        decode_known(event),
    )
