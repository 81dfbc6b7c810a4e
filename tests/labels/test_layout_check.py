"""A layout that somebody has typed: read by the rules of the shipped ones, drawn with the longest codes there are."""

from __future__ import annotations

import pytest

from kiosk.labels import label_page
from kiosk.labels.label_page import draw_label
from kiosk.labels.layout import LABELS, LayoutProblem, shipped_layout, shipped_text
from kiosk.labels.layout_check import MAX_LAYOUT_CHARACTERS, check
from kiosk.labels.papers.samples import SAMPLES
from kiosk.labels.symbols import SymbolTooWide
from kiosk.protocols.barcodes.reader import read
from tests.labels.heads import LABEL

SAMPLE = SAMPLES["bag"]


def test_a_layout_is_refused_with_its_reason() -> None:
    text = shipped_text("bag")
    for wrong, reason in (
        ("name = ", "Invalid value"),
        (text.replace("width = 60", "width = 20"), "edge of the label"),
        (text.replace('field = "harvest"', 'field = "copy_2"'), "must show harvest"),
        (text.replace('field = "mode"', 'field = "moud"'), "there is no field moud; there are bag_caption"),
        (text.replace('name = "bag"', 'name = "crate"'), "called 'bag', not 'crate'"),
        ("#" * (MAX_LAYOUT_CHARACTERS + 1), "at most"),
        (text.replace("w = 60\n", "w = 40\n"), "needs 440 dots across, the label has 320"),
    ):
        with pytest.raises((LayoutProblem, SymbolTooWide), match=reason):
            check("bag", wrong, SAMPLE)


def test_no_layout_hides_a_weight_or_the_mark_of_a_copy() -> None:
    """Not by a load that is heavier than the sample, not under a rule, and not only on a copy."""
    text = shipped_text("bag")
    net = text.partition('field = "net"')[2].partition("[[boxes]]")[0]

    def changed(before: str, after: str) -> str:
        assert before in net
        return text.replace(net, net.replace(before, after, 1), 1)

    for wrong, reason in (
        (text.replace('field = "net"\n', 'field = "code"\n'), "must show net"),
        (text.replace('field = "copy"\n', 'field = "code"\n'), "must show copy"),
        (text.replace('field = "not_for_trade"\n', 'field = "code"\n'), "must show not_for_trade"),
        (text.replace('field = "lot"\n', 'field = "lot"\ninstead_of = "net"\n'), "must show net"),
        (changed("w = 25.5", "w = 17"), "box net is too small for 8,888.888"),
        (changed("h = 6.1", "h = 2"), "box net is too small for 8,888.888"),
        (text.replace("rules = [", "rules = [{ x = 0, y = 0, w = 60, h = 40 }, "), "a rule runs through box copy"),
    ):
        with pytest.raises(LayoutProblem, match=reason):
            check("bag", wrong, SAMPLE)


def test_samples_hold_every_field_and_no_code_of_a_station() -> None:
    for kind, sample in SAMPLES.items():
        assert {box.field for box in shipped_layout(kind).boxes} <= set(sample.texts)
        found = read(draw_label(shipped_layout(kind), sample, LABEL[203]).to_image())
        assert {symbol.text for symbol in found} == {"TEST"}, kind


def test_bars_that_a_finer_head_has_no_room_for_are_refused() -> None:
    """Of 0.3 mm are two dots at 203 dpi, and four at 300."""
    text = shipped_text("bag").replace("module = 0.25", "module = 0.3")
    with pytest.raises(SymbolTooWide, match="needs 880 dots across, the label has 720"):
        check("bag", text, SAMPLE)


def test_squares_are_judged_with_all_that_gs1_puts_into_them(subtests: pytest.Subtests) -> None:
    for carries, side, reason in [
        ('["link"]', "10", "symbol of 119 characters"),
        ('["gs1"]', "6", "symbol of 72 characters"),
        ('["link", "gs1"]', "6", "symbol of 72 characters"),
    ]:
        with subtests.test(carries=carries, side=side, reason=reason):
            text = (
                shipped_text("bag")
                .replace('["link", "gs1", "lot"]', carries)
                .replace("11.5\nh = 11.5", f"{side}\nh = {side}")
            )
            with pytest.raises(SymbolTooWide, match=reason):
                check("bag", text, SAMPLE)


def test_every_shipped_layout_has_room_for_the_longest_there_is() -> None:
    for kind, file in LABELS.items():
        of = next((known for known in SAMPLES if shipped_layout(known).name == shipped_layout(kind).name), None)
        if of is not None:
            assert check(of, shipped_text(kind), SAMPLES[of]).name, file


def test_what_no_reader_reads_is_a_layout_refused(subtests: pytest.Subtests) -> None:
    for text in ["q = " + "[" * 20_000, "q = " + "{a=" * 8000, "width = " + "9" * 5000]:
        with subtests.test(text=text), pytest.raises(LayoutProblem):
            check("bag", text, SAMPLE)


def test_pages_that_are_typed_are_not_kept_in_memory() -> None:
    """Each stroke draws another one; what labels are made of is kept, eight dots a byte."""
    label_page._packed.cache_clear()
    row = 'name = "seal"\nwidth = 400\nheight = 400\n[[boxes]]\nfield = "code"\nx = 0\ny = 0\nw = {}\nh = 399\n'
    for number in range(3):
        check("seal", row.format(399 + number / 100) + "size = { largest = 3, smallest = 2 }\n", SAMPLES["seal"])
    assert label_page._packed.cache_info().currsize == 0
    draw_label(shipped_layout("crate"), SAMPLES["crate"], LABEL[300])
    kept = label_page._packed.cache_info().currsize
    assert kept == sum(bool(SAMPLES["crate"].texts.get(box.field)) for box in shipped_layout("crate").boxes)
