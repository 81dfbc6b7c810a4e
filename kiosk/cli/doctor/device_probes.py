"""The rows of the devices while the station does not run: they are asked directly."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Final

from kiosk.app.shared.adapters import make_panel, make_printer, make_scale, make_scanner
from kiosk.app.update.paths import UPDATE_PATHS
from kiosk.config.station import StationConfig
from kiosk.devices.ports import LinkState
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.station.doctor import devices
from kiosk.station.doctor.doctor import PRINTERS
from kiosk.station.doctor.finding import DoctorFinding, Severity
from kiosk.station.doctor.liveness import ScaleWatch
from kiosk.station.update.journal import JournalFile, UpdatePhase

_SCALE_S: Final = 3.0
_SCANNER_S: Final = 2.0


def probe_devices(config: StationConfig) -> Iterator[DoctorFinding]:
    """One row a device; each is opened, asked and given back."""
    yield station_finding()
    yield probe_scale(config)
    for name in PRINTERS:
        settings = config.printers.get(name)
        yield devices.printer(name, settings, make_printer(settings) if settings else None)
    yield devices.camera(config.camera)
    yield probe_scanner(config)
    yield probe_panel(config)


def station_finding() -> DoctorFinding:
    """Why it does not run, as far as that is known."""
    try:
        entry = JournalFile(UPDATE_PATHS.releases).read()
        stuck = entry is not None and entry.phase is UpdatePhase.BACK
    except OSError:
        stuck = True
    if stuck:
        values = {"command": "systemctl status kiosk-update"}
        return DoctorFinding("station", True, False, Severity.FAIL, "station_between", needed=True, values=values)
    return DoctorFinding("station", True, False, Severity.WARN, "station_stopped")


class _FirstReading:
    """A listener that only waits for the first reading, or for the word that there will be none."""

    def __init__(self) -> None:
        self.settled = threading.Event()

    def on_reading(self, reading: Reading, at: float) -> None:
        self.settled.set()

    def on_expired(self, at: float) -> None:
        return

    def on_link(self, state: LinkState, detail: str, at: float) -> None:
        if state is LinkState.MISSING:
            self.settled.set()


def probe_scale(config: StationConfig) -> DoctorFinding:
    """Open the port, listen for a few seconds, give it back."""
    from kiosk.devices.scale.pause import ScaleListeners

    watch, first = ScaleWatch(), _FirstReading()
    if config.scale is not None:
        listeners = ScaleListeners()
        listeners.subscribe(watch)
        listeners.subscribe(first)
        scale = make_scale(config.scale, listeners)
        scale.start()
        first.settled.wait(_SCALE_S)
        seen = watch.liveness()
        scale.stop()
        return devices.scale(config.scale, seen)
    return devices.scale(None, watch.liveness())


def probe_scanner(config: StationConfig) -> DoctorFinding:
    """Open the scanner, wait for its word, give it back; nothing it scans is looked at. A camera has its own row."""
    if config.scanner is None or config.scanner.kind == "camera":
        return devices.scanner(None, "", scan_required=config.station.scan_after_sticking)
    answered, words = threading.Event(), [""]

    def on_state(word: str) -> None:
        words.append(word)
        answered.set()

    scanner = make_scanner(config.scanner, lambda text: None, on_state)
    scanner.start()
    answered.wait(_SCANNER_S)
    scanner.stop()
    return devices.scanner(config.scanner, words[-1])


def probe_panel(config: StationConfig) -> DoctorFinding:
    """Take the pins and give them back; no lamp is lit."""
    panel = make_panel(config.panel, lambda button, how: None)
    panel.start()
    fitted = panel.fitted
    panel.stop()
    return devices.panel(config.panel, fitted)
