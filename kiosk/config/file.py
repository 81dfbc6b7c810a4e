"""One TOML settings file that can report the line of a key: shared by the readers of each process."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from enum import Enum
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

T = TypeVar("T")


class BadConfig(ValueError):
    """The text names file, line, key and what is allowed."""


PRINTERS = ("label", "receipt")
SECTIONS = (
    "station",
    "web",
    "counter",
    "parcels",
    "scale",
    "metrology",
    "printer",
    "camera",
    "scanner",
    "codes",
    "panel",
    "relay",
    "backup",
    "county",
)


class SettingsFile:
    """A parsed file. Raises BadConfig when it cannot be read, is not TOML, or has an unknown section."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.text = path.read_text(encoding="utf-8")
            self.tables: dict[str, Any] = tomllib.loads(self.text)
        except OSError as error:
            raise BadConfig(f"{path}: cannot be read: {error.strerror}") from error
        except ValueError as error:  # also a number that Python does not read for its length
            raise BadConfig(f"{path}: is not TOML: {error}") from error
        except RecursionError as error:
            raise BadConfig(f"{path}: is not TOML: nested too deeply") from error
        self._check_sections()

    def error_at(self, section: str, key: str | None, message: str) -> BadConfig:
        where = self._line(section, key)
        name = f"[{section}]" if key is None else f"[{section}] {key}"
        return BadConfig(_one_line(f"{self.path}:{where}: {name}: {message}"))

    def _line(self, section: str, key: str | None) -> int:
        """Find the line of the key, else of its section, else of the parent section or key that holds it, else 1."""
        parent, _, child = section.rpartition(".")
        inside, start = "", 1
        for number, line in enumerate(self.text.splitlines(), 1):
            header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line)
            if header:
                inside = header[1].replace('"', "").replace("'", "")
            if inside == section:
                if header:
                    start = number
                elif key is not None and _sets(line, key):
                    return number
            elif inside == parent and _sets(line, child):
                start = number
        return start

    def require(self, name: str, kind: type[T], extra: Mapping[str, Any] | None = None) -> T:
        """Read a section that must exist, as its settings class; raises BadConfig."""
        made = self.section(name, kind, extra)
        if made is None:
            raise self.error_at(name, None, "is missing")
        return made

    def section(self, name: str, kind: type[T], extra: Mapping[str, Any] | None = None) -> T | None:
        """Read a section as its settings class, None when missing; ``extra`` are fields that it must not set."""
        table: Any = self.tables
        for part in name.split("."):
            table = table.get(part) if isinstance(table, dict) else None
        if table is None:
            return None
        if not isinstance(table, dict):
            raise self.error_at(name, None, "must be a table")
        return self._make(name, table, kind, extra or {})

    def _make(self, name: str, table: dict[str, Any], kind: type[T], extra: Mapping[str, Any]) -> T:
        known = {row.name: row for row in fields(kind) if row.name not in extra}  # type: ignore[arg-type]
        for key in table:
            if key not in known:
                raise self.error_at(name, key, f"is not a setting; allowed are {', '.join(known)}")
        for key, row in known.items():
            if key not in table and row.default is MISSING and row.default_factory is MISSING:
                raise self.error_at(name, None, f"{key} is missing")
        for key, value in table.items():
            if isinstance(value, float) and not isfinite(value):
                raise self.error_at(name, key, "must be a finite number")
            seconds = key.endswith("_s") and not key.endswith("_mm_s")
            if seconds and isinstance(value, (int, float)) and value <= 0:
                raise self.error_at(name, key, f"{value} must be a number of seconds above 0")
        try:
            return msgspec.convert({**table, **extra}, kind, strict=True, dec_hook=_path)
        except msgspec.ValidationError as error:
            named = _key_of(str(error), table)
            raise self.error_at(name, named, str(error) + _allowed(kind, named)) from error

    def _check_sections(self) -> None:
        for name in self.tables:
            if name not in SECTIONS:
                raise self.error_at(name, None, f"is not a section; allowed are {', '.join(SECTIONS)}")
        printers = self.tables.get("printer", {})
        if not isinstance(printers, dict):
            raise self.error_at("printer", None, "must be a table")
        for name, table in printers.items():
            if name in PRINTERS:
                continue
            section, key = (f"printer.{name}", None) if isinstance(table, dict) else ("printer", name)
            raise self.error_at(section, key, f"is not a printer; allowed are {', '.join(PRINTERS)}")

    def check(self, section: str, key: str, probe: Callable[[], object]) -> None:
        """Run a check of another package; its error is raised with the place in this file."""
        try:
            probe()
        except ValueError as error:
            raise self.error_at(section, key, str(error)) from error


def _sets(line: str, key: str) -> bool:
    return bool(re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", line))


def _key_of(message: str, table: Mapping[str, Any]) -> str | None:
    """Find the key that a message is about: the message names it, or repeats its value."""
    named = (word for word in re.findall(r"\w+", message) if word in table)
    repeated = (key for key, value in table.items() if value != "" and repr(value) in message)
    return next(named, next(repeated, None))


def _one_line(text: str) -> str:
    """Escape control characters from the file: they must not reach the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _allowed(kind: type, key: str | None) -> str:
    """List the values that a key may have, when its type lists them."""
    hint = get_type_hints(kind).get(key or "")
    parts = (hint, *get_args(hint), *(word for part in get_args(hint) for word in get_args(part)))
    words = [row.value for row in hint] if isinstance(hint, type) and issubclass(hint, Enum) else parts
    words = [repr(word) for word in words if isinstance(word, (str, int))]
    return f"; allowed are {', '.join(words)}" if words else ""


def _path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str) and value and "\0" not in value:
        return Path(value)
    raise ValueError(f"{value!r} must be a path")
