"""Values that the table allows, made from its rows, for tests that go through every identifier."""

from __future__ import annotations

from kiosk.protocols.barcodes.gs1.table import TABLE, ValuePart
from kiosk.protocols.barcodes.shared.digits import gs1_check_digit, gs1_check_pair

OF_RULE = {
    "date": "260228",
    "day0": "260200",
    "date4": "20260228",
    "hh": "23",
    "mm": "59",
    "ss": "59",
    "hhmm": "2359",
    "country": "156",
    "country999": "999",
    "country2": "CN",
    "currency": "156",
    "iban": "GB82WEST12345698765432",
    "percent": "%E5%96%80",
    "latitude": "1800000000",
    "longitude": "3600000000",
    "piece": "0102",
    "sequence": "1/2",
    "media": "80",
    "package": "AP",
    "sex": "9",
    "winding": "9",
    "bit": "1",
    "importer": "_",
    "hyphen": "-",
    "zero": "0",
}
COUPONS = {"8110": "061414112345615110100", "8112": "006141411234560123456"}
"""Plain text here; other programs read the fields."""


def piece(part: ValuePart) -> str:
    """One stretch of a value, right by all its rules."""
    if "check" in part.rules:
        return "1" * (part.max_length - 1) + gs1_check_digit("1" * (part.max_length - 1))
    if "check_pair" in part.rules:
        body = "1987654Ad4X4bL5ttr2310c"[: part.max_length - 2]
        return body + gs1_check_pair(body)
    for rule in part.rules:
        if rule in OF_RULE:
            return OF_RULE[rule]
    return "1" * part.max_length


def value(identifier: str) -> str:
    """A value of an identifier with all its parts."""
    return COUPONS.get(identifier) or "".join(piece(part) for part in TABLE[identifier].parts)
