"""The county's rows as CSV and XLSX, and back; what Excel does to them."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.xml import DEFUSEDXML

from kiosk.messaging.contract.catalog.name_rules import UYGHUR_LETTERS
from kiosk.sorting_center.configuration.checks import BookFault
from kiosk.sorting_center.configuration.files import (
    MAX_FILE_BYTES,
    MESSAGES,
    BadSheets,
    read_file,
    write_csv,
    write_workbook,
)
from kiosk.sorting_center.configuration.sheets import SHEETS, content_json
from kiosk.sorting_center.desk.county_book import COUNTY, BookRow, station_scope, township_scope
from kiosk.sorting_center.web.shared.texts import center_texts
from kiosk.texts.languages import LANGUAGES

ROLES = ["clerk", "technician"]
SALE = {"title": {"ug": "ئا", "zh": "杏", "en": "Apricot"}, "packs": [{"net_g": 500, "price_fen": 2900}]}


def _pattern(text: str) -> Any:
    return st.from_regex(text, fullmatch=True)


def _fields(**values: Any) -> Any:
    return st.fixed_dictionaries(values)


_scope = st.one_of(
    st.just(COUNTY),
    _pattern(r"S[0-9]{4}").map(station_scope),
    st.text("ئابپKarasu巴旦S0147", min_size=1, max_size=8).map(township_scope),
)
_own = _pattern(r"S[0-9]{4}").map(station_scope)
_code = _pattern(r"[A-Z0-9-]{1,16}")
_word = st.text("".join(UYGHUR_LETTERS) + "abcABC巴旦木=+-@'\"(),.%", min_size=1, max_size=20)
_names = _fields(ug=_word, zh=_word, en=_word)
_day = st.dates(date(2020, 1, 1), date(2089, 12, 31)).map(date.isoformat)


def _rows(kind: str, scope: Any, key: Any, fields: Any) -> Any:
    content = st.one_of(fields.map(content_json), st.just(""))
    return st.builds(BookRow, st.just(kind), scope, key, content)


@st.composite
def _coded(draw: Any, kind: str, more: Any) -> BookRow:
    code = draw(_code)
    fields = {"code": code, "names": draw(_names), "picture": draw(_code).lower()} | draw(more)
    return BookRow(kind, draw(_scope), code, draw(st.sampled_from([content_json(fields), ""])))


ROWS = st.lists(
    st.one_of(
        _coded("product", st.sampled_from([{}, {"sale": SALE}])),
        _coded("container", st.sampled_from([{"tare_g": 900}, {"tare_g": 0, "weighed": True}])),
        _rows(
            "price",
            _scope,
            st.builds("/".join, st.tuples(_code, st.sampled_from(["purchase", "consignment"]), _day | st.just(""))),
            _fields(fen_per_kg=st.integers(1, 999_999)),
        ),
        _rows("member", _scope, _pattern(r"M-[0-9]{5}"), _fields(short_name=_word, card=_code)),
        _rows("person", _own, _pattern(r"[0-9]{2}"), _fields(name=_word, role=st.sampled_from(ROLES))),
        _rows("parcel", _own, _code, _fields(carrier=_code, phone_last4=_pattern(r"[0-9]{4}"))),
    ),
    max_size=12,
    unique_by=lambda row: (row.kind, row.scope, row.key),
)  # fmt: skip


@settings(max_examples=40)
@given(ROWS)
def test_what_is_exported_comes_back_the_same(rows: list[BookRow]) -> None:
    if rows:
        imported = read_file(write_workbook(rows))
        assert sorted(imported.rows, key=repr) == sorted(rows, key=repr)
        assert set(imported.kinds) == {row.kind for row in rows}
    for name, sheet in SHEETS.items():
        own = [row for row in rows if row.kind == sheet.kind]
        if own:
            assert list(read_file(write_csv(name, own), name).rows) == own
            assert list(read_file(write_csv(name, own)).rows) == own  # The columns tell which sheet it is


def _workbook(rows: list[list[object]], title: str = "prices") -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


HEAD = ["where", "product", "mode", "since", "cny_per_kg"]


@pytest.mark.parametrize(
    ("since", "price", "expected"),
    [
        ("2026-12-01", "24.00", ("2026-12-01", 2400)),
        ("2026/12/1", 24.1, ("2026-12-01", 2410)),
        ("2026年12月1日", "0.5", ("2026-12-01", 50)),
        (datetime(2026, 12, 1), 24, ("2026-12-01", 2400)),
        (date(2026, 12, 1), 24.0, ("2026-12-01", 2400)),
        (46357, 0.29, ("2026-12-01", 29)),
        (None, 1.15, ("", 115)),
    ],
)
def test_what_excel_made_of_a_day_and_of_a_price_is_accepted_where_it_is_certain(
    since: object, price: object, expected: tuple[str, int]
) -> None:
    (row,) = read_file(_workbook([HEAD, ["Azatbagh", "BADAM", "purchase", since, price]])).rows
    assert (row.key, row.content) == (f"BADAM/purchase/{expected[0]}", content_json({"fen_per_kg": expected[1]}))
    assert row.scope == township_scope("Azatbagh")


@pytest.mark.parametrize(
    ("row", "cell", "code"),
    [
        (["", "BADAM", "purchase", "12/1/2026", "24.00"], "D2", "bad_date"),
        (["", "BADAM", "purchase", "2026-02-30", "24.00"], "D2", "bad_date"),
        (["", "BADAM", "purchase", datetime(2026, 12, 1, 8), "24.00"], "D2", "bad_date"),
        (["", "BADAM", "purchase", 46357.5, "24.00"], "D2", "bad_date"),
        (["", "BADAM", "purchase", 12, "24.00"], "D2", "bad_date"),
        (["", "BADAM", "purchase", "", 24.123], "E2", "bad_price"),
        (["", "BADAM", "purchase", "", "24,00"], "E2", "bad_price"),
        (["", "BADAM", "purchase", "", "-1"], "E2", "bad_price"),
        (["", "BADAM", "purchase", "", True], "E2", "bad_price"),
        (["", "BADAM", "purchase", "", None], "E2", "bad_price"),
        (["", "BADAM", "purchase", "", "=A1*2"], "E2", "formula"),
        (["", 7, "purchase", "", "24.00"], "B2", "not_text"),
        (["", "6.91793E+18", "purchase", "", "24.00"], "B2", "digits_lost"),
        (["", "", "purchase", "", "24.00"], "B2", "empty_cell"),
        (["", "BADAM", "purchase", "", "24", "00"], "F2", "no_name"),
    ],
)
def test_what_is_not_certain_is_refused_with_its_cell(row: list[object], cell: str, code: str) -> None:
    with pytest.raises(BadSheets) as refused:
        read_file(_workbook([HEAD, row]))
    assert [(fault.sheet, fault.cell, fault.code) for fault in refused.value.faults] == [("prices", cell, code)]
    assert cell in str(refused.value)


def test_zeros_that_excel_took_away_come_back_where_the_width_is_known() -> None:
    people = read_file(_workbook([["station", "number", "name", "role"], ["S0147", 1, "Amina", "clerk"]], "people"))
    assert people.rows[0].key == "01"
    parcels = read_file(b"station,waybill,carrier,phone_last4\nS0147,SF1385000000,SF,412\n")
    assert parcels.rows[0].content == content_json({"carrier": "SF", "phone_last4": "0412"})


def test_every_fault_of_a_file_is_named_and_nothing_is_taken() -> None:
    with pytest.raises(BadSheets) as refused:
        read_file(b"product,mode,since,cny_per_kg\nBADAM,purchase,,x\nBADAM,purchase,,24\nBADAM,purchase,,25\n")
    assert [(fault.cell, fault.code) for fault in refused.value.faults] == [("D2", "bad_price"), ("A4", "twice")]


def test_a_fault_of_a_row_has_its_cell() -> None:
    imported = read_file(_workbook([HEAD, [], ["", "BADAM", "purchase", "", "0"]]))
    assert imported.place(BookFault("price", COUNTY, "BADAM/purchase/", "fen_per_kg", "price")) == "prices!E3"
    assert imported.place(BookFault("price", COUNTY, "OTHER/purchase/", "", "price")) == ""


def test_a_sheet_without_rows_leaves_its_kind_alone() -> None:
    with pytest.raises(BadSheets, match="there is no row"):
        read_file(write_workbook())
    rows = [BookRow("price", COUNTY, "BADAM/purchase/", content_json({"fen_per_kg": 2400}))]
    assert read_file(write_workbook(rows)).kinds == ("price",)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"a,b\n1,2\n", "no_sheet"),
        (b"number,short_name,colour\n1,2,3\n", "no_sheet"),
        (b"product,mode,cny_per_kg,mode\nA,purchase,1,purchase\n", "column_twice"),
        (b"product,mode\nA,purchase\n", "column_missing"),
        (b'product,mode,cny_per_kg\n"A', "no_csv"),
        (b"\xff\xfea", "no_utf16"),
        (b"\xd0\xcf\x11\xe0", "old_excel"),
        (b"PK", "no_workbook"),
        (b" " * (MAX_FILE_BYTES + 1), "too_large"),
    ],
)
def test_files_that_are_none_are_refused(content: bytes, code: str) -> None:
    with pytest.raises(BadSheets) as refused:
        read_file(content)
    assert [fault.code for fault in refused.value.faults] == [code]


def test_a_chinese_csv_with_semicolons_is_read() -> None:
    content = "station;number;name;role\r\nS0147;02;古丽;clerk\r\n".encode("gb18030")
    assert read_file(content).rows[0].scope == station_scope("S0147")


@pytest.mark.parametrize("line", [26_000, 1_000_000])
def test_what_stands_far_below_is_not_lost(line: int) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(HEAD)
    sheet.cell(line, 2, "BADAM")
    written = io.BytesIO()
    book.save(written)
    with pytest.raises(BadSheets, match="more than"):
        read_file(written.getvalue(), "prices")


def test_a_bomb_is_not_unpacked() -> None:
    whole = io.BytesIO(_workbook([HEAD]))
    with zipfile.ZipFile(whole, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/bomb.xml", b"\0" * (49 * 1024 * 1024))
    with pytest.raises(BadSheets) as refused:
        read_file(whole.getvalue())
    assert refused.value.faults[0].code == "too_large"
    assert DEFUSEDXML, "nor are entities of XML that name each other"


def test_every_fault_has_a_sentence_in_every_language() -> None:
    values = dict.fromkeys(["text", "name", "columns", "sheets", "problem", "at", "most", "cell"], "x") | {
        "most": "9",
        "at": "9",
    }
    for code, message in MESSAGES.items():
        assert message.format_map(values)
        sentences = {texts.filled(f"sheet_fault_{code}", values) for texts in map(center_texts, LANGUAGES)}
        assert len(sentences) == len(LANGUAGES), code
