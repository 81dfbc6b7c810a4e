"""Bringing a ledger of an older schema up to this one: inside one transaction of the caller, step by step."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, text, update

from kiosk.messaging.contract.receive import parse_event
from kiosk.sorting_center.ledger.accept import MAX_AHEAD
from kiosk.sorting_center.ledger.alarms import quarantine_event
from kiosk.sorting_center.ledger.records import FAR_AHEAD
from kiosk.sorting_center.ledger.schema import SCHEMA_VERSION, event, meta, quarantine, stream


def new_generation() -> str:
    """16 hex digits: names one unbroken life of the feed's numbers."""
    return secrets.token_hex(8)


def migrate(connection: Connection) -> None:
    """Every step from the schema the ledger has to SCHEMA_VERSION."""
    for version in range(int(_meta(connection, "schema_version")) + 1, SCHEMA_VERSION + 1):
        _STEPS[version](connection)
        connection.execute(update(meta).where(meta.c.name == "schema_version").values(value=str(version)))


def _meta(connection: Connection, name: str) -> str:
    return str(connection.execute(select(meta.c.value).where(meta.c.name == name)).scalar_one())


def _to_2(connection: Connection) -> None:
    """A station's own alarm, the feed's generation, and no event out of reach among those held."""
    connection.execute(text("ALTER TABLE station_status ADD COLUMN alarm TEXT"))
    connection.execute(insert(meta), {"name": "generation", "value": new_generation()})
    for row in connection.execute(select(stream).where(stream.c.max_seen > stream.c.upto + MAX_AHEAD)).all():
        _set_far_ones_apart(connection, row)


def _set_far_ones_apart(connection: Connection, row: Row[Any]) -> None:
    of_stream = (event.c.station == row.station) & (event.c.epoch == row.epoch)
    limit = row.upto + MAX_AHEAD
    for held in connection.execute(select(event).where(of_stream, event.c.seq > limit)).all():
        quarantine_event(connection, parse_event(bytes(held.body)), FAR_AHEAD, held.received_at)
    connection.execute(delete(event).where(of_stream, event.c.seq > limit))
    of_set_apart = (quarantine.c.station == row.station) & (quarantine.c.epoch == row.epoch)
    max_seen = max(
        row.upto,
        _highest(connection, event.c.seq, of_stream),
        _highest(connection, quarantine.c.seq, of_set_apart & (quarantine.c.seq <= limit)),
    )
    connection.execute(
        update(stream)
        .where(stream.c.station == row.station, stream.c.epoch == row.epoch)
        .values(max_seen=max_seen, gap_since=row.gap_since if max_seen > row.upto else None)
    )


def _highest(connection: Connection, column: ColumnElement[int], where: ColumnElement[bool]) -> int:
    return connection.execute(select(func.max(column)).where(where)).scalar() or 0


_STEPS: Final[Mapping[int, Callable[[Connection], None]]] = {2: _to_2}
