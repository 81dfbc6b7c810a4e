"""What is common to the data of papers: everything is decided before anything is drawn. Fields with a default may be
left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Mode = Literal["purchase", "consignment"]

SAMPLE_CODE: Final = "TEST"  # Of sample data and test papers: none of the station's codes
SAMPLE_ORIGIN: Final[Mapping[str, Any]] = {
    "village": "ئۈستۈن ئاتۇش",
    "county": "阿图什市",
    "date": "2026-11-25",
    "zone": "Asia/Urumqi",
}

# What a paper shows of a waybill or a phone number: enough to compare, too little to use (GB/T 35273-2020, 7.2).
_TAIL_CHARACTERS = 4

_HEAD = re.compile(r"[0-9a-f]{64}")


class DocumentProblem(ValueError):
    """The figures do not add up: such a paper must not exist. The text names the figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """Where and when, as every paper says it. ``date`` as "2026-11-25", None while the clock is unset.

    ``zone`` is the IANA name of the time zone; beside a time it is printed as the distance from UTC.
    """

    station: str
    date: str | None
    zone: str
    village: str = ""
    county: str = ""


def check_head(head: str) -> None:
    if not _HEAD.fullmatch(head):
        raise DocumentProblem(f"the head of the journal is 64 lower-case hex digits, not {head!r}")


def check_weight(what: str, grams: int) -> None:
    if grams < 0:
        raise DocumentProblem(f"the {what} weight is {grams} g: a label needs a weight of 0 or more")


def check_copy(number: int) -> None:
    if number < 0:
        raise DocumentProblem(f"a paper cannot be copy {number}")


def check_tail(what: str, text: str) -> None:
    if len(text) > _TAIL_CHARACTERS:
        raise DocumentProblem(f"a paper shows the last four characters of a {what}, not {len(text)}")
