"""What an event is about, as a key: a receipt's number, a parcel's number, or the station."""

from __future__ import annotations

import re
from typing import Final

from kiosk.domain.identifiers import BadIdentifier, InternalCode, ReceiptNumber, parse_internal_code

_BODY: Final = re.compile(r"([0-9]{4})([A-Z])([0-9]{6})")


def receipt_in(code: InternalCode) -> ReceiptNumber | None:
    """The receipt whose body a code of a receipt, a lot or a bag begins with."""
    match = _BODY.match(code.body)
    if match is None:
        return None
    try:
        return ReceiptNumber(f"S{match[1]}", match[2], int(match[3]))
    except BadIdentifier:
        return None


def receipt_of_lot(lot: str) -> ReceiptNumber | None:
    """There is one lot to a receipt, and its code says which; None for what is no lot's code."""
    try:
        code = parse_internal_code(lot)
    except BadIdentifier:
        return None
    number = receipt_in(code)
    return number if number is not None and number.lot == lot else None
