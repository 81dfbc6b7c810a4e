"""The clerks. Names and the hashes of PINs never leave the station."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, func, insert, select, update

from kiosk.domain.clerk import Clerk, Role, clerk_number
from kiosk.domain.events import ClerkAdded, ClerkChanged
from kiosk.store.database.schema import clerk as clerk_table
from kiosk.store.database.tables import Tables, reading, writing
from kiosk.store.journal import journal
from kiosk.store.shared.errors import StoreRefusal
from kiosk.store.shared.records import ClerkRow, Stamp

_ROWS = select(
    clerk_table.c.number, clerk_table.c.name, clerk_table.c.role, clerk_table.c.pin_hash, clerk_table.c.active
)


def follow_county(connection: Connection, people: Sequence[Clerk], stamp: Stamp) -> None:
    """Replace the list of clerks by the county's: one who is not in it is retired, a new or renamed one has no PIN yet;
    a PIN stays with its number and name, in capital letters or not.
    """
    known = {number: _row(number, *values) for number, *values in connection.execute(_ROWS)}
    for person in people:
        row = known.pop(int(person.number), None)
        values = {"name": person.name, "role": person.role, "pin_hash": "", "active": 1}
        if row is None:
            connection.execute(insert(clerk_table).values(number=int(person.number), **values))
            journal.append(connection, ClerkAdded(person.actor, person.role), stamp)
        elif not row.active or row.name.casefold() != person.name.casefold():
            _change(connection, replace(row, role=person.role), "person", stamp, **values)
        elif (row.name, row.role) != (person.name, person.role):
            _change(connection, replace(row, role=person.role), "role", stamp, name=person.name, role=person.role)
    for row in known.values():
        if row.active:
            _change(connection, row, "retired", stamp, pin_hash="", active=0)


def are_active(connection: Connection, people: Sequence[Clerk]) -> bool:
    """Return whether exactly these people are active."""
    rows = connection.execute(_ROWS.where(clerk_table.c.active == 1))
    return {(row.number, row.name, row.role) for row in rows} == {(int(p.number), p.name, p.role) for p in people}


class Clerks(Tables):
    """The people, by number; a number is never given again."""

    @writing
    def add(self, connection: Connection, name: str, role: Role, pin_hash: str, stamp: Stamp) -> ClerkRow:
        """Add a person under the next number. Raises BadClerk for an invalid name, or when no number is left."""
        last = connection.execute(select(func.max(clerk_table.c.number))).scalar_one() or 0
        clerk = Clerk(clerk_number(last + 1), name, role)
        values = {"number": last + 1, "name": name, "role": role, "pin_hash": pin_hash, "active": 1}
        connection.execute(insert(clerk_table).values(values))
        journal.append(connection, ClerkAdded(clerk.actor, role), stamp)
        return ClerkRow(clerk.number, name, role, pin_hash, True)

    @reading
    def everyone(self, connection: Connection, active: bool = True) -> list[ClerkRow]:
        """Return the clerks by number; with the retired ones when not ``active``."""
        query = _ROWS.order_by(clerk_table.c.number)
        if active:
            query = query.where(clerk_table.c.active == 1)
        return [_row(*values) for values in connection.execute(query)]

    @reading
    def by_number(self, connection: Connection, number: str) -> ClerkRow | None:
        """Return the person with this number, also a retired one; None for a text that is no number."""
        return _find(connection, number)

    @writing
    def set_pin(self, connection: Connection, number: str, pin_hash: str, stamp: Stamp) -> None:
        """Replace the hash of the PIN. Refused: unknown_clerk (also for a retired one)."""
        _change(connection, _require_active(connection, number), "pin", stamp, pin_hash=pin_hash)

    @writing
    def retire(self, connection: Connection, number: str, stamp: Stamp) -> None:
        """Retire this person and erase the PIN; a second call changes nothing."""
        row = _find(connection, number)
        if row is not None and not row.active:
            return
        _change(connection, _require_active(connection, number), "retired", stamp, pin_hash="", active=0)


def _find(connection: Connection, number: str) -> ClerkRow | None:
    if not (number.isascii() and number.isdigit() and len(number) <= 4):
        return None
    row = connection.execute(_ROWS.where(clerk_table.c.number == int(number))).one_or_none()
    return _row(*row) if row else None


def _require_active(connection: Connection, number: str) -> ClerkRow:
    row = _find(connection, number)
    if row is None or not row.active:
        raise StoreRefusal("unknown_clerk", f"There is no clerk {number} at this station.")
    return row


def _change(connection: Connection, row: ClerkRow, what: str, stamp: Stamp, **values: object) -> None:
    connection.execute(update(clerk_table).where(clerk_table.c.number == int(row.number)).values(**values))
    journal.append(connection, ClerkChanged(row.actor, row.role, what), stamp)


def _row(number: int, name: str, role: str, pin_hash: str, active: int) -> ClerkRow:
    return ClerkRow(clerk_number(number), name, Role(role), pin_hash, bool(active))
