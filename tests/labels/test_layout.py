from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kiosk.labels import layout, paper_texts
from kiosk.labels.flow import Cell, Strip
from kiosk.labels.layout import (
    LABELS,
    MANDATORY_MARKINGS,
    LabelLayout,
    LayoutProblem,
    manifest_layout,
    receipt_layout,
    shipped_layout,
    slip_layout,
)
from kiosk.protocols.printers.page_setup import DOTS_PER_MM, PrintHead
from tests.labels.heads import STRIP

LAYOUTS = Path(layout.__file__).parent / "layouts"
LEAST_UYGHUR_MM = 2.2
"""18 dots at 203 dpi is the smallest size in which Uyghur was seen to be readable; boxes may shrink to 2.0 mm."""


@pytest.fixture
def rows() -> dict[str, Any]:
    return tomllib.loads((LAYOUTS / "bag_60x40.toml").read_text(encoding="utf-8"))


SIZES = {
    "bag": (60, 40),
    "bag_small": (40, 30),
    "bag_shop": (60, 40),
    "crate": (100, 150),
    "member": (60, 40),
    "member_card": (85.6, 54),
    "tote": (60, 40),
    "seal": (60, 40),
    "parcel": (60, 40),
    "test": (60, 40),
    "calibration": (60, 40),
}


def test_the_shipped_layouts_load() -> None:
    assert {kind: (shipped_layout(kind).width, shipped_layout(kind).height) for kind in LABELS} == SIZES
    assert receipt_layout().width == slip_layout().width == 48
    assert receipt_layout(64).width == receipt_layout(72).width == 64
    assert [(each.width, each.height) for each in map(manifest_layout, (104, 186))] == [(100, 150), (186, 272)]


def test_bars_of_an_sscc_are_as_high_as_gs1_asks_on_every_head() -> None:
    """GS1 General Specifications: 31.75 mm on a logistic label."""
    carrying = {kind: bars for kind in LABELS if (bars := shipped_layout(kind).barcode) and "sscc" in bars.carries}
    assert carrying.keys() == {"crate"}
    for per_mm in DOTS_PER_MM.values():
        assert carrying["crate"].dots(per_mm)[3] / per_mm >= 31.75


def test_every_layout_file_is_one_of_them() -> None:
    strips = {"receipt_58", "receipt_80", "slip_58", "manifest_100x150", "manifest_a4"}
    assert {path.stem for path in LAYOUTS.glob("*.toml")} == set(LABELS.values()) | strips


def test_the_chinese_name_begins_at_three_and_a_half_millimeters() -> None:
    (box,) = [box for box in shipped_layout("bag").boxes if box.field == "goods_zh"]
    assert box.size.largest >= 3.5
    assert box.size.bold
    assert all(box.size.bold for box in shipped_layout("bag").boxes if box.field.endswith("caption"))


def test_a_bag_label_without_a_duty_of_marking_is_refused(subtests: pytest.Subtests) -> None:
    for field in sorted(MANDATORY_MARKINGS):
        with subtests.test(field=field):
            table = tomllib.loads((LAYOUTS / "bag_60x40.toml").read_text(encoding="utf-8"))
            table["boxes"] = [box for box in table["boxes"] if box["field"] != field]
            with pytest.raises(msgspec.ValidationError, match=f"must show {field}"):
                msgspec.convert(table, LabelLayout)
            small = {**table, "width": 60, "height": 39.75}
            assert msgspec.convert(small, LabelLayout).height == 39.75


def test_uyghur_starts_at_a_readable_size() -> None:
    boxes = [box for kind in LABELS for box in shipped_layout(kind).boxes]
    assert all(box.size.largest >= LEAST_UYGHUR_MM for box in boxes if box.direction == "rtl")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"w": 70}, "edge"),
        ({"x": -1}, r">= 0.0 - at `\$.boxes\[0\].x`"),
        ({"y": 0.5, "h": 12}, "overlap"),
        ({"color": "red"}, "color"),
        ({"x": "left"}, "float"),
        ({"align": "middle"}, "middle"),
    ],
)
def test_a_bad_box_is_refused_with_its_reason(rows: dict[str, Any], change: dict[str, Any], reason: str) -> None:
    rows["boxes"][0].update(change)
    with pytest.raises((LayoutProblem, msgspec.ValidationError), match=reason):
        msgspec.convert(rows, LabelLayout)


def test_a_bar_too_fine_to_scan_is_refused(rows: dict[str, Any]) -> None:
    rows["barcode"]["module"] = 0.125
    with pytest.raises(msgspec.ValidationError, match="too fine"):
        msgspec.convert(rows, LabelLayout)


def test_a_ruler_over_a_text_is_refused(rows: dict[str, Any]) -> None:
    rows["ruler"] = {"x": 0, "y": 10, "w": 60, "h": 9}
    with pytest.raises(msgspec.ValidationError, match="ruler overlap"):
        msgspec.convert(rows, LabelLayout)


def test_what_is_white_on_black_is_bold(rows: dict[str, Any]) -> None:
    (box,) = [box for box in rows["boxes"] if box["field"] == "not_for_trade"]
    box["size"]["bold"] = False
    with pytest.raises(msgspec.ValidationError, match="not_for_trade is white on black and must be bold"):
        msgspec.convert(rows, LabelLayout)
    strip = Strip(receipt_layout(), STRIP[203])
    with pytest.raises(LayoutProblem, match="bold"):
        strip.banner((Cell("TEST", "small"),), inverted=True)


def test_a_head_on_which_lines_would_be_cut_is_refused() -> None:
    with pytest.raises(LayoutProblem, match="needs 384 dots across, the print head has 376"):
        Strip(receipt_layout(), PrintHead(203, 376))


def test_no_paper_calls_a_consignment_not_for_sale() -> None:
    """The goods are for sale; the paper is no sale."""
    for key, row in paper_texts.paper_texts().items():
        assert "for sale" not in row.en, key
    assert "not a sale" in paper_texts.paper_text("consigned").en
    assert "not a sale" in paper_texts.paper_text("on_consignment").en
    for key in ("consigned", "on_consignment"):
        assert re.search("非买卖|不是买卖", paper_texts.paper_text(key).zh)
        assert "سېتىلمىدى" in paper_texts.paper_text(key).ug


def test_every_expression_has_three_languages_in_the_right_letters() -> None:
    forbidden = re.compile("[هیک]")  # Arabic and Persian look-alikes of ھ ى ك
    for key, row in paper_texts.paper_texts().items():
        assert re.fullmatch(r"[\u0600-\u06ff ،]+", row.ug), key
        assert not forbidden.search(row.ug), key
        assert re.search("[\u4e00-\u9fff]", row.zh), key
        assert re.fullmatch(r"[A-Za-z,\- ]+", row.en), key


def test_a_missing_word_is_named() -> None:
    with pytest.raises(KeyError, match="nothing_like_it"):
        paper_texts.paper_text("nothing_like_it")
