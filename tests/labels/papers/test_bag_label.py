"""The labels of goods, dot by dot; what every paper promises stands in test_every_paper."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby

import pytest
from PIL import Image

from kiosk.labels.label_page import LabelContent
from kiosk.labels.layout import shipped_layout
from kiosk.labels.papers.bag_label import (
    BagLabel,
    CrateLabel,
    bag_content,
    crate_content,
    render_bag_label,
    render_crate_label,
    render_small_bag_label,
)
from kiosk.labels.symbols import SymbolTooWide
from kiosk.labels.typesetting.shaping import MARKS
from kiosk.protocols.barcodes.linear import NotEncodable
from kiosk.protocols.barcodes.reader import Symbol, read
from tests.labels.conftest import BAG_CODE, LOT_CODE
from tests.labels.heads import LABEL

MakeBag = Callable[..., BagLabel]


def shown(content: LabelContent) -> dict[str, str]:
    """The texts without the marks that only keep their order."""
    return {name: text.translate(dict.fromkeys(map(ord, MARKS))) for name, text in content.texts.items()}


def test_bars_say_the_bag_and_a_square_the_lot(bag: MakeBag) -> None:
    found = {(symbol.format, symbol.text) for symbol in read(render_bag_label(bag(), LABEL[203]).to_image())}
    assert found == {("Code128", BAG_CODE), ("QRCode", LOT_CODE)}
    texts = shown(bag_content(bag()))
    assert (texts["code"], texts["lot"]) == (BAG_CODE, f"批次 lot تۈركۈم {LOT_CODE}")


def test_a_label_that_is_older_than_bag_codes_says_the_lot_in_its_bars(bag: MakeBag) -> None:
    for head in LABEL.values():
        old = render_bag_label(bag(bag_code=""), head)
        assert read(old.to_image()) == [Symbol("Code128", LOT_CODE, "]C0")]
    small = read(render_small_bag_label(bag(bag_code=""), LABEL[203]).to_image())
    assert [symbol.text for symbol in small] == [LOT_CODE]


@pytest.mark.parametrize(("dpi", "module"), [(203, 2), (300, 3)])
def test_bars_are_whole_dots_with_ten_modules_of_quiet_zone(bag: MakeBag, dpi: int, module: int) -> None:
    image = render_bag_label(bag(), LABEL[dpi]).to_image()
    box = shipped_layout("bag").barcode
    assert box is not None
    for part in (0.05, 0.5, 0.95):
        y = round((box.y + box.h * part) * module * 4)
        row = [image.getpixel((x, y)) == 0 for x in range(image.width)]
        runs = [(dark, len(list(dots))) for dark, dots in groupby(row)]
        assert runs[0][0] is runs[-1][0] is False
        assert min(runs[0][1], runs[-1][1]) >= 10 * module
        assert all(length % module == 0 for _, length in runs[1:-1])


def test_the_bars_stand_in_white(bag: MakeBag) -> None:
    """Half a millimeter above and a quarter below: a scanner's line may lie a little askew."""
    image = render_bag_label(bag(copy=True, not_for_trade=True), LABEL[203]).to_image()
    box = shipped_layout("bag").barcode
    assert box is not None
    for top, height in ((box.y - 0.5, 0.5), (box.y + box.h, 0.25)):
        band = image.crop((0, round(top * 8), image.width, round((top + height) * 8)))
        assert band.convert("L").getextrema() == (255, 255)


def test_the_layouts_show_every_field(bag: MakeBag) -> None:
    assert {box.field for box in shipped_layout("bag").boxes} <= set(bag_content(bag()).texts)


def test_the_longest_names_change_nothing_but_their_own_boxes(bag: MakeBag, long_names: dict[str, str]) -> None:
    short = render_bag_label(bag(goods_ug="", goods_zh="", goods_en=""), LABEL[203]).to_image()
    long = render_bag_label(bag(**long_names), LABEL[203]).to_image()
    for box in shipped_layout("bag").boxes:
        if box.field.startswith("goods_"):
            left, top, width, height = box.dots(8)
            for image in (short, long):
                image.paste(1, (left, top, left + width, top + height))
    assert short.tobytes() == long.tobytes()


def field_image(image: Image.Image, name: str) -> Image.Image:
    box = next(box for box in shipped_layout("bag").boxes if box.field == name)
    left, top, width, height = box.dots(8)
    return image.crop((left, top, left + width, top + height))


def black_share(image: Image.Image) -> float:
    return image.convert("L").histogram()[0] / (image.width * image.height)


@pytest.mark.parametrize("mark", ["copy", "not_for_trade"])
def test_marks_are_white_on_black_and_absent_otherwise(bag: MakeBag, mark: str) -> None:
    marked = field_image(render_bag_label(bag(**{mark: True}), LABEL[203]).to_image(), mark)
    plain = field_image(render_bag_label(bag(), LABEL[203]).to_image(), mark)
    assert black_share(marked) > 0.5
    assert black_share(plain) < 0.3


def test_a_reprint_says_which_copy_it_is(bag: MakeBag) -> None:
    for changes, said in (
        ({"copy": True, "copy_no": 2}, "副本 COPY 2 نۇسخا"),
        ({"copy": True}, "副本 COPY نۇسخا"),
        ({}, ""),
    ):
        assert shown(bag_content(bag(**changes)))["copy"] == said


def test_consignment_looks_different_from_purchase(bag: MakeBag) -> None:
    purchase, consignment = shown(bag_content(bag())), shown(bag_content(bag(mode="consignment")))
    assert "not a sale" in consignment["mode"]
    assert {key for key in purchase if purchase[key] != consignment[key]} == {"mode"}


def test_an_unset_date_is_said_in_three_languages(bag: MakeBag) -> None:
    fields = shown(bag_content(bag(date=None)))
    for said in (f"{fields['date']} {fields['date_2']}", fields["date_line"]):
        assert all(text in said for text in ("چېسلا تەڭشەلمىگەن", "日期未设定", "date not set"))


def test_not_for_trade_stands_beside_the_word_net(bag: MakeBag) -> None:
    caption, mark = (
        next(box for box in shipped_layout("bag").boxes if box.field == name)
        for name in ("net_caption", "not_for_trade")
    )
    assert (caption.y, caption.h) == (mark.y, mark.h)
    assert 0 < mark.x - caption.x - caption.w < 1


def test_what_produce_must_say_of_itself_stands_on_bag_and_crate(
    bag: MakeBag, crate: Callable[..., CrateLabel]
) -> None:
    fields = shown(bag_content(bag()))
    wanted = {
        "place": "英艾日克村 · 莎车县",
        "producer": "社员 member ئەزا M-04412",
        "date": "2026-11-25",
        "grade": "一级 first grade 1-دەرىجە",
        "harvest": "采收 harvest ھوسۇل 2026-09",
    }
    assert {name: fields[name] for name in wanted} == wanted
    on_crate = shown(crate_content(crate()))
    assert on_crate["producer"] == "生产者 producer ئىشلەپچىقارغۇچى 社员 member ئەزا M-04412"
    assert on_crate["seller"] == "卖方 seller ساتقۇچى 英艾日克村电商服务站"
    assert not any("Urumqi" in text for text in (*fields.values(), *on_crate.values()))


def test_a_village_shop_that_sells_stands_where_the_grower_would(bag: MakeBag) -> None:
    assert shown(bag_content(bag(producer="", seller="英艾日克村商店")))["producer"] == "英艾日克村商店"
    assert shown(bag_content(bag(producer="合作社")))["producer"] == "合作社"


def test_a_code_that_cannot_be_barred_is_refused(bag: MakeBag, crate: Callable[..., CrateLabel]) -> None:
    with pytest.raises(NotEncodable):
        render_bag_label(bag(bag_code="Y1L\x1b"), LABEL[203])
    with pytest.raises(SymbolTooWide, match="480"):
        render_bag_label(bag(bag_code="Y1L" + "A" * 20), LABEL[203])
    with pytest.raises(SymbolTooWide, match="484 dots"):
        # 222 modules: the bars fit, the quiet zones do not
        render_bag_label(bag(bag_code="Y1L" + "A" * 14), LABEL[203])
    with pytest.raises(SymbolTooWide, match="400 characters"):
        render_small_bag_label(bag(bag_code="x" * 400), LABEL[203])
    with pytest.raises(ValueError, match=r".+"):
        render_crate_label(crate(gs1="no element string"), LABEL[203])


def test_the_same_label_is_the_same_dots(bag: MakeBag) -> None:
    first = render_bag_label(bag(), LABEL[203])
    other = replace(bag(), goods_ug="چىلان", goods_zh="红枣", goods_en="Jujube", net_g=990)
    assert render_bag_label(other, LABEL[203]) != first
    assert render_bag_label(bag(), LABEL[203]) == first


def test_a_label_costs_little_memory_and_needs_no_array_library() -> None:
    program = """
import sys
from pathlib import Path
from kiosk.labels.papers.bag_label import BagLabel, render_bag_label
from kiosk.protocols.printers.page_setup import PrintHead
for name in ("بادام", "چىلان", "ھەسەل"):
    render_bag_label(BagLabel(name, "红枣", "Honey", 12480, "Y1L0147A000381K", receipt="0147-A-000381",
                              station="S0147", date=None, zone="Asia/Urumqi", bag=1, bags=1,
                              mode="consignment", copy=True, not_for_trade=True), PrintHead(203, 832))
status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
print(sorted({"numpy", "cv2"} & set(sys.modules)), int(status["VmHWM"].split()[0]) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    arrays, _, megabytes = done.stdout.strip().rpartition(" ")
    assert arrays == "[]"
    assert int(megabytes) < 64
