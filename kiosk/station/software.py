"""Which program this is: its version, and the digits of its legally relevant part."""

from __future__ import annotations

from importlib.metadata import version

from kiosk.store.software import LEGALLY_RELEVANT, metrology

__all__ = ["LEGALLY_RELEVANT", "metrology", "software_id"]


def software_id() -> str:
    """``station-kiosk/0.1.0``."""
    return f"station-kiosk/{version('station-kiosk')}"
