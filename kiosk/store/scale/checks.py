"""Checks with the check weight; the newest one says what the scale is worth today."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from kiosk.domain.events.scale import ScaleChecked
from kiosk.domain.metrology.frames import frames_sha256, pack
from kiosk.store.database.schema import scale_check as check_table
from kiosk.store.database.tables import Tables, finishing, reading
from kiosk.store.journal import journal
from kiosk.store.scale import pan_loads
from kiosk.store.shared.records import CheckRow, NewCheck, Stamp

_COLUMNS = (
    check_table.c.number,
    check_table.c.expected_g,
    check_table.c.read_g,
    check_table.c.allowed_g,
    check_table.c.passed,
    check_table.c.actor,
    check_table.c.frames_sha256,
    check_table.c.checked_at,
    check_table.c.local_date,
    check_table.c.clock,
    check_table.c.boot_id,
    check_table.c.monotonic_ms,
)


class Checks(Tables):
    @finishing
    def add(self, connection: Connection, check: NewCheck, stamp: Stamp) -> CheckRow:
        """The check weight was read: the check, its event, and its load is accounted for.

        It is recorded on a full disk as well: a failed one must not be lost.
        """
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
                expected_g=event.expected_g,
                read_g=event.read_g,
                allowed_g=event.allowed_g,
                passed=int(event.passed),
                actor=event.actor,
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
        row = _last(connection)
        assert row is not None
        return row

    @reading
    def last(self, connection: Connection) -> CheckRow | None:
        return _last(connection)


def _last(connection: Connection) -> CheckRow | None:
    row = connection.execute(select(*_COLUMNS).order_by(check_table.c.number.desc()).limit(1)).one_or_none()
    return CheckRow(**{**row._mapping, "passed": bool(row.passed)}) if row else None
