"""Pickup codes as keyed hashes on the rows of parcels: one for each parcel that waits, gone when it was used."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from kiosk.domain.parcel import WAITING, ParcelNumber
from kiosk.store.errors import StoreError
from kiosk.store.parcels import parcels
from kiosk.store.records import CodeMaker, ParcelRow

_TRIES: Final = 20
"""With a thousand parcels waiting, one random code of six digits in a thousand is in use."""


def fresh(connection: Connection, number: ParcelNumber, code_mac: CodeMaker) -> bytes:
    """The hash of a code that no parcel has; asks for a new one when it is in use. Raises StoreError after 20."""
    for _ in range(_TRIES):
        mac = code_mac(number).mac
        if parcels.by_mac(connection, mac) is None:
            return mac
    raise StoreError(f"{_TRIES} pickup codes in a row are in use: the source of random numbers does not work.")


def holder(connection: Connection, mac: bytes) -> ParcelRow | None:
    """The waiting parcel that this code opens."""
    row = parcels.by_mac(connection, mac)
    return row if row is not None and row.state in WAITING else None
