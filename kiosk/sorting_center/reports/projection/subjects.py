"""What an event is about, as a key: a receipt's number, a parcel's number, or the station."""

from __future__ import annotations

from kiosk.domain.identifiers import BadIdentifier, ReceiptNumber, parse_internal_code


def receipt_of_lot(lot: str) -> ReceiptNumber | None:
    """There is one lot to a receipt, and its code says which; None for what is no lot's code."""
    try:
        number = ReceiptNumber.of_body(parse_internal_code(lot).body)
    except BadIdentifier:
        return None
    return number if number.lot == lot else None
