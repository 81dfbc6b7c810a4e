"""How often a message was taken in hand and not done with: counted where it survives the process that dies of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, delete, func, select

from kiosk.sorting_center.ledger.database.rows import upsert_rows
from kiosk.sorting_center.ledger.database.schema import meta

MAX_COUNTED: Final = 1000  # As many as a broker has on its way to one process; beyond that counting begins anew
_KEY_PREFIX: Final = "delivered "  # Before the digest; a row of `meta` each
_IS_COUNTER: Final = meta.c.name.startswith(_KEY_PREFIX)


def count(connection: Connection, digest: str) -> int:
    """Once more: how often that was so far."""
    name = _KEY_PREFIX + digest
    before = connection.execute(select(meta.c.value).where(meta.c.name == name)).scalar()
    if before is None and connection.execute(select(func.count()).where(_IS_COUNTER)).scalar_one() >= MAX_COUNTED:
        connection.execute(delete(meta).where(_IS_COUNTER))
    times = int(before or 0) + 1
    upsert_rows(connection, meta, [(name, str(times))])
    return times


def forget(connection: Connection, digests: Iterable[str]) -> None:
    if names := [_KEY_PREFIX + digest for digest in digests]:
        connection.execute(delete(meta).where(meta.c.name.in_(names)))
