"""Many keys as one parameter, a JSON array of arrays: the text of a statement is the same however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import JSON, BigInteger, ColumnElement, Text, bindparam, cast, func, literal_column
from sqlalchemy.sql.selectable import TableValuedAlias


class Keys:
    """A table of keys to join with, in a statement of this dialect."""

    def __init__(self, dialect: str) -> None:
        given = bindparam("keys", type_=Text)
        each = func.json_array_elements(cast(given, JSON)) if dialect == "postgresql" else func.json_each(given)
        self.table: TableValuedAlias = each.table_valued("value", name="wanted")

    def text(self, place: int) -> ColumnElement[str]:
        """The part of the key at this place, from 0."""
        return self.table.c.value.op("->>")(literal_column(str(place)))

    def number(self, place: int) -> ColumnElement[int]:
        return cast(self.text(place), BigInteger)


def as_parameter(keys: Iterable[Sequence[str | int]]) -> dict[str, str]:
    """What `Keys` is given when the statement is executed."""
    return {"keys": msgspec.json.encode(list(keys)).decode()}
