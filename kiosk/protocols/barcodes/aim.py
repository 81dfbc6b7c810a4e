"""AIM identifiers: what a scanner may send before the data to name the symbology (ISO/IEC 15424)."""

from __future__ import annotations

import re
from collections.abc import Mapping

_IDENTIFIER = re.compile(rb"\][A-Za-z][0-9A-Za-z]")

_BY_IDENTIFIER: Mapping[str, str] = {
    "]C1": "GS1_128",
    "]E4": "EAN8",
    "]d2": "GS1_DATAMATRIX",
    "]Q3": "GS1_QR",
    "]e0": "GS1_DATABAR",
    "]J1": "GS1_DOTCODE",
}
# For the modifiers that do not change what the data is.
_BY_LETTER: Mapping[str, str] = {
    "C": "CODE128",
    "E": "EAN13",
    "A": "CODE39",
    "I": "ITF",
    "d": "DATAMATRIX",
    "Q": "QR",
}

GS1_SYMBOLOGIES = frozenset({"GS1_128", "GS1_DATAMATRIX", "GS1_QR", "GS1_DATABAR", "GS1_DOTCODE"})
PRODUCT_SYMBOLOGIES = frozenset({"EAN13", "EAN8", "UPCA"})


def split_aim(raw: bytes) -> tuple[str | None, bytes]:
    """The identifier, or None when none was sent, and the data behind it."""
    match = _IDENTIFIER.match(raw)
    return (match[0].decode("ascii"), raw[match.end() :]) if match else (None, raw)


def symbology(aim: str | None, data: str) -> str | None:
    """The contract's name, or None without an identifier or for one the station does not know.

    A UPC-A comes with the identifier of EAN-13: it has twelve digits, or a zero in front of them (ISO/IEC 15420).
    """
    if aim is None:
        return None
    found = _BY_IDENTIFIER.get(aim) or _BY_LETTER.get(aim[1])
    if found == "EAN13" and (len(data) == 12 or (len(data) == 13 and data[0] == "0")):
        return "UPCA"
    return found
