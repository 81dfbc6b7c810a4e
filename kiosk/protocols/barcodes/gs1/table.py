"""The application identifiers (AI) of rows.txt: the form of their values, and what they may be combined with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

CHARSETS: Mapping[str, frozenset[str]] = {
    "n": frozenset("0123456789"),
    "x": frozenset("!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"),
    "y": frozenset("#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "z": frozenset("-0123456789=ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"),
}

# First two digits of an AI to the length of AI and value together (General Specifications, figure 7.8.5-2).
#
# These need no separator after them; every other AI does, whether its length is fixed or not.
PREDEFINED_LENGTH: Mapping[str, int] = {
    "00": 20,
    **dict.fromkeys(("01", "02", "03", "41"), 16),
    "04": 18,
    "20": 4,
    **{str(start): 8 for start in range(11, 20)},
    **{str(start): 10 for start in range(31, 37)},
}


@dataclass(frozen=True, slots=True)
class ValuePart:
    """A stretch of a value: ``min_length`` to ``most`` characters of ``charset``; ``rules`` are names of
    ``rules.RULES``."""

    charset: str
    min_length: int
    max_length: int
    rules: tuple[str, ...]
    may_be_absent: bool


@dataclass(frozen=True, slots=True)
class IdentifierRow:
    """One identifier. ``needs`` are alternatives, each a set of patterns that must all be met; "n" is any digit.

    ``qualifiers`` are the orders allowed behind this key in the path of a Digital Link; empty for what is no key.
    """

    identifier: str
    parts: tuple[ValuePart, ...]
    needs: tuple[tuple[str, ...], ...]
    not_with: tuple[str, ...]
    qualifiers: tuple[tuple[str, ...], ...]
    in_query: bool

    @property
    def is_key(self) -> bool:
        """Whether a path of a Digital Link may begin with it."""
        return bool(self.qualifiers)


def needs_separator(identifier: str) -> bool:
    return identifier[:2] not in PREDEFINED_LENGTH


def matches(pattern: str, identifier: str) -> bool:
    """Return whether an identifier fits the pattern, "31nn" for example."""
    return len(pattern) == len(identifier) and all(
        pattern_digit in ("n", digit) for pattern_digit, digit in zip(pattern, identifier, strict=True)
    )


_PART = re.compile(r"(\[?)([nxyz])(\.\.)?([0-9]+)((?::[a-z0-9_]+)*)(\]?)")
_RANGE = re.compile(r"([0-9]+)(?:-([0-9]+))?(?:/([0-9])-([0-9]))?")


def _part(text: str) -> ValuePart:
    match = _PART.fullmatch(text)
    assert match is not None, text
    opened, charset, up_to, length, rules, _ = match.groups()
    return ValuePart(charset, 1 if up_to else int(length), int(length), tuple(rules.split(":")[1:]), bool(opened))


def _identifiers(text: str) -> Iterator[str]:
    """Yield the identifiers of ranges like "410-413" and "310-316/0-5"."""
    match = _RANGE.fullmatch(text)
    assert match is not None, text
    first, last, low, high = match.groups()
    for number in range(int(first), int(last or first) + 1):
        stem = str(number).zfill(len(first))
        yield from [stem] if low is None else [f"{stem}{place}" for place in range(int(low), int(high) + 1)]


def _qualifiers(words: list[str]) -> tuple[tuple[str, ...], ...]:
    """Parse "key 22 10 21 / 235" into its two orders; one empty order for a key that has none."""
    if "key" not in words:
        return ()
    orders = " ".join(word for word in words if word.isdigit() or word == "/").split("/")
    return tuple(tuple(order.split()) for order in orders)


def _rows(line: str) -> Iterator[IdentifierRow]:
    identifiers, parts, needs, not_with, link = (column.split() for column in line.split("|"))
    for identifier in (one for text in identifiers for one in _identifiers(text)):
        yield IdentifierRow(
            identifier,
            tuple(_part(text) for text in parts),
            tuple(tuple(alternative.split("+")) for alternative in needs),
            tuple(identifier[:-1] + "n" if pattern == "~" else pattern for pattern in not_with),
            _qualifiers(link),
            "data" in link,
        )


# Identifier to its row. No identifier is the beginning of another.
_LINES = Path(__file__).with_name("rows.txt").read_text(encoding="utf-8").splitlines()
TABLE: Mapping[str, IdentifierRow] = {row.identifier: row for line in _LINES if line[0] != "#" for row in _rows(line)}
