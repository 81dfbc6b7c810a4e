"""What the keys of the scale need of the desk."""

from __future__ import annotations

from typing import Protocol

from kiosk.domain.metrology.pan import Hold, PanView


class PanInspector(Protocol):
    """Knows the pan and whether an intake is open; ``Loads`` of the desk is one."""

    def check_view(self) -> tuple[PanView, Hold | None, str]: ...
