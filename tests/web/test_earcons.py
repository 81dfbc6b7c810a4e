"""Three sounds that differ in rhythm, like those of the buzzer beside the screen."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from kiosk.devices.panel.patterns import PATTERNS
from kiosk.web.shared.settings import WebSettings

FILE = Path(__file__).resolve().parents[2] / "kiosk/web/static/js/earcons.js"
LONGEST_S = 1.0
LOW_HZ, HIGH_HZ = 350, 1500
"""A small speaker gives little below; old ears take in little above."""

Row = tuple[float, float, float]


def table() -> dict[str, list[Row]]:
    """The rows as they stand in the script."""
    text = re.search(r"export const EARCONS = \{(.*?)\n\};", FILE.read_text(encoding="utf-8"), re.S)
    assert text is not None
    found: dict[str, list[Row]] = {}
    for name, rows in re.findall(r"(\w+): \[(\[.*\])\]", text[1]):
        for row in re.findall(r"\[([^][]*)\]", rows):
            start, length, frequency = map(float, row.split(","))
            found.setdefault(name, []).append((start, length, frequency))
    return found


EARCONS = table()


def test_there_are_three_and_they_are_those_of_the_buzzer() -> None:
    assert list(EARCONS) == ["ok", "attention", "error"] == list(PATTERNS)


@pytest.mark.parametrize("name", EARCONS)
def test_each_is_short_and_its_tones_follow_one_another(name: str) -> None:
    rows = EARCONS[name]
    assert rows[0][0] == 0, "a sound begins with the thing it tells of"
    assert rows[-1][0] + rows[-1][1] <= LONGEST_S
    for (start, length, _), (following, *_) in pairwise(rows):
        assert following >= start + length + 0.05, "a pause that can be heard"
    assert all(0.1 <= length <= 0.5 and LOW_HZ <= frequency <= HIGH_HZ for _, length, frequency in rows)


def test_they_differ_in_rhythm_and_not_in_pitch_alone() -> None:
    assert [len(EARCONS[name]) for name in EARCONS] == [1, 2, 2]
    short = [length for name in ("ok", "attention") for _, length, _ in EARCONS[name]]
    assert min(length for _, length, _ in EARCONS["error"]) >= 2 * max(short)


@pytest.mark.parametrize("name", EARCONS)
def test_as_many_tones_as_the_buzzer_has(name: str) -> None:
    assert len(EARCONS[name]) == len(PATTERNS[name][::2])


@pytest.mark.parametrize("volume", [-1, 101])
def test_a_volume_is_percent(volume: int) -> None:
    with pytest.raises(ValueError, match="volume must be 0"):
        WebSettings(volume=volume)
