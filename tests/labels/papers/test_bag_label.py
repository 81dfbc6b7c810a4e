"""The bag label, judged by an independent reader and dot by dot."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import groupby
from time import perf_counter
from typing import Any

import pytest
from PIL import Image

from kiosk.devices.printer.profiles import profile
from kiosk.labels.documents import BagLabel
from kiosk.labels.layout import bag_layout
from kiosk.labels.papers.bag_label import label_fields, render_bag_label
from kiosk.labels.symbols import SymbolTooWide
from kiosk.labels.typesetting import typeset
from kiosk.labels.typesetting.shaping import ELLIPSIS, MARKS
from kiosk.protocols.barcodes.linear import NotEncodable
from kiosk.protocols.barcodes.reader import Symbol, read
from kiosk.protocols.printers import tspl
from tests.labels.heads import LABEL

VARIANTS: dict[str, dict[str, Any]] = {
    "badam": {},
    "jujube on consignment, date unset": {
        "goods_ug": "چىلان",
        "goods_zh": "红枣",
        "goods_en": "Jujube (red date)",
        "mode": "consignment",
        "date": None,
    },
    "honey, copy, not for trade": {
        "goods_ug": "ھەسەل",
        "goods_zh": "蜂蜜",
        "goods_en": "Honey",
        "copy": True,
        "not_for_trade": True,
        "bag": 12,
        "bags": 24,
    },
    "everything at once": {
        "copy": True,
        "not_for_trade": True,
        "mode": "consignment",
        "date": None,
        "net_g": 1_499_995,
        "bag": 100,
        "bags": 100,
    },
}


@pytest.mark.parametrize("dpi", [203, 300])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_reader_reads_the_lot_code_from_every_label(bag: Callable[..., BagLabel], variant: str, dpi: int) -> None:
    image = render_bag_label(bag(**VARIANTS[variant]), LABEL[dpi]).to_image()
    assert image.size == {203: (480, 320), 300: (720, 480)}[dpi]
    assert read(image) == [Symbol("Code128", "Y1L0147A000381K", "]C0")]


@pytest.mark.parametrize(("dpi", "module"), [(203, 2), (300, 3)])
def test_bars_are_whole_dots_with_ten_modules_of_quiet_zone(
    bag: Callable[..., BagLabel], dpi: int, module: int
) -> None:
    image = render_bag_label(bag(), LABEL[dpi]).to_image()
    box = bag_layout().barcode
    for part in (0.05, 0.5, 0.95):
        y = round((box.y + box.h * part) * module * 4)
        row = [image.getpixel((x, y)) == 0 for x in range(image.width)]
        runs = [(dark, len(list(dots))) for dark, dots in groupby(row)]
        assert runs[0][0] is runs[-1][0] is False
        assert min(runs[0][1], runs[-1][1]) >= 10 * module
        assert all(length % module == 0 for _, length in runs[1:-1])


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("dpi", [8, 12])
def test_no_fixed_word_and_no_figure_is_cut(bag: Callable[..., BagLabel], variant: str, dpi: int) -> None:
    fields = label_fields(bag(**VARIANTS[variant]))
    for box in bag_layout().boxes:
        pad = dpi if box.invert else 0
        _, _, width, height = box.dots(dpi)
        block = typeset.fit(
            fields[box.field], (width - pad, height), box.size.styles(dpi), box.direction == "rtl", box.lines
        )
        assert not any(ELLIPSIS in line for line in block.lines), (box.field, block)
        assert block.height <= height, box.field


def test_the_layout_shows_every_field_once(bag: Callable[..., BagLabel]) -> None:
    shown = [box.field for box in bag_layout().boxes]
    assert sorted(shown) == sorted(label_fields(bag()))


def test_the_longest_names_change_nothing_but_their_own_boxes(
    bag: Callable[..., BagLabel], long_names: dict[str, str]
) -> None:
    short = render_bag_label(bag(goods_ug="", goods_zh="", goods_en=""), LABEL[203]).to_image()
    long = render_bag_label(bag(**long_names), LABEL[203]).to_image()
    assert read(long) == read(short)
    for box in bag_layout().boxes:
        if box.field.startswith("goods_"):
            left, top, width, height = box.dots(8)
            for image in (short, long):
                image.paste(1, (left, top, left + width, top + height))
    assert short.tobytes() == long.tobytes()


def field_image(image: Image.Image, name: str) -> Image.Image:
    box = next(box for box in bag_layout().boxes if box.field == name)
    left, top, width, height = box.dots(8)
    return image.crop((left, top, left + width, top + height))


def black_share(image: Image.Image) -> float:
    return image.convert("L").histogram()[0] / (image.width * image.height)


@pytest.mark.parametrize("mark", ["copy", "not_for_trade"])
def test_marks_are_white_on_black_and_absent_otherwise(bag: Callable[..., BagLabel], mark: str) -> None:
    marked = field_image(render_bag_label(bag(**{mark: True}), LABEL[203]).to_image(), mark)
    plain = field_image(render_bag_label(bag(), LABEL[203]).to_image(), mark)
    assert black_share(marked) > 0.5
    assert black_share(plain) < 0.3


def test_consignment_looks_different_from_purchase(bag: Callable[..., BagLabel]) -> None:
    purchase, consignment = label_fields(bag()), label_fields(bag(mode="consignment"))
    assert "not a sale" in consignment["mode_en"]
    assert {key for key in purchase if purchase[key] != consignment[key]} == {"mode_ug", "mode_zh", "mode_en"}


@pytest.mark.parametrize("not_for_trade", [False, True])
def test_an_unset_date_is_said_in_three_languages(bag: Callable[..., BagLabel], not_for_trade: bool) -> None:
    fields = label_fields(bag(date=None, not_for_trade=not_for_trade))
    said = " ".join(fields[f"date_{line}"] for line in (1, 2, 3))
    assert all(text in said for text in ("چېسلا تەڭشەلمىگەن", "日期未设定", "date not set"))


def test_not_for_trade_stands_beside_the_word_net(bag: Callable[..., BagLabel]) -> None:
    fields = label_fields(bag(not_for_trade=True))
    assert fields["net_caption"] == label_fields(bag())["net_caption"] == "净重 net ساپ ئېغىرلىق"
    caption, mark = (
        next(box for box in bag_layout().boxes if box.field == f) for f in ("net_caption", "not_for_trade")
    )
    assert (caption.y, caption.h) == (mark.y, mark.h)
    assert 0 < mark.x - caption.x - caption.w < 1


def test_village_and_county_stand_where_the_zone_stood(bag: Callable[..., BagLabel]) -> None:
    fields = label_fields(bag(village="英艾日克村", county="莎车县"))
    assert fields["date_3"].translate(dict.fromkeys(map(ord, MARKS))) == "英艾日克村 · 莎车县"
    assert not any("Urumqi" in text for text in fields.values())


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("^XZ\r\nPRINT 9,9\r\n", "^XZ PRINT 9,9"),
        ("\x1b!R\x10\x14\x08ab", "!Rab"),
        ("\u202eabc", "abc"),
    ],
)
def test_hostile_names_are_drawn_as_text(bag: Callable[..., BagLabel], hostile: str, harmless: str) -> None:
    names = ("goods_ug", "goods_zh", "goods_en", "station", "receipt", "zone", "date")
    attacked = render_bag_label(bag(**dict.fromkeys(names, hostile)), LABEL[203])
    plain = render_bag_label(bag(**dict.fromkeys(names, harmless)), LABEL[203])
    assert attacked == plain
    page = tspl.page(attacked, profile("tspl_203").setup)
    assert page.replace(attacked.rows.translate(bytes(range(255, -1, -1))), b"") == (
        b"SIZE 60 mm,40 mm\r\nGAP 2 mm,0 mm\r\nDIRECTION 1\r\nREFERENCE 0,0\r\nSPEED 4\r\nDENSITY 8\r\nCLS\r\n"
        b"BITMAP 0,0,60,320,0,\r\nPRINT 1,1\r\n"
    )


def test_a_code_that_cannot_be_barred_is_refused(bag: Callable[..., BagLabel]) -> None:
    with pytest.raises(NotEncodable):
        render_bag_label(bag(lot_code="Y1L\x1b"), LABEL[203])
    with pytest.raises(SymbolTooWide, match="480"):
        render_bag_label(bag(lot_code="Y1L" + "A" * 20), LABEL[203])
    with pytest.raises(SymbolTooWide, match="484 dots"):
        # 222 modules: the bars fit, the quiet zones do not
        render_bag_label(bag(lot_code="Y1L" + "A" * 14), LABEL[203])


def test_the_same_label_is_the_same_dots(bag: Callable[..., BagLabel]) -> None:
    assert render_bag_label(bag(), LABEL[203]) == render_bag_label(bag(), LABEL[203])


def test_a_label_is_drawn_in_40_ms_once_the_fonts_are_open(bag: Callable[..., BagLabel]) -> None:
    render_bag_label(bag(), LABEL[203])
    times = []
    for net_g in range(10_000, 10_009):
        start = perf_counter()
        render_bag_label(bag(net_g=net_g), LABEL[203])
        times.append(perf_counter() - start)
    assert min(times) < 0.040  # the least: the machine may be busy with something else


def test_a_label_costs_little_memory_and_needs_no_array_library() -> None:
    program = """
import sys
from pathlib import Path
from kiosk.labels.documents import BagLabel
from kiosk.labels.papers.bag_label import render_bag_label
from kiosk.protocols.printers.page_setup import PrintHead
for name in ("بادام", "چىلان", "ھەسەل"):
    render_bag_label(BagLabel(name, "红枣", "Honey", 12480, None, "Asia/Urumqi", "Y1L0147A000381K", "0147-A-000381",
                              "S0147", 1, 1, "consignment", True, True), PrintHead(203, 832))
status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
print(sorted({"numpy", "cv2"} & set(sys.modules)), int(status["VmHWM"].split()[0]) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    arrays, _, megabytes = done.stdout.strip().rpartition(" ")
    assert arrays == "[]"
    assert int(megabytes) < 64
