"""The rows of parcels: found by number, waybill, slot or state, and forgotten in time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, Select, insert, select, text, update

from kiosk.domain.identifiers import BadIdentifier
from kiosk.domain.moment import ClockQuality
from kiosk.domain.parcel import TERMINAL_STATES, ParcelNumber, ParcelState, waybill_hash
from kiosk.store.database.schema import parcel as parcel_table
from kiosk.store.database.schema import station as station_table
from kiosk.store.journal.numbering import key_of, next_in_series, split_key
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import ParcelRow, Stamp

# The condition of the partial index, word for word: SQLite does not find out by itself that it follows.
TAKES_A_SLOT = text("parcel.shelf IS NOT NULL AND parcel.state != 'lost'")

# In the order of the fields of a ParcelRow, after the station that is a part of every number.
ROWS = select(
    select(station_table.c.station).scalar_subquery(),
    *(parcel_table.c[row.name] for row in fields(ParcelRow) if row.name != "repeated"),
)


def next_number(connection: Connection) -> ParcelNumber:
    station, series, counter = next_in_series(connection, parcel_table.c.number)
    try:
        return ParcelNumber(station, series, counter)
    except BadIdentifier as error:
        raise StoreError(f"All parcel numbers of series {series} are used up: start a new epoch.") from error


def add(
    connection: Connection, number: ParcelNumber, waybill: str, carrier: str, state: ParcelState, **values: object
) -> None:
    """Write a new row; ``values`` are further columns."""
    defaults: dict[str, object] = {"expected": 0, "surplus": 0, "damaged": 0, "code_no": 0}
    connection.execute(
        insert(parcel_table).values(
            number=_key(number),
            waybill_sha256=waybill_hash(waybill),
            waybill=waybill,
            carrier=carrier,
            state=state,
            **(defaults | values),
        )
    )


def change(connection: Connection, number: ParcelNumber, **values: object) -> None:
    connection.execute(update(parcel_table).where(parcel_table.c.number == _key(number)).values(**values))


def by_number(connection: Connection, number: ParcelNumber) -> ParcelRow | None:
    """Find the parcel; None for a number of another station."""
    row = one(connection, ROWS.where(parcel_table.c.number == _key(number)))
    return row if row is not None and row.number == number else None


def by_waybill(connection: Connection, waybill: str) -> ParcelRow | None:
    """Find the newest parcel with this waybill. Of several packages one that is still here comes first, then a
    collected one, because it shows that the waybill may not simply come again.
    """
    condition = parcel_table.c.waybill_sha256 == waybill_hash(waybill)
    has_ended = parcel_table.c.state.in_(sorted(TERMINAL_STATES))
    order = (has_ended, parcel_table.c.state != ParcelState.COLLECTED, parcel_table.c.number.desc())
    return one(connection, ROWS.where(condition).order_by(*order).limit(1))


def by_mac(connection: Connection, mac: bytes) -> ParcelRow | None:
    """Find the waiting or lost parcel with this code. There are few of them, so the codes have no index."""
    condition = parcel_table.c.state.in_([*_WITH_A_CODE]) & (parcel_table.c.code_mac == mac)
    return one(connection, ROWS.where(condition).limit(1))


def mac_of(connection: Connection, number: ParcelNumber) -> bytes | None:
    query = select(parcel_table.c.code_mac).where(parcel_table.c.number == _key(number))
    mac: bytes | None = connection.execute(query).scalar_one()
    return mac


def in_states(
    connection: Connection, states: Collection[ParcelState], limit: int | None = None, offset: int = 0
) -> list[ParcelRow]:
    condition = parcel_table.c.state.in_(sorted(states))
    return _many(connection, ROWS.where(condition).order_by(parcel_table.c.number).limit(limit).offset(offset))


def first_free(connection: Connection, slots: Sequence[str]) -> str | None:
    occupied = set(connection.execute(select(parcel_table.c.shelf).where(TAKES_A_SLOT)).scalars())
    return next((slot for slot in slots if slot not in occupied), None)


def time_to_count_from(stamp: Stamp) -> str | None:
    """Return the time from which days are counted; None, to be set later, unless a time server has set the clock.

    A clock that was taken over from the last shutdown is behind by however long the station was off: what came in today
    would be old as soon as the right time is known.
    """
    return stamp.moment.timestamp if stamp.moment.quality is ClockQuality.SYNCED else None


def set_missing_times(connection: Connection, states: Collection[ParcelState], stamp: Stamp) -> None:
    """Count from now for parcels that came to these states before the clock was set."""
    unset = parcel_table.c.state.in_(sorted(states)) & parcel_table.c.counts_from.is_(None)
    connection.execute(update(parcel_table).where(unset).values(counts_from=stamp.moment.timestamp))


def older(connection: Connection, states: Collection[ParcelState], before: str) -> list[ParcelRow]:
    condition = parcel_table.c.state.in_(sorted(states)) & (parcel_table.c.counts_from < before)
    return _many(connection, ROWS.where(condition).order_by(parcel_table.c.number))


_WITH_A_CODE = (ParcelState.NOTICED, ParcelState.OVERDUE, ParcelState.RETURN_DUE, ParcelState.LOST)


def _key(number: ParcelNumber) -> int:
    return key_of(number.series, number.counter)


def one(connection: Connection, query: Select[Any]) -> ParcelRow | None:
    return next(iter(_many(connection, query)), None)


def _many(connection: Connection, query: Select[Any]) -> list[ParcelRow]:
    return [_row(*values) for values in connection.execute(query)]


def _row(station: str, key: int, waybill: str | None, carrier: str, state: str, *rest: Any) -> ParcelRow:
    shelf, consent, expected, surplus, damaged, *others = rest
    return ParcelRow(
        ParcelNumber(station, *split_key(key)),
        waybill or "",
        carrier,
        ParcelState(state),
        shelf,
        consent,
        bool(expected),
        bool(surplus),
        bool(damaged),
        *others,
    )
