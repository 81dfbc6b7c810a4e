"""TOML or JSON bytes to plain tables, within bounds, and the one error of the catalog reader."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any, NoReturn

MAX_BYTES = 4_000_000
_NAME = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')"""
# Names in names: a catalog has four, and the reader of TOML takes days for a megabyte of them.
_DEEP = re.compile(rf"(?<![A-Za-z0-9_-]){_NAME}(?:[ \t]*+\.[ \t]*+{_NAME}){{32}}")
_SHOWN = 60  # Characters of a value that an error repeats


class CatalogError(ValueError):
    """``file: place: what is wrong and what is allowed``; place is a line or a key such as ``products[3].code``.

    ``word`` ends the text id ``technician.goods.fault.…`` of a sentence about the place.
    """

    def __init__(self, file: str, place: str, problem: str, word: str = "value") -> None:
        super().__init__(": ".join(part for part in (file, place, problem) if part))
        self.file = file
        self.place = place
        self.problem = problem
        self.word = word


def load_document(data: bytes, file: str) -> Mapping[str, Any]:
    """Parse the top table: JSON when named .json or starting with a brace, else TOML. Raises CatalogError."""
    if len(data) > MAX_BYTES:
        raise CatalogError(file, "", f"is {len(data)} bytes large: at most {MAX_BYTES} are allowed", "large")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CatalogError(file, f"line {line}", "is not UTF-8: save the file as UTF-8", "text") from error
    is_json = file.lower().endswith(".json") or (not file.lower().endswith(".toml") and text.lstrip().startswith("{"))
    if not is_json and _DEEP.search(text):
        raise CatalogError(file, "", "is nested too deep", "form")
    try:
        if is_json:
            document = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        else:
            document = tomllib.loads(text)
    except RecursionError as error:
        raise CatalogError(file, "", "is nested too deep", "form") from error
    except json.JSONDecodeError as error:
        raise CatalogError(file, f"line {error.lineno}", f"is not JSON: {error.msg}", "form") from error
    except ValueError as error:  # TOMLDecodeError names line and column itself; a number of 5,000 digits ends here too
        raise CatalogError(file, "", f"cannot be read: {error}", "form") from error
    if not isinstance(document, dict):
        raise CatalogError(file, "", "must be a table with products, prices, containers and members", "form")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one table")
    return table


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not allowed")


def shorten(value: object) -> str:
    """Format a value for an error message: escaped, cut short, on one line."""
    try:
        text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    except (ValueError, RecursionError):  # an integer too long to print, a list nested too deep
        text = f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
