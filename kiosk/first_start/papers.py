"""The test paper of a printer that is being set up, as the bytes of its language."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from kiosk.devices.printer.profiles import profile
from kiosk.first_start.settings import station_settings
from kiosk.first_start.shared.draft import PrinterDraft, SettingsDraft
from kiosk.labels.papers.printer_diagnostics import TestLabel, TestReceipt, render_test_label, render_test_receipt
from kiosk.labels.raster import Raster
from kiosk.protocols.printers.languages import encode
from kiosk.protocols.printers.page_setup import PrintHead
from kiosk.station.shared.clock import StationClock, software_id

LABEL = "label"


def test_paper(name: str, draft: SettingsDraft, data: Path) -> bytes:
    """The paper of the printer called ``name``.

    Raises FontProblem, LayoutProblem, ValueError or BadIdentifier.
    """
    printer: PrinterDraft = getattr(draft, name)
    setup = profile(printer.profile).setup
    return encode(_raster(name, draft, data, setup.head), setup if name == LABEL else replace(setup, gap_mm=0))


def _raster(name: str, draft: SettingsDraft, data: Path, head: PrintHead) -> Raster:
    station = station_settings(draft, data)
    now = StationClock(station.zone).now()
    origin: dict[str, Any] = {
        "station": station.station,
        "village": station.village,
        "county": station.county_name,
        "date": now.local_date,
        "zone": station.zone,
    }
    if name == LABEL:
        return render_test_label(TestLabel(software=software_id(), **origin), head)
    return render_test_receipt(TestReceipt(time=now.local_time, software=software_id(), **origin), head)
