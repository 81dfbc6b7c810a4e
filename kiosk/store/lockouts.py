"""Wrong guesses of PINs and pickup codes, kept over a restart."""

from __future__ import annotations

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert as upsert

from kiosk.domain.events import AuthLocked
from kiosk.domain.lockout import Lockout
from kiosk.store.database.schema import lockout as lockout_table
from kiosk.store.database.tables import Tables, finishing, reading
from kiosk.store.journal import journal
from kiosk.store.shared.records import Stamp


class Lockouts(Tables):
    """``scope`` is ``pin`` or ``pickup``; see `kiosk.station.clerk.guess_limit` for the limits."""

    @reading
    def get(self, connection: Connection, scope: str) -> Lockout:
        query = select(
            lockout_table.c.failures, lockout_table.c.wait_ms, lockout_table.c.boot_id, lockout_table.c.monotonic_ms
        )
        row = connection.execute(query.where(lockout_table.c.scope == scope)).one_or_none()
        if row is None:
            return Lockout()
        failures, wait_ms, boot_id, monotonic_ms = row
        return Lockout(tuple(int(age) for age in failures.split()), wait_ms, boot_id, monotonic_ms)

    @finishing
    def save(
        self, connection: Connection, scope: str, lockout: Lockout, locked_event: AuthLocked | None, stamp: Stamp
    ) -> None:
        """Replace the state of a scope; append the event when this wrong try caused a lockout."""
        values: dict[str, object] = {
            "failures": " ".join(str(age) for age in lockout.failures_ms),
            "wait_ms": lockout.wait_ms,
            "boot_id": lockout.boot_id,
            "monotonic_ms": lockout.monotonic_ms,
        }
        new = upsert(lockout_table).values(scope=scope, **values)
        connection.execute(new.on_conflict_do_update(index_elements=["scope"], set_=values))
        if locked_event is not None:
            journal.append(connection, locked_event, stamp)
