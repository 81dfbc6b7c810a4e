"""Figures as bars, worked out on the server: no script, and no number that a browser would round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

BAR_UNITS: Final = 1000  # Of the tallest bar, in the drawing's own units


@dataclass(frozen=True, slots=True)
class ScaledBar:
    """From the upper edge ``top`` down ``height``; both whole units of HEIGHT."""

    top: int
    height: int


def scaled_bars(values: Sequence[int], full_scale: int = 0) -> tuple[ScaledBar, ...]:
    """One for each value, as parts of the highest or of ``full_scale``. What is below nothing has no bar; what is above
    it is seen, however little it is."""
    scale = max([full_scale, *values], default=0)
    return tuple(_bar(value, scale) for value in values)


def _bar(value: int, scale: int) -> ScaledBar:
    height = max(8, BAR_UNITS * value // scale) if value > 0 else 0
    return ScaledBar(BAR_UNITS - height, height)


def percent(part: int, whole: int) -> int:
    """0 to 100, rounded down; 0 of nothing."""
    return max(0, min(100, 100 * part // whole)) if whole > 0 else 0
