from __future__ import annotations

import msgspec
import pytest

from kiosk.devices.ports import PrinterFault
from kiosk.devices.printer.profiles import PrinterProfile, profile, profiles
from kiosk.devices.printer.stream import PrinterName, TcpPrinter
from kiosk.protocols.printers.languages import LANGUAGES
from kiosk.protocols.printers.page_setup import PageSetup, PrintHead


def test_the_shipped_rows_load_and_every_language_has_its_usual_row() -> None:
    assert len(profiles()) >= 6
    for language in LANGUAGES:
        assert profile(language).language == language
    assert profile("tspl_300").setup == PageSetup("tspl", PrintHead(300, 1248), 76, 2, (0, 0))
    assert {row.width_dots for row in profiles().values() if row.language == "escpos"} == {384, 512, 576}


def test_only_what_can_tell_that_it_prints_proves_a_paper() -> None:
    proven = {row.id for row in profiles().values() if TcpPrinter("127.0.0.1", 9100, row.id).proves}
    assert proven == {row.id for row in profiles().values() if row.proof in ("status", "drained")}
    assert not any(name.endswith(("_silent", "_58_status")) for name in proven)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"language": "pcl"}, "pcl"),
        ({"dpi": 200}, "200"),
        ({"proof": "hope"}, "hope"),
        ({"proof": "drained"}, "only escpos"),
        ({"width_dots": 0}, "width_dots"),
        ({"settle_s": -1.0}, "settle_s"),
        ({"speed_mm_s": 0}, "speed_mm_s"),
        ({"speed_mm_s": 601}, "speed_mm_s"),
        ({"gap_mm": -1}, "gap_mm"),
        ({"gap_mm": 31}, "gap_mm"),
        ({"offset_x_mm": -0.5}, "offset_x_mm"),
        ({"offset_y_mm": -0.5}, "offset_y_mm"),
        ({"offset_y_mm": 51}, "offset_y_mm must be 0 to 50"),
        ({"mark": True}, "gap_mm must say how high the black mark is"),
        ({"density": 16}, "density must be 0 to 15"),
        ({"density": -1}, "density must be 0 to 15"),
        ({"band_rows": 0}, "band_rows must be 1 to 255"),
        ({"band_rows": 24}, "band_rows is for escpos"),
        ({"plain": True}, "plain is for zpl and cpcl"),
        ({"proof": "job"}, "only in ipp"),
        ({"language": "cpcl"}, "waits behind the job: use drained"),
        ({"language": "cpcl", "proof": "drained", "dpi": 300}, "dots of 203 dpi"),
        ({"language": "cpcl", "proof": "drained", "cutter": True}, "cpcl has no cutter"),
        ({"language": "escpos", "proof": "drained", "density": 9}, "density is for label languages"),
        ({"counts_labels": True}, "only zpl"),
        ({"language": "escpos"}, "use faults"),
        ({"language": "escpos", "proof": "faults", "gap_mm": 2}, "no gaps"),
        ({"language": "escpos", "proof": "faults", "offset_x_mm": 1}, "label languages"),
        ({"language": "escpos", "proof": "faults", "width_dots": 390}, "whole bytes"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_bad_row_is_refused(change: dict[str, object], reason: str) -> None:
    row = {"id": "x", "language": "tspl", "dpi": 203, "width_dots": 832, "speed_mm_s": 102, "proof": "status"}
    with pytest.raises(ValueError, match=reason):
        msgspec.convert({**row, **change}, PrinterProfile)


def test_the_first_act_comes_first() -> None:
    name = PrinterName("label printer", "127.0.0.1:9100")
    assert name.silent == "The label printer does not answer at 127.0.0.1:9100: check its power and cable."
    text = name.faulty((PrinterFault.OFFLINE, PrinterFault.PAPER_OUT))
    assert text == "The label printer at 127.0.0.1:9100 is out of paper: put a new roll in."
    assert name.faulty((PrinterFault.PAPER_NEAR_END,)) == ""


def test_every_flag_that_stops_a_job_has_an_act() -> None:
    harmless = {PrinterFault.PAPER_NEAR_END, PrinterFault.BATTERY_LOW, PrinterFault.UNKNOWN}
    name = PrinterName("receipt printer", "/dev/usb/lp0")
    assert all(name.faulty((flag,)) for flag in set(PrinterFault) - harmless)
