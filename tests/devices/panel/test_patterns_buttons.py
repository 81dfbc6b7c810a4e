"""Buttons as stories of fingers, told to an injected clock."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.devices.panel.patterns import Button, ButtonTiming

DEBOUNCE_S, HOLD_S = 0.03, 2.0
TIMING = ButtonTiming(DEBOUNCE_S, HOLD_S)
DOWN, UP = True, False


def story(*moves: tuple[float, bool], until: float = 100.0, down: bool = False) -> list[tuple[float, str]]:
    """Words with the moment they were said: the clock runs from due moment to due moment, as in the panel's thread."""
    button = Button(TIMING, down, 0.0)
    said: list[tuple[float, str]] = []
    for at, level in [*moves, (until, moves[-1][1] if moves else down)]:
        due = button.due()
        while due is not None and due <= at:
            said += [(round(due, 6), word) for word in button.advance(due)]
            due = button.due()
        said += [(at, word) for word in button.update(level, at)]
    return said


def test_a_press_is_said_when_the_finger_leaves() -> None:
    assert story((1.0, DOWN), (1.2, UP)) == [(1.23, "press")]


def test_a_hold_is_said_while_the_finger_is_still_there_and_the_release_says_nothing() -> None:
    assert story((1.0, DOWN), (4.0, UP)) == [(3.0, "hold")]


def test_bounce_at_both_ends_is_one_press() -> None:
    bounce = [(at / 1000, at % 2 == 0) for at in range(1000, 1021)]
    end = [(at / 1000, at % 2 == 1) for at in range(1200, 1221)]
    assert [word for _, word in story(*bounce, *end)] == ["press"]


def test_a_spike_is_no_press() -> None:
    assert story((1.0, DOWN), (1.02, UP), (2.0, DOWN), (2.029, UP)) == []


def test_a_short_let_go_during_a_hold_does_not_begin_anew() -> None:
    assert story((1.0, DOWN), (2.0, UP), (2.01, DOWN), (5.0, UP)) == [(3.0, "hold")]


def test_two_presses() -> None:
    assert [word for _, word in story((1.0, DOWN), (1.1, UP), (1.2, DOWN), (1.3, UP))] == ["press", "press"]


def test_a_button_that_is_stuck_from_the_start_says_nothing_until_it_was_up() -> None:
    assert story(down=True) == []
    assert story((50.0, UP), down=True) == []
    assert story((50.0, UP), (51.0, DOWN), (51.1, UP), down=True) == [(51.13, "press")]


def test_edges_that_come_late_and_all_at_once_mean_the_same() -> None:
    button = Button(TIMING, UP, 0.0)
    edges = [(1.0, DOWN), (1.1, UP), (2.0, DOWN), (5.0, UP), (6.0, DOWN), (6.1, UP)]
    words = [word for at, level in edges for word in button.update(level, at)]
    assert [*words, *button.advance(60.0)] == ["press", "hold", "press"]


def test_nothing_is_due_while_nothing_happens() -> None:
    button = Button(TIMING, UP, 0.0)
    assert button.due() is None
    button.update(DOWN, 1.0)
    assert button.due() == pytest.approx(1.03)
    button.advance(1.03)
    assert button.due() == pytest.approx(3.0)
    assert button.advance(3.0) == ("hold",)
    assert button.due() is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.001, 3), st.booleans()), max_size=40))
def test_never_more_than_one_word_for_a_push(moves: list[tuple[float, bool]]) -> None:
    at, edges = 0.0, []
    for pause, level in moves:
        at += pause
        edges.append((at, level))
    pushes = sum(1 for before, now in zip([UP, *(level for _, level in edges)], edges, strict=False) if now[1] > before)
    said = story(*edges, until=at + 10)
    assert len(said) <= pushes
    assert {word for _, word in said} <= {"press", "hold"}
