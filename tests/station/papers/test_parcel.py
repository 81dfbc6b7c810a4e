"""The papers of the counter, from the booking to the printer's bytes, read back by somebody else's eyes."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.devices.printer.profiles import profile
from kiosk.domain.parcel import slot_code
from kiosk.labels.papers.printer_diagnostics import TestLabel as LabelTest
from kiosk.labels.papers.printer_diagnostics import TestReceipt as ReceiptTest
from kiosk.protocols.barcodes import reader
from kiosk.simulators.printer.escpos import EscposInterpreter
from kiosk.simulators.printer.model import LABEL_PRINTER, RECEIPT_PRINTER, PrintedPage
from kiosk.simulators.printer.tspl import TsplInterpreter
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.papers.rendering import DRAWINGS, render
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.store import Store
from kiosk.store.shared.records import PrintJob
from tests.station.counter.rig import KEY, CounterRig


def codes(job: PrintJob, language: str, key: PickupKey = KEY) -> list[str]:
    """Every symbol on the one sheet that comes out."""
    interpreter = TsplInterpreter(LABEL_PRINTER) if language == "tspl" else EscposInterpreter(RECEIPT_PRINTER)
    events = [*interpreter.feed(render(job, profile(language).setup, key).data), *interpreter.end()]
    (page,) = [event.image for event in events if isinstance(event, PrintedPage)]
    return [symbol.text for symbol in reader.read(page.convert("L"))]


def test_label_and_slip_carry_slot_and_code(rig: CounterRig) -> None:
    row = rig.bring()
    (label,), (slip,) = rig.queued("parcel_label"), rig.queued("pickup_slip")
    assert codes(label, "tspl") == [slot_code("A-1-01")]
    assert codes(slip, "escpos") == [rig.slip_of(row)]


def test_a_reprinted_label_says_so_and_carries_the_same_slot(rig: CounterRig) -> None:
    rig.bring()
    (label,) = rig.queued("parcel_label")
    copy = rig.counter.papers.reprint(rig.session, label.id)
    (job,) = [job for job in rig.queued("parcel_label") if job.id == copy]
    assert render(job, profile("tspl").setup) != render(label, profile("tspl").setup)
    assert codes(job, "tspl") == [slot_code("A-1-01")]


def test_a_day_slip_comes_out(rig: CounterRig) -> None:
    rig.counter.day.close(rig.session)
    (slip,) = rig.queued("day_slip")
    assert render(slip, profile("escpos").setup)


def test_a_slip_needs_the_key_of_its_code(rig: CounterRig) -> None:
    row = rig.bring()
    (slip,) = rig.queued("pickup_slip")
    assert rig.code_of(row).encode() not in slip.body
    with pytest.raises(ValueError, match="under another key"):
        render(slip, profile("escpos").setup, PickupKey(bytes(32)))
    with pytest.raises(CounterRefused, match="key"):
        render(slip, profile("escpos").setup)


def test_an_unknown_paper_is_named() -> None:
    job = PrintJob(1, "", "poster", "label", 0, b"{}", "queued", 0, 0)
    with pytest.raises(ValueError, match="'poster'"):
        render(job, profile("tspl").setup)


def test_test_papers_come_out() -> None:
    import msgspec

    label = msgspec.json.encode(LabelTest(station="S0147", date=None, zone="Asia/Shanghai", software="x/1"))
    receipt = msgspec.json.encode(
        ReceiptTest(station="S0147", village="", date=None, time=None, zone="Asia/Shanghai", software="x/1")
    )
    for document, printer, language, body in (
        ("test_label", "label", "tspl", label),
        ("test_receipt", "receipt", "escpos", receipt),
    ):
        job = PrintJob(1, "", document, printer, 0, body, "queued", 0, 0, f"test-{printer}")
        assert codes(job, language) == ["TEST"]


def test_every_paper_has_its_drawing() -> None:
    assert set(DRAWINGS) == {
        "bag_label",
        "receipt",
        "parcel_label",
        "pickup_slip",
        "day_slip",
        "crate_label",
        "member_card",
        "member_statement",
        "member_code",
        "tote_tag",
        "seal_tag",
        "manifest",
        "test_label",
        "test_receipt",
    }


def test_a_long_waybill_is_shown_by_its_end(store: Store, tmp_path: Path) -> None:
    rig = CounterRig(store, tmp_path)
    row = rig.bring(1234)
    (label,) = rig.queued("parcel_label")
    assert b'"1234"' in label.body
    assert row.waybill.encode() not in label.body
