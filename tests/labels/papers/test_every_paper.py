"""Promises every paper keeps, on every head and stock: nothing cut, nothing over another, all codes read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from PIL import Image, ImageChops

from kiosk.devices.printer.profiles import profile, profiles
from kiosk.labels.label_page import LabelContent
from kiosk.labels.layout import LABELS, LayoutProblem, TextBox, shipped_layout
from kiosk.labels.papers import bag_label, tags
from kiosk.labels.papers.manifest import manifest_sheets, render_manifest
from kiosk.labels.papers.receipt import render_receipt
from kiosk.labels.raster import Raster
from kiosk.labels.typesetting import typeset
from kiosk.labels.typesetting.shaping import ELLIPSIS
from kiosk.protocols.barcodes.reader import read
from kiosk.protocols.printers import pwg, tspl
from kiosk.protocols.printers.page_setup import PrintHead
from tests.depth import TORTURE
from tests.labels import zbar
from tests.labels.conftest import BAG_CODE, LONG_EN, LONG_UG, LONG_ZH, LOT_CODE

Make = Callable[..., Any]

GS1 = "(01)96901234567895(3103)012480(13)261125(10)0147A000381(21)02"
SHOP_CODE = "2012345124806"
SSCC = "069012341470000001"
LINK = "https://id.example.org/01/96901234567895/10/0147A000381?13=261125&3103=012480"
HEADS = {(row.dpi, row.width_dots): PrintHead(row.dpi, row.width_dots) for row in profiles().values()}
LABEL_HEADS = [head for (dpi, width), head in HEADS.items() if width >= 100 * head.per_mm]
STRIP_HEADS = [head for head in HEADS.values() if head not in LABEL_HEADS]
A4 = PrintHead(203, 190 * 8)

TIMES: dict[str, dict[str, Any]] = {
    "plain": {},
    "reprint": {"copy": True, "copy_no": 12},
    "clock not set": {"date": None},
    "everything": {"copy": True, "copy_no": 12, "date": None, "not_for_trade": True, "net_g": 1_499_995},
}
GOODS: dict[str, dict[str, str]] = {
    "short": {"goods_ug": "ئۈژمە", "goods_zh": "桑", "goods_en": "Fig"},
    "usual": {"goods_ug": "بادام 1-دەرىجە", "goods_zh": "巴旦木", "goods_en": "Badam almonds"},
    "long": {"goods_ug": LONG_UG, "goods_zh": LONG_ZH, "goods_en": LONG_EN},
}


@dataclass(frozen=True)
class Paper:
    """A label, its layout, and the codes that stand on it."""

    kind: str
    draw: Callable[[Any, PrintHead], Raster]
    content: Callable[[Any], LabelContent]
    make: Make
    codes: frozenset[str]


@pytest.fixture
def papers(bag: Make, crate: Make, member: Make, tote: Make, seal: Make) -> list[Paper]:
    def cards(kind: str) -> Callable[[Any, PrintHead], Raster]:
        return tags.render_member_label if kind == "member" else tags.render_member_card

    def without(make: Make, *names: str) -> Make:
        return lambda **given: make(**{name: value for name, value in given.items() if name not in names})

    goods = tuple(GOODS["short"])
    return [
        Paper("bag", bag_label.render_bag_label, bag_label.bag_content, bag, frozenset({BAG_CODE, LOT_CODE})),
        Paper("bag_small", bag_label.render_small_bag_label, bag_label.bag_content, bag, frozenset({BAG_CODE})),
        Paper(
            "bag_shop",
            bag_label.render_shop_bag_label,
            bag_label.bag_content,
            lambda **given: bag(in_store=SHOP_CODE, **given),
            frozenset({BAG_CODE, SHOP_CODE}),
        ),
        Paper(
            "crate",
            bag_label.render_crate_label,
            bag_label.crate_content,
            lambda **given: crate(gross_g=0, crate=2, **given),
            frozenset({LOT_CODE}),
        ),
        *(
            Paper(
                kind,
                cards(kind),
                tags.member_content,
                without(member, *goods, "not_for_trade", "net_g"),
                frozenset({"Y1P04412J"}),
            )
            for kind in ("member", "member_card")
        ),
        Paper(
            "tote",
            tags.render_tote_tag,
            tags.tote_content,
            without(tote, *goods, "not_for_trade", "net_g"),
            frozenset({tote().code}),
        ),
        Paper(
            "seal",
            tags.render_seal_tag,
            tags.seal_content,
            without(seal, *goods, "copy", "copy_no", "not_for_trade", "net_g"),
            frozenset({seal().code}),
        ),
    ]


def combinations(papers: list[Paper]) -> Iterator[tuple[Paper, str, str, PrintHead]]:
    """Pairwise: every paper meets every head, every goods and every time, and every two of them meet somewhere."""
    every = list(product(papers, GOODS, TIMES, LABEL_HEADS))
    if TORTURE:
        yield from every
        return
    met: set[tuple[object, object]] = set()
    for paper, goods, time, head in every:
        here = (paper.kind, goods, time, head)
        pairs = {(here[a], here[b]) for a in range(4) for b in range(a)}
        if not pairs <= met:
            met |= pairs
            yield paper, goods, time, head


def blocks(paper: Paper, content: LabelContent, per_mm: int) -> Iterator[tuple[TextBox, typeset.Block, int]]:
    """What is set in every box that is drawn, and the room it has across."""
    layout = shipped_layout(paper.kind)
    replaced = {box.instead_of for box in layout.boxes if content.texts.get(box.field)}
    for box in layout.boxes:
        text = content.texts.get(box.field, "")
        if text and box.field not in replaced:
            _, _, width, height = box.dots(per_mm)
            room = (width - (per_mm if box.invert else 0), height)
            yield box, typeset.fit(text, room, box.size.styles(per_mm), box.direction == "rtl", box.lines), room[0]


def test_no_fixed_word_is_cut_and_no_text_is_larger_than_its_box(papers: list[Paper]) -> None:
    wrong = []
    for paper, goods, time, head in combinations(papers):
        content = paper.content(paper.make(**GOODS[goods], **TIMES[time]))
        for box, block, room in blocks(paper, content, head.per_mm):
            cut = any(ELLIPSIS in line for line in block.lines) and not (
                goods == "long" and box.field.startswith("goods")
            )
            _, _, _, height = box.dots(head.per_mm)
            wide = max(typeset.width(line, block.style, block.rtl) for line in block.lines)
            if cut or block.height > height or wide > room:
                wrong.append((paper.kind, goods, time, head.dpi, box.field, block.lines))
    assert wrong == []


def test_two_readers_read_every_code_of_every_label(papers: list[Paper]) -> None:
    wrong = []
    for paper, goods, time, head in combinations(papers):
        document = paper.make(**GOODS[goods], **TIMES[time])
        raster = paper.draw(document, head)
        layout = shipped_layout(paper.kind)
        assert (raster.width_dots, raster.height_dots) == tuple(
            round(side * head.per_mm) for side in (layout.width, layout.height)
        )
        picture = raster.to_image()
        seen = {symbol.text for symbol in read(picture)}, {text for _, text in zbar.read(picture)}
        if seen != (paper.codes, paper.codes):
            wrong.append((paper.kind, goods, time, head.dpi, seen))
        assert raster.warnings == ()
    assert wrong == []


def test_a_symbol_of_gs1_and_a_link_take_the_place_that_is_theirs(bag: Make, crate: Make) -> None:
    """The link where both are given and there is one place; a scanner of the trade reads either."""
    for head in LABEL_HEADS:
        for more, wanted in (
            ({"gs1": GS1}, {("Code128", BAG_CODE), ("DataMatrix", GS1)}),
            ({"link": LINK}, {("Code128", BAG_CODE), ("QRCode", LINK)}),
            ({"gs1": GS1, "link": LINK}, {("Code128", BAG_CODE), ("QRCode", LINK)}),
        ):
            assert found(bag_label.render_bag_label(bag(**more), head)) == wanted
        small = bag_label.render_small_bag_label(bag(gs1=GS1, link=LINK), head)
        assert found(small) == {("DataMatrix", GS1)}
        both = bag_label.render_crate_label(crate(gs1=GS1, link=LINK), head)
        assert found(both) == {("Code128", LOT_CODE), ("DataMatrix", GS1), ("QRCode", LINK)}


def test_a_crate_with_an_sscc_says_it_in_wide_bars_and_in_the_square(crate: Make) -> None:
    for head in LABEL_HEADS:
        label = crate(sscc=SSCC, gs1=f"(00){SSCC}(02)96901234000019(3103)012480(10)0147A000381(37)2")
        seen = {
            (symbol.format, symbol.aim, plain(symbol.text))
            for symbol in read(bag_label.render_crate_label(label, head).to_image())
        }
        assert seen == {
            ("Code128", "]C1", f"00{SSCC}"),
            ("DataMatrix", "]d2", f"00{SSCC}0296901234000019310301248010{'0147A000381'}372"),
        }


def test_without_its_number_a_shop_label_has_the_code_of_the_bag(bag: Make) -> None:
    for head in LABEL_HEADS:
        assert {text for _, text in found(bag_label.render_shop_bag_label(bag(), head))} == {BAG_CODE}


def found(raster: Raster) -> set[tuple[str, str]]:
    """Of GS1 symbols the bracketed text is compared without its brackets and separators."""
    return {
        (symbol.format, GS1 if symbol.aim == "]d2" and plain(symbol.text) == plain(GS1) else symbol.text)
        for symbol in read(raster.to_image())
    }


def plain(text: str) -> str:
    return "".join(char for char in text if char.isalnum())


def test_a_link_that_is_too_long_for_its_place_gives_way_to_the_lot(bag: Make) -> None:
    drawn = found(bag_label.render_bag_label(bag(link="https://id.example.org/" + "x" * 400), LABEL_HEADS[0]))
    assert drawn == {("Code128", BAG_CODE), ("QRCode", LOT_CODE)}


def ink(picture: Image.Image) -> Image.Image:
    return ImageChops.invert(picture.convert("L"))


def test_every_text_stays_in_its_box_and_out_of_the_symbols(papers: list[Paper]) -> None:
    """Between the boxes there is white: what is drawn reaches no neighbor, whatever marks stand on its letters."""
    for paper in papers:
        layout = shipped_layout(paper.kind)
        piled = dict.fromkeys(GOODS["short"], "gŷ" + "̣́" * 60 + "ۇۆ" * 40)
        for head in LABEL_HEADS:
            page = ink(paper.draw(paper.make(**piled), head).to_image())
            for area in (*layout.boxes, *layout.rules, *layout.symbols, *([layout.barcode] if layout.barcode else [])):
                left, top, width, height = area.dots(head.per_mm)
                page.paste(0, (left, top, left + width, top + height))
            assert page.getbbox() is None, (paper.kind, head.dpi)


HOSTILE = {
    "bidi override": ("\u202eABC\u2066x\u2069", "ABCx"),
    "4 kB": ("A" * 4096, "A" * 240),
    "newlines": ("a\r\n\tb\x0b\x85c", "a b c"),
    "orders": ("^XZ\x1b@\x10\x14~JR", "^XZ@~JR"),
    "lone surrogate": ("a\ud800b", "ab"),
}


def test_hostile_text_is_drawn_as_the_letters_it_has(papers: list[Paper]) -> None:
    setup = profiles()["tspl_203"].setup
    for paper in papers:
        for name, (evil, harmless) in HOSTILE.items():
            made = [paper.draw(paper.make(**texts(paper.make(), text)), setup.head) for text in (evil, harmless)]
            assert made[0] == made[1], (paper.kind, name)
            frames = [
                tspl.page(raster, setup).replace(inverse(raster), b"")
                for raster in (made[0], paper.draw(paper.make(), setup.head))
            ]
            assert frames[0] == frames[1], (paper.kind, name)


def inverse(raster: Raster) -> bytes:
    return raster.rows.translate(bytes(range(255, -1, -1)))


def texts(document: Any, text: str) -> dict[str, str]:
    """Every field of a document that is free text."""
    fixed = {"zone", "mode", "code", "lot_code", "bag_code", "gs1", "link", "sscc", "in_store"}
    return {name: text for name in document.__slots__ if isinstance(getattr(document, name), str) and name not in fixed}


def test_hostile_text_on_strips_is_drawn_as_the_letters_it_has(receipt: Make, line: Make, manifest: Make) -> None:
    for name, (evil, harmless) in HOSTILE.items():
        drawn = []
        for text in (evil, harmless):
            bags = (line(**texts(line(), text)),)
            words = texts(receipt(), text) | {
                "certificate": text,
                "county": text,
                "scale_no": text,
                "verified_until": text,
            }
            for taken in ("receipt_code", "signed_code", "head"):
                words.pop(taken)
            sheet = manifest(14, copy=True, copy_no=2, **texts(manifest(), text))
            drawn.append(
                (render_receipt(receipt(lines=bags, **words), STRIP_HEADS[0]), render_manifest(sheet, LABEL_HEADS[0]))
            )
        assert drawn[0] == drawn[1], name


def test_manifests_are_whole_on_labels_and_on_a4(manifest: Make) -> None:
    office = profile("office_a4").setup
    for head in (*LABEL_HEADS, A4):
        rows = 28 if head in (A4, office.head) else 14
        assert [manifest_sheets(manifest(totes), head) for totes in (1, rows, rows + 1)] == [1, 1, 2]
        for document in (manifest(rows, copy=True, copy_no=2), manifest(rows + 4, sheet=2, date=None)):
            raster = render_manifest(document, head)
            width, height = (186, 272) if rows == 28 else (100, 150)
            assert (raster.width_dots, raster.height_dots) == (width * head.per_mm, height * head.per_mm)
            picture = raster.to_image()
            assert {symbol.text for symbol in read(picture)} == {document.code}
            assert {text for _, text in zbar.read(picture)} == {document.code}
            assert head != office.head or pwg.page(raster, office).count(b"PwgRaster") == 1, "on one sheet of paper"
        with pytest.raises(LayoutProblem, match="no sheet 3"):
            render_manifest(manifest(rows + 4, sheet=3), head)


def test_a_manifest_names_every_tote_and_its_seal_and_adds_up(manifest: Make, texts: list[str]) -> None:
    for sheet in (1, 2):
        render_manifest(manifest(20, sheet=sheet), LABEL_HEADS[0])
    document = manifest(20)
    for number, row in enumerate(document.rows, 1):
        assert f"{number}  {row.tote}" in texts
        assert row.seal in texts
    assert f"20 · {document.items} · {document.net_g / 1000:,.3f} kg" in texts
    assert {"2/2", "توشۇش تىزىملىكى", "交接单 manifest", "交付人 handed over by", "接收人 received by"} <= set(texts)
    assert not any(ELLIPSIS in text for text in texts)


def test_every_layout_is_drawn_here(papers: list[Paper]) -> None:
    assert {paper.kind for paper in papers} | {"parcel", "test", "calibration"} == set(LABELS)
