from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from tempfile import TemporaryFile
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook
from openpyxl.utils.escape import unescape
from openpyxl.workbook import Workbook

from kiosk.sorting_center.export import spreadsheet
from kiosk.sorting_center.export.spreadsheet import (
    DAY_COLUMNS,
    RECEIPT_COLUMNS,
    AboutSheet,
    CollectedSums,
    ReceiptFormat,
    csv_lines,
    day_rows,
    goods_rows,
    plain_text,
    receipt_cells,
    safe_text,
    workbook,
)
from kiosk.sorting_center.reports import ReceiptRow

LINE = ReceiptRow(
    region="shache",
    station="S0147",
    receipt="0147-A-000001",
    epoch="0123456789abcdef",
    seq=2,
    feedseq=2,
    lot="Y1L0147A0000017",
    product="BADAM",
    mode="consignment",
    member="M-04412",
    bags=2,
    net_g=12_450,
    amount_fen=29_880,
    at=datetime(2026, 11, 25, 3, tzinfo=UTC),
    written_at=datetime(2026, 11, 25, 3, tzinfo=UTC),
    clock="synced",
    received_at=datetime(2026, 11, 26, 4, tzinfo=UTC),
    day=date(2026, 11, 25),
    late=True,
    voided=False,
)
LINES = (
    LINE,
    replace(LINE, receipt="0147-A-000002", voided=True, net_g=99_000, amount_fen=1, late=False),
    replace(
        LINE, day=date(2026, 11, 26), product="URUK", net_g=5, amount_fen=7, station="S0148", at=None, mode="purchase"
    ),
)
FACTS = AboutSheet("County 2026-11", (("Made by", "=gulnar"),), right_to_left=False)
FORMULAS = [
    *(
        f"{start}{rest}"
        for start in "=+-@\t\r\n\0'\uff1d\uff0b\uff0d\uff20"
        for rest in ("1+1", "cmd|' /C calc'!A0", "")
    ),
    *(
        "https://example.test/",
        "mailto:a@b",
        "internal:Sheet!A1",
        "external:c:\\x",
        "1234",
        "0001",
        "1e5",
        "true",
        "''",
    ),
    *("a;=1+1", 'a";=1', "a\r\n=1+1", "=HYPERLINK(1)", "{=1}", "مال", "商品", "_x0041_", " =1", ""),
]


def words(name: str) -> str:
    return name


FORMAT = ReceiptFormat(words, lambda _code: "", ZoneInfo("Asia/Shanghai"))


def cells(data: bytes) -> list[list[str]]:
    text = data.decode("utf-8")
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:], newline="")))


def opened(lines: tuple[ReceiptRow, ...] = LINES, facts: AboutSheet = FACTS) -> Workbook:
    with TemporaryFile() as file:
        workbook(file, lines, facts, FORMAT)
        file.seek(0)
        return load_workbook(io.BytesIO(file.read()))


def test_a_text_that_would_be_calculated_comes_back_as_it_was() -> None:
    for text in FORMULAS:
        safe = safe_text(text)
        assert plain_text(safe) == text, repr(text)
        assert not safe.startswith(tuple("=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20")), repr(text)


def test_csv_holds_every_text_and_calculates_none() -> None:
    lines = [replace(LINE, product=text, member=text, lot=text) for text in FORMULAS]
    data = b"".join(csv_lines(RECEIPT_COLUMNS, (receipt_cells(line, FORMAT) for line in lines), words))
    header, *rows = cells(data)
    assert tuple(header) == RECEIPT_COLUMNS
    at = [RECEIPT_COLUMNS.index(name) for name in ("product", "member", "lot")]
    assert [[plain_text(row[place]) for place in at] for row in rows] == [[text] * 3 for text in FORMULAS]
    assert b',"a;=1+1"' in data, "in quotes also where a semicolon parts cells"
    assert b',12.450,"","",12.450,298.80,"","",' in data, "numbers are numbers"


def test_a_half_of_a_character_does_not_end_an_export() -> None:
    line = replace(LINE, product="\ud800x\uffff")
    assert b"?x" in b"".join(csv_lines(RECEIPT_COLUMNS, [receipt_cells(line, FORMAT)], words))
    assert opened((line,))["sheet_receipts"].cell(2, 7).value == "\ufffdx\ufffd"


def test_what_is_void_is_listed_and_not_added_up() -> None:
    book = opened()
    assert book.sheetnames == ["sheet_receipts", "sheet_days", "sheet_goods", "sheet_about"]
    receipts, days, goods = (list(book[name].values) for name in book.sheetnames[:3])
    assert tuple(receipts[0]) == RECEIPT_COLUMNS
    assert tuple(days[0]) == DAY_COLUMNS
    net, estimate = RECEIPT_COLUMNS.index("net_kg"), RECEIPT_COLUMNS.index("consigned_yuan")
    assert [row[net] for row in receipts[1:]] == [12.45, 0, 0.005]
    assert receipts[2][RECEIPT_COLUMNS.index("void_kg")] == 99
    assert receipts[2][RECEIPT_COLUMNS.index("void")] == "yes"
    assert [row[estimate] for row in receipts[1:]] == [298.8, None, None]
    assert [row[estimate - 2] for row in receipts[1:]] == [None, None, 0.07], "bought stands in a column of its own"
    assert days[1:] == [
        ("2026-11-25", 1, 1, 2, 12.45, 0, 0, 12.45, 298.8, 99, 0.01, 1, 1, 0),
        ("2026-11-26", 1, 0, 2, 0.005, 0.005, 0.07, 0, 0, 0, 0, 1, 1, 1),
    ]
    assert [row[0] for row in goods[1:]] == ["BADAM", "URUK"], "one row, whatever was bought of it"
    about = dict(row[:2] for row in book["sheet_about"].values if row[0] is not None)
    assert (about["Made by"], about["net_kg"], about["intakes"]) == ("=gulnar", 12.455, 2)


def test_numbers_are_numbers_and_texts_are_texts() -> None:
    lines = tuple(replace(LINE, product=text, mode=text) for text in FORMULAS)
    sheet = opened(lines)["sheet_receipts"]
    for text, row in zip(FORMULAS, sheet.iter_rows(min_row=2), strict=True):
        by_name = dict(zip(RECEIPT_COLUMNS, row, strict=True))
        product = by_name["product"]
        assert product.data_type in ("s", "inlineStr", "n") and product.hyperlink is None, repr(text)
        assert unescape(product.value or "") == text, repr(text)
        assert (by_name["net_kg"].data_type, by_name["net_kg"].number_format) == ("n", "#,##0.000")
        assert (by_name["consigned_yuan"].value, by_name["consigned_yuan"].number_format) == (298.8, "#,##0.00")
    assert sheet.freeze_panes == "A2"


def test_a_sheet_lies_as_its_language_does() -> None:
    for right_to_left in (False, True):
        book = opened(facts=replace(FACTS, right_to_left=right_to_left))
        assert all(bool(sheet.sheet_view.rightToLeft) is right_to_left for sheet in book)


def test_a_number_that_a_spreadsheet_would_round_stays_whole() -> None:
    line = replace(LINE, net_g=2**53 - 1, amount_fen=-(2**53 - 1))
    row = next(opened((line,))["sheet_receipts"].iter_rows(min_row=2, values_only=True))
    values = dict(zip(RECEIPT_COLUMNS, row, strict=True))
    assert (values["net_kg"], values["consigned_yuan"]) == ("9007199254740.991", "-90071992547409.91")
    data = b"".join(csv_lines(RECEIPT_COLUMNS, [receipt_cells(line, FORMAT)], words))
    assert b',9007199254740.991,"","",9007199254740.991,-90071992547409.91,' in data


def test_more_receipts_than_a_sheet_holds_go_on_in_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "SHEET_ROWS", 2)
    book = opened()
    assert book.sheetnames[:3] == ["sheet_receipts", "sheet_receipts 2", "sheet_receipts 3"]
    assert all(tuple(next(book[name].values)) == RECEIPT_COLUMNS for name in book.sheetnames[:3])


def test_sums_of_days_and_goods_are_those_of_the_lines() -> None:
    collected = CollectedSums()
    assert tuple(collected.tally(LINES)) == LINES
    for rows, first in ((list(day_rows(collected)), 1), (list(goods_rows(collected, FORMAT)), 2)):
        assert sum(row[first + 3] for row in rows if isinstance(row[first + 3], Decimal)) == Decimal("12.455")
        assert sum(int(str(row[first])) for row in rows) == 2


def test_what_an_export_holds_in_memory_does_not_grow_with_it() -> None:
    peaks = []
    for count in (200, 2_000):
        with TemporaryFile() as file:
            tracemalloc.start()
            workbook(file, _many(count), FACTS, FORMAT)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] - peaks[0] < 2**20, peaks


def _many(count: int) -> Iterator[ReceiptRow]:
    for number in range(count):
        yield replace(LINE, receipt=f"0147-A-{number:06}", day=date(2026, 11, 1 + number % 30), net_g=number)


def test_an_export_that_breaks_off_leaves_nothing_open() -> None:
    def broken() -> Iterator[ReceiptRow]:
        yield from LINES
        raise OSError(28, "No space left on device")

    with TemporaryFile() as file, pytest.raises(OSError, match="No space left"):
        workbook(file, broken(), FACTS, FORMAT)
