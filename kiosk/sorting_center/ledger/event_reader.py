"""The events of a ledger one after the other, each with what the ledger counts of it; in memory is one page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, select

from kiosk.domain.events import IntakeVoided
from kiosk.sorting_center.ledger.acceptance import streams
from kiosk.sorting_center.ledger.database import projection
from kiosk.sorting_center.ledger.database.schema import event, stream
from kiosk.sorting_center.ledger.shared.records import StoredEvent

_PAGE_ROWS: Final = 500
_WITHOUT_PLACE: Final = [column for column in event.columns if column is not event.c.feedseq]


class _ReceiptReference(msgspec.Struct):
    receipt: str
    replacement: str | None = None


class _ReceiptEnvelope(msgspec.Struct):
    data: _ReceiptReference


def stored_events(connection: Connection, *, with_standing: bool) -> Iterator[StoredEvent]:
    waiting = _waiting_voids(connection) if with_standing else set()
    rows = connection.execution_options(yield_per=_PAGE_ROWS).execute(
        select(*_WITHOUT_PLACE).order_by(event.c.station, event.c.epoch, event.c.seq, event.c.region)
    )
    for page in rows.partitions():
        about = [_receipt_reference(row) if with_standing else None for row in page]
        standing = _ReceiptStandings(connection, page, about, waiting)
        for row, reference in zip(page, about, strict=True):
            yield standing.stored_event(row, reference)


def _waiting_voids(connection: Connection) -> set[tuple[str, str, str]]:
    """Station, receipt and region of voids above a gap: nothing is made of them yet."""
    of_stream = (
        (event.c.station == stream.c.station) & (event.c.epoch == stream.c.epoch) & (event.c.region == stream.c.region)
    )
    rows = connection.execute(
        select(event)
        .join_from(stream, event, of_stream & (event.c.seq > stream.c.upto))
        .where(stream.c.upto < stream.c.max_seen, event.c.type == IntakeVoided.TYPE)
    )
    references = ((row, _receipt_reference(row)) for row in rows)
    return {(row.station, about.receipt, row.region) for row, about in references if about is not None}


class _ReceiptStandings:
    """What stands for the receipts of one page."""

    def __init__(
        self,
        connection: Connection,
        page: Sequence[Row[Any]],
        about: Sequence[_ReceiptReference | None],
        waiting: Set[tuple[str, str, str]],
    ) -> None:
        receipts = {
            (row.station, receipt)
            for row, reference in zip(page, about, strict=True)
            if reference is not None
            for receipt in (reference.receipt, reference.replacement)
            if receipt is not None
        }
        self._found = streams.counted_events(connection, receipts) if receipts else {}
        self._waiting = waiting

    def stored_event(self, row: Row[Any], reference: _ReceiptReference | None) -> StoredEvent:
        key = (row.station, row.epoch, row.seq)
        stored = StoredEvent(*key, row.type, row.problem, bytes(row.body), row.received_at, row.region)
        if reference is None:
            return stored
        by_region = self._found.get((row.station, reference.receipt), {})
        standing = by_region.get(row.region)
        instead = self._found.get((row.station, reference.replacement), {}) if reference.replacement is not None else {}
        return replace(
            stored,
            standing=standing,
            replacement=instead.get(row.region),
            elsewhere=standing is None and bool(by_region),
            voided=(standing is not None and standing.voided)
            or (row.station, reference.receipt, row.region) in self._waiting,
        )


_decode_envelope: Final = msgspec.json.Decoder(_ReceiptEnvelope).decode


def _receipt_reference(row: Row[Any]) -> _ReceiptReference | None:
    if row.problem is not None or row.type not in projection.TYPES:
        return None
    return _decode_envelope(bytes(row.body)).data
