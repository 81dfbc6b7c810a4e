"""A TOML file of this server that can report the line of a key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

_AT_LINE: Final = re.compile(r"line (\d+)")
_HEADER: Final = re.compile(r"\s*\[+\s*([^\]]+?)\s*\]")


class BadDocument(ValueError):
    """The text names the file, the line and what is allowed."""


class TomlDocument:
    """Raises BadDocument for what is no TOML."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self._lines = name, text.splitlines()
        try:
            self.tables: dict[str, Any] = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            found = _AT_LINE.search(str(error))
            line = int(found[1]) if found is not None else max(len(self._lines), 1)
            raise BadDocument(f"{name}, line {line}: this is not TOML: {error}") from error

    @classmethod
    def read(cls, path: Path) -> TomlDocument:
        """Read and parse the file. Raises BadDocument, also when it cannot be read."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadDocument(f"{path}: cannot be read: {error}") from error
        return cls(path.name, text)

    def error_at(self, table: str, key: str, message: str) -> BadDocument:
        """Build the error. ``table``: "" above the first table; without ``key`` the table itself is wrong."""
        return BadDocument(f"{self.name}, line {self._line(table, key)}: {message}")

    def unknown(self, table: str, key: str, allowed: Iterable[str]) -> BadDocument:
        place = f" in [{table}]" if table else ""
        return self.error_at(table, key, f"there is no key {key!r}{place}; there are {', '.join(sorted(allowed))}")

    def _line(self, table: str, key: str) -> int:
        sets = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]")
        inside, start = "", 1
        for number, line in enumerate(self._lines, 1):
            header = _HEADER.match(line)
            if header is not None:
                inside = header[1].replace('"', "").replace("'", "")
                start = number if f"{inside}.".startswith(f"{table}.") and start == 1 else start
            elif key and inside == table and sets.match(line):
                return number
        return start
