"""The touch screen of a station: pixels and inches, and what follows from them for everything drawn on it."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

_MM_PER_INCH = 25.4
_WIDTH_MM, _HEIGHT_MM = 152.0, 91.0


@dataclass(frozen=True, slots=True)
class ScreenGeometry:
    """Sizes on the screen are millimeters, because a finger is: ``px_per_mm`` follows from pixels and inches."""

    width_px: int = 800
    height_px: int = 480
    diagonal_in: float = 7.0

    def __post_init__(self) -> None:
        if self.width_px < 320 or self.height_px < 240 or not 3.0 <= self.diagonal_in <= 32.0:
            raise ValueError("the panel must have at least 320 by 240 pixels and 3 to 32 inches")

    @property
    def px_per_mm(self) -> float:
        """CSS pixels per millimeter of this screen: 5.25 on 7 inches with 800 by 480."""
        return round(hypot(self.width_px, self.height_px) / (self.diagonal_in * _MM_PER_INCH), 2)

    @property
    def roominess(self) -> float:
        """How much larger than on 7 inches text and targets are: half of what the screen grew, never smaller."""
        grown = min(self.width_px / self.px_per_mm / _WIDTH_MM, self.height_px / self.px_per_mm / _HEIGHT_MM)
        return round(max(1.0, (1.0 + grown) / 2), 2)

    @property
    def columns(self) -> int:
        return 3 if self.diagonal_in < 10 else 4

    @property
    def tiles(self) -> int:
        """Tiles on one page: 6 on 7 inches, 8 on 10, 12 on 15; more goods make more pages, never smaller tiles."""
        return self.columns * (2 if self.diagonal_in < 13 else 3)
