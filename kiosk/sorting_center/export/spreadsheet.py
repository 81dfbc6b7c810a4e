"""Receipts for a spreadsheet: rows in, bytes out, as CSV that calculates nothing and as a workbook of four sheets."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from itertools import chain
from tempfile import TemporaryDirectory
from typing import IO, Final

import xlsxwriter  # type: ignore[import-untyped]

from kiosk.sorting_center.export.rows import FORMULA_STARTS
from kiosk.sorting_center.reports.receipts import ReceiptRow
from kiosk.sorting_center.reports.shared.figures import part_of
from kiosk.sorting_center.reports.tables.schema import PARTS

BYTE_ORDER_MARK: Final = "\ufeff"  # Without it a spreadsheet reads UTF-8 as the code page of its machine
SHEET_ROWS: Final = 1_048_576  # Of one sheet, with its header; further rows are in a further sheet
CELL_CHARACTERS: Final = 32_767
EXACT_DIGITS: Final = 15  # A number of more digits would be rounded by the spreadsheet: it stays text

# The apostrophe itself, so that an added one can be distinguished from one that was in the text.
_ESCAPED_STARTS: Final = (*FORMULA_STARTS, "'")
_NO_XML: Final = re.compile("[\ud800-\udfff\ufffe\uffff]")


@dataclass(slots=True)
class ReceiptSums:
    intakes: int = 0
    voided: int = 0
    bags: int = 0
    grams: Counter[str] = field(default_factory=Counter)  # By PARTS
    fen: Counter[str] = field(default_factory=Counter)
    late: int = 0
    time_unknown: int = 0
    stations: set[tuple[str, str]] = field(default_factory=set)

    @property
    def net_g(self) -> int:
        return self.grams["bought"] + self.grams["consigned"]

    def add(self, row: ReceiptRow) -> None:
        part = part_of(row.mode, row.voided)
        self.grams[part] += row.net_g
        self.fen[part] += row.amount_fen
        if row.voided:
            self.voided += 1
            return
        self.intakes += 1
        self.bags += row.bags
        self.late += row.late
        self.time_unknown += row.time_unknown
        self.stations.add((row.region, row.station))


class CollectedSums:
    """Sums of the lines that pass: those of a sheet cannot be of another picture than the receipts beside it."""

    def __init__(self) -> None:
        self.total = ReceiptSums()
        self.days: dict[date, ReceiptSums] = {}
        self.goods: dict[str, ReceiptSums] = {}

    def tally(self, rows: Iterable[ReceiptRow]) -> Iterator[ReceiptRow]:
        for row in rows:
            self.total.add(row)
            self.days.setdefault(row.day, ReceiptSums()).add(row)
            self.goods.setdefault(row.product, ReceiptSums()).add(row)
            yield row


Cell = str | int | Decimal


# Of a language: names of columns and sheets, and of what codes mean (`sheet_receipts`, `net_kg`, `purchase`, `yes`); a
# code it does not know comes back.
Words = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class ReceiptFormat:
    """``goods`` returns the name of a product in the language of ``words``, "" where none was reported."""

    words: Words
    goods: Callable[[str], str]
    zone: tzinfo


# What is bought is to be paid, an amount on consignment is an estimate: they have columns of their own, and no sum.
# `net_kg` is 0 for a void receipt, so that the sums of all columns are the totals of the pages.
MONEY_COLUMNS: Final = tuple(f"{part}_{unit}" for part in PARTS for unit in ("kg", "yuan"))
RECEIPT_COLUMNS: Final = (
    *("day", "time", "region", "station", "receipt", "lot", "product", "product_name", "mode"),
    *("member", "bags", "net_kg", *MONEY_COLUMNS, "void", "late", "time_unknown", "written_at", "received_at"),
)
SUM_COLUMNS: Final = ("intakes", "voided", "bags", "net_kg", *MONEY_COLUMNS, "stations", "late", "time_unknown")
DAY_COLUMNS: Final = ("day", *SUM_COLUMNS)
GOODS_COLUMNS: Final = ("product", "product_name", *SUM_COLUMNS)


def kilograms(grams: int) -> Decimal:
    return Decimal(grams).scaleb(-3)


def yuan(fen: int) -> Decimal:
    return Decimal(fen).scaleb(-2)


def receipt_cells(row: ReceiptRow, of: ReceiptFormat) -> list[Cell]:
    """Return cells in the order of RECEIPT_COLUMNS. The time is corrected; without one, the day is of the arrival."""
    weight, amount = kilograms(row.net_g), yuan(row.amount_fen)
    own = part_of(row.mode, row.voided)
    money: list[Cell] = [cell for part in PARTS for cell in ((weight, amount) if part == own else ("", ""))]
    marks = [of.words("yes") if mark else "" for mark in (row.voided, row.late, row.time_unknown)]
    time = f"{row.at.astimezone(of.zone):%H:%M:%S}" if row.at is not None else ""
    return [
        *(row.day.isoformat(), time, row.region, row.station, row.receipt, row.lot, row.product),
        *(of.goods(row.product), of.words(row.mode), row.member or "", 0 if row.voided else row.bags),
        *(kilograms(0) if row.voided else weight, *money, *marks, _utc(row.written_at), _utc(row.received_at)),
    ]


def _utc(at: datetime | None) -> str:
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z" if at is not None else ""


def sum_cells(sums: ReceiptSums) -> list[Cell]:
    return [
        *(sums.intakes, sums.voided, sums.bags, kilograms(sums.net_g)),
        *(cell for part in PARTS for cell in (kilograms(sums.grams[part]), yuan(sums.fen[part]))),
        *(len(sums.stations), sums.late, sums.time_unknown),
    ]


def day_rows(collected: CollectedSums) -> Iterator[list[Cell]]:
    for day, sums in sorted(collected.days.items()):
        yield [day.isoformat(), *sum_cells(sums)]


def goods_rows(collected: CollectedSums, of: ReceiptFormat) -> Iterator[list[Cell]]:
    """Yield rows in the order of GOODS_COLUMNS, the heaviest first."""
    for product, sums in sorted(collected.goods.items(), key=lambda item: (-item[1].net_g, item[0])):
        yield [product, of.goods(product), *sum_cells(sums)]


def safe_text(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would calculate, for a CSV cell. `plain_text` is the inverse."""
    return f"'{text}" if text.startswith(_ESCAPED_STARTS) else text


def plain_text(cell: str) -> str:
    return cell[1:] if cell.startswith("'") else cell


def csv_lines(columns: Iterable[str], rows: Iterable[Iterable[Cell]], words: Words) -> Iterator[bytes]:
    """Yield RFC 4180 in UTF-8 with a byte order mark, all text quoted: in some places ``;`` separates cells."""
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    yield BYTE_ORDER_MARK.encode()
    for row in chain([[words(name) for name in columns]], rows):
        writer.writerow([safe_text(cell) if isinstance(cell, str) else cell for cell in row])
        yield line.getvalue().encode("utf-8", "replace")
        line.seek(0)
        line.truncate()


@dataclass(frozen=True, slots=True)
class AboutSheet:
    """Of the sheet that says what the others are. ``entries`` are pairs of a name and a text."""

    title: str
    entries: tuple[tuple[str, str], ...]
    right_to_left: bool


def workbook(to: IO[bytes], rows: Iterable[ReceiptRow], facts: AboutSheet, of: ReceiptFormat) -> CollectedSums:
    """Write an XLSX of receipts, days, goods and an explanation; return the sums.

    Rows are buffered in files beside ``to``: a month of a county does not fit in memory. No text becomes a formula, a
    number or a link.
    """
    collected = CollectedSums()
    with TemporaryDirectory() as folder:
        options = {
            "constant_memory": True,
            "tmpdir": folder,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        book = xlsxwriter.Workbook(to, options)
        try:
            book.set_properties({"title": _clean(facts.title)})
            sheets = _Sheets(book, of.words, facts.right_to_left)
            cells = (receipt_cells(row, of) for row in collected.tally(rows))
            sheets.table("sheet_receipts", RECEIPT_COLUMNS, cells)
            sheets.table("sheet_days", DAY_COLUMNS, day_rows(collected))
            sheets.table("sheet_goods", GOODS_COLUMNS, goods_rows(collected, of))
            sheets.about(facts, collected)
            book.close()
        except BaseException:
            # The library closes the files of its rows only when it has read them again.
            for sheet in book.worksheets():
                with suppress(OSError):
                    sheet.row_data_fh.close()
            raise
    return collected


_WIDTHS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("net_kg", "receipt", "mode"), 16),
    **dict.fromkeys(("lot", "product", "product_name", *MONEY_COLUMNS, "time_unknown"), 20),
    **dict.fromkeys(("written_at", "received_at"), 26),
}
_WIDTH: Final = 12


class _Sheets:
    """The sheets of one workbook, each written from its first row to its last."""

    def __init__(self, book: xlsxwriter.Workbook, words: Words, right_to_left: bool) -> None:
        self._book, self._words, self._right_to_left = book, words, right_to_left
        self._head = book.add_format({"bold": True, "bottom": 1})
        self._formats = {
            3: book.add_format({"num_format": "#,##0.000"}),
            2: book.add_format({"num_format": "#,##0.00"}),
        }
        self._whole = book.add_format({"num_format": "#,##0"})

    def table(self, name: str, columns: tuple[str, ...], rows: Iterable[list[Cell]]) -> None:
        """Write a table with a frozen header, on as many sheets as it needs."""
        sheet, at, number = self._start_sheet(name, columns, 1), 1, 1
        for row in rows:
            if at == SHEET_ROWS:
                number += 1
                sheet, at = self._start_sheet(name, columns, number), 1
            for column, cell in enumerate(row):
                self._write(sheet, at, column, cell)
            at += 1

    def about(self, facts: AboutSheet, collected: CollectedSums) -> None:
        sheet = self._add(self._words("sheet_about"))
        sheet.set_column(0, 1, 34)
        totals = zip(SUM_COLUMNS, sum_cells(collected.total), strict=True)
        rows: list[tuple[str, Cell]] = [*facts.entries, *((self._words(name), cell) for name, cell in totals)]
        sheet.write_string(0, 0, _clean(facts.title), self._head)
        for at, (name, cell) in enumerate(rows, 2):
            sheet.write_string(at, 0, _clean(name))
            self._write(sheet, at, 1, cell)

    def _start_sheet(self, name: str, columns: tuple[str, ...], number: int) -> xlsxwriter.worksheet.Worksheet:
        title = self._words(name)
        sheet = self._add(title if number == 1 else f"{title} {number}")
        for at, column in enumerate(columns):
            sheet.set_column(at, at, _WIDTHS.get(column, _WIDTH))
        for at, column in enumerate(columns):
            sheet.write_string(0, at, _clean(self._words(column)), self._head)
        sheet.freeze_panes(1, 0)
        return sheet

    def _add(self, title: str) -> xlsxwriter.worksheet.Worksheet:
        sheet = self._book.add_worksheet(title)
        if self._right_to_left:
            sheet.right_to_left()
        return sheet

    def _write(self, sheet: xlsxwriter.worksheet.Worksheet, row: int, column: int, cell: Cell) -> None:
        if isinstance(cell, str):
            if cell:
                sheet.write_string(row, column, _clean(cell))
        elif len(digits := str(abs(cell)).replace(".", "")) > EXACT_DIGITS and digits.strip("0"):
            sheet.write_string(row, column, str(cell))
        elif isinstance(cell, Decimal):
            sheet.write_number(row, column, float(cell), self._formats[-int(cell.as_tuple().exponent)])
        else:
            sheet.write_number(row, column, cell, self._whole)


def _clean(text: str) -> str:
    return _NO_XML.sub("\ufffd", text[:CELL_CHARACTERS])
