"""The order of a line on paper against FriBidi's own reordering, which browsers and phones agree with."""

from __future__ import annotations

import ctypes
import random
from itertools import product

import pytest

from kiosk.labels.typesetting import shaping
from kiosk.labels.typesetting.fonts import FontProblem
from kiosk.labels.typesetting.shaping import FSI, LRI, PDI, itemize, levels, visual_order

MARKS = LRI + FSI + PDI
PIECES = (
    *"0179",
    *"-/.,:%+()[]<>=&·×−",
    *"aBk",
    "kg",
    "¥",
    "核",
    "桃",
    "دەرىجە",
    "ئۈ",
    "خالتا",
    "،",
    " ",
    " ",
    LRI,
    FSI,
    PDI,
)
LINES = 4_000
LONGEST = 12


def by_fribidi(text: str, rtl: bool) -> str:
    """What stands on the line from left to right: the library's whole way, from letters to places, in one call."""
    library, count = ctypes.CDLL("libfribidi.so.0"), len(text)
    characters = (ctypes.c_uint32 * count)(*map(ord, text))
    base = ctypes.c_uint32(0x111 if rtl else 0x110)
    places = (ctypes.c_int * count)()
    library.fribidi_log2vis.restype = ctypes.c_int8
    assert library.fribidi_log2vis(characters, count, ctypes.byref(base), None, None, places, None)
    return "".join(text[place] for place in places if text[place] not in MARKS)


def drawn(text: str, rtl: bool) -> str:
    """The same from the runs that are drawn one after the other."""
    return "".join(run.text[::-1] if run.rtl else run.text for run in itemize(text, rtl))


def test_ordinals_and_numbers_stand_as_people_read_them(subtests: pytest.Subtests) -> None:
    for text, rtl, shown in [
        ("1-دەرىجە", True, "ەجىرەد-1"),
        ("1-دەرىجە", False, "1-ەجىرەد"),
        ("بادام 1-دەرىجە", True, "ەجىرەد-1 ماداب"),
        ("3-4 خالتا", True, "اتلاخ 3-4"),
        ("2026-11-25", True, "2026-11-25"),
        ("1/2", True, "1/2"),
    ]:
        with subtests.test(text=text, rtl=rtl, shown=shown):
            assert drawn(text, rtl) == shown == by_fribidi(text, rtl)


def test_every_line_stands_as_fribidi_orders_it() -> None:
    choose = random.Random(20261127)
    wrong = []
    for _ in range(LINES):
        text = "".join(choose.choices(PIECES, k=choose.randint(1, LONGEST))).strip()
        for rtl in (True, False):
            if text and drawn(text, rtl) != by_fribidi(text, rtl):
                wrong.append((text, rtl))
    assert wrong == []


def test_no_run_is_turned_once_more_when_it_is_drawn() -> None:
    """The shaping library orders each run again, by itself: alone it must have one direction, that of its run."""
    choose = random.Random(20261128)
    for _ in range(LINES):
        text = "".join(choose.choices(PIECES, k=choose.randint(1, LONGEST)))
        for run in itemize(text, rtl=choose.random() < 0.5):
            assert {level % 2 for level in levels(run.text, run.rtl)} <= {int(run.rtl)}, (text, run)


def test_runs_are_put_in_order_by_their_levels() -> None:
    assert visual_order(()) == ()
    assert visual_order((0, 1, 0)) == (0, 1, 2)
    assert visual_order((1, 2, 1)) == (2, 1, 0)
    assert visual_order((0, 1, 2, 2, 1, 0)) == (0, 4, 2, 3, 1, 5)
    for run_levels in product(range(4), repeat=4):
        assert sorted(visual_order(run_levels)) == [0, 1, 2, 3]


def test_an_empty_line_has_no_level() -> None:
    assert levels("", rtl=True) == ()


def test_a_missing_library_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shaping, "_LIBRARY", "libnothing.so.0")
    shaping._library.cache_clear()
    try:
        with pytest.raises(FontProblem, match="libfribidi0"):
            levels("a", rtl=False)
    finally:
        shaping._library.cache_clear()
