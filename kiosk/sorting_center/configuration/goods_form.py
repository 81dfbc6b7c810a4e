"""Goods and containers as the fields of a form, by the names of their columns: ``names.ug``, ``sale.packs``.

Lists are lines of text: a pack is ``500 29.00`` (grams, yuan), a grade ``1 | ug | zh | en``. What cannot be read stays
as it was typed, and the check of the row names its column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from kiosk.sorting_center.configuration.sheets import content_json

LANGUAGES: Final = ("ug", "zh", "en")
_NAMES: Final = tuple(f"names.{language}" for language in LANGUAGES)
_SALE: Final = (
    *(f"sale.{text}.{language}" for text in ("title", "story", "storage") for language in LANGUAGES),
    "sale.origin.code",
    *(f"sale.origin.names.{language}" for language in LANGUAGES),
    "sale.harvest",
)
_PACKS, _GRADES, _ALLERGENS = "sale.packs", "sale.grades", "sale.allergens"
FIELDS: Final[Mapping[str, Sequence[str]]] = {
    "product": ("picture", *_NAMES, *_SALE, _PACKS, _GRADES, _ALLERGENS),
    "container": ("picture", *_NAMES, "tare_g", "weighed"),
}
MAX_CHARS: Final = 1_000  # Of one field; the longest story has 500
_PACK: Final = re.compile(r"\s*([0-9]{1,6})\s+([0-9]{1,6})(?:\.([0-9]{1,2}))?\s*")


def form_fields(kind: str, content: str) -> dict[str, str]:
    """Return the fields that a form shows of a row; "" for a field that the row does not have."""
    found = dict(_flat(msgspec.json.decode(content) if content else {}, ""))
    return {name: found.get(name, "") for name in FIELDS[kind]}


def _flat(table: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        column = f"{place}{name}"
        if column == _PACKS:
            yield column, "\n".join(_pack_line(pack) for pack in value)
        elif column == _GRADES:
            grades = ([row["code"], *(row["names"][language] for language in LANGUAGES)] for row in value)
            yield column, "\n".join(" | ".join(grade) for grade in grades)
        elif column == _ALLERGENS:
            yield column, " ".join(value)
        elif isinstance(value, dict):
            yield from _flat(value, f"{column}.")
        else:
            yield column, str(value) if value is not False else ""


def _pack_line(pack: Mapping[str, int]) -> str:
    return f"{pack['net_g']} {pack['price_fen'] // 100}.{pack['price_fen'] % 100:02d}"


def row_content(kind: str, code: str, fields: Mapping[str, str]) -> str:
    """Build a row's content from form fields, as a file would. Goods with empty sale fields have no sale data."""
    table: dict[str, Any] = {"code": code}
    with_sale = any(text for name, text in fields.items() if name.startswith("sale."))
    for name in FIELDS[kind]:
        if (name.startswith("sale.") and not with_sale) or (name == "weighed" and not fields.get(name)):
            continue
        *way, last = name.split(".")
        inner = table
        for step in way:
            inner = inner.setdefault(step, {})
        inner[last] = _value(name, fields.get(name, ""))
    return content_json(table)


def _value(name: str, text: str) -> Any:
    lines = [line for line in text.splitlines() if line.strip()]
    match name:
        case "tare_g":
            return int(text) if re.fullmatch(r"[0-9]{1,6}", text) else text
        case "weighed":
            return bool(text)
        case "sale.packs":
            return [_pack(line) for line in lines]
        case "sale.grades":
            return [_grade(line) for line in lines]
        case "sale.allergens":
            return text.split()
        case _:
            return text


def _pack(line: str) -> Any:
    match = _PACK.fullmatch(line)
    if match is None:
        return line
    return {"net_g": int(match[1]), "price_fen": int(match[2]) * 100 + int((match[3] or "").ljust(2, "0"))}


def _grade(line: str) -> Any:
    code, *names = (part.strip() for part in line.split("|"))
    return {"code": code, "names": dict(zip(LANGUAGES, names, strict=False))}
