"""The papers by which a technician judges a printer."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby, pairwise

import pytest
from PIL import Image

from kiosk.labels.layout import LayoutProblem, shipped_layout
from kiosk.labels.papers.printer_diagnostics import (
    CALIBRATION,
    DENSITY,
    HEIGHT_MM,
    printer_test_fields,
    render_test_label,
    render_test_receipt,
    ruler,
)
from kiosk.labels.papers.printer_diagnostics import (
    TestLabel as LabelTest,
)
from kiosk.labels.papers.printer_diagnostics import (
    TestReceipt as ReceiptTest,
)
from kiosk.labels.raster import Raster
from kiosk.labels.typesetting import typeset
from kiosk.labels.typesetting.shaping import ELLIPSIS
from kiosk.protocols.barcodes.reader import Symbol, read
from tests.labels import zbar
from tests.labels.heads import LABEL, STRIP

MakeLabel = Callable[..., LabelTest]
MakeReceipt = Callable[..., ReceiptTest]


@pytest.mark.parametrize("dpi", [203, 300])
@pytest.mark.parametrize("date", [None, "2026-11-25"])
def test_a_reader_reads_test_and_none_of_our_codes(
    label_test: MakeLabel, receipt_test: MakeReceipt, date: str | None, dpi: int
) -> None:
    label = render_test_label(label_test(date=date), LABEL[dpi])
    assert label.width_dots == {203: 480, 300: 720}[dpi]
    for raster in (label, render_test_receipt(receipt_test(date=date), STRIP[dpi])):
        assert read(raster.to_image()) == [Symbol("Code128", "TEST", "]C0")]


def test_the_papers_say_in_three_languages_that_they_are_no_trade(
    label_test: MakeLabel, receipt_test: MakeReceipt, texts: list[str]
) -> None:
    render_test_label(label_test(), LABEL[203])
    on_label = list(texts)
    texts.clear()
    render_test_receipt(receipt_test(), STRIP[203])
    for shown in (on_label, texts):
        assert {"测试 TEST سىناق", "非贸易用 not for trade سودا ئەمەس"} <= set(shown)
        for name in ("يېزا ئېلېكترونلۇق سودا پونكىتى", "村级电商服务站", "Village e-commerce station"):
            assert any(name in text for text in shown)
        assert not any(ELLIPSIS in text for text in shown)


@pytest.mark.parametrize("per_mm", [8, 12])
def test_no_word_is_cut(label_test: MakeLabel, per_mm: int) -> None:
    fields = printer_test_fields(label_test(date=None))
    assert sorted(box.field for box in shipped_layout("test").boxes) == sorted(fields)
    for box in shipped_layout("test").boxes:
        _, _, width, height = box.dots(per_mm)
        room = (width - (per_mm if box.invert else 0), height)
        block = typeset.fit(fields[box.field], room, box.size.styles(per_mm), box.direction == "rtl", box.lines)
        assert not any(ELLIPSIS in line for line in block.lines), (box.field, block)


def columns(ink: Image.Image, top: int, bottom: int) -> list[int]:
    """Dots of ink in each column between two rows."""
    return [sum(bool(ink.getpixel((x, y))) for y in range(top, bottom)) for x in range(ink.width)]


def test_every_dot_of_the_head_burns_alone_and_equally_often(subtests: pytest.Subtests) -> None:
    for width, per_mm in [(480, 8), (384, 8), (720, 12), (576, 12)]:
        with subtests.test(width=width, per_mm=per_mm):
            ink = ruler(width, per_mm)
            assert ink.size == (width, HEIGHT_MM * per_mm)
            stairs = ink.crop((0, 7 * per_mm, width, ink.height))
            assert set(columns(stairs, 0, stairs.height)) == {per_mm // 4}
            for y in range(stairs.height):
                row = [x for x in range(width) if stairs.getpixel((x, y))]
                assert all(right - left == 8 for left, right in pairwise(row))


def test_a_tick_of_one_dot_stands_at_every_millimeter(subtests: pytest.Subtests) -> None:
    for width, per_mm in [(480, 8), (576, 12)]:
        with subtests.test(width=width, per_mm=per_mm):
            foot = 6 * per_mm - 1
            ink = ruler(width, per_mm)
            assert [x for x in range(width) if ink.getpixel((x, foot))] == list(range(0, width, per_mm))


def test_the_ruler_lies_on_both_papers_whole(label_test: MakeLabel, receipt_test: MakeReceipt) -> None:
    for raster, width in (
        (render_test_label(label_test(), LABEL[203]), 480),
        (render_test_receipt(receipt_test(), STRIP[203]), 384),
    ):
        wanted = ruler(width, 8).convert("L").tobytes()
        paper = Image.eval(raster.to_image().convert("L"), lambda gray: 255 - gray)
        tops = range(paper.height - HEIGHT_MM * 8)
        found = [paper.crop((0, top, width, top + HEIGHT_MM * 8)).tobytes() == wanted for top in tops]
        assert sum(found) == 1


def test_hostile_text_is_drawn_as_text(label_test: MakeLabel, receipt_test: MakeReceipt) -> None:
    def papers(text: str) -> list[Raster]:
        label = label_test(**dict.fromkeys(("station", "date", "zone", "software"), text))
        names = ("station", "village", "date", "time", "zone", "software")
        return [
            render_test_label(label, LABEL[203]),
            render_test_receipt(receipt_test(**dict.fromkeys(names, text)), STRIP[203]),
        ]

    assert papers("\x1b@<b>^XZ\r\n\u202e") == papers("@<b>^XZ")


def test_a_calibration_label_has_its_frame_and_three_codes_that_can_be_read(label_test: MakeLabel) -> None:
    for head in LABEL.values():
        per_mm = head.per_mm
        page = render_test_label(label_test(sample=CALIBRATION), head).to_image()
        assert [symbol.text for symbol in sorted(read(page), key=lambda symbol: symbol.text)] == list(DENSITY)
        assert {text for _, text in zbar.read(page)} == set(DENSITY)
        ink = Image.eval(page.convert("L"), lambda gray: 255 - gray)
        ink.paste(0, (0, 9 * per_mm, page.width, 19 * per_mm))  # the ruler goes from edge to edge
        assert ink.getbbox() == (per_mm, per_mm, page.width - per_mm, page.height - per_mm)


def test_the_three_codes_differ_by_a_dot_in_every_bar(label_test: MakeLabel) -> None:
    page = render_test_label(label_test(sample=CALIBRATION), LABEL[203]).to_image()
    widths = []
    for row in range(3):
        y = round((22 + 6 * row) * 8)
        line = [page.getpixel((x, y)) == 0 for x in range(2 * 8, 46 * 8)]
        widths.append([len(list(dots)) for dark, dots in groupby(line) if dark])
    assert [min(each) for each in widths] == [2, 3, 4]
    assert all(width % 3 == 0 for width in widths[1])


def test_a_sample_nobody_knows_is_refused(label_test: MakeLabel) -> None:
    with pytest.raises(LayoutProblem, match="'poster'"):
        render_test_label(label_test(sample="poster"), LABEL[203])
