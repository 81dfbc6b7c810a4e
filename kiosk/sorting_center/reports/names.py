"""What goods are called in three languages, as stations told it with their offers."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from kiosk.domain.events import WordsData
from kiosk.sorting_center.reports.tables.opening import Tables
from kiosk.sorting_center.reports.tables.schema import name

MAX_GOODS: Final = 5_000
"""Names of goods that a search looks through; a county trades in some dozens."""


class Names:
    """The newest words of each language; raises a LedgerError when the database cannot be read."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def of(self, code: str) -> WordsData | None:
        """Return the names of goods by their code, "" in a language that has none; None while no offer has told any."""
        wanted = select(name.c.ug, name.c.zh, name.c.en).where(name.c.code == code)
        with self._tables.reading() as connection:
            row = connection.execute(wanted).one_or_none()
        return None if row is None else WordsData(row.ug or "", row.zh or "", row.en or "")

    def goods(self) -> list[tuple[str, WordsData]]:
        """Return the codes of goods with their names, in the order of the codes; at most MAX_GOODS."""
        wanted = select(name.c.code, name.c.ug, name.c.zh, name.c.en)
        with self._tables.reading() as connection:
            rows = connection.execute(wanted.order_by(name.c.code).limit(MAX_GOODS)).all()
        return [(row.code, WordsData(row.ug or "", row.zh or "", row.en or "")) for row in rows]
