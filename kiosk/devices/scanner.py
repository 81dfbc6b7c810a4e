"""The scanner a station has, whichever way it is connected."""

from __future__ import annotations

from typing import Protocol

from kiosk.devices.scanner_delivery import OnScan, OnState, unheard
from kiosk.devices.scanner_settings import ScannerSettings


class Scanner(Protocol):
    """A live scanner. ``start`` returns at once; ``stop`` returns when the thread has ended."""

    def start(self) -> None: ...

    def stop(self, timeout_s: float = 3.0) -> None: ...


def make_scanner(settings: ScannerSettings, on_scan: OnScan, on_state: OnState = unheard) -> Scanner:
    """The adapter of the settings' kind.

    ``on_scan`` gets each code as text; ``on_state`` gets "ok", "scanner_missing" or "scanner_second_keyboard", first
    soon after the start and then whenever it changes. Both are called from the adapter's thread.
    """
    if settings.kind == "evdev":
        from kiosk.devices.scanner_evdev import EvdevScanner

        return EvdevScanner(settings, on_scan, on_state)
    from kiosk.devices.scanner_serial import SerialScanner

    return SerialScanner(settings, on_scan, on_state)
