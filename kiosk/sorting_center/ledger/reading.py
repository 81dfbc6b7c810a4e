"""The events of a ledger one after the other, each with what the ledger counts of it; in memory is one page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, select

from kiosk.sorting_center.ledger import projection, streams
from kiosk.sorting_center.ledger.records import Counted, StoredEvent
from kiosk.sorting_center.ledger.schema import event

_PAGE: Final = 500


class _About(msgspec.Struct):
    receipt: str
    replacement: str | None = None


class _Told(msgspec.Struct):
    data: _About


def stored_events(connection: Connection) -> Iterator[StoredEvent]:
    """By (station, epoch, seq)."""
    rows = connection.execution_options(yield_per=_PAGE).execute(
        select(event).order_by(event.c.station, event.c.epoch, event.c.seq, event.c.region)
    )
    for page in rows.partitions():
        yield from _page(connection, page)


def _page(connection: Connection, page: Sequence[Row[Any]]) -> Iterator[StoredEvent]:
    about = [_about(row) for row in page]
    wanted = {
        (row.station, receipt)
        for row, told in zip(page, about, strict=True)
        if told is not None
        for receipt in (told.receipt, told.replacement)
        if receipt is not None
    }
    found = streams.standing(connection, wanted) if wanted else {}

    def standing(row: Row[Any], receipt: str | None) -> Counted | None:
        return None if receipt is None else found.get((row.station, receipt), {}).get(row.region)

    for row, told in zip(page, about, strict=True):
        yield StoredEvent(
            row.station,
            row.epoch,
            row.seq,
            row.type,
            row.problem,
            bytes(row.body),
            row.received_at,
            row.region,
            None if told is None else standing(row, told.receipt),
            None if told is None else standing(row, told.replacement),
        )


def _about(row: Row[Any]) -> _About | None:
    if row.problem is not None or row.type not in projection.TYPES:
        return None
    return msgspec.json.decode(bytes(row.body), type=_Told).data
