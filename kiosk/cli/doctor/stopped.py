"""The rows of the devices while the station does not run: they are asked directly."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Final

from kiosk.app.adapters import make_panel, make_printer, make_scale, make_scanner
from kiosk.app.update.journal_file import JournalFile
from kiosk.app.update.places import PLACES
from kiosk.config.station import StationConfig
from kiosk.devices.ports import LinkState
from kiosk.protocols.scales.reading import Reading
from kiosk.station.doctor import devices
from kiosk.station.doctor.doctor import PRINTERS
from kiosk.station.doctor.finding import Finding, Verdict
from kiosk.station.doctor.liveness import ScaleWatch
from kiosk.station.update.journal import Phase

_SCALE_S: Final = 3.0
_SCANNER_S: Final = 2.0


def stopped(config: StationConfig) -> Iterator[Finding]:
    """One row a device; each is opened, asked and given back."""
    yield station()
    yield probe_scale(config)
    for name in PRINTERS:
        settings = config.printers.get(name)
        yield devices.printer(name, settings, make_printer(settings) if settings else None)
    yield devices.camera(config.camera)
    yield probe_scanner(config)
    yield probe_panel(config)


def station() -> Finding:
    """Why it does not run, as far as that is known."""
    try:
        entry = JournalFile(PLACES.releases).read()
        stuck = entry is not None and entry.phase is Phase.BACK
    except OSError:
        stuck = True
    if stuck:
        values = {"command": "systemctl status kiosk-update"}
        return Finding("station", True, False, Verdict.FAIL, "station_between", needed=True, values=values)
    return Finding("station", True, False, Verdict.WARN, "station_stopped")


class _First:
    """A listener that only waits for the first reading, or for the word that there will be none."""

    def __init__(self) -> None:
        self.told = threading.Event()

    def on_reading(self, reading: Reading, at: float) -> None:
        self.told.set()

    def on_expired(self, at: float) -> None:
        return

    def on_link(self, state: LinkState, detail: str, at: float) -> None:
        if state is LinkState.MISSING:
            self.told.set()


def probe_scale(config: StationConfig) -> Finding:
    """Open the port, listen for a few seconds, give it back."""
    from kiosk.devices.scale.pause import ScaleListeners

    watch, first = ScaleWatch(), _First()
    if config.scale is not None:
        listeners = ScaleListeners()
        listeners.subscribe(watch)
        listeners.subscribe(first)
        scale = make_scale(config.scale, listeners)
        scale.start()
        first.told.wait(_SCALE_S)
        seen = watch.look()
        scale.stop()
        return devices.scale(config.scale, seen)
    return devices.scale(None, watch.look())


def probe_scanner(config: StationConfig) -> Finding:
    """Open the scanner, wait for its word, give it back; nothing it scans is looked at. A camera has its own row."""
    if config.scanner is None or config.scanner.kind == "camera":
        return devices.scanner(None, "", asked=config.station.scan_after_sticking)
    told, words = threading.Event(), [""]

    def on_state(word: str) -> None:
        words.append(word)
        told.set()

    scanner = make_scanner(config.scanner, lambda text: None, on_state)
    scanner.start()
    told.wait(_SCANNER_S)
    scanner.stop()
    return devices.scanner(config.scanner, words[-1])


def probe_panel(config: StationConfig) -> Finding:
    """Take the pins and give them back; no lamp is lit."""
    panel = make_panel(config.panel, lambda button, how: None)
    panel.start()
    fitted = panel.fitted
    panel.stop()
    return devices.panel(config.panel, fitted)
