"""Numbers of one's own: trade items (GTIN) and logistic units (SSCC), from the prefix that GS1 has given a company.

Without a prefix there is no number: an invented one is somebody else's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kiosk.protocols.barcodes.shared.digits import gs1_check_digit

# Indicator of a trade item whose weight differs from piece to piece (General Specifications 2.1.11).
VARIABLE_MEASURE = 9

_PREFIX = re.compile(r"[0-9]{4,12}")
# Beginnings that are a shop's own, of coupons, or of periodicals and books (General Specifications 1.4.2).
_NON_COMPANY_PREFIXES = ("2", "02", "04", "05", "977", "978", "979", "98", "99")
_ITEM_DIGITS = 12
_SERIAL_DIGITS = 16


class BadGs1Key(ValueError):
    """The text says what there is no number for, or what is wrong with the one asked for."""


@dataclass(frozen=True, slots=True)
class CompanyPrefix:
    """The digits of a GS1 company prefix, as GS1 writes it in the company's certificate. Raises BadKey."""

    digits: str

    def __post_init__(self) -> None:
        if not self.digits:
            raise BadGs1Key("no GS1 company prefix is set: only the company GS1 has given one may make such numbers")
        if not (self.digits.isascii() and _PREFIX.fullmatch(self.digits)):
            raise BadGs1Key(f"{self.digits!r} must be a GS1 company prefix of 4 to 12 digits")
        if self.digits.startswith(_NON_COMPANY_PREFIXES):
            raise BadGs1Key(f"{self.digits} is no company's: such numbers are a shop's own, a coupon's or a book's")

    def gtin(self, item: int, indicator: int = 0) -> str:
        """GTIN-14 of an item reference; ``indicator`` 0 is the item itself, 9 of variable measure. Raises BadKey."""
        if not 0 <= indicator <= VARIABLE_MEASURE:
            raise BadGs1Key(f"indicator {indicator} must be 0 to {VARIABLE_MEASURE}")
        return self._number(f"{indicator}", item, _ITEM_DIGITS)

    def sscc(self, serial: int, extension: int = 0) -> str:
        """SSCC of a serial reference, which must not be used again. Raises BadKey."""
        if not 0 <= extension <= 9:
            raise BadGs1Key(f"extension digit {extension} must be 0 to 9")
        return self._number(f"{extension}", serial, _SERIAL_DIGITS)

    def _number(self, first: str, reference: int, digits: int) -> str:
        room = digits - len(self.digits)
        if reference < 0 or len(str(reference)) > room:
            raise BadGs1Key(f"{reference} does not fit behind the prefix {self.digits}: {room} digits are left")
        body = f"{first}{self.digits}{reference:0{room}d}"
        return body + gs1_check_digit(body)
