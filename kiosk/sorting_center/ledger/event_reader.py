"""The events of a ledger one after the other, each with what the ledger counts of it; in memory is one page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, select

from kiosk.domain.events import IntakeConfirmed, IntakeVoided
from kiosk.sorting_center.ledger.database import projection
from kiosk.sorting_center.ledger.database.rows import Keys, as_parameter
from kiosk.sorting_center.ledger.database.schema import event, intake, intake_void, same_receipt, same_stream, stream
from kiosk.sorting_center.ledger.shared.records import CountedEvent, StoredEvent
from kiosk.sorting_center.shared.stored_events import decode_event

_PAGE_ROWS: Final = 500
_WITHOUT_PLACE: Final = [column for column in event.columns if column is not event.c.feedseq]

_Counted = Mapping[tuple[str, str | None], Mapping[str, CountedEvent]]  # By station and receipt, then by region


def stored_events(connection: Connection, *, with_standing: bool) -> Iterator[StoredEvent]:
    waiting = _waiting_voids(connection) if with_standing else set()
    rows = connection.execution_options(yield_per=_PAGE_ROWS).execute(
        select(*_WITHOUT_PLACE).order_by(event.c.station, event.c.epoch, event.c.seq, event.c.region)
    )
    for page in rows.partitions():
        data = [_receipt_event(row) if with_standing else None for row in page]
        receipts = {(row.station, one.receipt) for row, one in zip(page, data, strict=True) if one is not None}
        for row, one in zip(page, data, strict=True):
            if isinstance(one, IntakeVoided) and one.replacement is not None:
                receipts.add((row.station, one.replacement))
        counted = _counted_events(connection, receipts) if receipts else {}
        for row, one in zip(page, data, strict=True):
            key = (row.station, row.epoch, row.seq)
            stored = StoredEvent(*key, row.type, row.problem, bytes(row.body), row.received_at, row.region)
            yield stored if one is None else _with_standing(stored, one, counted, waiting)


def _waiting_voids(connection: Connection) -> set[tuple[str, str, str]]:
    """Return station, receipt and region of voids above a gap: they have no effect yet."""
    rows = connection.execute(
        select(event)
        .join_from(stream, event, same_stream(event, stream.c) & (event.c.seq > stream.c.upto))
        .where(stream.c.upto < stream.c.max_seen, event.c.type == IntakeVoided.TYPE)
    )
    voids = ((row, _receipt_event(row)) for row in rows)
    return {(row.station, void.receipt, row.region) for row, void in voids if void is not None}


def _receipt_event(row: Row[Any]) -> IntakeConfirmed | IntakeVoided | None:
    if row.problem is not None or row.type not in projection.TYPES:
        return None
    body = bytes(row.body)
    if row.type == IntakeVoided.TYPE:
        return decode_event(IntakeVoided, body)
    return decode_event(IntakeConfirmed, body)


def _with_standing(
    stored: StoredEvent, data: IntakeConfirmed | IntakeVoided, counted: _Counted, waiting: Set[tuple[str, str, str]]
) -> StoredEvent:
    by_region = counted.get((stored.station, data.receipt), {})
    standing = by_region.get(stored.region)
    instead = data.replacement if isinstance(data, IntakeVoided) else None
    is_waiting = (stored.station, data.receipt, stored.region) in waiting
    return replace(
        stored,
        standing=standing,
        replacement=counted.get((stored.station, instead), {}).get(stored.region),
        elsewhere=standing is None and bool(by_region),
        voided=(standing is not None and standing.voided) or is_waiting,
    )


def _counted_events(connection: Connection, receipts: Iterable[tuple[str, str]]) -> _Counted:
    """Return which event counts for each of these (station, receipt)."""
    found: dict[tuple[str, str | None], dict[str, CountedEvent]] = {}
    for row in connection.execute(_counted_events_query(connection.dialect.name), as_parameter(receipts)):
        of_receipt = found.setdefault((row.station, row.receipt), {})
        first_region = next(iter(of_receipt), row.region)
        of_receipt[row.region] = CountedEvent(row.epoch, row.seq, row.void is not None, first_region)
    return found


@cache
def _counted_events_query(dialect: str) -> Select[Any]:
    keys = Keys(dialect)
    same = (intake.c.station == keys.text(0)) & (intake.c.receipt == keys.text(1))
    columns = (intake.c.station, intake.c.receipt, intake.c.region, intake.c.epoch, intake.c.seq)
    return (
        select(*columns, intake_void.c.seq.label("void"))
        .select_from(keys.table)
        .join(intake, same)
        .outerjoin(intake_void, same_receipt(intake_void, intake.c))
        .order_by(intake.c.epoch, intake.c.seq, intake.c.region)
    )
