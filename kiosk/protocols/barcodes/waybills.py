"""Whose parcel a number may belong to. Carriers publish no check digits and their ranges overlap.

The shapes are hints gathered from public rule sets, which disagree: the first candidate is the likeliest, the clerk has
the last word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from kiosk.domain.parcel import normalize, to_half_width
from kiosk.protocols.barcodes.gs1.rules import COUNTRIES_ALPHA_2
from kiosk.protocols.barcodes.shared.digits import has_valid_check_digit, s10_check_digit


@dataclass(frozen=True, slots=True)
class ForeignCode:
    """What people scan that is neither a parcel nor a code of these stations: named, never opened, never followed.

    A telephone or identity number is a person's: never kept, never logged. ``word`` is the reason that
    ``kiosk waybill identify`` gives; ``pattern`` is tried on the stripped text.
    """

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


# Postal items of the world: UPU standard S10-12, 13 characters.
_FORM = re.compile(r"([A-Z]{2})([0-9]{8})([0-9])([A-Z]{2})")

# First letter of the service indicator; the others are for use within a country or between two.
_SERVICES = {
    "E": "ems",
    "C": "parcel",
    "R": "registered",
    "L": "tracked_letter",
    "V": "insured",
    "U": "untracked_letter",
    "H": "ecommerce_parcel",
    "J": "reserved",
    "K": "reserved",
}

# Countries and territories with a post of their own (ISO 3166-1; XK is Kosovo's user-assigned code).
_WITHOUT_POST = frozenset(("AQ", "BL", "BV", "CC", "CX", "EH", "GS", "HM", "IO", "MF", "SJ", "TF", "UM"))
_COUNTRIES = COUNTRIES_ALPHA_2 - _WITHOUT_POST | {"XK"}


@dataclass(frozen=True, slots=True)
class S10:
    """``service`` is the indicator as printed, like "EE"; ``valid`` when check digit, country and service are right."""

    valid: bool
    service: str
    country: str

    @property
    def service_name(self) -> str:
        """What the indicator's first letter stands for."""
        return _SERVICES.get(self.service[0], "domestic")


def parse_s10(text: str) -> S10 | None:
    """Read an identifier without spaces; None for anything of another form."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    service, serial, digit, country = match.groups()
    reserved = _SERVICES.get(service[0]) == "reserved"
    return S10(s10_check_digit(serial) == digit and country in _COUNTRIES and not reserved, service, country)


CARRIERS = ("SF", "YTO", "YUNEXPRESS", "ZTO", "STO", "YUNDA", "JD", "JTSD", "DBL", "CHINAPOST", "CAINIAO")
MIN_LENGTH = 8
MAX_LENGTH = 30  # The longest shape, a JD package "-n-total-", has 24 characters


@dataclass(frozen=True, slots=True)
class NumberPattern:
    """One look of one carrier's numbers, upper case without spaces."""

    carrier: str
    pattern: re.Pattern[str]


def _pattern(carrier: str, pattern: str) -> NumberPattern:
    return NumberPattern(carrier, re.compile(pattern, re.ASCII))


_PACKAGE = r"(?:-[0-9]{1,3}-[0-9]{1,3}-?)?"
_PACKAGE_OF = re.compile(r"(JD[0-9A-Z]+)-([0-9]{1,3})-([0-9]{1,3})-?", re.ASCII)

# In order of likelihood: a number's candidates come in the order of the rows it fits.
NUMBER_PATTERNS: tuple[NumberPattern, ...] = (
    # Letters of their own: hardly ever wrong.
    _pattern("SF", r"SF[0-9A-Z][0-9]{12}"),
    _pattern("YTO", r"YT[0-9]{13}"),
    _pattern("YUNEXPRESS", r"YT[0-9]{16}"),
    _pattern("JD", rf"JD[0-9A-Z]{{2}}[0-9]{{11}}{_PACKAGE}"),
    _pattern("JD", rf"JD[XK][0-9]{{12}}{_PACKAGE}"),
    _pattern("JD", rf"JDV[A-Z][0-9]{{11}}{_PACKAGE}"),
    _pattern("JTSD", r"JT[0-9]{12,13}"),
    _pattern("DBL", r"DPK[0-9]{12}"),
    _pattern("CHINAPOST", r"[A-Z]{2}[0-9]{9}[A-Z]{2}"),
    _pattern("CHINAPOST", r"P[A-Z][0-9]{11}"),
    # Digits with a beginning of their own.
    _pattern("ZTO", r"7[34568][0-9]{12}"),
    _pattern("STO", r"77[0-9]{12,15}"),
    _pattern("YTO", r"88[0-9]{16}"),
    _pattern("CAINIAO", r"621[0-9]{12}"),
    _pattern("CHINAPOST", r"[189][0-9]{12}"),
    _pattern("CHINAPOST", r"5[0-2][0-9]{11}"),
    _pattern("YUNDA", r"[34][0-9]{14}"),
    _pattern("STO", r"43[0-9]{12,15}"),
    # Older ranges, which take in nearly everything of their length.
    _pattern("YUNDA", r"[0-9]{13}"),
    _pattern("SF", r"[0-9]{12}"),
    _pattern("SF", r"[0-9]{15}"),
    _pattern("ZTO", r"[0-9]{12}"),
    _pattern("STO", r"[0-9]{12,13}"),
    _pattern("YTO", r"(?!SF|YT|JD|JT|DP)(?=.{10,12}\Z)(?:[A-Z]{1,2}|[0-9][A-Z])[0-9]{8,11}"),
    _pattern("DBL", r"[0-9]{8,10}"),
)


@dataclass(frozen=True, slots=True)
class Waybill:
    """``accept`` is False for anything a clerk must look at, and ``why_not`` says why.

    ``why_not``: product_code, phone_number, id_number, url, wifi, pickup_code, internal_code, too_short, too_long,
    not_a_waybill or empty. ``candidates`` may be there all the same: one waybill in ten looks like a product.
    """

    normalized: str = field(repr=False)
    candidates: tuple[str, ...]
    accept: bool
    s10: S10 | None
    why_not: str | None


@dataclass(frozen=True, slots=True)
class PackageIndex:
    """Which of how many packages of one waybill a bar code is on."""

    number: int
    total: int


def split_package(normalized: str) -> tuple[str, PackageIndex | None]:
    """The waybill alone, and what JD's bar codes say of the package behind it."""
    match = _PACKAGE_OF.fullmatch(normalized)
    return (match[1], PackageIndex(int(match[2]), int(match[3]))) if match else (normalized, None)


def identify(text: str) -> Waybill:
    """Judge a number as scanned or typed. Never raises."""
    normalized = normalize(text)
    candidates = tuple(dict.fromkeys(row.carrier for row in NUMBER_PATTERNS if row.pattern.fullmatch(normalized)))
    s10 = parse_s10(normalized)
    why_not = _why_not(text, normalized, candidates, s10)
    return Waybill(normalized, candidates, why_not is None, s10, why_not)


def _why_not(text: str, normalized: str, candidates: tuple[str, ...], s10: S10 | None) -> str | None:
    if not normalized:
        return "empty"
    # The text as it came is asked too: an address or a grouped telephone number must be known before it is squeezed.
    foreign = foreign_code_kind(to_half_width(text)) or foreign_code_kind(normalized)
    if foreign is not None:
        return foreign
    if not MIN_LENGTH <= len(normalized) <= MAX_LENGTH:
        return "too_short" if len(normalized) < MIN_LENGTH else "too_long"
    return None if candidates and (s10 is None or s10.valid) else "not_a_waybill"
