"""One table of the catalog file, read key by key: each key is asked for once, what was not asked for is unknown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kiosk.station.catalog.document import CatalogError
from kiosk.station.catalog.words import BadWord

_SHOWN = 60


class Row:
    """A table with its place in the file, for errors."""

    def __init__(self, file: str, place: str, table: Mapping[str, Any], keys: tuple[str, ...]) -> None:
        self.file = file
        self.place = place
        self._table = table
        for key in table:
            if key not in keys:
                hint = "only kilograms are used" if "jin" in key.lower() else f"allowed here: {', '.join(keys)}"
                raise self.error(shown(key), f"is not a known key; {hint}")

    def error(self, key: str, problem: str) -> CatalogError:
        """The error for one key of this row."""
        return CatalogError(self.file, self._place_of(key), problem)

    def text(self, key: str) -> str:
        """The text under this key."""
        value = self._get(key)
        if not isinstance(value, str):
            raise self.error(key, f"is {shown(value)}: it must be text in quotation marks")
        return value

    def code(self, key: str, pattern: str, allowed: str) -> str:
        """Text that matches the whole pattern; ``allowed`` says the pattern in words."""
        value = self.text(key)
        if not re.fullmatch(pattern, value, re.ASCII):
            raise self.error(key, f"is {shown(value)}: it must be {allowed}")
        return value

    def word(self, key: str, check: Callable[[str], str], *, private: bool = False) -> str:
        """Text that ``check`` accepts and returns cleaned; private text is not repeated in the error."""
        value = self.text(key)
        try:
            return check(value)
        except BadWord as error:
            raise self.error(key, str(error) if private else f"{shown(value)} {error}") from error

    def whole(self, key: str, low: int, high: int, unit: str) -> int:
        """A whole number within bounds; no float, whatever its value, and no true or false."""
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.error(key, f"is {shown(value)}: it must be a whole number of {unit} from {low} to {high}")
        return value

    def flag(self, key: str) -> bool:
        """true or false; false when the key is absent."""
        value = self._table.get(key, False)
        if not isinstance(value, bool):
            raise self.error(key, f"is {shown(value)}: it must be true or false")
        return value

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._table

    def table(self, key: str, keys: tuple[str, ...]) -> Row:
        """The table under this key."""
        value = self._get(key)
        if not isinstance(value, dict):
            raise self.error(key, f"is {shown(value)}: it must be a table with {', '.join(keys)}")
        return Row(self.file, self._place_of(key), value, keys)

    def rows(self, key: str, keys: tuple[str, ...], most: int) -> Iterator[Row]:
        """The tables of the list under this key, at most ``most``."""
        value = self._get(key)
        if not isinstance(value, list) or len(value) > most:
            raise self.error(key, f"must be a list of at most {most} tables")
        for number, table in enumerate(value, start=1):
            place = f"{key}[{number}]"
            if not isinstance(table, dict):
                raise CatalogError(self.file, place, f"must be a table with {', '.join(keys)}")
            yield Row(self.file, place, table, keys)

    def _place_of(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    def _get(self, key: str) -> Any:
        if key not in self._table:
            raise self.error(key, "is missing")
        return self._table[key]


def shown(value: object) -> str:
    """A value as an error shows it: escaped, cut short, on one line."""
    try:
        text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    except (ValueError, RecursionError):  # an integer too long to print, a list nested too deep
        text = f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
