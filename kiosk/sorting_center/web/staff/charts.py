"""Charts of figures over time: the place of each bar, and the lines of the scale. A table beside shows the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from kiosk.texts import formats

_GAP: Final = 0.28  # Of a place, between two bars
_MIN_BAR_HEIGHT: Final = 1.5  # A day on which little was brought is not one on which nothing was
_MAX_GRID_LINES: Final = 4


@dataclass(frozen=True, slots=True)
class ChartBar:
    """In hundredths of the drawing. ``link`` is "" where it leads nowhere; ``label`` is printed below some of them."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    label: str
    link: str
    title: str


@dataclass(frozen=True, slots=True)
class GridLine:
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """``highest`` is the figure of the highest bar, 0 when there is nothing to draw. ``behind`` are paler bars."""

    bars: tuple[ChartBar, ...]
    behind: tuple[ChartBar, ...]
    grid: tuple[GridLine, ...]
    highest: int


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """``name`` is what it is of, where ``label`` is too short to say it; ``before`` is drawn behind it."""

    value: int
    label: str = ""
    link: str = ""
    name: str = ""
    before: int = 0


def weight_text(grams: int) -> str:
    """Format as ``1.25 t`` above a tonne, to the kilogram; below it as kilograms."""
    if abs(grams) < 1_000_000:
        return formats.kg_text(grams, 0)
    return f"{formats.kilograms(grams // 1000, 0)}{formats.NO_BREAK_SPACE}t"


def money_text(fen: int) -> str:
    return formats.money(fen).removesuffix(".00")


def chart(points: Sequence[ChartPoint], text: Callable[[int], str] = weight_text) -> Chart:
    """Draw bars from the base line up. A negative figure, which old ledgers may hold, is drawn as zero."""
    highest = max((point.value for point in points), default=0)
    values = grid_values(max([highest, *(point.before for point in points)], default=0))
    step, bars, behind = 100 / max(1, len(points)), list[ChartBar](), list[ChartBar]()
    for number, point in enumerate(points):
        title = f"{point.name or point.label}: {text(point.value)}"
        for value, gap, some in ((point.value, _GAP, bars), (point.before, _GAP / 4, behind)):
            height = max(_MIN_BAR_HEIGHT, 100 * value / values[-1]) if value > 0 else 0.0
            x, width = step * (number + gap / 2), step * (1 - gap)
            place = (round(x, 2), round(100 - height, 2), round(width, 2), round(height, 2), round(x + width / 2, 2))
            some.append(ChartBar(*place, point.label, point.link, title))
    grid = tuple(GridLine(round(100 - 100 * value / values[-1], 2), text(value)) for value in values)
    return Chart(tuple(bars), tuple(bar for bar in behind if bar.height), grid, max(0, highest))


def grid_values(highest: int) -> range:
    """Return values from 0 to ``highest`` or above it, in steps of 1, 2 or 5 times a power of ten."""
    step = next(
        step
        for power in count()
        for step in (10**power, 2 * 10**power, 5 * 10**power)
        if highest <= _MAX_GRID_LINES * step
    )
    return range(0, max(1, -(-highest // step)) * step + 1, step)


def percent(part: int, whole: int) -> int:
    return max(0, min(100, 100 * part // whole)) if whole > 0 else 0
