"""EAN-13 numbers that mean something in one shop only: goods and their weight or price, as a scale prints them.

No layout is common to all shops: the prefixes 02, 04 and 20 to 29 are each country's and each shop's own (GS1 General
Specifications 2.1.12). A layout is therefore a row that somebody sets. Such numbers must not leave the shop.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from kiosk.protocols.barcodes.digits import gs1_checks

_LENGTH = 13
_PREFIX = re.compile(r"0[24]|2[0-9]?")
_LAYOUT = re.compile(r"([0-9]+)(I+)(?:(W+)|(K?)(P+))C")

_TWO_MINUS: Final = (0, 2, 4, 6, 8, 9, 1, 3, 5, 7)
_THREE: Final = (0, 3, 6, 9, 2, 5, 8, 1, 4, 7)
_FIVE_PLUS: Final = (0, 5, 1, 6, 2, 7, 3, 8, 4, 9)
_FIVE_MINUS: Final = (0, 5, 9, 4, 8, 3, 7, 2, 6, 1)
"""Digit-wise weights of the inner check digit (General Specifications 7.9.2)."""


class BadLayout(ValueError):
    """The text says what is wrong with the layout."""


@dataclass(frozen=True, slots=True)
class InStoreNumber:
    """``weight_g`` or ``amount_fen`` is None: a label has one of them. Both are claims, never a weighing or a price."""

    item: str
    weight_g: int | None
    amount_fen: int | None


@dataclass(frozen=True, slots=True)
class InStoreLayout:
    """How the thirteen digits are divided. ``inner_check``: a digit before the amount is its own check digit."""

    prefix: str
    item_digits: int
    value_digits: int
    is_weight: bool
    inner_check: bool

    def read(self, number: str) -> InStoreNumber | None:
        """What the number says; None when it is no number of this layout or a check digit is wrong."""
        if len(number) != _LENGTH or not gs1_checks(number) or not number.startswith(self.prefix):
            return None
        item_end = len(self.prefix) + self.item_digits
        value = number[-1 - self.value_digits : -1]
        if self.inner_check and number[item_end] != inner_check_digit(value):
            return None
        amount = int(value)
        weight_g, amount_fen = (amount, None) if self.is_weight else (None, amount)
        return InStoreNumber(number[len(self.prefix) : item_end], weight_g, amount_fen)


def parse_layout(text: str) -> InStoreLayout:
    """Read "20IIIIIWWWWWC": prefix, I item, W grams or P fen with K its own check digit before it, C check digit.

    Raises BadLayout.
    """
    match = _LAYOUT.fullmatch(text)
    if match is None or len(text) != _LENGTH:
        raise BadLayout(f"{text!r} must be thirteen characters: prefix, I..., W... or P... (K before it), C")
    prefix, item, weight, inner, price = match.groups()
    if _PREFIX.fullmatch(prefix) is None:
        raise BadLayout(f"the prefix {prefix} is not one for use inside a shop: 2, 02, 04 or 20 to 29")
    value = weight or price
    if inner and len(value) not in (4, 5):
        raise BadLayout(f"K checks four or five digits of P, not {len(value)}")
    return InStoreLayout(prefix, len(item), len(value), weight is not None, bool(inner))


def inner_check_digit(amount: str) -> str:
    """The check digit of a price or weight of four or five digits (General Specifications 7.9.3 and 7.9.4)."""
    digits = [int(digit) for digit in amount]
    if len(digits) == 4:
        weights = (_TWO_MINUS, _TWO_MINUS, _THREE, _FIVE_MINUS)
        return str(sum(table[digit] for table, digit in zip(weights, digits, strict=True)) * 3 % 10)
    weights_of_five = (_FIVE_PLUS, _TWO_MINUS, _FIVE_MINUS, _FIVE_PLUS, _TWO_MINUS)
    rest = -sum(table[digit] for table, digit in zip(weights_of_five, digits, strict=True)) % 10
    return str(_FIVE_MINUS.index(rest))
