"""Order of runs. Expected orders are written by hand: left edge of the paper first."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kiosk.labels.typesetting.fonts import Script
from kiosk.labels.typesetting.shaping import LRI, PDI, Run, clean, isolate, isolate_name, itemize


def shown(text: str, rtl: bool) -> list[str]:
    return [run.text.strip() for run in itemize(text, rtl) if run.text.strip()]


def test_what_is_marked_stays_in_order_in_a_uyghur_line(subtests: pytest.Subtests) -> None:
    for text, expected in [
        (f"بادام {isolate('2.35 kg')}", ["2.35 kg", "بادام"]),
        (f"بادام {isolate('2.35 kg')} خالتا", ["خالتا", "2.35 kg", "بادام"]),
        (f"چېسلا {isolate('2026-11-25')}", ["2026-11-25", "چېسلا"]),
        (f"باھاسى {isolate('¥1,203.82')}", ["¥1,203.82", "باھاسى"]),
        (f"باھاسى {isolate('-3.5%')}", ["-3.5%", "باھاسى"]),
        (f"بادام {isolate('(12 kg)')} ئا", ["ئا", "(12 kg)", "بادام"]),
        (f"تالون {isolate('0147-A-000381')}", ["0147-A-000381", "تالون"]),
        ("بادام 巴旦木 Badam", ["巴旦木", "Badam", "بادام"]),
        (f"تالون {isolate('A 1')}{isolate('B 2')}", ["B 2", "A 1", "تالون"]),
    ]:
        with subtests.test(text=text, expected=expected):
            assert shown(text, rtl=True) == expected


def test_uyghur_stays_in_order_in_a_left_to_right_line(subtests: pytest.Subtests) -> None:
    for text, expected in [
        ("袋 bag خالتا", ["袋", "bag", "خالتا"]),
        ("bag خالتا يېزا 2", ["bag", "2", "خالتا يېزا"]),
        (f"bag خالتا يېزا {isolate('2')}", ["bag", "خالتا يېزا", "2"]),
        (
            f"S0147 · {isolate_name('3-كەنت')} · {isolate_name('Yarkant')}",
            ["S0147 ·", "كەنت", "-", "3", "·", "Yarkant"],
        ),
        ("a بادام 12 ياڭاق b", ["a", "ياڭاق", "12", "بادام", "b"]),
    ]:
        with subtests.test(text=text, expected=expected):
            assert shown(text, rtl=False) == expected


def test_every_script_gets_its_font_and_direction() -> None:
    assert itemize("核桃 Walnut ياڭاق − 1", rtl=False) == (
        Run("核桃 ", Script.HAN, rtl=False),
        Run("Walnut ", Script.LATIN, rtl=False),
        Run("1", Script.LATIN, rtl=False),
        Run("− ", Script.HAN, rtl=True),
        Run("ياڭاق ", Script.ARABIC, rtl=True),
    )


def test_brackets_of_a_uyghur_line_are_drawn_right_to_left_so_that_they_mirror() -> None:
    assert [run.rtl for run in itemize("(بادام)", rtl=True)] == [True, True, True]


def test_combining_marks_stay_with_their_letter() -> None:
    assert [run.text for run in itemize("بَادام", rtl=True)] == ["بَادام"]


@given(st.text(max_size=60), st.booleans())
def test_no_visible_character_is_lost_or_doubled(text: str, rtl: bool) -> None:
    data = clean(text)
    drawn = "".join(run.text for run in itemize(data, rtl))
    assert sorted(drawn) == sorted(data)


@given(st.text(max_size=300))
@example("0 \x08\x850")
@example("\u0958" * 240)
def test_cleaned_data_holds_no_control_and_no_bidi_character(text: str) -> None:
    data = clean(text)
    assert not {unicodedata.category(char) for char in data} & {"Cc", "Cf", "Cs"}
    assert "\n" not in data
    assert clean(data) == data


def test_hostile_data_becomes_plain_text(subtests: pytest.Subtests) -> None:
    for hostile, harmless in [
        ("<script>", "<script>"),
        ("^XZ", "^XZ"),
        ("a\x1b!Rb\x10\x04\x01", "a!Rb"),
        ("one\r\ntwo\tthree", "one two three"),
        ("\u202eabc\u202c", "abc"),
        (f"{LRI}x{PDI}{PDI}", "x"),
        ("\ufeff \u200f ", ""),
        ("x" * 5000, "x" * 240),
    ]:
        with subtests.test(hostile=hostile, harmless=harmless):
            assert clean(hostile) == harmless
