"""Where in a catalog file something stands, for its errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kiosk.domain.catalog import Names
from kiosk.station.catalog.document import CatalogError, shorten
from kiosk.station.catalog.name_rules import BadName, chinese_name, english_name, uyghur_name
from kiosk.station.catalog.tables import NamesTable

Check = Callable[[str], str]  # Returns the text as it is kept, or raises BadWord


@dataclass(frozen=True, slots=True)
class NameChecks:
    """The rule of a text in each language."""

    ug: Check
    zh: Check
    en: Check


NAMES = NameChecks(uyghur_name, chinese_name, english_name)


@dataclass(frozen=True, slots=True)
class TableLocation:
    """One table in the file: ``products[3]``."""

    file: str
    path: str

    def error(self, key: str, problem: str, word: str = "value") -> CatalogError:
        return CatalogError(self.file, f"{self.path}.{key}", problem, word)

    def child(self, key: str) -> TableLocation:
        return TableLocation(self.file, f"{self.path}.{key}")

    def checked_text(self, key: str, text: str, check: Check, *, private: bool = False) -> str:
        """The text as ``check`` cleans it; private text is not repeated in the error."""
        try:
            return check(text)
        except BadName as error:
            raise self.error(key, str(error) if private else f"{shorten(text)} {error}") from error

    def names(self, key: str, names: NamesTable, checks: NameChecks = NAMES) -> Names:
        return Names(
            ug=self.checked_text(f"{key}.ug", names.ug, checks.ug),
            zh=self.checked_text(f"{key}.zh", names.zh, checks.zh),
            en=self.checked_text(f"{key}.en", names.en, checks.en),
        )

    def require_unique(self, seen: set[object], key: object, name: str) -> None:
        if key in seen:
            raise self.error(name, "stands twice: each may be listed once", "twice")
        seen.add(key)
