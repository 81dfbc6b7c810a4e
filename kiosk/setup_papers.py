"""The test paper of a printer that is being set up, as the bytes of its language."""

from __future__ import annotations

from pathlib import Path

from kiosk.devices.printer_profiles import profile
from kiosk.labels.documents import TestLabel, TestReceipt
from kiosk.labels.raster import Raster
from kiosk.labels.test_papers import render_test_label, render_test_receipt
from kiosk.protocols.printers import escpos, tspl, zpl
from kiosk.setup_draft import Draft, PrinterDraft
from kiosk.setup_settings import station_settings
from kiosk.station.clock import StationClock
from kiosk.station.rendering import LABEL_MM
from kiosk.station.software import software_id

LABEL = "label"


def test_paper(name: str, draft: Draft, data: Path) -> bytes:
    """The paper of the printer called ``name``. Raises FontProblem, LayoutProblem, ProfileProblem or BadIdentifier."""
    printer: PrinterDraft = getattr(draft, name)
    row = profile(printer.profile)
    raster = _raster(name, draft, data, row.dpi)
    if row.language == "tspl":
        return tspl.page(raster, *LABEL_MM)
    return zpl.page(raster) if row.language == "zpl" else escpos.page(raster)


def _raster(name: str, draft: Draft, data: Path, dpi: int) -> Raster:
    station = station_settings(draft, data)
    now = StationClock(station.zone).now()
    date, time, zone, software = now.local_date, now.local_time, station.zone, software_id()
    if name == LABEL:
        return render_test_label(TestLabel(station.station, date, zone, software), dpi)
    return render_test_receipt(TestReceipt(station.station, station.village, date, time, zone, software), dpi)
