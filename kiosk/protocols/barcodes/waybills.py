"""Whose parcel a number may belong to. Carriers publish no check digits and their ranges overlap.

The shapes are hints gathered from public rule sets, which disagree: the first candidate is the likeliest, the clerk has
the last word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from kiosk.domain.parcel import normalize, to_half_width
from kiosk.protocols.barcodes.foreign_codes import foreign_code_kind
from kiosk.protocols.barcodes.postal import S10, parse_s10

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
