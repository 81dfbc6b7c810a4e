"""Blinking and buzzing, by an injected clock."""

from __future__ import annotations

import pytest

from kiosk.devices.panel.patterns import BLINK_S, PATTERNS, PAUSE_S, Blinker, Buzzer


def heard(buzzer: Buzzer, begin: float) -> list[float]:
    """How long it sounded, was silent, sounded ... until nothing is left."""
    lengths, at, sounds = [], begin, buzzer.is_sounding(begin)
    while (due := buzzer.due()) is not None:
        lengths.append(round(due - at, 6))
        assert buzzer.is_sounding(due) != sounds or len(lengths) % 2 == 0
        at, sounds = due, buzzer.is_sounding(due)
    return lengths


def test_a_lamp_that_is_not_wanted_is_dark() -> None:
    blinker = Blinker()
    assert not blinker.is_lit(5.0)
    assert blinker.due(5.0) is None


def test_it_begins_lit_and_keeps_its_rhythm() -> None:
    blinker = Blinker()
    blinker.set_active(True, 10.0)
    assert [blinker.is_lit(10.0 + at * BLINK_S + 0.01) for at in range(4)] == [True, False, True, False]
    blinker.set_active(True, 10.2)
    assert not blinker.is_lit(10.0 + BLINK_S + 0.01)
    assert blinker.due(10.2) == pytest.approx(10.0 + BLINK_S)
    blinker.set_active(False, 11.0)
    assert not blinker.is_lit(11.0)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_each_pattern_to_its_end(pattern: str) -> None:
    buzzer = Buzzer()
    assert not buzzer.is_sounding(1.0)
    buzzer.add(pattern)
    assert heard(buzzer, 1.0) == [*PATTERNS[pattern], PAUSE_S]
    assert not buzzer.is_sounding(100.0)


def test_patterns_follow_one_another_and_only_three_wait() -> None:
    buzzer = Buzzer()
    for _ in range(10):
        buzzer.add("ok")
    assert heard(buzzer, 0.0) == [*PATTERNS["ok"], PAUSE_S] * 3


def test_a_thread_that_comes_late_does_not_buzz_for_ever() -> None:
    buzzer = Buzzer()
    buzzer.add("error")
    assert buzzer.is_sounding(0.0)
    assert not buzzer.is_sounding(500.0)


def test_patterns_differ_in_rhythm_and_unknown_ones_are_named() -> None:
    assert len(set(PATTERNS.values())) == len(PATTERNS)
    with pytest.raises(ValueError, match="no buzzer pattern 'siren'; there are ok, attention, error"):
        Buzzer().add("siren")
