"""What is refused at the county and not in the village."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

import pytest

from kiosk.domain.identifiers import internal_code
from kiosk.labels.layout import shipped_text
from kiosk.labels.typesetting import fonts
from kiosk.sorting_center.configuration.checks import MAX_FAULTS, MESSAGES, BookFault, check_book
from kiosk.sorting_center.desk.county_book import COUNTY, BookRow, station_scope, township_scope
from kiosk.sorting_center.desk.registry import ExpectedStation, build_register
from kiosk.sorting_center.web.shared.texts import center_texts
from kiosk.texts.languages import LANGUAGES

NAMES = {"ug": "بادام", "zh": "巴旦木", "en": "Almond"}
REGISTER = build_register(
    [ExpectedStation("yarkant", "S0147", township="Azatbagh"), ExpectedStation("yarkant", "S0148", township="Karasu")],
    [],
)
HERE = station_scope("S0147")


def _row(kind: str, key: str, content: object = None, scope: str = COUNTY) -> BookRow:
    return BookRow(kind, scope, key, json.dumps(content, ensure_ascii=False) if content is not None else "")


def _product(code: str = "BADAM", **names: str) -> BookRow:
    return _row("product", code, {"code": code, "names": NAMES | names, "picture": "badam"})


GOOD = (
    _product(),
    _row("price", "BADAM/purchase/", {"fen_per_kg": 2400}),
    _row("price", "BADAM/purchase/2026-12-20", {"fen_per_kg": 2500}, township_scope("Azatbagh")),
    _row("container", "BOX", {"code": "BOX", "names": NAMES, "tare_g": 900, "picture": "box"}),
    _row("member", "M-00001", {"short_name": "تۇرسۇن", "card": internal_code("P", "00001")}),
    _row("person", "01", {"name": "Amina", "role": "clerk"}, HERE),
    _row("person", "02", {"name": "Bahar", "role": "clerk"}, HERE),
    _row("person", "03", {"name": "Dilshat", "role": "technician"}, HERE),
    _row("layout", "bag", {"text": shipped_text("bag")}),
    _row("setting", "payment_zh", {"value": "当场付款"}),
    _row("setting", "slip_host", {"value": "slip.example.cn"}),
    _row("parcel", "SF1385000000", {"carrier": "SF", "phone_last4": "0412"}, HERE),
)


def _faults(*rows: BookRow, without: Sequence[str] = ()) -> list[BookFault]:
    there = [row for row in GOOD if row.key not in without]
    changed = {(row.kind, row.scope, row.key) for row in rows}
    kept = [row for row in there if (row.kind, row.scope, row.key) not in changed]
    return check_book([*kept, *rows], REGISTER, region="yarkant", today="2026-12-02")


def test_a_book_without_faults_has_none() -> None:
    assert _faults() == []


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        (_product(zh="最好的巴旦木"), "names.zh", "claim"),
        (_product(zh="巴旦木一斤"), "names.zh", "jin"),
        (_product(ug="بادام ه"), "names.ug", "letter"),
        (_product(en="巴旦木"), "names.en", "swapped"),
        (_product(zh=" 巴旦木"), "names.zh", "space"),
        (_product(zh="巴旦木ꀀ"), "", "glyph"),
        (_row("product", "BADAM", {"code": "BADAM", "picture": "badam"}), "names", "missing"),
        (_row("product", "BADAM", {"code": "OTHER", "names": NAMES, "picture": "badam"}), "", "content"),
        (_row("price", "BADAM/purchase/", {"fen_per_kg": 0}), "fen_per_kg", "price"),
        (_row("price", "BADAM/purchase/1.12.2026", {"fen_per_kg": 1}), "since", "content"),
        (_row("price", "NONE/purchase/", {"fen_per_kg": 100}), "product", "no_product"),
        (_row("price", "BADAM/purchase/2027-01-01", {"fen_per_kg": 100}, township_scope("Nowhere")), "", "scope"),
        (_row("member", "M-00002", {"short_name": "x", "card": internal_code("P", "00001")}), "card", "card_twice"),
        (_row("member", "M-00002", {"short_name": "x", "card": "Y1P00002!"}), "card", "card"),
        (_row("member", "M-2", {"short_name": "x", "card": ""}), "number", "member_number"),
        (_row("member", "M-00002", {"short_name": "139 9876 5432", "card": ""}), "short_name", "number"),
        (_row("person", "03", {"name": "Dilshat", "role": "clerk"}, HERE), "", "no_technician"),
        (_row("person", "02", None, HERE), "", "few_clerks"),
        (_row("person", "04", {"name": "Amina", "role": "clerk"}), "", "scope_station"),
        (_row("layout", "bag", {"text": "name = 'x'"}), "text", "layout"),
        (_row("layout", "poster", {"text": "name = 'x'"}), "text", "layout"),
        (_row("setting", "color", {"value": "green"}), "", "content"),
        (_row("setting", "slip_host", {"value": "https://slip.example.cn/s"}), "value", "slip_host"),
        (_row("setting", "slip_host", {"value": "slip.example.cn/"}), "value", "slip_host"),
        (_row("setting", "slip_host", {"value": "x" * 41}), "slip_host", "content"),
        (_row("product", "BADAM", None, township_scope("Karasu")), "", "no_goods"),
        (_product("WALNUT"), "", "no_price"),
    ],
)
def test_each_fault_is_named_with_its_place(row: BookRow, column: str, code: str) -> None:
    found = _faults(row)
    assert [(fault.column, fault.code) for fault in found] == [(column, code)]
    assert found[0].kind == row.kind
    assert str(found[0])


def test_goods_without_a_price_until_a_day_are_named_with_it() -> None:
    found = _faults(_row("price", "BADAM/purchase/2026-12-24", {"fen_per_kg": 1}), without=["BADAM/purchase/"])
    assert {(fault.key, fault.code) for fault in found} == {("BADAM", "no_price_until")}
    assert [tuple(fault.values.values()) for fault in found] == [("S0147", "2026-12-20"), ("S0148", "2026-12-24")]


def test_20_001_members_are_too_many_and_the_list_of_faults_has_an_end() -> None:
    members = [_row("member", f"M-{n:05d}", {"short_name": "Tursun", "card": ""}) for n in range(20_001)]
    assert [fault.code for fault in _faults(*members)] == ["too_many"]
    assert len(_faults(*(_row("member", f"N{n}", {"short_name": "x"}) for n in range(300)))) == MAX_FAULTS


def test_where_no_fonts_are_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise fonts.FontProblem("the font is missing")

    monkeypatch.setattr(fonts, "require_all", missing)
    (fault,) = _faults(_product(zh="巴旦木ꀀ"))
    assert fault.code == "fonts_unknown"
    assert fault.is_warning


def test_what_renders_documents_loads_nothing_that_draws() -> None:
    program = "import sys, kiosk.sorting_center.configuration.rendering, kiosk.sorting_center.configuration.checks\n"
    program += "print([name for name in sys.modules if name.partition('.')[0] in ('PIL', 'zxingcpp', 'openpyxl')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_fault_has_a_sentence_in_every_language() -> None:
    values = dict.fromkeys(["other", "text", "problem", "signs", "most", "station", "day", "product", "scope"], "x") | {
        "most": "9",
        "at": "9",
    }
    for code, message in MESSAGES.items():
        assert message.format_map(values)
        sentences = {texts.filled(f"book_fault_{code}", values) for texts in map(center_texts, LANGUAGES)}
        assert len(sentences) == len(LANGUAGES), code
