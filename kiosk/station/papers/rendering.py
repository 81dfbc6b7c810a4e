"""From a print job to the bytes of a printer's language."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import msgspec

from kiosk.base.ed25519 import Ed25519Key
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.slip import Slip
from kiosk.domain.trade import Mode
from kiosk.labels.layout import SHIPPED, Layouts
from kiosk.labels.papers.bag_label import BagLabel, CrateLabel, render_bag_label, render_crate_label
from kiosk.labels.papers.day_slip import DaySlip, render_day_slip
from kiosk.labels.papers.manifest import ManifestDocument, render_manifest
from kiosk.labels.papers.member import MemberStatement, render_member_code, render_member_statement
from kiosk.labels.papers.parcel import ParcelLabel, render_parcel_label, render_pickup_slip
from kiosk.labels.papers.printer_diagnostics import TestLabel, TestReceipt, render_test_label, render_test_receipt
from kiosk.labels.papers.receipt import ReceiptDocument, render_receipt
from kiosk.labels.papers.tags import MemberCard, SealTag, ToteTag, render_member_label, render_seal_tag, render_tote_tag
from kiosk.labels.raster import Raster
from kiosk.labels.typesetting import fonts
from kiosk.messaging.contract.slip import HEAD_BYTES, slip_text
from kiosk.protocols.printers.languages import encode
from kiosk.protocols.printers.page_setup import PageSetup, PrintHead
from kiosk.station.papers.papers import CRATE_LABEL, LABEL, RECEIPT
from kiosk.station.papers.parcel import (
    DAY_SLIP,
    MANIFEST_SHEET,
    MEMBER_CARD,
    MEMBER_CODE,
    MEMBER_STATEMENT,
    PARCEL_LABEL,
    PICKUP_SLIP,
    SEAL_TAG,
    TOTE_TAG,
    WaitingCode,
    WaitingSlip,
)
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.store.shared.records import PrintJob

logger = logging.getLogger(__name__)

TEST_LABEL = "test_label"
TEST_RECEIPT = "test_receipt"
NO_KEY: Final = PickupKey(None, "nowhere")
SigningKey = Callable[[], Ed25519Key | None]  # None: missing or failed
_UNSIGNED: Final[SigningKey] = lambda: None  # noqa: E731


@dataclass(frozen=True, slots=True)
class Drawing:
    data: type[Any]
    draw: Callable[[Any, PrintHead, Layouts], Raster]
    strip: bool = False  # Whether it is paper without gaps


def _sheet(data: type[Any], draw: Callable[[Any, PrintHead], Raster], strip: bool = False) -> Drawing:
    """Describe a paper whose layout no station changes."""
    return Drawing(data, lambda paper, head, _: draw(paper, head), strip)


DRAWINGS: Final[Mapping[str, Drawing]] = {
    LABEL: Drawing(BagLabel, render_bag_label),
    RECEIPT: _sheet(ReceiptDocument, render_receipt, strip=True),
    CRATE_LABEL: Drawing(CrateLabel, render_crate_label),
    MEMBER_CARD: Drawing(MemberCard, render_member_label),
    MEMBER_STATEMENT: _sheet(MemberStatement, render_member_statement, strip=True),
    MEMBER_CODE: _sheet(WaitingCode, render_member_code, strip=True),
    TOTE_TAG: Drawing(ToteTag, render_tote_tag),
    SEAL_TAG: Drawing(SealTag, render_seal_tag),
    MANIFEST_SHEET: _sheet(ManifestDocument, render_manifest),
    PARCEL_LABEL: Drawing(ParcelLabel, render_parcel_label),
    PICKUP_SLIP: _sheet(WaitingSlip, render_pickup_slip, strip=True),
    DAY_SLIP: _sheet(DaySlip, render_day_slip, strip=True),
    TEST_LABEL: Drawing(TestLabel, render_test_label),
    TEST_RECEIPT: _sheet(TestReceipt, render_test_receipt, strip=True),
}


_BODIES: Final = {name: msgspec.json.Decoder(drawing.data) for name, drawing in DRAWINGS.items()}


@dataclass(frozen=True, slots=True)
class RenderedJob:
    data: bytes
    seconds: float


def require_fonts() -> None:
    """Check the fonts. Raises ValueError naming a missing package: better no start than a first paper that fails."""
    try:
        fonts.require_all()
    except fonts.FontProblem as error:
        raise ValueError(str(error)) from error


def render(
    job: PrintJob,
    setup: PageSetup,
    key: PickupKey = NO_KEY,
    layouts: Layouts = SHIPPED,
    signing_key: SigningKey = _UNSIGNED,
) -> RenderedJob:
    """Draw and encode the job. Raises DocumentProblem, LayoutProblem, ValueError, CounterRefused (no key)."""
    data, drawing = paper_of(job, key, signing_key), DRAWINGS[job.document]
    raster = drawing.draw(data, setup.head, layouts)
    return RenderedJob(
        encode(raster, replace(setup, gap_mm=0) if drawing.strip else setup),
        raster.height_dots / setup.head.per_mm / setup.speed_mm_s,
    )


def paper_of(job: PrintJob, key: PickupKey = NO_KEY, signing_key: SigningKey = _UNSIGNED) -> Any:
    """Decode what is drawn: a reprint has COPY and its number, a voided receipt VOID; a receipt is signed.

    A pickup slip needs the ``key`` of its code. Raises DocumentProblem, ValueError, CounterRefused (no key).
    """
    drawing = DRAWINGS.get(job.document)
    if drawing is None:
        raise ValueError(f"there is no paper {job.document!r}")
    data = _BODIES[job.document].decode(job.body)
    if isinstance(data, WaitingSlip | WaitingCode):
        data = data.slip(key)
    marks = {"copy": job.copy_no > 0, "copy_no": job.copy_no, "void": job.void}
    drawn = replace(data, **{row.name: marks[row.name] for row in fields(data) if row.name in marks})
    return _signed(drawn, signing_key) if isinstance(drawn, ReceiptDocument) else drawn


def _signed(receipt: ReceiptDocument, signing_key: SigningKey) -> ReceiptDocument:
    """Add the signed code of the same figures; none without a key: a receipt is printed in any case."""
    rest = receipt.slip
    if rest is None or receipt.void:
        return receipt
    try:
        key = signing_key()
        if key is None:
            return receipt
        scale, tares, clock = map(int, (receipt.counters or "0-0-0").split("-"))
        counters = (scale, tares, clock) if receipt.counters else None
        number, head = ReceiptNumber.parse(receipt.receipt), bytes.fromhex(receipt.head)[:HEAD_BYTES]
        sums = len(receipt.lines), receipt.net_g, rest.price_fen_per_kg, receipt.amount_fen
        place = rest.region, number, rest.minute, rest.clock, rest.product
        slip = Slip(*place, *sums, Mode(receipt.mode), counters, receipt.copy_no, head)
        return replace(receipt, signed_code=slip_text(rest.host, key, slip))
    except (ValueError, OSError) as error:
        logger.error("receipt %s is printed without its signed code: %s", receipt.receipt, error)
        return receipt
