"""From a print job to the bytes of a printer's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import msgspec

from kiosk.labels import documents
from kiosk.labels.day_slip import render_day_slip
from kiosk.labels.label import render_bag_label
from kiosk.labels.parcel_papers import render_parcel_label, render_pickup_slip
from kiosk.labels.raster import Raster
from kiosk.labels.receipt import render_receipt
from kiosk.labels.test_papers import render_test_label, render_test_receipt
from kiosk.protocols.printers import escpos, tspl, zpl
from kiosk.station.papers import LABEL, RECEIPT
from kiosk.station.parcel_papers import DAY_SLIP, PARCEL_LABEL, PICKUP_SLIP, WaitingSlip
from kiosk.station.pickup_key import PickupKey
from kiosk.store.records import PrintJob

LABEL_MM = (60, 40)
TEST_LABEL = "test_label"
TEST_RECEIPT = "test_receipt"
NO_KEY: Final = PickupKey(None, "nowhere")


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a document's body holds, and what draws it."""

    data: type[Any]
    draw: Callable[[Any], Raster]


DRAWINGS: Final[Mapping[str, Drawing]] = {
    LABEL: Drawing(documents.BagLabel, render_bag_label),
    RECEIPT: Drawing(documents.Receipt, render_receipt),
    PARCEL_LABEL: Drawing(documents.ParcelLabel, render_parcel_label),
    PICKUP_SLIP: Drawing(WaitingSlip, render_pickup_slip),
    DAY_SLIP: Drawing(documents.DaySlip, render_day_slip),
    TEST_LABEL: Drawing(documents.TestLabel, render_test_label),
    TEST_RECEIPT: Drawing(documents.TestReceipt, render_test_receipt),
}


def render(job: PrintJob, language: str, key: PickupKey = NO_KEY) -> bytes:
    """The whole job in ``tspl``, ``zpl`` or ``escpos``; a reprint carries COPY.

    A pickup slip needs the ``key`` of its code. Raises DocumentProblem, ValueError, CounterRefused (no key).
    """
    raster = _drawn(job, key)
    if language == "tspl":
        return tspl.page(raster, *LABEL_MM)
    if language == "zpl":
        return zpl.page(raster)
    if language == "escpos":
        return escpos.page(raster)
    raise ValueError(f"the printer language {language!r} is not one of tspl, zpl, escpos")


def _drawn(job: PrintJob, key: PickupKey) -> Raster:
    drawing = DRAWINGS.get(job.document)
    if drawing is None:
        raise ValueError(f"there is no paper {job.document!r}")
    data = msgspec.json.decode(job.body, type=drawing.data)
    if isinstance(data, WaitingSlip):
        data = data.slip(key)
    if job.copy and any(row.name == "copy" for row in fields(drawing.data)):
        data = replace(data, copy=True)
    return drawing.draw(data)
