"""What the keys of the scale need of the desk."""

from __future__ import annotations

from typing import Protocol

from kiosk.domain.metrology.pan import Lock, PanView


class PanLook(Protocol):
    """Knows the pan and whether an intake is open; ``Loads`` of the desk is one."""

    def check_view(self) -> tuple[PanView, Lock | None, str]: ...
