"""What the ledger has set apart or raised an alarm for, grouped as people look at it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Row, select

from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.schema import alarm, quarantine
from kiosk.sorting_center.watch.conditions import ConditionGroup

MAX_ROWS: Final = 20_000  # The newest, of each of the two: of one station the ledger keeps at most 10,000


def alarm_groups(ledger: Ledger) -> tuple[ConditionGroup, ...]:
    """By kind, station, epoch and day, the oldest first. Raises a LedgerError."""
    c = alarm.c
    query = select(c.kind, c.region, c.station, c.epoch, c.raised_at.label("at"), c.detail)
    with ledger.reading() as connection:
        return _grouped(connection.execute(query.order_by(c.id.desc()).limit(MAX_ROWS)))


def quarantine_groups(ledger: Ledger) -> tuple[ConditionGroup, ...]:
    """By reason, station and day, the oldest first. Raises a LedgerError."""
    c = quarantine.c
    columns = (c.reason.label("kind"), c.region, c.station, c.received_at.label("at"))
    query = select(*columns).order_by(c.id.desc()).limit(MAX_ROWS)
    with ledger.reading() as connection:
        return _grouped(connection.execute(query))


def _grouped(rows: Iterable[Row[Any]]) -> tuple[ConditionGroup, ...]:
    """From the newest to the oldest: the detail that stays is that of the first."""
    found: dict[tuple[str, ...], ConditionGroup] = {}
    for row in rows:
        values = row._mapping
        epoch, detail = values.get("epoch", ""), values.get("detail", "")
        key = (row.kind, row.region, row.station, epoch, row.at[:10])
        known = found.get(key)
        found[key] = (
            replace(known, number=known.number + 1, detail=detail) if known else ConditionGroup(*key, 1, detail)
        )
    return tuple(reversed(found.values()))
