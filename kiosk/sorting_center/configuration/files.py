"""The county's rows as CSV and XLSX files, and files as rows: all of a file or nothing.

``write_csv("prices", rows)`` is one kind, ``write_workbook(rows)`` a sheet for each; without rows it is the template.
``read_file(content, "prices")`` gives ``ImportedRows`` or raises BadSheets, whose faults name a cell such as B7. What
``checks`` finds in these rows has its cell by ``ImportedRows.place(fault)``.
"""

from __future__ import annotations

import codecs
import csv
import io
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from kiosk.base.refused import Refused
from kiosk.sorting_center.configuration.checks import BookFault
from kiosk.sorting_center.configuration.members import card_of, member_number, next_number
from kiosk.sorting_center.configuration.sheets import SHEETS, Cell, Sheet
from kiosk.sorting_center.desk.county_book import BookRow
from kiosk.sorting_center.desk.registry_csv import BadRegistry, decoded, escape_formula, unescape_formula

MAX_FILE_BYTES: Final = 8 * 1024 * 1024
_MAX_INFLATED_BYTES: Final = 48 * 1024 * 1024
_MAX_ZIP_FILES: Final = 60
_MAX_ROWS: Final = 25_000
_MAX_SCANNED_ROWS: Final = 100_000  # Where a row may be, with empty ones before it
_MAX_SHEETS: Final = 12
_MAX_COLUMNS: Final = 30
MAX_FAULTS: Final = 100
_ZIP, _OLD_EXCEL = b"PK", b"\xd0\xcf\x11\xe0"
_FORMULA: Final = object()  # A cell that is calculated, or whose calculation failed
_WIDTHS: Final = {"sale": 40, "ug": 24, "zh": 24, "en": 24, "short_name": 24, "waybill": 24}

MESSAGES: Final[Mapping[str, str]] = tomllib.loads(Path(__file__).with_name("sheet_faults.toml").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class SheetFault:
    """``cell``: B7, or "" for the sheet; ``sheet``: "" for the whole file. ``code`` is one of MESSAGES."""

    sheet: str
    cell: str
    code: str
    values: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """``prices!D7``."""
        return "!".join(filter(None, (self.sheet, self.cell)))

    def __str__(self) -> str:
        return (f"{self.place}: " if self.place else "") + MESSAGES[self.code].format_map(self.values)


class BadSheets(ValueError):
    """The whole file is refused. ``faults`` has at most MAX_FAULTS."""

    def __init__(self, faults: Sequence[SheetFault]) -> None:
        super().__init__("; ".join(map(str, faults[:3])) + (" …" if len(faults) > 3 else ""))
        self.faults = list(faults[:MAX_FAULTS])


@dataclass(frozen=True, slots=True)
class ImportedRows:
    """``kinds``: those with all their rows in it, for ``CountyBook.replace``; a sheet without rows leaves its kind
    alone.

    ``lines``: the place of each row.
    """

    kinds: tuple[str, ...]
    rows: tuple[BookRow, ...]
    lines: Mapping[tuple[str, str, str], tuple[str, int, tuple[str, ...]]]

    def place(self, fault: BookFault) -> str:
        """Return the cell of a fault, such as ``prices!D7``; "" for a fault that is not of these rows."""
        found = self.lines.get((fault.kind, fault.scope, fault.key))
        if found is None:
            return ""
        name, line, columns = found
        column = SHEETS[name].column_of(fault.column)
        return f"{name}!{_cell_name(columns.index(column) if column in columns else 0, line)}"


def _cell_name(column: int, line: int) -> str:
    return f"{chr(ord('A') + column)}{line}" if column < 26 else f"A{chr(ord('A') + column - 26)}{line}"


def write_csv(name: str, rows: Iterable[BookRow]) -> bytes:
    """Return UTF-8 with a byte order mark, so that spreadsheets recognize it; formulas are escaped."""
    sheet, written = SHEETS[name], io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(sheet.columns)
    for row in rows:
        if row.kind == sheet.kind:
            writer.writerow(map(escape_formula, sheet.cells_of(row).values()))
    return codecs.BOM_UTF8 + written.getvalue().encode()


def write_workbook(rows: Iterable[BookRow] = (), names: Iterable[str] = tuple(SHEETS)) -> bytes:
    """Write a sheet for each of ``names``; every column but the price is text: Excel must change no code and no day."""
    import xlsxwriter  # type: ignore[import-untyped]

    written, found = io.BytesIO(), list(rows)
    with xlsxwriter.Workbook(written, {"in_memory": True, "strings_to_formulas": False}) as book:
        head, text = book.add_format({"bold": True, "bottom": 1}), book.add_format({"num_format": "@"})
        price = book.add_format({"num_format": "0.00"})
        for name in names:
            sheet, page = SHEETS[name], book.add_worksheet(name)
            page.freeze_panes(1, 0)
            for at, column in enumerate(sheet.columns):
                page.set_column(at, at, _WIDTHS.get(column, 14), price if column == "cny_per_kg" else text)
                page.write_string(0, at, column, head)
            for line, row in enumerate((row for row in found if row.kind == sheet.kind), 1):
                for at, (column, cell) in enumerate(sheet.cells_of(row).items()):
                    if column == "cny_per_kg" and cell:
                        page.write_number(line, at, Decimal(cell), price)
                    elif cell:
                        page.write_string(line, at, cell, text)
    return written.getvalue()


def read_file(content: bytes, name: str = "", members: Iterable[BookRow] = ()) -> ImportedRows:
    """Read a CSV or XLSX. ``name``: sheet of a CSV, else found by its columns. ``members``: those that exist already.

    A member without a number gets the next one, and a card. Raises BadSheets.
    """
    if len(content) > MAX_FILE_BYTES:
        raise BadSheets([SheetFault("", "", "too_large", {"most": MAX_FILE_BYTES})])
    if content.startswith(_OLD_EXCEL):
        raise BadSheets([SheetFault("", "", "old_excel")])
    reading = _Reading(next_number(members))
    if content.startswith(_ZIP):
        _read_workbook(content, reading)
    else:
        reading.read_sheet(name, _csv_rows(content))
    if not reading.faults and not reading.rows:
        reading.faults.append(SheetFault("", "", "empty"))
    if reading.faults:
        raise BadSheets(reading.faults)
    return ImportedRows(tuple(dict.fromkeys(row.kind for row in reading.rows)), tuple(reading.rows), reading.lines)


class _Reading:
    def __init__(self, next_member: int) -> None:
        self._next_member = next_member
        self.faults: list[SheetFault] = []
        self.rows: list[BookRow] = []
        self.lines: dict[tuple[str, str, str], tuple[str, int, tuple[str, ...]]] = {}

    def read_sheet(self, title: str, rows: Iterator[tuple[int, Sequence[Any]]]) -> None:
        name, columns = title, tuple[str, ...]()
        for line, cells in rows:
            if len(self.faults) >= MAX_FAULTS or not any(cell not in (None, "") for cell in cells):
                continue
            if not columns:
                columns = tuple(str(cell or "").strip().lower() for cell in cells)
                while columns and not columns[-1]:
                    columns = columns[:-1]
                name = title if title in SHEETS else _sheet_of(columns)
                if not self._is_head(title, name, columns):
                    return
            elif line > _MAX_ROWS:
                self.faults.append(SheetFault(name, "", "too_many", {"most": _MAX_ROWS}))
                return
            else:
                self._read_row(SHEETS[name], (name, line, columns), cells)

    def _is_head(self, title: str, name: str, columns: tuple[str, ...]) -> bool:
        if not name:
            values = {"name": title[:40] or "…", "sheets": ", ".join(SHEETS)}
            self.faults.append(SheetFault("", "", "no_sheet", values))
            return False
        faults, known = list[SheetFault](), SHEETS[name].columns
        for at, column in enumerate(columns):
            if column not in known:
                values = {"name": column[:40], "columns": ", ".join(known)}
                faults.append(SheetFault(name, _cell_name(at, 1), "no_column", values))
            elif columns.index(column) != at:
                faults.append(SheetFault(name, _cell_name(at, 1), "column_twice", {"name": column}))
        optional = {"where", "hidden", "since", "sale", "card", "weighed", "carrier", "phone_last4"}
        missing = [column for column in known if column not in columns and column not in optional]
        faults += [SheetFault(name, "", "column_missing", {"name": column}) for column in missing]
        self.faults += faults
        return not faults

    def _read_row(self, sheet: Sheet, place: tuple[str, int, tuple[str, ...]], cells: Sequence[Any]) -> None:
        name, line, columns = place
        found: dict[str, Any] = {}
        given = {column: cells[at] if at < len(cells) else None for at, column in enumerate(columns)}
        is_hidden = str(given.get("hidden") or "").strip() != ""
        extra = [at for at, cell in enumerate(cells) if at >= len(columns) and cell not in (None, "")]
        faults = [SheetFault(name, _cell_name(at, line), "no_name") for at in extra[:1]]
        for column, read in sheet.columns.items():
            cell = given.get(column)
            at = _cell_name(columns.index(column), line) if column in columns else ""
            try:
                if cell is _FORMULA:
                    raise Refused("formula")
                if is_hidden and cell in (None, "") and column not in sheet.key:
                    cell = "0" if column in ("cny_per_kg", "tare_g") else cell
                found[column] = read(cell)
                if column in _required_columns(sheet) and found[column] == "":
                    raise Refused("empty_cell")
            except Refused as error:
                faults.append(SheetFault(name, at, error.code, error.values))
        if not faults:
            if sheet.kind == "member" and not found["number"]:
                found["number"] = member_number(self._next_member)
                found["card"] = found.get("card") or card_of(found["number"])
                self._next_member += 1
            row = sheet.row(found)
            first = self.lines.setdefault((row.kind, row.scope, row.key), place)
            if first is not place:
                at = _cell_name(columns.index(sheet.key[0]), line)
                faults.append(SheetFault(name, at, "twice", {"cell": f"{first[0]}!{_cell_name(0, first[1])}"}))
            self.rows.append(row)
        self.faults += faults


def _required_columns(sheet: Sheet) -> list[str]:
    """Return the columns of the key, without the day of a price and the number of a member, which may be empty."""
    return [column for column in sheet.key if column != "since" and sheet.kind != "member"]


def _sheet_of(columns: Sequence[str]) -> str:
    """Find the only sheet that has these columns; "" when none or several have."""
    matches = [name for name, sheet in SHEETS.items() if set(columns) <= set(sheet.columns)]
    return matches[0] if len(matches) == 1 and columns else ""


def _csv_rows(content: bytes) -> Iterator[tuple[int, Sequence[Any]]]:
    """Yield line numbers and cells. Raises BadSheets."""
    try:
        text, _ = decoded(content)
    except BadRegistry as error:
        raise BadSheets([SheetFault("", "", fault.code, fault.values) for fault in error.faults]) from error
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    try:
        for line, row in enumerate(reader, 1):
            yield line, [unescape_formula(cell.strip()) for cell in row[:_MAX_COLUMNS]]
    except csv.Error as error:
        raise BadSheets([SheetFault("", "", "no_csv", {"problem": str(error)})]) from error


def _read_workbook(content: bytes, reading: _Reading) -> None:
    """Read every sheet that is not empty. Raises BadSheets."""
    import openpyxl

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            entries = packed.infolist()
        if len(entries) > _MAX_ZIP_FILES or sum(entry.file_size for entry in entries) > _MAX_INFLATED_BYTES:
            raise BadSheets([SheetFault("", "", "too_large", {"most": _MAX_INFLATED_BYTES})])
        with closing(openpyxl.load_workbook(io.BytesIO(content), read_only=True, keep_links=False)) as book:
            if len(book.worksheets) > _MAX_SHEETS:
                raise BadSheets([SheetFault("", "", "too_large", {"most": _MAX_INFLATED_BYTES})])
            for sheet in book.worksheets:
                if (sheet.max_row or 0) > _MAX_SCANNED_ROWS:
                    raise BadSheets([SheetFault(sheet.title, "", "too_many", {"most": _MAX_ROWS})])
                reading.read_sheet(sheet.title.strip().lower(), _sheet_rows(sheet, book.epoch))
    except BadSheets:
        raise
    except Exception as error:  # Whatever the library finds in a damaged file
        raise BadSheets([SheetFault("", "", "no_workbook", {"problem": " ".join(str(error).split())[:200]})]) from error


def _sheet_rows(sheet: Any, epoch: datetime) -> Iterator[tuple[int, Sequence[Any]]]:
    """Yield line numbers and cells. Serials in the column of days become days here, where the epoch is known."""
    days = -1
    for line, row in enumerate(sheet.iter_rows(max_row=_MAX_SCANNED_ROWS, max_col=_MAX_COLUMNS), 1):
        values: list[Any] = [cell.value if cell.data_type not in ("f", "e") else _FORMULA for cell in row]
        if days < 0 and "since" in values:
            days = values.index("since")
        elif 0 <= days < len(values):
            values[days] = _with_day(values[days], epoch)
        yield line, values


def _with_day(value: Cell, epoch: datetime) -> Cell:
    """Convert a serial of 1998 to 2119 (a column of days that is shown as numbers) to its day; keep other values."""
    from openpyxl.utils.datetime import from_excel

    is_serial = type(value) in (int, float) and value in range(36_000, 80_000)
    return from_excel(value, epoch) if is_serial else value
