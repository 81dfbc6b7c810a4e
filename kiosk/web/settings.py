"""What a technician sets for the screen."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

_MM_PER_INCH = 25.4
_WIDTH_MM, _HEIGHT_MM = 152.0, 91.0
_MOST_THREADS = 64
"""Half of what the unit grants the process (TasksMax=128): devices, workers and the camera's child need theirs."""
_SPARE_THREADS = 6
"""Threads no stream may take: pages, forms and pictures need them (four streams on four threads hang a station)."""


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The panel (pixels and inches), the first language, the server's threads, the decimals the scale shows (by its d).

    Sizes on the screen are millimeters, because a finger is: ``px_per_mm`` follows from the panel.
    """

    width_px: int = 800
    height_px: int = 480
    diagonal_in: float = 7.0
    language: str = "ug"
    threads: int = 16
    weight_decimals: int = 3
    host: str = "127.0.0.1"
    port: int = 8080
    idle_s: float = 60.0
    ring_s: float = 20.0
    """Untouched for ``idle_s`` the screen asks; after ``ring_s`` more it goes back to the start (WCAG 2.2.1: 20 s)."""
    volume: int = 60
    """Percent of what the speaker gives; 0 makes no sound. A louder room is the technician's to judge."""

    def __post_init__(self) -> None:
        if self.width_px < 320 or self.height_px < 240 or not 3.0 <= self.diagonal_in <= 32.0:
            raise ValueError("the panel must have at least 320 by 240 pixels and 3 to 32 inches")
        if not _SPARE_THREADS < self.threads <= _MOST_THREADS:
            raise ValueError(f"threads {self.threads} must be {_SPARE_THREADS + 1} to {_MOST_THREADS}")
        if not 0 <= self.weight_decimals <= 3:
            raise ValueError("kilograms have 0 to 3 decimals")
        if not 0 <= self.volume <= 100:
            raise ValueError("volume must be 0 (no sound) to 100 percent")

    @property
    def px_per_mm(self) -> float:
        """CSS pixels per millimeter of this panel: 5.25 on 7 inches with 800 by 480."""
        return round(hypot(self.width_px, self.height_px) / (self.diagonal_in * _MM_PER_INCH), 2)

    @property
    def roominess(self) -> float:
        """How much larger than on 7 inches text and targets are: half of what the panel grew, never smaller."""
        grown = min(self.width_px / self.px_per_mm / _WIDTH_MM, self.height_px / self.px_per_mm / _HEIGHT_MM)
        return round(max(1.0, (1.0 + grown) / 2), 2)

    @property
    def columns(self) -> int:
        """Tiles side by side in the grid of goods."""
        return 3 if self.diagonal_in < 10 else 4

    @property
    def tiles(self) -> int:
        """Tiles on one page: 6 on 7 inches, 8 on 10, 12 on 15; more goods make more pages, never smaller tiles."""
        return self.columns * (2 if self.diagonal_in < 13 else 3)

    @property
    def stream_cap(self) -> int:
        """Live streams at a time."""
        return self.threads - _SPARE_THREADS
