"""The list of a delivery: what is expected, and what is missing when the truck is empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, insert, select, update

from kiosk.domain.events import ParcelExpected, ParcelMissing
from kiosk.domain.parcel import TERMINAL_STATES, ParcelState, transition
from kiosk.store.database.schema import delivery as delivery_table
from kiosk.store.database.tables import Tables, writing
from kiosk.store.journal import journal
from kiosk.store.parcels import rows
from kiosk.store.shared.records import ExpectedParcel, ParcelRow, Stamp

_MAY_REAPPEAR = TERMINAL_STATES - {ParcelState.COLLECTED}  # A waybill of one of these may be on a list again


class Deliveries(Tables):
    @writing
    def expect(self, connection: Connection, parcels: Sequence[ExpectedParcel], stamp: Stamp) -> int:
        """Store a list, and open a delivery when none is open; return how many waybills on it are new."""
        return expect(connection, parcels, stamp)

    @writing
    def close(self, connection: Connection, actor: str, stamp: Stamp) -> list[ParcelRow]:
        """Mark what is still expected as missing, now that the whole truck is scanned; return those parcels."""
        missing = rows.in_states(connection, {ParcelState.EXPECTED})
        for row in missing:
            rows.change(
                connection,
                row.number,
                state=transition(row.state, ParcelState.MISSING),
                counts_from=rows.time_to_count_from(stamp),
            )
            journal.append(connection, ParcelMissing(str(row.number), actor), stamp)
        connection.execute(
            update(delivery_table).where(delivery_table.c.closed_at.is_(None)).values(closed_at=stamp.moment.timestamp)
        )
        return [replace(row, state=ParcelState.MISSING) for row in missing]


def expect(connection: Connection, parcels: Sequence[ExpectedParcel], stamp: Stamp) -> int:
    new = {parcel.waybill: parcel for parcel in parcels if _is_new(connection, parcel.waybill)}
    if not new:
        return 0
    if not is_open(connection):
        connection.execute(insert(delivery_table).values(opened_at=stamp.moment.timestamp))
    for parcel in new.values():
        add_expected(connection, parcel.waybill, parcel.carrier, parcel.phone_last4)
    journal.append(connection, ParcelExpected(len(new)), stamp)
    return len(new)


def is_open(connection: Connection) -> bool:
    """Return whether a delivery is open, so that what is not on its list is surplus."""
    open_ = select(delivery_table.c.number).where(delivery_table.c.closed_at.is_(None))
    return connection.execute(open_.limit(1)).first() is not None


def add_expected(connection: Connection, waybill: str, carrier: str, phone_last4: str | None) -> None:
    number = rows.next_number(connection)
    rows.add(connection, number, waybill, carrier, ParcelState.EXPECTED, expected=1, phone_last4=phone_last4)


def _is_new(connection: Connection, waybill: str) -> bool:
    known = rows.by_waybill(connection, waybill)
    return known is None or known.state in _MAY_REAPPEAR
