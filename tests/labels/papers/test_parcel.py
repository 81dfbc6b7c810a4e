"""The label on a parcel and the slip of its addressee, judged by an independent reader and dot by dot."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

import pytest
from PIL import Image

from kiosk.domain.identifiers import BODY_ALPHABET, internal_code
from kiosk.labels.layout import shipped_layout
from kiosk.labels.papers.parcel import ParcelLabel, PickupSlip, parcel_content, render_parcel_label, render_pickup_slip
from kiosk.labels.raster import Raster
from kiosk.labels.symbols import SymbolTooWide, code128
from kiosk.labels.typesetting import typeset
from kiosk.labels.typesetting.shaping import ELLIPSIS, MARKS
from kiosk.protocols.barcodes.linear import NotEncodable
from kiosk.protocols.barcodes.reader import Symbol, read
from tests.labels.heads import LABEL, STRIP

SLOT = internal_code("H", "A317")
SLIP = internal_code("K", "0147A000012482917")
SHELF_LETTERS = BODY_ALPHABET[10:]


@pytest.mark.parametrize(("dpi", "size"), [(203, (480, 320)), (300, (720, 480))])
@pytest.mark.parametrize("changes", [{}, {"copy": True, "date": None, "carrier": "CHINAPOST"}])
def test_a_reader_reads_the_slot_from_every_label(
    parcel: Callable[..., ParcelLabel], changes: dict[str, Any], dpi: int, size: tuple[int, int]
) -> None:
    image = render_parcel_label(parcel(**changes), LABEL[dpi]).to_image()
    assert image.size == size
    assert read(image) == [Symbol("Code128", SLOT, "]C0")]


@pytest.mark.parametrize(("dpi", "module"), [(203, 2), (300, 3)])
def test_bars_are_whole_dots_with_ten_modules_of_quiet_zone(
    parcel: Callable[..., ParcelLabel], dpi: int, module: int
) -> None:
    image = render_parcel_label(parcel(), LABEL[dpi]).to_image()
    box = shipped_layout("parcel").barcode
    for part in (0.05, 0.5, 0.95):
        y = round((box.y + box.h * part) * module * 4)
        row = [image.getpixel((x, y)) == 0 for x in range(image.width)]
        runs = [(dark, len(list(dots))) for dark, dots in groupby(row)]
        assert runs[0][0] is runs[-1][0] is False
        assert min(runs[0][1], runs[-1][1]) >= 10 * module
        assert all(length % module == 0 for _, length in runs[1:-1])


def ink_height(image: Image.Image) -> int:
    box = Image.eval(image.convert("L"), lambda gray: 255 - gray).getbbox()
    assert box is not None
    return box[3] - box[1]


@pytest.mark.parametrize(("dpi", "per_mm"), [(203, 8), (300, 12)])
@pytest.mark.parametrize("letter", SHELF_LETTERS)
def test_the_shelf_code_stands_in_digits_of_12_mm_whatever_the_shelf(
    parcel: Callable[..., ParcelLabel], letter: str, dpi: int, per_mm: int
) -> None:
    image = render_parcel_label(parcel(shelf=f"{letter}-8-88"), LABEL[dpi]).to_image()
    last_digits = image.crop((image.width * 2 // 3, 0, image.width, round(19.75 * per_mm)))
    assert ink_height(last_digits) >= 12 * per_mm


@pytest.mark.parametrize("per_mm", [8, 12])
@pytest.mark.parametrize("changes", [{}, {"copy": True, "date": None}])
def test_no_word_and_no_figure_is_cut(parcel: Callable[..., ParcelLabel], changes: dict[str, Any], per_mm: int) -> None:
    fields = parcel_content(parcel(**changes)).texts
    for box in shipped_layout("parcel").boxes:
        _, _, width, height = box.dots(per_mm)
        room = (width - (per_mm if box.invert else 0), height)
        block = typeset.fit(fields[box.field], room, box.size.styles(per_mm), box.direction == "rtl", box.lines)
        assert not any(ELLIPSIS in line for line in block.lines), (box.field, block)
        assert block.height <= height, box.field


def test_the_layout_shows_every_field_once(parcel: Callable[..., ParcelLabel]) -> None:
    assert sorted(box.field for box in shipped_layout("parcel").boxes) == sorted(parcel_content(parcel()).texts)


def test_an_unset_date_is_said_in_three_languages(parcel: Callable[..., ParcelLabel]) -> None:
    assert parcel_content(parcel(date=None)).texts["date"] == "日期未设定 date not set چېسلا تەڭشەلمىگەن"
    assert parcel_content(parcel()).texts["date"] == "2026-11-25"
    shown = parcel_content(parcel(village="英艾日克村", county="莎车县")).texts["date"]
    assert shown.translate(dict.fromkeys(map(ord, MARKS))) == "2026-11-25 · 英艾日克村 · 莎车县"


HOSTILE = [
    ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ("^XZ\r\nPRINT 9,9\r\n", "^XZ PRINT 9,9"),
    ("\x1b!R\x10\x14\x08ab", "!Rab"),
    ("\u202eabc", "abc"),
]


@pytest.mark.parametrize(("hostile", "harmless"), HOSTILE)
def test_hostile_texts_are_drawn_as_text(
    parcel: Callable[..., ParcelLabel], pickup: Callable[..., PickupSlip], hostile: str, harmless: str
) -> None:
    def papers(text: str) -> list[Raster]:
        names = ("shelf", "number", "date", "zone", "station")
        label = parcel(carrier=text, **dict.fromkeys(names, text))
        return [
            render_parcel_label(label, LABEL[203]),
            render_pickup_slip(pickup(village=text, **dict.fromkeys(names, text)), STRIP[203]),
        ]

    assert papers(hostile) == papers(harmless)
    assert [len(read(paper.to_image())) for paper in papers(hostile)] == [1, 1]


def test_a_slot_code_that_cannot_be_barred_is_refused(parcel: Callable[..., ParcelLabel]) -> None:
    with pytest.raises(NotEncodable):
        render_parcel_label(parcel(code="Y1H\x1b"), LABEL[203])
    with pytest.raises(SymbolTooWide, match="480"):
        render_parcel_label(parcel(code="Y1H" + "A" * 20), LABEL[203])


@pytest.mark.parametrize(("dpi", "width"), [(203, 384), (300, 576)])
@pytest.mark.parametrize("changes", [{}, {"date": None, "phone_last4": None}])
def test_a_reader_reads_the_slip(
    pickup: Callable[..., PickupSlip], changes: dict[str, Any], dpi: int, width: int
) -> None:
    raster = render_pickup_slip(pickup(**changes), STRIP[dpi])
    assert raster.width_dots == width
    assert read(raster.to_image()) == [Symbol("QRCode", SLIP, "]Q1")]


def test_the_slip_is_a_square_code_because_bars_do_not_fit_the_paper() -> None:
    with pytest.raises(SymbolTooWide, match="384"):
        code128(SLIP, (384, 64), 2)


def test_the_slip_shows_shelf_code_and_what_to_do_in_three_languages(
    pickup: Callable[..., PickupSlip], texts: list[str]
) -> None:
    render_pickup_slip(pickup(), STRIP[203])
    for text in ("A-3-17", "4 8 2   9 1 7", "P-0147-A-000012", "•••4821", "•••5512", "3", "2026-11-25"):
        assert text in texts
    for text in ("货架", "pickup code", "请保管好此单，持单者即可取件", "S0147 · 英艾日克村"):
        assert text in texts
    assert "Keep this slip, whoever holds it can fetch the parcel" in texts
    assert any(text.startswith("بۇ تالوننى ساقلاڭ") for text in texts)
    assert not any(ELLIPSIS in text for text in texts)


def test_a_slip_without_phone_says_nothing_of_one(pickup: Callable[..., PickupSlip], texts: list[str]) -> None:
    render_pickup_slip(pickup(phone_last4=None, date=None), STRIP[203])
    assert not any("phone" in text or "5512" in text for text in texts)
    assert "date not set" in texts


def test_the_six_digits_are_the_largest_after_the_shelf(pickup: Callable[..., PickupSlip]) -> None:
    one, other = (
        render_pickup_slip(pickup(code=code), STRIP[203]).to_image().convert("L") for code in ("111111", "888888")
    )
    differing = [
        y
        for y in range(one.height)
        if one.crop((0, y, 384, y + 1)).tobytes() != other.crop((0, y, 384, y + 1)).tobytes()
    ]
    assert max(differing) - min(differing) + 1 >= 5.5 * 8


def test_the_code_is_not_shown_when_the_document_is_logged(pickup: Callable[..., PickupSlip]) -> None:
    assert "482917" not in repr(pickup())
