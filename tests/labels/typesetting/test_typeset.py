from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from kiosk.labels.typesetting import fonts
from kiosk.labels.typesetting.fonts import Script
from kiosk.labels.typesetting.shaping import ELLIPSIS, clean, isolate
from kiosk.labels.typesetting.typeset import Align, Block, Style, draw, fit, styles, width
from tests.depth import many

STYLE = Style(24)
ZWNJ = "\u200c"
WORDS = st.lists(st.sampled_from(["بادام", "12.480 kg", "核桃", "Walnut", "قۇرۇق", "(2)", "吐鲁番特级"]), max_size=14)


def one_line(text: str, rtl: bool, style: Style = STYLE) -> Image.Image:
    block = Block((text,), style, rtl)
    return draw(block, (width(text, style, rtl) + 2, block.height), Align.LEFT)


def ink(image: Image.Image) -> Image.Image:
    box = image.getbbox()
    assert box is not None
    return image.crop(box)


def test_uyghur_letters_are_joined() -> None:
    joined = one_line("بېلىق", rtl=True)
    apart = one_line(ZWNJ.join("بېلىق"), rtl=True)
    assert joined.width < apart.width
    assert ink(joined).tobytes() != ink(apart).tobytes()


def test_a_joined_word_is_exactly_what_the_shaping_library_draws_alone() -> None:
    alone = Image.new("1", (300, 60), 0)
    font = fonts.load(Script.ARABIC, False, STYLE.size)
    ImageDraw.Draw(alone).text((20, 40), "قارىئۆرۈك", fill=1, font=font, anchor="ls", direction="rtl")
    assert ink(one_line("قارىئۆرۈك", rtl=True)).tobytes() == ink(alone).tobytes()


def test_a_figure_in_a_uyghur_line_looks_as_it_does_alone(subtests: pytest.Subtests) -> None:
    for figure in ["2026-11-25", "12.480 kg", "¥1,203.82", "0147-A-000381", "-3.5"]:
        with subtests.test(figure=figure):
            line = one_line(f"چېسلا {isolate(figure)}", rtl=True)
            alone = one_line(figure, rtl=False)
            shape = ink(alone)
            left = alone.getbbox()
            assert left is not None
            placed = line.crop((left[0], left[1], left[0] + shape.width, left[3]))
            assert placed.tobytes() == shape.tobytes()


def test_a_bracket_mirrors_in_a_right_to_left_line() -> None:
    assert ink(one_line("(", rtl=True)).tobytes() == ink(one_line(")", rtl=False)).tobytes()


def test_draws_black_and_white_only() -> None:
    assert one_line("بادام 核桃 Walnut", rtl=False).mode == "1"


def test_the_line_height_holds_every_letter(subtests: pytest.Subtests) -> None:
    for bold in [False, True]:
        for size in [16, 18, 20, 24, 32, 42]:
            with subtests.test(bold=bold, size=size):
                style = Style(size, bold)
                for text, rtl in (("ئۆۈېۇۋچپڭغقيىج", True), ("ÄÅgjpqy¥(|)", False), ("龘国，。", False)):
                    line = width(text, style, rtl)
                    block = Block((text,), style, rtl)
                    inside = draw(block, (line + 40, block.height), Align.CENTER)
                    roomy = draw(block, (line + 40, block.height + 80), Align.CENTER)
                    assert ink(inside).size == ink(roomy).size


def test_the_tight_line_holds_figures_and_latin_letters(subtests: pytest.Subtests) -> None:
    for size in [16, 20, 24, 36, 45]:
        with subtests.test(size=size):
            style = Style(size, bold=True, tight=True)
            text = "0123456789 kg ¥×/-=Qgjpqy"
            block = Block((text,), style, rtl=False)
            inside = draw(block, (width(text, style, rtl=False), block.height), Align.LEFT)
            roomy = draw(block, (width(text, style, rtl=False), block.height + 60), Align.LEFT)
            assert ink(inside).size == ink(roomy).size


def test_text_shrinks_before_it_is_cut() -> None:
    text = "Badam almonds"
    choices = styles(30, 16)
    block = fit(text, (width(text, Style(22), rtl=False), 100), choices, rtl=False)
    assert block.lines == (text,)
    assert 20 <= block.style.size <= 22


def test_a_little_smaller_before_broken_and_broken_before_much_smaller(subtests: pytest.Subtests) -> None:
    for part, lines in [(0.8, 1), (0.7, 2)]:
        with subtests.test(part=part, lines=lines):
            text = "Badam almonds"
            room = round(width(text, Style(30), rtl=False) * part)
            block = fit(text, (room, 200), styles(30, 16), rtl=False, max_lines=2)
            assert len(block.lines) == lines
            assert block.style.size == (30 if lines == 2 else block.style.size)


def test_what_fits_nowhere_ends_with_an_ellipsis() -> None:
    block = fit("Badam almonds of this year", (120, 40), styles(24, 18), rtl=False)
    assert block.lines[0].endswith(ELLIPSIS)
    assert block.style.size == 18


def test_one_endless_word_is_cut_too() -> None:
    block = fit("x" * 200, (120, 60), styles(20, 18), rtl=False, max_lines=2)
    assert block.lines[0].endswith(ELLIPSIS)
    assert width(block.lines[0], block.style, rtl=False) <= 120


def test_chinese_breaks_between_signs_and_latin_between_words() -> None:
    assert len(fit("吐鲁番特级黑加仑", (100, 200), (Style(20),), rtl=False, max_lines=2).lines) == 2
    assert fit("one two", (width("one t", STYLE, rtl=False), 200), (STYLE,), rtl=False, max_lines=2).lines == (
        "one",
        "two",
    )


@settings(max_examples=many(25, torture=300), deadline=None)
@given(WORDS, st.booleans(), st.integers(30, 400), st.integers(22, 90), st.integers(1, 3))
def test_no_line_is_ever_wider_or_higher_than_its_box(
    words: list[str], rtl: bool, box_width: int, box_height: int, lines: int
) -> None:
    block = fit(" ".join(words), (box_width, box_height), styles(24, 16), rtl, lines)
    assert len(block.lines) <= lines
    assert block.height <= max(box_height, block.style.line_height)
    assert all(width(line, block.style, rtl) <= box_width for line in block.lines)


def test_a_pile_of_combining_marks_stays_in_its_box() -> None:
    text = clean("a" + "\u0301" * 200)
    block = fit(text, (60, 40), styles(24, 18), rtl=False)
    assert draw(block, (60, 40), Align.LEFT).size == (60, 40)


def test_aligned_to_the_sides_of_the_paper() -> None:
    block = Block(("بادام",), STYLE, rtl=True)
    left, center, right = (draw(block, (400, 40), align) for align in Align)
    assert left.getbbox() != right.getbbox()
    shift = (400 - width("بادام", STYLE, rtl=True)) // 2
    assert ImageChops.offset(left, shift, 0).tobytes() == center.tobytes()
