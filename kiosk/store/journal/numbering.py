"""Gap-free numbers within the receipt series of the current epoch, and the integer keys made of them."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Select, func, select

from kiosk.domain.identifiers import SERIES_LETTERS
from kiosk.store.database.schema import SERIES_SIZE
from kiosk.store.database.schema import epoch as epoch_table
from kiosk.store.database.schema import station as station_table
from kiosk.store.shared.errors import StoreError


def key_of(series: str, counter: int) -> int:
    """The key of a row: always growing, because letters only go up."""
    return SERIES_LETTERS.index(series) * SERIES_SIZE + counter


def split_key(key: int) -> tuple[str, int]:
    """Series letter and counter of a key."""
    return SERIES_LETTERS[key // SERIES_SIZE], key % SERIES_SIZE


def next_in_series(connection: Connection, key: Column[int]) -> tuple[str, str, int]:
    """Station, the letter in use, and the counter one above the last row of ``key`` in it; may be one too many to be
    used.
    """
    row = connection.execute(_last_of(key)).one_or_none()
    if row is None:
        raise StoreError("The database has no epoch: open it again.")
    station, series, last = row
    used = last is not None and last >= key_of(series, 0)
    return station, series, (split_key(last)[1] if used else 0) + 1


@cache
def _last_of(key: Column[int]) -> Select[Any]:
    """In one statement, as every intake asks it. The last row of all is of the letter in use or of an earlier one."""
    last, station = select(func.max(key)).scalar_subquery(), select(station_table.c.station).scalar_subquery()
    return select(station, epoch_table.c.series, last).order_by(epoch_table.c.number.desc()).limit(1)
