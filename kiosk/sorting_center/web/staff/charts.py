"""Pictures of figures over time: where each bar stands. What is drawn is said by a table beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 600
HEIGHT: Final = 120
_HEAD: Final = 6
"""Room above the highest bar."""
_GAP: Final = 0.28
"""Of a place, between two bars."""
_LEAST: Final = 1.5
"""A day on which little was brought is not one on which nothing was."""


@dataclass(frozen=True, slots=True)
class Bar:
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

    bars: tuple[Bar, ...]
    highest: int
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Place:
    """One figure along the time."""

    value: int
    label: str = ""
    link: str = ""


def chart(places: Sequence[Place]) -> Chart:
    """Bars from the base line up. A figure below nothing, which old ledgers may hold, is drawn as nothing."""
    highest = max((place.value for place in places), default=0)
    step = WIDTH / max(1, len(places))
    return Chart(tuple(_bar(number, place, step, highest) for number, place in enumerate(places)), max(0, highest))


def _bar(number: int, place: Place, step: float, highest: int) -> Bar:
    height = round(max(_LEAST, (HEIGHT - _HEAD) * place.value / highest), 2) if place.value > 0 else 0.0
    x, width = step * (number + _GAP / 2), step * (1 - _GAP)
    middle = round(x + width / 2, 2)
    return Bar(round(x, 2), HEIGHT - height, round(width, 2), height, middle, place.label, place.link)
