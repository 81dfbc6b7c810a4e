"""What a ledger has for a person to look into, as its tables have it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, func, select

from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.schema import alarm, quarantine


def alarm_rows(ledger: Ledger) -> list[Row[Any]]:
    """The newest first."""
    with ledger.reading() as connection:
        return list(connection.execute(select(alarm).order_by(alarm.c.id.desc())))


def quarantined_by_reason(ledger: Ledger) -> dict[str, int]:
    with ledger.reading() as connection:
        query = select(quarantine.c.reason, func.count()).group_by(quarantine.c.reason)
        return {row[0]: row[1] for row in connection.execute(query)}
