"""Which carrier a number may belong to. Carriers publish no check digits and their ranges overlap.

The shapes are hints gathered from public rule sets, which disagree: the first candidate is the likeliest, the clerk
decides.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kiosk.domain.parcel import normalize, to_half_width
from kiosk.protocols.barcodes.gs1.rules import COUNTRIES_ALPHA_2
from kiosk.protocols.barcodes.shared.digits import has_valid_check_digit, s10_check_digit


@dataclass(frozen=True, slots=True)
class NumberPattern:
    """A row of waybills.toml. Of a foreign code ``name`` is the reason that ``kiosk waybill identify`` gives; phone and
    identity numbers are personal: never kept, never logged. In other rows ``name`` is the carrier.
    """

    name: str
    pattern: re.Pattern[str]


_TABLES = tomllib.loads(Path(__file__).with_name("waybills.toml").read_text(encoding="utf-8"))


def _patterns(table: str, flags: re.RegexFlag) -> tuple[NumberPattern, ...]:
    return tuple(NumberPattern(name, re.compile("".join(parts), flags)) for name, *parts in _TABLES[table])


FOREIGN_CODES = _patterns("foreign_codes", re.ASCII | re.IGNORECASE | re.DOTALL)
NUMBER_PATTERNS = _patterns("number_patterns", re.ASCII)

# Nothing that is named here is longer, but for links, and those show in their first characters.
_MAX_CHECKED_LENGTH = 256
# EAN-8 and EAN-13. A UPC-A of 12 digits looks like an old waybill: only its symbology shows the difference.
_PRODUCT_LENGTHS = (8, 13)


def foreign_code_kind(text: str) -> str | None:
    """Return the name of the first row that the whole text fits, ``product_code``, or None."""
    stripped = text[:_MAX_CHECKED_LENGTH].strip()
    found = next((row.name for row in FOREIGN_CODES if row.pattern.fullmatch(stripped)), None)
    # One waybill in ten looks like a GTIN.
    if found in (None, "pickup_code") and len(stripped) in _PRODUCT_LENGTHS and has_valid_check_digit(stripped):
        return "product_code"
    return found


# Postal items of the world: UPU standard S10-12, 13 characters.
_FORM = re.compile(r"([A-Z]{2})([0-9]{8})([0-9])([A-Z]{2})")

_SERVICES: Mapping[str, str] = _TABLES["services"]

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


_PACKAGE_OF = re.compile(r"(JD[0-9A-Z]+)-([0-9]{1,3})-([0-9]{1,3})-?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Waybill:
    """``accept`` is False for anything a clerk must check, and ``why_not`` is the reason.

    ``why_not``: product_code, phone_number, id_number, url, wifi, pickup_code, internal_code, too_short, too_long,
    not_a_waybill or empty. ``candidates`` may be present all the same: one waybill in ten looks like a product.
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
    """Split off the waybill from the package index that JD's bar codes append."""
    match = _PACKAGE_OF.fullmatch(normalized)
    return (match[1], PackageIndex(int(match[2]), int(match[3]))) if match else (normalized, None)


def identify(text: str) -> Waybill:
    """Judge a number as scanned or typed. Never raises."""
    normalized = normalize(text)
    candidates = tuple(dict.fromkeys(row.name for row in NUMBER_PATTERNS if row.pattern.fullmatch(normalized)))
    s10 = parse_s10(normalized)
    why_not = _why_not(text, normalized, candidates, s10)
    return Waybill(normalized, candidates, why_not is None, s10, why_not)


def _why_not(text: str, normalized: str, candidates: tuple[str, ...], s10: S10 | None) -> str | None:
    if not normalized:
        return "empty"
    # Also checked as it came: an address or a grouped telephone number is not recognized after normalizing.
    foreign = foreign_code_kind(to_half_width(text)) or foreign_code_kind(normalized)
    if foreign is not None:
        return foreign
    if not MIN_LENGTH <= len(normalized) <= MAX_LENGTH:
        return "too_short" if len(normalized) < MIN_LENGTH else "too_long"
    return None if candidates and (s10 is None or s10.valid) else "not_a_waybill"
