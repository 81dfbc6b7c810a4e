"""How an intake is found by its receipt number: by an integer key that is made of it."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, false, select

from kiosk.domain.identifiers import BadIdentifier, ReceiptNumber, bag_of, parse_internal_code
from kiosk.store.database.schema import intake as intake_table
from kiosk.store.database.schema import void as void_table
from kiosk.store.journal.numbering import key_of

_CODES_OF_A_WHOLE_INTAKE: Final = "RL"


def number_of(receipt: ReceiptNumber) -> int:
    return key_of(receipt.series, receipt.counter)


def is_intake(receipt: ReceiptNumber | None) -> ColumnElement[bool]:
    """The condition for the row of this receipt number, found by its key; false for None."""
    if receipt is None:
        return false()
    return and_(intake_table.c.number == number_of(receipt), intake_table.c.receipt == str(receipt))


def parse_receipt(text: str) -> ReceiptNumber | None:
    """The receipt number that a text is, None when it is none."""
    with suppress(BadIdentifier):
        return ReceiptNumber.parse(text)
    return None


def receipt_in(text: str) -> ReceiptNumber | None:
    """The receipt that a number, or the internal code of a receipt, a lot or a bag names."""
    receipt = parse_receipt(text)
    if receipt is not None:
        return receipt
    with suppress(BadIdentifier):
        code = parse_internal_code(text)
        return ReceiptNumber.of_body(code.body) if code.kind in _CODES_OF_A_WHOLE_INTAKE else bag_of(text)[0]
    return None


def is_void(connection: Connection, receipt: ReceiptNumber) -> bool:
    """Whether an intake has its counter-document."""
    void = select(void_table.c.intake).where(void_table.c.intake == number_of(receipt))
    return connection.execute(void).first() is not None
