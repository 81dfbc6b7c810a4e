"""Gap-free numbers within the receipt series of the current epoch, and the integer keys made of them."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Select, bindparam, func, select

from kiosk.domain.identifiers import SERIES_LETTERS
from kiosk.store.database.schema import SERIES_SIZE
from kiosk.store.journal import epoch_rows


def key_of(series: str, counter: int) -> int:
    """The key of a row: always growing, because letters only go up."""
    return SERIES_LETTERS.index(series) * SERIES_SIZE + counter


def split_key(key: int) -> tuple[str, int]:
    """Series letter and counter of a key."""
    return SERIES_LETTERS[key // SERIES_SIZE], key % SERIES_SIZE


def next_in_series(connection: Connection, key: Column[int]) -> tuple[str, int]:
    """The letter in use, and the counter one above the last row of ``key`` in it; may be one too many to be used."""
    series = epoch_rows.current(connection).series
    start = key_of(series, 0)
    last = connection.execute(_last_of(key), {"first": start + 1, "end": start + SERIES_SIZE - 1}).scalar_one()
    return series, (last - start if last else 0) + 1


@cache
def _last_of(key: Column[int]) -> Select[Any]:
    return select(func.max(key)).where(key.between(bindparam("first"), bindparam("end")))
