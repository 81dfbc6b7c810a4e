"""Numbers and cards of members: given here, one after the other, and never to a second person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from kiosk.domain.identifiers import internal_code
from kiosk.sorting_center.configuration.sheets import content_json
from kiosk.sorting_center.desk.county_book import COUNTY, BookRow

_PREFIX = "M-"


class CardTask(msgspec.Struct, frozen=True):
    """What the process that draws cards is given: number and code of each, the county, the day."""

    members: tuple[tuple[str, str], ...]
    county: str
    date: str


def next_number(rows: Iterable[BookRow]) -> int:
    """Above all that were ever given: the row of a former member stays, without content."""
    digits = [row.key.removeprefix(_PREFIX) for row in rows if row.kind == "member"]
    return 1 + max((int(text) for text in digits if text.isascii() and text.isdecimal()), default=0)


def member_number(number: int) -> str:
    return f"{_PREFIX}{number:05d}"


def card_of(number: str) -> str:
    """The code on the first card of ``M-04412``."""
    return internal_code("P", number.removeprefix(_PREFIX))


def member_row(number: str, short_name: str, card: str, scope: str = COUNTY) -> BookRow:
    return BookRow("member", scope, number, content_json({"short_name": short_name, "card": card}))


def with_former(before: Iterable[BookRow], imported: Sequence[BookRow]) -> list[BookRow]:
    """The members of an import, and the numbers of those who are not in it any more, so that nobody gets them."""
    listed = {row.key for row in imported}
    former = {row.key for row in before if row.kind == "member"} - listed
    return [*imported, *(BookRow("member", COUNTY, key, "") for key in sorted(former))]
