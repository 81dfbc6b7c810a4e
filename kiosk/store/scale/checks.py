"""Checks with the check weight; the newest one says what the scale is worth today."""

from __future__ import annotations

from dataclasses import fields

from sqlalchemy import Connection, insert, select

from kiosk.domain.events.scale import ScaleChecked
from kiosk.domain.metrology.frames import frames_sha256, pack
from kiosk.store.database.schema import scale_check as check_table
from kiosk.store.database.tables import Tables, finishing, reading
from kiosk.store.journal import journal
from kiosk.store.scale import pan_loads
from kiosk.store.shared.records import CheckRow, NewCheck, Stamp

_ROWS = select(*(check_table.c[row.name] for row in fields(CheckRow)))


class Checks(Tables):
    @finishing
    def add(self, connection: Connection, check: NewCheck, stamp: Stamp) -> CheckRow:
        """Record check and event, on a full disk as well: a failed one must not be lost. Its load is used up."""
        hold, moment = check.hold, stamp.moment
        sha256 = frames_sha256(hold.frames)
        event = ScaleChecked(
            expected_g=check.expected_g,
            read_g=hold.grams,
            allowed_g=check.allowed_g,
            passed=abs(hold.grams - check.expected_g) <= check.allowed_g,
            reading=hold.reading_no,
            load=hold.load_no,
            stable_ms=hold.stable_ms,
            frames_sha256=sha256,
            actor=check.actor,
        )
        position = journal.append(connection, event, stamp)
        pan_loads.mark_used(connection, {hold.load_no})
        connection.execute(
            insert(check_table).values(
                **{name: getattr(event, name) for name in ("expected_g", "read_g", "allowed_g", "passed", "actor")},
                frames=pack(hold.frames) or None,
                frames_sha256=sha256,
                position=position,
                checked_at=moment.timestamp,
                local_date=moment.local_date,
                clock=moment.quality,
                boot_id=moment.boot_id,
                monotonic_ms=moment.monotonic_ms,
            )
        )
        return _newest(connection)[0]

    @reading
    def last(self, connection: Connection) -> CheckRow | None:
        return next(iter(_newest(connection)), None)


def _newest(connection: Connection) -> list[CheckRow]:
    """Return one check, none before the first."""
    query = _ROWS.order_by(check_table.c.number.desc()).limit(1)
    return [CheckRow(**{**row, "passed": bool(row["passed"])}) for row in connection.execute(query).mappings()]
