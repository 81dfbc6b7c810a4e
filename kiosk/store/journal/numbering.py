"""Gap-free numbers within the receipt series of the current epoch, the integer keys made of them, and how an intake is
found by its receipt number.

No receipt number is used twice: it is the key of its intake (``kiosk/store/database/schema.py``), on the disk before
anyone sees it (``synchronous=FULL`` in ``kiosk/store/database/connection.py``), and a database that was restored or
deleted continues with the next letter (``kiosk/store/journal/series.py``; on a new card ``--letter`` names the newest).
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, Select, and_, false, func, select

from kiosk.domain.identifiers import SERIES_LETTERS, BadIdentifier, ReceiptNumber, bag_of, parse_internal_code
from kiosk.store.database.schema import SERIES_SIZE
from kiosk.store.database.schema import epoch as epoch_table
from kiosk.store.database.schema import intake as intake_table
from kiosk.store.database.schema import station as station_table
from kiosk.store.database.schema import void as void_table
from kiosk.store.shared.errors import StoreError

_CODES_OF_A_WHOLE_INTAKE: Final = "RL"


def key_of(series: str, counter: int) -> int:
    """Return the key of a row: always growing, because letters only go up."""
    return SERIES_LETTERS.index(series) * SERIES_SIZE + counter


def split_key(key: int) -> tuple[str, int]:
    return SERIES_LETTERS[key // SERIES_SIZE], key % SERIES_SIZE


def next_in_series(connection: Connection, key: Column[int]) -> tuple[str, str, int]:
    """Return station, letter in use, and the counter after its last row of ``key``, possibly too high to be used."""
    row = connection.execute(_last_of(key)).one_or_none()
    if row is None:
        raise StoreError("The database has no epoch: open it again.")
    station, series, last = row
    used = last is not None and last >= key_of(series, 0)
    return station, series, (split_key(last)[1] if used else 0) + 1


@cache
def _last_of(key: Column[int]) -> Select[Any]:
    """Select in one statement, as it runs for every intake. The last row of all is of the letter in use or earlier."""
    last, station = select(func.max(key)).scalar_subquery(), select(station_table.c.station).scalar_subquery()
    return select(station, epoch_table.c.series, last).order_by(epoch_table.c.number.desc()).limit(1)


def number_of(receipt: ReceiptNumber) -> int:
    return key_of(receipt.series, receipt.counter)


def is_intake(receipt: ReceiptNumber | None) -> ColumnElement[bool]:
    """Build the condition for the row of this receipt number, found by its key; false for None."""
    if receipt is None:
        return false()
    return and_(intake_table.c.number == number_of(receipt), intake_table.c.receipt == str(receipt))


def parse_receipt(text: str) -> ReceiptNumber | None:
    """Parse a receipt number; None when the text is none."""
    with suppress(BadIdentifier):
        return ReceiptNumber.parse(text)
    return None


def receipt_in(text: str) -> ReceiptNumber | None:
    """Return the receipt of a receipt number, or of the internal code of a receipt, a lot or a bag."""
    receipt = parse_receipt(text)
    if receipt is not None:
        return receipt
    with suppress(BadIdentifier):
        code = parse_internal_code(text)
        return ReceiptNumber.of_body(code.body) if code.kind in _CODES_OF_A_WHOLE_INTAKE else bag_of(text)[0]
    return None


def is_void(connection: Connection, receipt: ReceiptNumber) -> bool:
    void = select(void_table.c.intake).where(void_table.c.intake == number_of(receipt))
    return connection.execute(void).first() is not None
