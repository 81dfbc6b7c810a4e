"""What a technician sets for the screen."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.station.screen import ScreenGeometry


@dataclass(frozen=True, slots=True)
class WebSettings(ScreenGeometry):
    """The screen, the first language, the decimals the scale shows (by its d), where the pages are."""

    language: str = "ug"
    weight_decimals: int = 3
    host: str = "127.0.0.1"
    port: int = 8080
    idle_s: float = 60.0
    # Untouched for `idle_s` the screen asks; after `ring_s` more it goes back to the start (WCAG 2.2.1: 20 s).
    ring_s: float = 20.0
    volume: int = 60  # Percent of what the speaker gives; 0 makes no sound. A louder room is the technician's to judge.

    def __post_init__(self) -> None:
        ScreenGeometry.__post_init__(self)
        if not 0 <= self.weight_decimals <= 3:
            raise ValueError("kilograms have 0 to 3 decimals")
        if not 0 <= self.volume <= 100:
            raise ValueError("volume must be 0 (no sound) to 100 percent")
