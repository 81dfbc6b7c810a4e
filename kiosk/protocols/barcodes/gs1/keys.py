"""A company's own numbers: trade items (GTIN) and logistic units (SSCC), from the prefix that GS1 has given it.

Without a prefix there is no number: an invented one belongs to another company.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from kiosk.domain.identifiers import SERIES_LETTERS, SerialNumber
from kiosk.protocols.barcodes.gs1.elements import Elements
from kiosk.protocols.barcodes.shared.digits import gs1_check_digit

# Indicator of a trade item whose weight differs from piece to piece (General Specifications 2.1.11).
VARIABLE_MEASURE = 9
_PREFIX = re.compile(r"[0-9]{4,12}")
# Beginnings that are a shop's own, of coupons, or of periodicals and books (General Specifications 1.4.2).
_NON_COMPANY_PREFIXES = ("2", "02", "04", "05", "977", "978", "979", "98", "99")
_ITEM_DIGITS = 12
_SERIAL_DIGITS = 16


class BadGs1Key(ValueError):
    """The text names what has no number, or what is wrong with the requested one."""


@dataclass(frozen=True, slots=True)
class CompanyPrefix:
    """The digits of a GS1 company prefix, as GS1 writes it in the company's certificate. Raises BadGs1Key."""

    digits: str

    def __post_init__(self) -> None:
        if not self.digits:
            raise BadGs1Key("no GS1 company prefix is set: only the company GS1 has given one may make such numbers")
        if not (self.digits.isascii() and _PREFIX.fullmatch(self.digits)):
            raise BadGs1Key(f"{self.digits!r} must be a GS1 company prefix of 4 to 12 digits")
        if self.digits.startswith(_NON_COMPANY_PREFIXES):
            raise BadGs1Key(f"{self.digits} is no company's: such numbers are a shop's own, a coupon's or a book's")

    def gtin(self, item: int, indicator: int = 0) -> str:
        """Build the GTIN-14 of an item; ``indicator`` 0 is the item itself, 9 of variable measure. Raises BadGs1Key."""
        if not 0 <= indicator <= VARIABLE_MEASURE:
            raise BadGs1Key(f"indicator {indicator} must be 0 to {VARIABLE_MEASURE}")
        return self._number(f"{indicator}", item, _ITEM_DIGITS)

    def sscc(self, serial: int, extension: int = 0) -> str:
        """Build the SSCC of a serial reference, which must not be used again. Raises BadGs1Key."""
        if not 0 <= extension <= 9:
            raise BadGs1Key(f"extension digit {extension} must be 0 to 9")
        return self._number(f"{extension}", serial, _SERIAL_DIGITS)

    def _number(self, first: str, reference: int, digits: int) -> str:
        room = digits - len(self.digits)
        if reference < 0 or len(str(reference)) > room:
            raise BadGs1Key(f"{reference} does not fit behind the prefix {self.digits}: {room} digits are left")
        body = f"{first}{self.digits}{reference:0{room}d}"
        return body + gs1_check_digit(body)


_MAX_NET_G: Final = 999_999  # Six digits of (3103)
_SSCC_DIGITS: Final = 17  # Extension digit, prefix and serial reference; without the check digit


@dataclass(frozen=True, slots=True)
class Gs1Bag:
    """``lot`` and ``serial`` are the bodies of the codes of lot and bag; ``packed`` is None while no clock is set."""

    net_g: int
    packed: date | None
    lot: str
    serial: str


def bag_elements(company: CompanyPrefix, item: int, bag: Gs1Bag) -> Elements:
    """Return GTIN of variable measure, net weight, packing date, lot and serial. Raises BadGs1Key."""
    if not 0 < bag.net_g <= _MAX_NET_G:
        raise BadGs1Key(f"{bag.net_g} g is no net weight that (3103) can say")
    packed = (("13", bag.packed.strftime("%y%m%d")),) if bag.packed else ()
    weighed = (("01", company.gtin(item, VARIABLE_MEASURE)), ("3103", f"{bag.net_g:06d}"))
    return (*weighed, *packed, ("10", bag.lot), ("21", bag.serial))


@dataclass(frozen=True, slots=True)
class Crate:
    """Bags of one lot in one crate or on one pallet; ``lot`` and ``packed`` as of a bag."""

    number: SerialNumber
    net_g: int
    packed: date | None
    lot: str
    bags: int


def crate_sscc(company: CompanyPrefix, number: SerialNumber) -> str:
    """Build the SSCC of a crate. Raises BadGs1Key when it does not fit behind the prefix.

    All stations of a company share its prefix. The digits behind it, extension digit included, are those of the
    station, then of its series and counter: each letter has its own part, so two crates never share a number.
    """
    room = _SSCC_DIGITS - len(company.digits) - len(number.station[1:])
    each = 10**room // len(SERIES_LETTERS) if room > 0 else 0
    if number.counter > each:
        raise BadGs1Key(f"a station has {each} SSCC in a series behind the prefix {company.digits}: they are used up")
    place = SERIES_LETTERS.index(number.series) * each + number.counter - 1
    digits = f"{number.station[1:]}{place:0{room}d}"
    return company.sscc(int(digits[1:]), int(digits[0]))


def crate_elements(company: CompanyPrefix, item: int | None, crate: Crate) -> Elements:
    """Return SSCC; for goods with an item reference also GTIN, net weight, packing date, lot and number of bags.

    Raises BadGs1Key. A weight that does not fit GS1, or a lot of too many bags, is left to the text on the label.
    """
    sscc = (("00", crate_sscc(company, crate.number)),)
    if item is None or not 0 < crate.net_g <= _MAX_NET_G or crate.bags < 1:
        return sscc
    packed = (("13", crate.packed.strftime("%y%m%d")),) if crate.packed else ()
    held = (("02", company.gtin(item, VARIABLE_MEASURE)), ("3103", f"{crate.net_g:06d}"))
    return (*sscc, *held, *packed, ("10", crate.lot), ("37", str(crate.bags)))


def own_serial(company: CompanyPrefix, elements: Elements) -> str | None:
    """Return the serial of a bag whose GTIN is this company's; None for all others."""
    values = dict(elements)
    is_own = values.get("01", "")[1:].startswith(company.digits)
    return values.get("21") if is_own else None
