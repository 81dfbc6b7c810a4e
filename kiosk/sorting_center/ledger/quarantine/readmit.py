"""An event that was set apart is taken in after all: by software that understands what it did not understand before.

Its bytes, its hash and its place in the chain stay as they are. What changes is what is made of it: it gets the next
place of the feed, behind all that was given out, because the feed takes nothing back.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Table, delete, select, update

from kiosk.messaging.contract.receive import BadEvent, parse_event
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.messaging.contract.seal import ZERO_HASH
from kiosk.sorting_center.ledger.acceptance import streams
from kiosk.sorting_center.ledger.acceptance.accept import replace_nul
from kiosk.sorting_center.ledger.database import places, projection
from kiosk.sorting_center.ledger.database.rows import insert_autonumbered
from kiosk.sorting_center.ledger.database.schema import archived, event, event_by_month, quarantine, stream, unnumbered
from kiosk.sorting_center.ledger.shared.records import EventKey

# Reasons that another reader may see otherwise. All others are the chain's.
READMITTABLE_REASONS: Final = frozenset({"unknown_type", "bad_data"})


class ReadmitResult(StrEnum):
    ACCEPTED = "taken"  # Now, or before
    UNKNOWN_TYPE = "still_unknown_type"
    BAD_DATA = "still_bad_data"
    CHAIN = "only_the_chain"  # Whether it stands among the events, its neighbours say, and no person
    ARCHIVED = "archived"  # Its body is in an archive
    NOT_HERE = "not_here"  # No such event is set apart


_STILL_INVALID: Final = {"unknown_type": ReadmitResult.UNKNOWN_TYPE, "bad_data": ReadmitResult.BAD_DATA}


def readmit(connection: Connection, key: EventKey) -> ReadmitResult:
    """In a transaction of the caller; done twice it is done once."""
    stream_row = _lock_stream(connection, key)
    row = connection.execute(select(event).where(_is_event(event, key), event.c.sha256 == key.sha256)).one_or_none()
    if row is not None and row.problem is None:
        return ReadmitResult.ACCEPTED
    is_quarantined = _is_event(quarantine, key) & (quarantine.c.sha256 == key.sha256)
    reason = connection.execute(select(quarantine.c.reason).where(is_quarantined)).scalar()
    if reason is None:
        return ReadmitResult.NOT_HERE
    if reason not in READMITTABLE_REASONS:
        return ReadmitResult.CHAIN
    if row is None or stream_row is None:
        is_archived = (
            connection.execute(select(archived.c.sha256).where(_is_event(archived, key))).scalar() == key.sha256
        )
        return ReadmitResult.ARCHIVED if is_archived else ReadmitResult.NOT_HERE
    try:
        item = replace_nul(parse_event(bytes(row.body)))
    except BadEvent:
        return ReadmitResult.BAD_DATA
    if item.problem is not None:
        return _STILL_INVALID[item.problem]
    if not _links_to_chain(connection, stream_row, item):
        return ReadmitResult.CHAIN
    if not _accept(connection, key, row, item, is_released=key.seq <= stream_row.upto):
        return ReadmitResult.ARCHIVED
    connection.execute(delete(quarantine).where(is_quarantined))
    return ReadmitResult.ACCEPTED


def _lock_stream(connection: Connection, key: EventKey) -> Row[Any] | None:
    """No other process has it in hand until the transaction ends."""
    of_stream = (stream.c.station == key.station) & (stream.c.epoch == key.epoch) & (stream.c.region == key.region)
    return connection.execute(select(stream).where(of_stream).with_for_update()).one_or_none()


def _links_to_chain(connection: Connection, stream_row: Row[Any], item: ReceivedEvent) -> bool:
    """An event whose envelope was unreadable was linked by its successor alone: now it names its predecessor.

    Above ``upto`` that is looked at when the gap below is filled.
    """
    if item.seq > stream_row.upto:
        return True
    before = ZERO_HASH if item.seq == 1 else streams.hash_at(connection, stream_row, item.seq - 1)
    return item.prevhash == before


def _accept(connection: Connection, key: EventKey, row: Row[Any], item: ReceivedEvent, *, is_released: bool) -> bool:
    """False when it has left for an archive at this very moment, and nothing was changed."""
    many_writers = connection.dialect.name == "postgresql"
    table = event_by_month if many_writers else event
    # The time tells in which partition it is.
    here = _is_event(table, key) & (table.c.received_at == row.received_at)
    accepted_values = {"problem": None, "type": item.type, "prevhash": item.prevhash}
    changed = update(table).where(here).values(accepted_values).execution_options(preserve_rowcount=True)
    if connection.execute(changed).rowcount != 1:
        return False
    if not is_released:
        return True  # its place comes when the gap below it is filled
    if many_writers:
        insert_autonumbered(
            connection, unnumbered, [(key.station, key.epoch, key.region, key.seq, key.seq, row.received_at)]
        )
        return True
    place = places.last_feedseq(connection) + 1
    connection.execute(update(event).where(here).values(feedseq=place))
    if item.type in projection.TYPES:
        released = (key.station, key.epoch, key.region, key.seq, item.type, row.received_at, item.body)
        projection.project(connection, [projection.ReleasedEvent(place, *released)])
    return True


def _is_event(table: Table, key: EventKey) -> ColumnElement[bool]:
    return (
        (table.c.station == key.station)
        & (table.c.epoch == key.epoch)
        & (table.c.region == key.region)
        & (table.c.seq == key.seq)
    )
