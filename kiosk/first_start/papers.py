"""The test paper of a printer that is being set up, as the bytes of its language."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kiosk.devices.printer.profiles import profile
from kiosk.first_start.settings import station_settings
from kiosk.first_start.shared.draft import PrinterDraft, SettingsDraft
from kiosk.labels.documents import TestLabel, TestReceipt
from kiosk.labels.papers.printer_diagnostics import render_test_label, render_test_receipt
from kiosk.labels.raster import Raster
from kiosk.protocols.printers.page_setup import PrintHead
from kiosk.protocols.printers.pages import encode
from kiosk.station.shared.clock import StationClock, software_id

LABEL = "label"


def test_paper(name: str, draft: SettingsDraft, data: Path) -> bytes:
    """The paper of the printer called ``name``.

    Raises FontProblem, LayoutProblem, PageTooWide, ProfileProblem or BadIdentifier.
    """
    printer: PrinterDraft = getattr(draft, name)
    setup = profile(printer.profile).setup
    return encode(_raster(name, draft, data, setup.head), setup if name == LABEL else replace(setup, gap_mm=0))


def _raster(name: str, draft: SettingsDraft, data: Path, head: PrintHead) -> Raster:
    station = station_settings(draft, data)
    now = StationClock(station.zone).now()
    date, time, zone, software = now.local_date, now.local_time, station.zone, software_id()
    if name == LABEL:
        label = TestLabel(station.station, date, zone, software, station.village, station.county_name)
        return render_test_label(label, head)
    receipt = TestReceipt(station.station, station.village, date, time, zone, software, station.county_name)
    return render_test_receipt(receipt, head)
