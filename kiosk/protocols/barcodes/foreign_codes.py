"""What people scan that is neither a parcel nor a code of these stations: named, never opened, never followed.

A telephone or identity number is a person's: whoever meets one here must neither keep nor log it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kiosk.protocols.barcodes.shared.digits import has_valid_check_digit


@dataclass(frozen=True, slots=True)
class ForeignCode:
    """``word`` is the reason ``kiosk waybill identify`` gives; ``pattern`` is tried on the stripped text."""

    word: str
    pattern: re.Pattern[str]


def _row(word: str, pattern: str) -> ForeignCode:
    return ForeignCode(word, re.compile(pattern, re.ASCII | re.IGNORECASE | re.DOTALL))


_SCHEMES = (
    "about alipay alipays blob bitcoin chrome data file ftp geo http https intent javascript mailto market matmsg "
    "mecard otpauth sms smsto tel upi vbscript view-source weixin"
)

# Tried from top to bottom: who wants the telephone number in a `tel:` link named looks for it before the link.
FOREIGN_CODES: tuple[ForeignCode, ...] = (
    _row("wifi", r"wifi\s*:.*"),
    # Mobile numbers of China: 11 digits from 13 to 19, with or without the country's 86; groups of 3-4-4.
    _row("phone_number", r"(?:tel:\s*)?(?:(?:\+|00)?86[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}"),
    _row("phone_number", r"(?:tel:\s*)?(?:\+86[ -]?)?\(?0?[1-9][0-9]{1,2}\)?-[0-9]{7,8}"),
    # GB 11643: region, birth date, order, check character. The date is enough: a mistyped number is personal too.
    _row(
        "id_number",
        r"(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3])[0-9]{4}"
        r"(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]",
    ),
    # The form of before 1999, without century and check character. Parcels have fifteen digits too: the region is
    # therefore looked at closer (the codes of GB/T 2260 of that time; none began with 621, Cainiao's own beginning),
    # and whoever was born before 1920 is left out.
    _row(
        "id_number",
        r"(?!621)(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5])(?:0[1-9]|[12][0-9]|3[0-4]|5[1-4]|90)(?:[0-4][0-9]|8[0-9])"
        r"[2-9][0-9](?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}",
    ),
    _row("url", r"[^\s]*://.*"),
    _row("url", rf"(?:{'|'.join(_SCHEMES.split())})\s*:.*"),
    _row("url", r"www\..+"),
    _row("url", r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}(?::[0-9]+)?[/?].*"),
    # A code of these stations, a receipt or a parcel number: a stranger among waybills only.
    _row("internal_code", r"Y1[A-Z][0-9A-Z]+"),
    _row("internal_code", r"(?:P-)?[0-9]{4}-[A-Z]-[0-9]{6}"),
    # Shelf, layer, sequence, as pick-up stations print it; lockers give six to eight digits.
    _row("pickup_code", r"(?:[A-Z]-?)?(?:[0-9]{1,3}-)?[0-9]{1,2}-[0-9]{1,5}"),
    _row("pickup_code", r"[0-9]{6,8}"),
)

# Nothing that is named here is longer, but for links, and those show in their first characters.
_MAX_CHECKED_LENGTH = 256
# EAN-8 and EAN-13. A UPC-A of 12 digits looks like an old waybill: without its symbology nobody can tell.
_PRODUCT_LENGTHS = (8, 13)


def is_product(text: str) -> bool:
    """Whether the text is a GTIN of 8 or 13 digits with a right check digit (one waybill in ten looks like one)."""
    return len(text) in _PRODUCT_LENGTHS and has_valid_check_digit(text)


def foreign_code_kind(text: str) -> str | None:
    """The word of the first row that the whole text fits, ``product_code``, or None."""
    stripped = text[:_MAX_CHECKED_LENGTH].strip()
    found = next((row.word for row in FOREIGN_CODES if row.pattern.fullmatch(stripped)), None)
    if found in (None, "pickup_code") and is_product(stripped):
        return "product_code"
    return found
