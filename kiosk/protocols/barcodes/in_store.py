"""Numbers that mean something in one shop only: goods and their weight or price, as a scale prints them.

No layout is common to all shops: the prefixes 02, 04 and 20 to 29 are each country's and each shop's own (GS1 General
Specifications 2.1.12). So each layout has to be set. Thirteen digits are an EAN-13; eighteen digits, with weight and
price, a Code 128 as scales in China print it. Such numbers must not leave the shop.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from kiosk.protocols.barcodes.shared.digits import gs1_check_digit, has_valid_check_digit

_LENGTHS: Final = (13, 18)
_PREFIX = re.compile(r"0[24]|2[0-9]?")
_LAYOUT = re.compile(r"([0-9]+)(I+)(?:(W+)(P*)|(K?)(P+)|(P+)(W+))C")
_TWO_MINUS: Final = (0, 2, 4, 6, 8, 9, 1, 3, 5, 7)
_THREE: Final = (0, 3, 6, 9, 2, 5, 8, 1, 4, 7)
_FIVE_PLUS: Final = (0, 5, 1, 6, 2, 7, 3, 8, 4, 9)
# Digit-wise weights of the inner check digit (General Specifications 7.9.2).
_FIVE_MINUS: Final = (0, 5, 9, 4, 8, 3, 7, 2, 6, 1)


class BadLayout(ValueError):
    """The text names what is wrong with the layout, or what it has no place for."""


@dataclass(frozen=True, slots=True)
class InStoreNumber:
    """A value without a field on the label is None. Weight and price are claims, never a weighing or price of ours."""

    item: str
    weight_g: int | None
    amount_fen: int | None


@dataclass(frozen=True, slots=True)
class InStoreLayout:
    """A letter for each digit: the prefix as it is, I item, W grams, P fen, K the check digit of P, C that of all."""

    text: str

    def __post_init__(self) -> None:
        """Check the layout. Raises BadLayout."""
        match = _LAYOUT.fullmatch(self.text)
        if match is None or len(self.text) not in _LENGTHS:
            raise BadLayout(
                f"{self.text!r} must be 13 or 18 characters: prefix, I..., W... or P... or both (K before P alone), C"
            )
        if _PREFIX.fullmatch(match[1]) is None:
            raise BadLayout(f"the prefix {match[1]} is not one for use inside a shop: 2, 02, 04 or 20 to 29")
        if "K" in self.text and self.text.count("P") not in (4, 5):
            raise BadLayout(f"K checks four or five digits of P, not {self.text.count('P')}")

    @property
    def prefix(self) -> str:
        return self.text[: self.text.index("I")]

    def read(self, number: str) -> InStoreNumber | None:
        """Read a number; None when it is no number of this layout or a check digit is wrong."""
        if len(number) != len(self.text) or not has_valid_check_digit(number) or not number.startswith(self.prefix):
            return None
        price = self._field(number, "P")
        if "K" in self.text and self._field(number, "K") != inner_check_digit(price):
            return None
        weight = self._field(number, "W")
        return InStoreNumber(self._field(number, "I"), int(weight) if weight else None, int(price) if price else None)

    def number(self, content: InStoreNumber) -> str:
        """Build the digits of a label; raises BadLayout for content that does not fit the layout or is missing."""
        body = self.prefix + self._digits("I", content.item)
        for letter in dict.fromkeys(self.text[len(self.prefix) :].strip("I").rstrip("C")):
            if letter == "W":
                body += self._digits("W", content.weight_g)
            elif letter == "P":
                body += self._digits("P", content.amount_fen)
            else:
                body += inner_check_digit(self._digits("P", content.amount_fen))
        for letter, value in ("W", content.weight_g), ("P", content.amount_fen):
            if letter not in self.text and value is not None:
                raise BadLayout(f"{self.text} has no {letter}")
        return body + gs1_check_digit(body)

    def _field(self, number: str, letter: str) -> str:
        start = self.text.find(letter, len(self.prefix))
        return number[start : start + self.text.count(letter)] if start >= 0 else ""

    def _digits(self, letter: str, value: str | int | None) -> str:
        room = self.text.count(letter)
        digits = "" if value is None else str(value).zfill(room)
        if not (digits.isascii() and digits.isdigit() and len(digits) == room):
            raise BadLayout(f"{value!r} is not the {room} digits of {letter} in {self.text}")
        return digits


def read_in_store(layouts: Iterable[InStoreLayout], number: str) -> InStoreNumber | None:
    """Read the number by the first layout that it fits; None when it fits none."""
    return next((parsed for parsed in (layout.read(number) for layout in layouts) if parsed is not None), None)


def inner_check_digit(amount: str) -> str:
    """Compute the check digit of a price or weight of four or five digits (General Specifications 7.9.3, 7.9.4)."""
    digits = [int(digit) for digit in amount]
    if len(digits) == 4:
        weights = (_TWO_MINUS, _TWO_MINUS, _THREE, _FIVE_MINUS)
        return str(sum(table[digit] for table, digit in zip(weights, digits, strict=True)) * 3 % 10)
    weights_of_five = (_FIVE_PLUS, _TWO_MINUS, _FIVE_MINUS, _FIVE_PLUS, _TWO_MINUS)
    rest = -sum(table[digit] for table, digit in zip(weights_of_five, digits, strict=True)) % 10
    return str(_FIVE_MINUS.index(rest))
