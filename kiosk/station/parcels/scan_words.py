"""What a scan that opens nothing is called, and what of it may be shown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from kiosk.protocols.barcodes.aim import PRODUCT_SYMBOLOGIES
from kiosk.protocols.barcodes.scan import Scan
from kiosk.protocols.barcodes.waybills import MAX_LENGTH, MIN_LENGTH, Package, Waybill, identify, split_package

MOST_SHOWN: Final = 64

_WORDS: Final[Mapping[str | None, str]] = {
    "control": "control",
    "phone": "phone_number",
    "phone_number": "phone_number",
    "id_number": "id_number",
    "url": "url",
    "wifi": "wifi",
    "product_code": "product",
    "too_short": "not_a_waybill",
    "too_long": "not_a_waybill",
    "pickup_code": "not_a_waybill",
    "not_a_waybill": "not_a_waybill",
}
"""Reasons of the barcode rooms as the clerk reads them; every other one is "text": nothing this station knows."""

_UNSHOWN: Final = frozenset({"phone_number", "id_number", "wifi"})
_OF_STRANGERS: Final = frozenset({"url", "control", "text", "not_a_waybill"})
"""Words of a scan nobody here has made: anything may stand in it."""
_PERSONAL_SCHEME: Final = re.compile(
    r"\s*(?:begin|mecard|vcard|bizcard|matmsg|mailto|smsto|sms|tel|wifi|otpauth)\s*:", re.I
)
_BETWEEN_DIGITS: Final = re.compile(r"(?<=[0-9])[ -](?=[0-9])")
_LONG_RUN: Final = re.compile(r"[0-9]{11}")
_PERSONAL_RUN: Final = re.compile(
    r"(?<![0-9])(?:(?:86|0086)?1[3-9][0-9]{9}|[1-8][0-9]{5}(?:18|19|20)[0-9]{9}[0-9X]|[1-8][0-9]{14})(?![0-9])", re.I
)
"""A mobile number, or an ID number of 18 or 15 characters, among other text. A mistyped waybill may still be shown."""
_CHINESE_GOODS: Final = "69"
"""GS1 prefixes 690 to 699 (GS1 General Specifications, list of prefixes)."""
_NO_NUMBERS: Final = frozenset({"gs1", "product"})


def refused_word(scan: Scan, found: Waybill) -> str:
    """Why this is no waybill that can be booked, as one of the refusal words."""
    if scan.kind == "rejected":
        # Typed with an input method of full-width or Arabic digits it is the same person's number.
        named = _WORDS.get(identify(_folded(scan.data)).why_not, "text") if scan.error == "not_ascii" else ""
        return named if named in _UNSHOWN else _WORDS.get(scan.error, "text")
    if scan.kind in _NO_NUMBERS:
        return "product"
    return "text" if scan.kind == "command" else _WORDS.get(found.why_not, "text")


def shown_text(scan: Scan, word: str) -> str:
    """The scan as plain text for the screen; nothing of what is a person's, of a password or of a pickup code."""
    if word in _UNSHOWN or scan.kind == "pickup" or (word in _OF_STRANGERS and _is_personal(scan.data, word)):
        return ""
    return "".join(character for character in scan.data if character.isprintable())[:MOST_SHOWN]


def _is_personal(text: str, word: str) -> bool:
    """Whether somebody's number, card or password may stand in a text."""
    folded = _folded(text)
    run = _PERSONAL_RUN if word == "not_a_waybill" else _LONG_RUN
    return bool(_PERSONAL_SCHEME.match(folded) or run.search(_BETWEEN_DIGITS.sub("", folded)))


def _folded(text: str) -> str:
    """Every digit and letter that has another form in ASCII: full-width ones, and the digits of other scripts."""
    plain = unicodedata.normalize("NFKC", text)
    return "".join(str(unicodedata.decimal(one)) if one.isdecimal() else one for one in plain)


def is_bookable(scan: Scan, found: Waybill) -> bool:
    """Whether the scan alone says that this is a parcel, and whose."""
    return scan.kind == "waybill" and scan.valid and bool(found.candidates)


def may_choose_carrier(scan: Scan, found: Waybill) -> bool:
    """One waybill in ten looks like a product's number: then the clerk decides.

    Not when the scanner saw a product's bars, nor for the numbers of Chinese goods, which no carrier begins with.
    """
    is_goods = scan.symbology in PRODUCT_SYMBOLOGIES or found.normalized.startswith(_CHINESE_GOODS)
    return found.why_not == "product_code" and bool(found.candidates) and not is_goods


def waybill_key(found: Waybill) -> str | None:
    """The number as the store keeps it, letters and digits alone and without its package; None for what can be no
    waybill's.
    """
    key = split_package(found.normalized)[0].replace("-", "")
    return key if MIN_LENGTH <= len(key) <= MAX_LENGTH and key.isascii() and key.isalnum() else None


def one_of_several(found: Waybill) -> Package | None:
    """The package a bar code is on, where its waybill has more than one."""
    package = split_package(found.normalized)[1]
    return package if package is not None and package.total > 1 else None
