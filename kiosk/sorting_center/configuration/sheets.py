"""The county's rows as the cells of a spreadsheet, and back: what a column holds, and what a spreadsheet does to it.

What Excel has changed is accepted where it is certain what was meant (2026/12/1, the serial of a day, 412 for the four
digits 0412), and refused with a sentence where it is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

import msgspec

from kiosk.base.json_reader import Unreadable, reader
from kiosk.base.refused import Refused
from kiosk.domain.identifiers import BadIdentifier, check_station
from kiosk.sorting_center.desk.county_book import BookRow, station_scope, township_scope

Cell = str | int | float | bool | datetime | date | time | None
Fields = Mapping[str, Any]  # Of a row by column
_TOWNSHIP: Final = township_scope("")
_STATION: Final = station_scope("")
_DAY: Final = re.compile(r"(20[0-9]{2})[-/.年](1[0-2]|0?[1-9])[-/.月](3[01]|[12][0-9]|0?[1-9])日?", re.ASCII)
_PRICE: Final = re.compile(r"[0-9]{1,7}(\.[0-9]{1,2})?", re.ASCII)
_SHORTENED: Final = re.compile(r"[0-9](\.[0-9]+)?E\+[0-9]+", re.ASCII | re.IGNORECASE)
_DIGITS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_YES, _NO = ("yes", "true", "1", "是"), ("", "no", "false", "0", "否")
_JSON: Final = msgspec.json.Encoder(order="deterministic")


def content_json(fields: Fields) -> str:
    """Encode the content of a row; the same fields always give the same text."""
    return _JSON.encode(fields).decode()


def _text(cell: Cell) -> str:
    if isinstance(cell, str):
        if _SHORTENED.fullmatch(cell):
            raise Refused("digits_lost", values={"text": cell})
        return cell.strip()
    if cell is None:
        return ""
    raise Refused("not_text", values={"text": str(cell)[:40]})


def _fixed_digits(width: int) -> Callable[[Cell], str]:
    """Return a reader of numbers with this many digits, which restores zeros that a spreadsheet took away."""

    def read(cell: Cell) -> str:
        text = str(_whole(cell)) if isinstance(cell, int | float) else _text(cell)
        return text.zfill(width) if _DIGITS.fullmatch(text) else text

    return read


def _whole(cell: Cell) -> int:
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = str(cell) if isinstance(cell, int) and not isinstance(cell, bool) else _shown(cell)
    if not _DIGITS.fullmatch(text):
        raise Refused("bad_number", values={"text": text[:40]})
    return int(text)


def _day(cell: Cell) -> str:
    """Return the ISO day. Serials became days before, when the file was read: only there the epoch is known."""
    if isinstance(cell, datetime) and cell.time() == time():
        cell = cell.date()
    if isinstance(cell, date) and not isinstance(cell, datetime):
        return cell.isoformat()
    text = _shown(cell)
    if not text:
        return ""
    try:
        found = _DAY.fullmatch(text)
        if found is None:
            raise ValueError(text)
        return date(*map(int, found.groups())).isoformat()
    except ValueError as error:
        raise Refused("bad_date", values={"text": text[:40]}) from error


def _fen(cell: Cell) -> int:
    """Convert CNY with at most two decimals to fen; a float by its shortest text, which the spreadsheet shows."""
    text = _shown(cell).removesuffix(".0") if isinstance(cell, float) else _shown(cell)
    if isinstance(cell, bool) or not _PRICE.fullmatch(text):
        raise Refused("bad_price", values={"text": text[:40]})
    return int(Decimal(text).scaleb(2))


def _yes(cell: Cell) -> bool:
    text = _shown(cell).lower()
    if text not in (*_YES, *_NO):
        raise Refused("bad_yes", values={"text": text[:40]})
    return text in _YES


def _shown(cell: Cell) -> str:
    return "" if cell is None else str(cell).strip()


def _scope(cell: Cell) -> str:
    text = _text(cell)
    if not text or text.startswith((_TOWNSHIP, _STATION)):
        return text
    try:
        return station_scope(check_station(text))
    except BadIdentifier:
        return township_scope(text)


def _scope_cell(scope: str) -> str:
    name = scope.removeprefix(_TOWNSHIP).removeprefix(_STATION)
    return name if name and _scope(name) == scope else scope


_read_sale: Final = reader(msgspec.json.Decoder())


def _sale(cell: Cell) -> Any:
    try:
        return _read_sale((_text(cell) or "null").encode())
    except Unreadable as error:
        raise Refused("bad_sale", values={"text": str(error)}) from error


@dataclass(frozen=True, slots=True)
class Sheet:
    """``columns``: what reads a cell of each, in their order. ``key``: the columns that name a row, not to be empty.

    ``fields`` makes the row's content of the columns, ``cells`` the columns of key and content.
    """

    kind: str
    columns: Mapping[str, Callable[[Cell], Any]]
    key: tuple[str, ...]
    fields: Callable[[Fields], Fields]
    cells: Callable[[str, Fields], Fields]

    def row(self, cells: Fields) -> BookRow:
        """Build the row from cells that ``columns`` have read."""
        scope = cells.get("where", "") or (station_scope(cells["station"]) if cells.get("station") else "")
        key = "/".join(cells[name] for name in self.key)
        return BookRow(self.kind, scope, key, "" if cells["hidden"] else content_json(self.fields(cells)))

    def cells_of(self, row: BookRow) -> dict[str, str]:
        """Return the cells as text; "" for what the row does not have."""
        content = msgspec.json.decode(row.content) if row.content else None
        found = dict(zip(self.key, row.key.split("/") if self.kind == "price" else [row.key], strict=True))
        found |= dict(self.cells(row.key, content)) if content is not None else {"hidden": "yes"}
        found |= {"where": _scope_cell(row.scope), "station": row.scope.removeprefix(_STATION)}
        return {name: found.get(name, "") for name in self.columns}

    def column_of(self, path: str) -> str:
        """Return the column of a fault at this path of a row's content; the first key column for the row itself."""
        first, last = path.partition(".")[0], path.rpartition(".")[2]
        known = {"fen_per_kg": "cny_per_kg", "names": "ug"}
        names = (first, last, known.get(first, ""), self.key[0])
        return next(name for name in names if name in self.columns)


_NAMES: Final[Mapping[str, Callable[[Cell], Any]]] = {"ug": _text, "zh": _text, "en": _text}
_WHERE, _HIDDEN = {"where": _scope}, {"hidden": _yes}
_OWN: Final = {"station": _text}


def _names(cells: Fields) -> dict[str, Any]:
    return {language: cells[language] for language in _NAMES}


def _picked(*names: str) -> Callable[[Fields], dict[str, Any]]:
    return lambda cells: {name: cells[name] for name in names}


SHEETS: Final[Mapping[str, Sheet]] = {
    "goods": Sheet(
        "product",
        {**_WHERE, "code": _text, **_NAMES, "picture": _text, "sale": _sale, **_HIDDEN},
        ("code",),
        lambda cells: (
            {"code": cells["code"], "names": _names(cells), "picture": cells["picture"]}
            | ({"sale": cells["sale"]} if cells["sale"] is not None else {})
        ),
        lambda key, fields: (
            {**fields["names"], "picture": fields["picture"]}
            | ({"sale": content_json(fields["sale"])} if "sale" in fields else {})
        ),
    ),
    "prices": Sheet(
        "price",
        {**_WHERE, "product": _text, "mode": _text, "since": _day, "cny_per_kg": _fen, **_HIDDEN},
        ("product", "mode", "since"),
        lambda cells: {"fen_per_kg": cells["cny_per_kg"]},
        lambda key, fields: {"cny_per_kg": str(Decimal(fields["fen_per_kg"]).scaleb(-2))},
    ),
    "containers": Sheet(
        "container",
        {**_WHERE, "code": _text, **_NAMES, "tare_g": _whole, "picture": _text, "weighed": _yes, **_HIDDEN},
        ("code",),
        lambda cells: (
            {"names": _names(cells)}
            | _picked("code", "tare_g", "picture")(cells)
            | ({"weighed": True} if cells["weighed"] else {})
        ),
        lambda key, fields: (
            {**fields["names"], "tare_g": str(fields["tare_g"]), "picture": fields["picture"]}
            | ({"weighed": "yes"} if fields.get("weighed") else {})
        ),
    ),
    "members": Sheet(
        "member",
        {**_WHERE, "number": _text, "short_name": _text, "card": _text, **_HIDDEN},
        ("number",),
        _picked("short_name", "card"),
        lambda key, fields: {"short_name": fields["short_name"], "card": fields.get("card", "")},
    ),
    "people": Sheet(
        "person",
        {**_OWN, "number": _fixed_digits(2), "name": _text, "role": _text, **_HIDDEN},
        ("number",),
        _picked("name", "role"),
        lambda key, fields: {name: fields[name] for name in ("name", "role")},
    ),
    "parcels": Sheet(
        "parcel",
        {**_OWN, "waybill": _text, "carrier": _text, "phone_last4": _fixed_digits(4), **_HIDDEN},
        ("waybill",),
        _picked("carrier", "phone_last4"),
        lambda key, fields: {name: fields.get(name, "") for name in ("carrier", "phone_last4")},
    ),
}
