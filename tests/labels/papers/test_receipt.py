from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from PIL import Image, ImageStat

from kiosk.domain.metrology.legal_status import ScaleMark
from kiosk.domain.moment import ClockQuality
from kiosk.labels import symbols
from kiosk.labels.paper_texts import paper_text
from kiosk.labels.papers.receipt import ReceiptDocument, ReceiptLine, UnsignedSlip, render_receipt
from kiosk.labels.raster import Raster
from kiosk.labels.typesetting.shaping import ELLIPSIS
from kiosk.protocols.barcodes.reader import Symbol, read
from kiosk.protocols.printers.page_setup import PrintHead
from kiosk.station.shared.settings import MAX_PAYMENT
from tests.labels import zbar
from tests.labels.conftest import LOT_CODE
from tests.labels.heads import STRIP

Make = Callable[..., ReceiptDocument]
MakeLine = Callable[..., ReceiptLine]

CONSIGNED = {"price_fen_per_kg": 0, "amount_fen": 0}
HEADS = (STRIP[203], PrintHead(203, 512), PrintHead(203, 576), STRIP[300])
CODE = "Y1R0147A000381K"
SCALE = {
    "counters": "3-12-5",
    "scale_no": "XK3190-A12E 2024/000317",
    "verified_until": "2027-03-14",
    "head": "0123456789abcdef" * 4,
    "county": "莎车县",
}


def bags(line: MakeLine, count: int) -> tuple[ReceiptLine, ...]:
    """Bags as they are: 50 kg of almonds in a woven sack."""
    made = []
    for bag in range(1, count + 1):
        gross_g = 52_350 + bag * 130
        net_g = gross_g - 640
        amount = round(net_g * 3200 / 1000)
        made.append(line(bag=bag, gross_g=gross_g, tare_g=640, net_g=net_g, amount_fen=amount))
    return tuple(made)


def test_two_readers_read_the_receipt_code(receipt: Make, line: MakeLine) -> None:
    for changes in ({}, {"date": None, "time": None, "copy": True}, {"party": "non_member", "void": True, **SCALE}):
        for head in HEADS:
            raster = render_receipt(receipt(lines=bags(line, 3), **changes), head)
            assert raster.width_dots == head.width_dots
            assert read(raster.to_image()) == [Symbol("QRCode", CODE, "]Q1")]
            assert zbar.read(raster.to_image()) == {("QR-Code", CODE)}


def test_twelve_bags_fit_on_20_cm_of_wide_paper_and_on_28_of_narrow(receipt: Make, line: MakeLine) -> None:
    document = receipt(lines=bags(line, 12), certificate="none: not_presented", **SCALE)
    lengths = [render_receipt(document, head).height_dots / head.per_mm for head in HEADS]
    assert [length <= limit for length, limit in zip(lengths, (280, 200, 200, 280), strict=True)] == [True] * 4, lengths


def test_a_purchase_shows_every_figure(receipt: Make, line: MakeLine, texts: list[str]) -> None:
    for head in HEADS:
        texts.clear()
        render_receipt(receipt(lines=(line(), line(bag=2)), **SCALE), head)
        for figure in ("12.900 − 0.420 = 12.480", "¥399.36"):
            assert texts.count(figure) == 2
        for figure in ("× ¥32.00/kg", "24.960 kg", "¥798.72"):
            assert texts.count(figure) == 1
        said = " ".join(texts)
        for text in ("0147-A-000381", "M-04412", "2026-11-25 14:32 UTC+6", "Sold now", "现已卖出", "ھازىر سېتىلدى"):
            assert text in said
        for text in (LOT_CODE, CODE, "station-kiosk 0.1.0", "metrology 3f9a-21c4", "S0147 · 英艾日克村 · 莎车县"):
            assert text in said
        assert not any(ELLIPSIS in text for text in texts)


def test_goods_and_price_stand_once_for_all_bags_and_again_when_they_change(
    receipt: Make, line: MakeLine, texts: list[str]
) -> None:
    cheaper = line(bag=3, price_fen_per_kg=3000, amount_fen=37440)
    render_receipt(receipt(lines=(line(), line(bag=2), cheaper)), STRIP[203])
    assert [text for text in texts if "¥" in text and "/kg" in text] == ["× ¥32.00/kg", "× ¥30.00/kg"]
    assert texts.count("ياڭاق") == texts.count("核桃") == texts.count("Walnut") == 2


def test_every_line_can_be_reckoned_again(receipt: Make, line: MakeLine, texts: list[str]) -> None:
    document = receipt(lines=bags(line, 12))
    render_receipt(document, STRIP[203])
    nets, amounts = [], []
    for at, text in enumerate(texts):
        if (found := re.fullmatch(r"([\d.]+) − ([\d.]+) = ([\d.]+)", text)) is not None:
            gross, tare, net = map(Decimal, found.groups())
            assert gross - tare == net
            nets.append(net)
            amounts.append(Decimal(texts[at - 1].lstrip("¥").replace(",", "")))
            assert amounts[-1] == (net * 32).quantize(Decimal("0.01"))
    assert len(nets) == 12
    assert f"{sum(nets)} kg" in texts
    assert f"¥{sum(amounts):,}" in texts


def test_no_word_stands_in_one_language_only(receipt: Make, line: MakeLine, texts: list[str]) -> None:
    render_receipt(
        receipt(lines=bags(line, 2), copy=True, copy_no=3, void=True, scale_marks=tuple(MARKS), **SCALE), STRIP[203]
    )
    said = " ".join(texts)
    for key in (
        *("heading", "receipt", "member", "sold_now", "price", "gross", "container", "net", "bag", "total", "amount"),
        *(
            "date",
            "certificate",
            "scale_no",
            "verified_until",
            "lot",
            "keep",
        ),
        *("copy", "void", "not_for_trade"),
    ):
        words = paper_text(key)
        for word in (*words.ug.split(), *words.zh.split(), *words.en.split()):
            assert word in said.replace(" ", ""), (key, word)


def test_a_consignment_says_that_it_is_no_sale_and_shows_no_amount_without_a_price(
    receipt: Make, line: MakeLine, texts: list[str]
) -> None:
    render_receipt(receipt(mode="consignment", lines=(line(**CONSIGNED),)), STRIP[203])
    said = " ".join(texts)
    for text in ("On consignment, not a sale, paid after sale", "委托代销，不是买卖，售出后付款"):
        assert text in said
    assert not any("¥" in text for text in texts)
    assert not any(ELLIPSIS in text for text in texts)


def test_the_amounts_of_a_consignment_stand_as_estimates(receipt: Make, line: MakeLine, texts: list[str]) -> None:
    render_receipt(receipt(mode="consignment", lines=(line(), line(bag=2))), STRIP[203])
    assert {"估算 estimate", "参考价 reference price"} <= set(texts)
    assert [text for text in texts if "¥" in text] == ["× ¥32.00/kg", "≈¥399.36", "≈¥399.36", "≈ ¥798.72"]
    texts.clear()
    render_receipt(receipt(mode="consignment", lines=(line(amount_fen=0),)), STRIP[203])
    assert [text for text in texts if "¥" in text] == ["× ¥32.00/kg"]


def test_the_certificate_or_why_there_is_none(subtests: pytest.Subtests, receipt: Make, texts: list[str]) -> None:
    for certificate, said, hidden in [
        ("none: not_presented", {"未出示", "not presented", "كۆرسىتىلمىدى", "无", "none", "يوق"}, "not_presented"),
        ("none: own use", {"own use", "无", "none", "يوق"}, "None"),
        ("none", {"无", "none", "يوق"}, ":"),
        ("", {"无", "none", "يوق"}, ":"),
        ("producer C-0147-11", {"producer C-0147-11", "合格证"}, "none"),
    ]:
        with subtests.test(certificate=certificate, said=said, hidden=hidden):
            texts.clear()
            render_receipt(receipt(certificate=certificate), STRIP[203])
            shown = " ".join(text for text in texts if text != "2026-11-25 14:32 UTC+6")
            assert {text for text in said if text not in shown} == set()
            assert hidden not in shown


def test_not_for_trade_stands_at_the_figures_of_such_a_scale(receipt: Make, line: MakeLine, texts: list[str]) -> None:
    mark = "非贸易用 not for trade سودا ئەمەس"
    render_receipt(receipt(lines=(line(), line(bag=2)), scale_marks=("not_for_trade",)), STRIP[203])
    assert texts.index("× ¥32.00/kg") < texts.index(mark) < texts.index("12.900 − 0.420 = 12.480")
    texts.clear()
    render_receipt(receipt(scale_marks=("check_late",)), STRIP[203])
    assert mark not in texts


def test_an_unset_date_and_a_non_member_are_said_in_three_languages(receipt: Make, texts: list[str]) -> None:
    render_receipt(receipt(date=None, time=None, party="non_member"), STRIP[203])
    said = " ".join(texts)
    for text in ("日期未设定", "date not set", "چېسلا تەڭشەلمىگەن", "非社员", "non-member", "ئەزا ئەمەس"):
        assert text in said
    assert not any("14:32" in text or "UTC" in text for text in texts)
    assert not any(ELLIPSIS in text for text in texts)


def test_a_reprint_and_a_void_receipt_say_so_on_top_and_across(receipt: Make, line: MakeLine, texts: list[str]) -> None:
    document = receipt(lines=bags(line, 3))
    plain = ink(render_receipt(document, STRIP[203]))
    for changes, said in (
        ({"copy": True, "copy_no": 2}, "副本 COPY 2 نۇسخا"),
        ({"copy": True}, "副本 COPY نۇسخا"),
        ({"void": True}, "作废 VOID بىكار قىلىنغان"),
    ):
        texts.clear()
        marked = render_receipt(replace(document, **changes), STRIP[203])
        assert texts.count(said) == 2, "a band on top, and the stamp"
        assert texts.index(said) < texts.index("0147-A-000381")
        assert ink(marked) > plain
        assert read(marked.to_image()) == [Symbol("QRCode", CODE, "]Q1")]


def test_the_paper_grows_by_the_same_length_with_every_bag(receipt: Make, line: MakeLine) -> None:
    heights = [render_receipt(receipt(lines=bags(line, count)), STRIP[203]).height_dots for count in (2, 3, 4)]
    assert heights[2] - heights[1] == heights[1] - heights[0] < 5 * 8


def test_the_longest_names_and_the_largest_figures_stay_on_the_paper(
    receipt: Make, line: MakeLine, long_names: dict[str, str], texts: list[str]
) -> None:
    widest = line(**long_names, gross_g=99_999_999, net_g=99_999_579, price_fen_per_kg=99_900, amount_fen=9_989_957_942)
    document = receipt(lines=(widest,), village="ئۇزۇن ئىسىملىك يېزا " * 9, software="x" * 99)
    for head in HEADS:
        texts.clear()
        edges = render_receipt(document, head).to_image().convert("L")
        assert edges.width == head.width_dots
        assert {"99,999.999 − 0.420 = 99,999.579", "¥99,899,579.42"} <= set(texts), head
        for x in (0, 1, edges.width - 2, edges.width - 1):
            assert edges.crop((x, 0, x + 1, edges.height)).getextrema() == (255, 255), head


def test_hostile_text_is_drawn_as_text(
    receipt: Callable[..., ReceiptDocument], line: Callable[..., ReceiptLine]
) -> None:
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


def test_a_square_of_27_mm_is_kept_for_the_symbol(receipt: Make) -> None:
    for head in HEADS:
        paper = Image.eval(render_receipt(receipt(), head).to_image().convert("L"), lambda gray: 255 - gray)
        side = 27 * head.per_mm
        wanted = symbols.square("receipt", CODE, side, 2, head.per_mm * 3 // 4).convert("L").tobytes()
        places = (paper.crop((0, top, side, top + side)) for top in range(paper.height - side, 0, -1))
        assert any(place.tobytes() == wanted for place in places)


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
    assert set(MARKS) == {mark.value for mark in ScaleMark}


def test_what_the_scale_is_not_worth_stands_above_the_figures_in_three_languages(
    subtests: pytest.Subtests, receipt: Make, texts: list[str]
) -> None:
    for mark in list(MARKS):
        for dpi in [203, 300]:
            with subtests.test(mark=mark, dpi=dpi):
                texts.clear()
                render_receipt(receipt(scale_marks=(mark,)), STRIP[dpi])
                ug, zh, en = MARKS[mark]
                assert texts.index(ug) < texts.index(f"{zh} · {en}") < texts.index("0147-A-000381")
                assert not any(ELLIPSIS in text for text in texts)


def ink(raster: Raster) -> float:
    """Black dots of a paper, counted in whole rows."""
    picture = raster.to_image().convert("L")
    return (1 - ImageStat.Stat(picture).mean[0] / 255) * picture.height


def test_the_worst_marks_are_white_on_black_and_the_others_framed(receipt: Callable[..., ReceiptDocument]) -> None:
    plain = render_receipt(receipt(), STRIP[203])
    for mark in MARKS:
        marked = render_receipt(receipt(scale_marks=(mark,)), STRIP[203])
        longer = marked.height_dots - plain.height_dots
        assert longer > 60
        dark = ink(marked) - ink(plain)
        black = mark in ("not_for_trade", "check_failed")
        assert (dark / longer > 0.5) == black, (mark, dark / longer)


def test_all_marks_stand_and_a_word_of_a_newer_station_as_it_is(
    receipt: Callable[..., ReceiptDocument], texts: list[str]
) -> None:
    raster = render_receipt(receipt(scale_marks=(*MARKS, "seal_broken")), STRIP[203])
    assert all(any(words[2] in text for text in texts) for words in MARKS.values())
    assert " ".join(texts).count("seal_broken") == 3
    assert read(raster.to_image()) == [Symbol("QRCode", "Y1R0147A000381K", "]Q1")]


def test_the_scale_its_counters_and_the_head_of_the_journal(receipt: Make, texts: list[str]) -> None:
    render_receipt(receipt(**SCALE), HEADS[2])
    said = " ".join(texts)
    for text in ("XK3190-A12E 2024/000317", "秤编号", "scale number", "تەرەزە نومۇرى", "2027-03-14"):
        assert text in said
    assert texts[-1] == "3-12-5 · 01234567 · station-kiosk 0.1.0 · metrology 3f9a-21c4", "one small line, the last"
    assert not any(ELLIPSIS in text for text in texts)


def test_a_receipt_that_knows_nothing_of_the_scale_is_as_it_was(receipt: Make, texts: list[str]) -> None:
    render_receipt(receipt(), STRIP[203])
    said = " ".join(texts)
    for key in ("scale_no", "verified_until"):
        assert paper_text(key).zh not in said
    assert texts[-1] == "station-kiosk 0.1.0 · metrology 3f9a-21c4"
    assert not any(words[2] in said for words in MARKS.values())


@pytest.mark.parametrize("evil", ["\u202eevil\u202c", "x" * 400, "^XZ\x1b@", ""])
def test_hostile_words_about_the_scale_stay_on_the_paper(receipt: Make, evil: str) -> None:
    raster = render_receipt(receipt(scale_marks=(evil,), scale_no=evil, counters=evil), STRIP[203])
    edges = raster.to_image().convert("L")
    for x in (0, 1, 382, 383):
        assert edges.crop((x, 0, x + 1, edges.height)).getextrema() == (255, 255)
    assert read(raster.to_image()) == [Symbol("QRCode", "Y1R0147A000381K", "]Q1")]


PAYMENT = {
    "payment_ug": "پۇل كېلەر ئاينىڭ 15-كۈنى بانكا كارتىڭىزغا تۆلىنىدۇ.",
    "payment_zh": "货款于下月15日汇入您的银行卡。",
    "payment_en": "Paid to your bank card on the 15th of the next month.",
    "phone": "0998-8512345",
}


def test_when_and_how_one_is_paid_and_whom_to_call(receipt: Make, line: MakeLine, texts: list[str]) -> None:
    for head in HEADS:
        texts.clear()
        raster = render_receipt(receipt(**PAYMENT, **SCALE), head)
        said = " ".join(texts)
        for text in PAYMENT.values():
            assert text.split()[-1] in said
        for word in ("电话", "phone", "تېلېفون"):
            assert word in said
        assert texts.index("0998-8512345") > texts.index("12.480 kg"), "below the totals"
        assert not any(ELLIPSIS in text for text in texts)
        assert read(raster.to_image()) == [Symbol("QRCode", CODE, "]Q1")]


def test_the_longest_words_of_a_county_are_whole_on_both_papers(receipt: Make, texts: list[str]) -> None:
    longest = {
        "payment_ug": ("پۇل كېلەر ئاينىڭ ئون بەشىنچى كۈنى " * 9)[:MAX_PAYMENT],
        "payment_zh": ("货款于下月十五日汇入您的银行卡，" * 9)[:MAX_PAYMENT],
        "payment_en": ("Paid to your bank card on the 15th day of the next month. " * 9)[:MAX_PAYMENT],
        "phone": "+86 0998 8512 345 67",
    }
    for head in HEADS:
        texts.clear()
        render_receipt(receipt(**longest), head)
        assert not any(ELLIPSIS in text for text in texts), head


def test_where_the_county_has_set_nothing_nothing_is_printed(receipt: Make, texts: list[str]) -> None:
    render_receipt(receipt(), STRIP[203])
    assert paper_text("phone").zh not in " ".join(texts)
    plain = render_receipt(receipt(), STRIP[203]).height_dots
    assert render_receipt(receipt(phone=PAYMENT["phone"]), STRIP[203]).height_dots > plain


SLIP = UnsignedSlip("slip.yarkant.example.cn", "yarkant", "WALNUT", 3200, 29_865_600, ClockQuality.SYNCED)
SIGNED_CODE = f"https://{SLIP.host}/s#{'3141592653' * 33}"


def test_a_signed_code_says_where_it_is_checked_and_a_missing_one_why(receipt: Make, texts: list[str]) -> None:
    checked, failed = (paper_text(key) for key in ("check_slip", "signature_failed"))
    for changes, due in (
        ({"slip": SLIP, "signed_code": SIGNED_CODE}, checked),
        ({"slip": SLIP}, failed),
        ({"slip": SLIP, "void": True}, None),
        ({"slip": SLIP, "signed_code": SIGNED_CODE, "void": True}, None),
        ({}, None),
    ):
        for head in HEADS:
            texts.clear()
            found = {symbol.text for symbol in read(render_receipt(receipt(**changes), head).to_image())}
            assert found == {CODE, *([SIGNED_CODE] if due is checked else [])}
            said = " ".join(texts)
            for text in (checked, failed):
                present = [all(part in said for part in words.split()) for words in (text.ug, text.zh, text.en)]
                assert present == [text is due] * 3, (changes, text)
            assert not any(ELLIPSIS in text for text in texts)
            assert LOT_CODE in texts and CODE in texts


def test_twelve_bags_with_a_signed_code_fit_too(receipt: Make, line: MakeLine) -> None:
    document = receipt(
        lines=bags(line, 12), certificate="none: not_presented", slip=SLIP, signed_code=SIGNED_CODE, **SCALE
    )
    lengths = [render_receipt(document, head).height_dots / head.per_mm for head in HEADS]
    assert [length <= limit for length, limit in zip(lengths, (295, 220, 215, 295), strict=True)] == [True] * 4, lengths
