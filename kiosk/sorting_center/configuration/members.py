"""Numbers and cards of members, assigned here in sequence and never to a second person; members who have left."""

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
    """Return one above all that were ever given: the row of a former member stays, without content."""
    digits = [row.key.removeprefix(_PREFIX) for row in rows if row.kind == "member"]
    return 1 + max((int(text) for text in digits if text.isascii() and text.isdecimal()), default=0)


def member_number(number: int) -> str:
    return f"{_PREFIX}{number:05d}"


def card_of(number: str) -> str:
    """Return the code on the first card of a member such as ``M-04412``."""
    return internal_code("P", number.removeprefix(_PREFIX))


def member_row(number: str, short_name: str, card: str, scope: str = COUNTY) -> BookRow:
    return BookRow("member", scope, number, content_json({"short_name": short_name, "card": card}))


def with_former(before: Iterable[BookRow], imported: Sequence[BookRow]) -> list[BookRow]:
    """Return the imported rows, and rows without content for members and station people who are not among them.

    So no member's number is given again, and a station that has lost its last person is not left as it was.
    """
    kinds, listed = {row.kind for row in imported} & {"member", "person"}, set(map(_person, imported))
    former = (row for row in before if row.kind in kinds and _person(row) not in listed)
    return [*imported, *(BookRow(row.kind, row.scope, row.key, "") for row in former)]


def _person(row: BookRow) -> tuple[str, str, str]:
    """Identify the person: a member is one person in every scope; a number of a clerk belongs to one station."""
    return row.kind, "" if row.kind == "member" else row.scope, row.key
