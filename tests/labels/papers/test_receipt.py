from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image, ImageStat

from kiosk.domain.metrology.standing import Mark
from kiosk.labels import symbols
from kiosk.labels.documents import Receipt, ReceiptLine
from kiosk.labels.papers.receipt import render_receipt
from kiosk.labels.raster import Raster
from kiosk.labels.typesetting.shaping import ELLIPSIS
from kiosk.protocols.barcodes.reader import Symbol, read
from kiosk.protocols.printers.page_setup import PrintHead
from tests.labels.heads import STRIP

CONSIGNED = {"price_fen_per_kg": 0, "amount_fen": 0}


@pytest.mark.parametrize(("dpi", "width"), [(203, 384), (300, 576)])
@pytest.mark.parametrize("changes", [{}, {"date": None, "time": None, "copy": True}, {"party": "non_member"}])
def test_a_reader_reads_the_receipt_code(
    receipt: Callable[..., Receipt], changes: dict[str, Any], dpi: int, width: int
) -> None:
    raster = render_receipt(receipt(**changes), STRIP[dpi])
    assert raster.width_dots == width
    assert read(raster.to_image()) == [Symbol("QRCode", "Y1R0147A000381K", "]Q1")]


def test_a_purchase_shows_every_figure(receipt: Callable[..., Receipt], texts: list[str]) -> None:
    render_receipt(receipt(), STRIP[203])
    for figure in ("12.900 kg", "− 0.420 kg", "= 12.480 kg", "× ¥32.00/kg", "= ¥399.36", "12.480 kg", "¥399.36"):
        assert figure in texts
    for text in ("0147-A-000381", "M-04412", "2026-11-25 14:32 UTC+6", "Sold now", "现已卖出", "ھازىر سېتىلدى"):
        assert text in texts
    for text in ("S0147 · 英艾日克村", "Y1L0147A000381K", "station-kiosk 0.1.0", "metrology 3f9a-21c4"):
        assert text in texts
    assert not any(ELLIPSIS in text for text in texts)


def test_a_consignment_says_that_it_is_no_sale_and_shows_no_amount(
    receipt: Callable[..., Receipt], line: Callable[..., ReceiptLine], texts: list[str]
) -> None:
    render_receipt(receipt(mode="consignment", lines=(line(**CONSIGNED),)), STRIP[203])
    assert "On consignment, not a sale, paid after sale" in texts
    assert "委托代销，不是买卖，售出后付款" in texts
    assert not any("¥" in text for text in texts)
    assert not any(ELLIPSIS in text for text in texts)


def test_the_amount_on_the_screen_stands_on_a_consignment_as_an_estimate(
    receipt: Callable[..., Receipt], texts: list[str]
) -> None:
    render_receipt(receipt(mode="consignment"), STRIP[203])
    assert "估算 estimate" in texts
    assert [text for text in texts if "¥" in text] == ["× ¥32.00/kg", "≈ ¥399.36"]


@pytest.mark.parametrize(
    ("certificate", "said"),
    [("none: not_presented", "未出示"), ("none: own use", "own use"), ("producer C-0147-11", "producer C-0147-11")],
)
def test_a_known_reason_is_said_in_three_languages(
    receipt: Callable[..., Receipt], texts: list[str], certificate: str, said: str
) -> None:
    render_receipt(receipt(certificate=certificate), STRIP[203])
    assert said in texts
    assert "not_presented" not in texts


def test_a_price_on_consignment_is_only_a_reference(
    receipt: Callable[..., Receipt], line: Callable[..., ReceiptLine], texts: list[str]
) -> None:
    render_receipt(receipt(mode="consignment", lines=(line(amount_fen=0),)), STRIP[203])
    assert "参考价 reference price" in texts
    assert [text for text in texts if "¥" in text] == ["× ¥32.00/kg"]


def test_not_for_trade_stands_at_every_net_weight_of_such_a_scale(
    receipt: Callable[..., Receipt], line: Callable[..., ReceiptLine], texts: list[str]
) -> None:
    render_receipt(receipt(lines=(line(), line(bag=2)), scale_marks=("not_for_trade",)), STRIP[203])
    after_net = [texts[at + 3 : at + 6] for at, text in enumerate(texts) if text == "净重 net"]
    assert after_net == [["非贸易用", "not for trade", "سودا ئەمەس"]] * 2
    texts.clear()
    render_receipt(receipt(scale_marks=("check_late",)), STRIP[203])
    assert "净重 net" in texts
    assert "not for trade" not in texts


def test_an_unset_date_a_copy_and_a_non_member_are_said_in_three_languages(
    receipt: Callable[..., Receipt], texts: list[str]
) -> None:
    render_receipt(receipt(date=None, time=None, copy=True, party="non_member"), STRIP[203])
    for text in ("日期未设定", "date not set", "چېسلا تەڭشەلمىگەن", "非社员", "non-member", "ئەزا ئەمەس"):
        assert text in texts
    assert any("COPY" in text and "副本" in text and "نۇسخا" in text for text in texts)
    assert not any("14:32" in text or "UTC" in text for text in texts)
    assert not any(ELLIPSIS in text for text in texts)


@pytest.mark.parametrize(
    ("certificate", "shown"),
    [("none: own use", ["none", "own use"]), ("none", ["none"]), ("", ["none"]), ("GAP-12", ["GAP-12"])],
)
def test_the_certificate_or_why_there_is_none(
    receipt: Callable[..., Receipt], texts: list[str], certificate: str, shown: list[str]
) -> None:
    render_receipt(receipt(certificate=certificate), STRIP[203])
    assert set(shown) <= set(texts)
    assert ("none" in texts) == (shown[0] == "none")


def test_the_paper_grows_by_the_same_length_with_every_bag(
    receipt: Callable[..., Receipt], line: Callable[..., ReceiptLine]
) -> None:
    heights = [
        render_receipt(receipt(lines=tuple(line(bag=n + 1) for n in range(bags))), STRIP[203]).height_dots
        for bags in (1, 2, 3)
    ]
    assert heights[2] - heights[1] == heights[1] - heights[0] > 100


def test_the_longest_names_and_the_largest_figures_stay_on_the_paper(
    receipt: Callable[..., Receipt], line: Callable[..., ReceiptLine], long_names: dict[str, str], texts: list[str]
) -> None:
    widest = line(**long_names, gross_g=99_999_999, net_g=99_999_579, price_fen_per_kg=99_900, amount_fen=9_989_957_942)
    document = receipt(lines=(widest,), village="ئۇزۇن ئىسىملىك يېزا " * 9, software="x" * 99)
    for head in (STRIP[203], PrintHead(203, 512), PrintHead(203, 576), STRIP[300]):
        texts.clear()
        edges = render_receipt(document, head).to_image().convert("L")
        assert edges.width == head.width_dots
        assert {"= 99,999.579 kg", "= ¥99,899,579.42"} <= set(texts), head
        for x in (0, 1, edges.width - 2, edges.width - 1):
            assert edges.crop((x, 0, x + 1, edges.height)).getextrema() == (255, 255), head


def test_hostile_text_is_drawn_as_text(receipt: Callable[..., Receipt], line: Callable[..., ReceiptLine]) -> None:
    hostile, harmless = "<b>\x1b@\x1dV\x00\u202e^XZ\n", "<b>@V^XZ"
    names = ("goods_ug", "goods_zh", "goods_en", "container_ug", "container_zh", "container_en")
    papers = [
        render_receipt(
            receipt(
                lines=(line(**dict.fromkeys(names, text)),),
                **dict.fromkeys(("village", "party", "certificate", "software", "metrology", "zone"), text),
            ),
            STRIP[203],
        )
        for text in (hostile, harmless)
    ]
    assert papers[0] == papers[1]


def test_the_qr_code_stands_at_the_left_edge_in_whole_dots(receipt: Callable[..., Receipt]) -> None:
    paper = Image.eval(render_receipt(receipt(), STRIP[203]).to_image().convert("L"), lambda gray: 255 - gray)
    code = symbols.qr("Y1R0147A000381K", module_dots=6)
    assert code.size == (29 * 6, 29 * 6)
    assert code.getbbox() == (4 * 6, 4 * 6, 25 * 6, 25 * 6)
    wanted = code.convert("L").tobytes()
    places = (paper.crop((0, top, code.width, top + code.height)) for top in range(paper.height - code.height))
    assert sum(place.tobytes() == wanted for place in places) == 1


MARKS = {
    "not_for_trade": ("بۇ تەرەزە سودا ئۈچۈن ئەمەس", "此秤不可用于贸易结算", "This scale is not for trade"),
    "check_failed": (
        "تەرەزە ئەڭ يېڭى تەكشۈرۈشتىن ئۆتمىدى",
        "秤最近一次核查未通过",
        "The scale failed its last check",
    ),
    "verification_expired": (
        "تەرەزىنىڭ رەسمىي تەكشۈرۈلۈش مۇددىتى ئۆتتى",
        "秤的检定已过有效期",
        "The verification of the scale has expired",
    ),
    "check_late": ("تەرەزە بۈگۈن تېخى تەكشۈرۈلمىدى", "秤今天尚未核查", "The scale has not been checked today"),
}


def test_every_mark_of_the_scale_has_its_words() -> None:
    assert set(MARKS) == {mark.value for mark in Mark}


@pytest.mark.parametrize("mark", list(MARKS))
@pytest.mark.parametrize("dpi", [203, 300])
def test_what_the_scale_is_not_worth_stands_above_the_figures_in_three_languages(
    receipt: Callable[..., Receipt], texts: list[str], mark: str, dpi: int
) -> None:
    render_receipt(receipt(scale_marks=(mark,)), STRIP[dpi])
    said = [texts.index(words) for words in MARKS[mark]]
    assert said == sorted(said)
    assert max(said) < texts.index("0147-A-000381")
    assert not any(ELLIPSIS in text for text in texts)


def ink(raster: Raster) -> float:
    """Black dots of a paper, counted in whole rows."""
    picture = raster.to_image().convert("L")
    return (1 - ImageStat.Stat(picture).mean[0] / 255) * picture.height


def test_the_worst_marks_are_white_on_black_and_the_others_framed(receipt: Callable[..., Receipt]) -> None:
    plain = render_receipt(receipt(), STRIP[203])
    for mark in MARKS:
        marked = render_receipt(receipt(scale_marks=(mark,)), STRIP[203])
        longer = marked.height_dots - plain.height_dots
        assert longer > 80
        dark = ink(marked) - ink(plain)
        black = mark in ("not_for_trade", "check_failed")
        assert (dark / longer > 0.5) == black, (mark, dark / longer)


def test_all_marks_stand_and_a_word_of_a_newer_station_as_it_is(
    receipt: Callable[..., Receipt], texts: list[str]
) -> None:
    raster = render_receipt(receipt(scale_marks=(*MARKS, "seal_broken")), STRIP[203])
    assert all(words[2] in texts for words in MARKS.values())
    assert texts.count("seal_broken") == 3
    assert read(raster.to_image()) == [Symbol("QRCode", "Y1R0147A000381K", "]Q1")]


def test_the_scale_and_its_counters(receipt: Callable[..., Receipt], texts: list[str]) -> None:
    render_receipt(receipt(counters="3-12-5", scale_no="XK3190-A12E 2024/000317"), STRIP[203])
    for text in ("3-12-5", "改动计数", "changes", "ئۆزگىرىش سانى", "scale-tares-clock", "秤-皮重-时钟"):
        assert text in texts
    for text in ("XK3190-A12E 2024/000317", "秤编号", "scale number", "تەرەزە نومۇرى"):
        assert text in texts
    assert not any(ELLIPSIS in text for text in texts)


def test_a_receipt_that_knows_nothing_of_the_scale_is_as_it_was(
    receipt: Callable[..., Receipt], texts: list[str]
) -> None:
    render_receipt(receipt(), STRIP[203])
    assert not {"changes", "scale number"} & set(texts)
    assert not any(words[2] in texts for words in MARKS.values())


@pytest.mark.parametrize("evil", ["\u202eevil\u202c", "x" * 400, "^XZ\x1b@", ""])
def test_hostile_words_about_the_scale_stay_on_the_paper(receipt: Callable[..., Receipt], evil: str) -> None:
    raster = render_receipt(receipt(scale_marks=(evil,), scale_no=evil, counters=evil), STRIP[203])
    edges = raster.to_image().convert("L")
    for x in (0, 1, 382, 383):
        assert edges.crop((x, 0, x + 1, edges.height)).getextrema() == (255, 255)
    assert read(raster.to_image()) == [Symbol("QRCode", "Y1R0147A000381K", "]Q1")]
