"""Numbers and codes people and scanners see: stations, receipts, internal codes, epochs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Self

_ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Letters of code bodies and receipt series: no I, O or U, which hands and eyes confuse with 1, 0 and V.
BODY_ALPHABET = "0123456789ABCDEFGHJKLMNPQRSTVWXYZ"

SERIES_LETTERS = "ABCDEFGHJKLMNPQRSTVWXYZ"
CODE_PREFIX = "Y1"
CODE_TYPES = {
    "B": "bag",
    "L": "lot",
    "P": "member",
    "R": "receipt",
    "T": "tote",
    "Z": "seal",
    "M": "manifest",
    "H": "shelf",
    "K": "pickup",
}

MAX_BAGS = 40  # More than a handcart carries; a bound so that no draft grows without end

_BODY = re.compile(rf"[{BODY_ALPHABET}]+")
_RECEIPT_BODY = re.compile(rf"([0-9]{{4}})([{SERIES_LETTERS}])([0-9]{{6}})")
_BAG_BODY = re.compile(rf"({_RECEIPT_BODY.pattern})([0-9]{{2}})")
_STATION = re.compile(r"S[0-9]{4}")
_REGION = re.compile(r"[a-z0-9-]{1,16}")
_RECEIPT = re.compile(rf"([0-9]{{4}})-([{SERIES_LETTERS}])-([0-9]{{6}})")


class BadIdentifier(ValueError):
    """The text names what was given and what would be right."""


def check_station(text: str) -> str:
    """Return the station id unchanged; raises BadIdentifier unless it is S and four digits."""
    if not _STATION.fullmatch(text):
        raise BadIdentifier(f"station id {text!r} must be S and four digits, like S0147")
    return text


def check_region(text: str) -> str:
    """Return the region id unchanged; raises BadIdentifier. ``feed`` is a separate topic level, never an id."""
    if not _REGION.fullmatch(text) or text == "feed":
        raise BadIdentifier(f"region id {text!r} must be 1 to 16 of a-z, 0-9 and -, and not 'feed'")
    return text


def next_series(letter: str | None) -> str:
    """Return the receipt series after ``letter``; A when there was none. Raises BadIdentifier after Z."""
    if letter is None:
        return SERIES_LETTERS[0]
    place = SERIES_LETTERS.index(letter) + 1
    if place == len(SERIES_LETTERS):
        raise BadIdentifier("all 23 receipt series of this station are used up; give it a new station id")
    return SERIES_LETTERS[place]


@dataclass(frozen=True, slots=True, order=True)
class SeriesNumber:
    """Station digits, series letter, gap-free counter from 1. No year: the clock may be unset."""

    WHAT: ClassVar[str]
    station: str
    series: str
    counter: int

    def __post_init__(self) -> None:
        check_station(self.station)
        if self.series not in SERIES_LETTERS or len(self.series) != 1:
            raise BadIdentifier(f"{self.WHAT} series {self.series!r} must be one of {SERIES_LETTERS}")
        if not 1 <= self.counter <= 999_999:
            raise BadIdentifier(f"{self.WHAT} counter {self.counter} must be 1 to 999999")

    def __str__(self) -> str:
        return f"{self.station[1:]}-{self.series}-{self.counter:06d}"

    @property
    def body(self) -> str:
        """The characters that stand for this number inside an internal code."""
        return f"{self.station[1:]}{self.series}{self.counter:06d}"

    @classmethod
    def _read(cls, pattern: re.Pattern[str], text: str, fault: str) -> Self:
        if (match := pattern.fullmatch(text)) is None:
            raise BadIdentifier(fault)
        return cls(f"S{match[1]}", match[2], int(match[3]))


@dataclass(frozen=True, slots=True, order=True)
class ReceiptNumber(SeriesNumber):
    """``0147-A-000381``."""

    WHAT = "receipt"

    @property
    def code(self) -> str:
        """The internal code on the receipt, type R."""
        return internal_code("R", self.body)

    @property
    def lot(self) -> str:
        """The internal code of the lot this intake opens, type L: one lot per receipt, so lots are gap-free too."""
        return internal_code("L", self.body)

    def bag_code(self, number: int) -> str:
        """Build the internal code, type B, of a bag of this receipt: body and two digits. Raises BadIdentifier."""
        if not 1 <= number <= MAX_BAGS:
            raise BadIdentifier(f"bag {number} must be 1 to {MAX_BAGS}")
        return internal_code("B", f"{self.body}{number:02d}")

    @classmethod
    def of_body(cls, body: str) -> Self:
        """Read ``0147A000381``, the form in codes of receipts and lots; raises BadIdentifier."""
        return cls._read(_RECEIPT_BODY, body, f"code body {body!r} is no receipt's: it must look like 0147A000381")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``0147-A-000381``; raises BadIdentifier."""
        return cls._read(_RECEIPT, text, f"receipt number {text!r} must look like 0147-A-000381")


@dataclass(frozen=True, slots=True, order=True)
class SerialNumber(SeriesNumber):
    """The number of a crate, tote, seal or manifest: as a receipt's, with its own counter for each kind.

    People read ``T-0147-A-000012``, a scanner the internal code of the same kind. A database restored from a backup
    begins a new series: no number is given twice.
    """

    WHAT = "receipt"

    def text(self, kind: str) -> str:
        return f"{kind}-{self}"

    def code(self, kind: str) -> str:
        return internal_code(kind, self.body)

    @classmethod
    def parse(cls, kind: str, text: str) -> SerialNumber:
        """Read the printed number or the internal code; raises BadIdentifier."""
        if text.startswith(f"{kind}-"):
            number = ReceiptNumber.parse(text[len(kind) + 1 :])
        else:
            found = parse_internal_code(text)
            if found.kind != kind:
                raise BadIdentifier(f"{text!r} is the code of a {found.name}, not of a {CODE_TYPES[kind]}")
            number = ReceiptNumber.of_body(found.body)
        return cls(number.station, number.series, number.counter)


# For each character the step of the check, by the product before it.
_PRODUCTS = {
    character: tuple(((product + value) % 36 or 36) * 2 % 37 for product in range(37))
    for value, character in enumerate(_ALPHANUMERIC)
}


def check_character(text: str) -> str:
    """Compute the check character of ``text`` (0-9, A-Z): ISO/IEC 7064 MOD 37,36 (hybrid system, clause 9)."""
    product = 36
    try:
        for character in text:
            product = _PRODUCTS[character][product]
    except KeyError as error:
        raise BadIdentifier(f"{error} cannot stand in a code: only 0-9 and A-Z") from None
    return _ALPHANUMERIC[(37 - product) % 36]


def internal_code(kind: str, body: str) -> str:
    """Build ``Y1`` + type letter + body + check character; raises BadIdentifier."""
    if kind not in CODE_TYPES:
        raise BadIdentifier(f"code type {kind!r} must be one of {', '.join(CODE_TYPES)}")
    if _BODY.fullmatch(body) is None:
        raise BadIdentifier(f"code body {body!r} must be one or more of {BODY_ALPHABET}")
    start = f"{CODE_PREFIX}{kind}{body}"
    return start + check_character(start)


@dataclass(frozen=True, slots=True)
class InternalCode:
    kind: str
    body: str

    @property
    def name(self) -> str:
        """The trade's word for the type letter, as ``kiosk scan parse`` prints it."""
        return CODE_TYPES[self.kind]


def parse_internal_code(text: str) -> InternalCode:
    """Split and check an internal code; raises BadIdentifier for a wrong prefix, type, body or check character."""
    if not text.startswith(CODE_PREFIX) or len(text) < len(CODE_PREFIX) + 3:
        raise BadIdentifier(f"{text!r} is not a code of these stations")
    kind, body = text[2], text[3:-1]
    if internal_code(kind, body) != text:
        raise BadIdentifier(f"{text!r} has a wrong check character: scan it again")
    return InternalCode(kind, body)


def bag_of(code: str) -> tuple[ReceiptNumber, int]:
    """Read a bag's code as the receipt and the number of the bag; raises BadIdentifier."""
    found = parse_internal_code(code)
    match = _BAG_BODY.fullmatch(found.body)
    if found.kind != "B" or match is None or not 1 <= int(match[5]) <= MAX_BAGS:
        raise BadIdentifier(f"{code!r} is no code of a bag")
    return ReceiptNumber.of_body(match[1]), int(match[5])
