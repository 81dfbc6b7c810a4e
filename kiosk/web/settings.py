"""What a technician sets for the screen."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.station.screen import ScreenGeometry

_MOST_THREADS = 64
"""Half of what the unit grants the process (TasksMax=128): devices, workers and the camera's child need theirs."""
_SPARE_THREADS = 6
"""Threads no stream may take: pages, forms and pictures need them (four streams on four threads hang a station)."""


@dataclass(frozen=True, slots=True)
class WebSettings(ScreenGeometry):
    """The screen, the first language, the server's threads, the decimals the scale shows (by its d)."""

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
        ScreenGeometry.__post_init__(self)
        if not _SPARE_THREADS < self.threads <= _MOST_THREADS:
            raise ValueError(f"threads {self.threads} must be {_SPARE_THREADS + 1} to {_MOST_THREADS}")
        if not 0 <= self.weight_decimals <= 3:
            raise ValueError("kilograms have 0 to 3 decimals")
        if not 0 <= self.volume <= 100:
            raise ValueError("volume must be 0 (no sound) to 100 percent")

    @property
    def stream_cap(self) -> int:
        """Live streams at a time."""
        return self.threads - _SPARE_THREADS
