"""Coupon codes of North America, (8110) and (8112): fields that say their own length, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kiosk.protocols.barcodes.gs1.dates import is_date


class _Bad(ValueError):
    """A field is missing, too short or not one of its values."""


class _Fields:
    """What is left to read of a coupon."""

    def __init__(self, text: str) -> None:
        if not (text.isascii() and text.isdigit()):
            raise _Bad
        self._text: Final = text
        self._at = 0

    @property
    def over(self) -> bool:
        """Whether all was read."""
        return self._at == len(self._text)

    def take(self, size: int) -> str:
        """The next ``size`` digits."""
        piece = self._text[self._at : self._at + size]
        if len(piece) < size:
            raise _Bad
        self._at += size
        return piece

    def one_of(self, values: str) -> str:
        """A digit that must be one of ``values``."""
        digit = self.take(1)
        if digit not in values:
            raise _Bad
        return digit

    def counted(self, lengths: str, more: int = 0) -> str:
        """A digit for the length, one of ``lengths``, and that many digits, ``more`` added."""
        return self.take(int(self.one_of(lengths)) + more)

    def option(self, mark: str) -> bool:
        """Whether the optional field of this mark comes next; the mark is read over."""
        if self._text[self._at : self._at + 1] != mark:
            return False
        self._at += 1
        return True

    def date(self) -> str:
        """A date with its day."""
        text = self.take(6)
        if not is_date(text):
            raise _Bad
        return text


_LENGTHS_OF_PREFIX = "0123456"
"""Six to twelve digits of a GS1 company prefix or of a funder."""
_LENGTHS_OF_SERIAL = "0123456789"
_REQUIREMENTS = "012349"
_WITHOUT_PREFIX = "9"


def _requirement(fields: _Fields) -> None:
    """How much must be bought: the amount, its kind, the family of goods."""
    fields.counted("12345")
    fields.one_of(_REQUIREMENTS)
    fields.take(3)


def _other_purchase(fields: _Fields) -> None:
    _requirement(fields)
    if not fields.option(_WITHOUT_PREFIX):
        fields.counted(_LENGTHS_OF_PREFIX, 6)


def _dates(fields: _Fields) -> None:
    expires = fields.date() if fields.option("3") else "999999"
    if fields.option("4") and fields.date() > expires:
        raise _Bad


def _miscellaneous(fields: _Fields) -> None:
    """Which saving, on which item, only in this shop or not, multiplied or not."""
    fields.one_of("01256")
    fields.one_of("012")
    fields.take(1)
    fields.one_of("01")


def _coupon(fields: _Fields) -> None:
    fields.counted(_LENGTHS_OF_PREFIX, 6)
    fields.take(6)
    fields.counted("12345")
    _requirement(fields)
    if fields.option("1"):
        fields.one_of("0123")
        _other_purchase(fields)
    if fields.option("2"):
        _other_purchase(fields)
    _dates(fields)
    if fields.option("5"):
        fields.counted(_LENGTHS_OF_SERIAL, 6)
    if fields.option("6"):
        fields.counted("1234567", 6)
    if fields.option("9"):
        _miscellaneous(fields)


def _offer(fields: _Fields) -> None:
    fields.one_of("01")
    fields.counted(_LENGTHS_OF_PREFIX, 6)
    fields.take(6)
    fields.counted(_LENGTHS_OF_SERIAL, 6)


def _reads(text: str, layout: Callable[[_Fields], None]) -> bool:
    try:
        fields = _Fields(text)
        layout(fields)
    except _Bad:
        return False
    return fields.over


def is_coupon(text: str) -> bool:
    """The paper coupon of (8110)."""
    return _reads(text, _coupon)


def is_offer(text: str) -> bool:
    """The coupon of (8112), whose terms stand in the positive offer file."""
    return _reads(text, _offer)
