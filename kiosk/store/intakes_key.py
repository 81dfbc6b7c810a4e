"""How an intake is found: its integer key, made of its receipt number."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, false

from kiosk.domain.identifiers import BadIdentifier, ReceiptNumber
from kiosk.store.database.schema import intake as intake_table
from kiosk.store.journal.numbering import key_of


def number_of(receipt: ReceiptNumber) -> int:
    """The key of an intake."""
    return key_of(receipt.series, receipt.counter)


def has_receipt(receipt: str) -> ColumnElement[bool]:
    """The condition for the row of one receipt number, found by its key; false for a text that is none."""
    try:
        number = number_of(ReceiptNumber.parse(receipt))
    except BadIdentifier:
        return false()
    return and_(intake_table.c.number == number, intake_table.c.receipt == receipt)
