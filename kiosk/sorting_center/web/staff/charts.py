"""Pictures of figures over time: where each bar stands. What is drawn is said by a table beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 600
HEIGHT: Final = 120
_TOP_MARGIN: Final = 6  # Room above the highest bar
_GAP: Final = 0.28  # Of a place, between two bars
_MIN_BAR_HEIGHT: Final = 1.5  # A day on which little was brought is not one on which nothing was


@dataclass(frozen=True, slots=True)
class ChartBar:
    """In units of the drawing. ``link`` is "" where it leads nowhere; ``label`` stands below some of them."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    label: str
    link: str


@dataclass(frozen=True, slots=True)
class Chart:
    """``highest`` is the figure of the highest bar, 0 when there is nothing to draw."""

    bars: tuple[ChartBar, ...]
    highest: int
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class ChartPoint:
    value: int
    label: str = ""
    link: str = ""


def chart(points: Sequence[ChartPoint]) -> Chart:
    """Bars from the base line up. A figure below nothing, which old ledgers may hold, is drawn as nothing."""
    highest = max((point.value for point in points), default=0)
    step = WIDTH / max(1, len(points))
    width, bars = step * (1 - _GAP), []
    for number, point in enumerate(points):
        scaled = max(_MIN_BAR_HEIGHT, (HEIGHT - _TOP_MARGIN) * point.value / highest) if point.value > 0 else 0.0
        x, height = step * (number + _GAP / 2), round(scaled, 2)
        middle = round(x + width / 2, 2)
        bars.append(ChartBar(round(x, 2), HEIGHT - height, round(width, 2), height, middle, point.label, point.link))
    return Chart(tuple(bars), max(0, highest))


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
    heights = (max(8, BAR_UNITS * value // scale) if value > 0 else 0 for value in values)
    return tuple(ScaledBar(BAR_UNITS - height, height) for height in heights)


def percent(part: int, whole: int) -> int:
    return max(0, min(100, 100 * part // whole)) if whole > 0 else 0
