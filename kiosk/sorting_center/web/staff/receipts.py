"""A receipt, its lot, a parcel: the document, and every event of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from flask import redirect, request, send_file, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.domain.events import IntakeConfirmed
from kiosk.domain.identifiers import BadIdentifier, ReceiptNumber
from kiosk.domain.parcel import ParcelNumber
from kiosk.domain.trade import NON_MEMBER
from kiosk.sorting_center.desk.decisions import ACTS, DecisionKind, DecisionRationale
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.listings.records import ListingKey
from kiosk.sorting_center.reports import ReceiptDetails
from kiosk.sorting_center.reports.journal import data_of
from kiosk.sorting_center.web.shared.access import GuardedBlueprint, access_policy, current_principal, record
from kiosk.sorting_center.web.shared.frame import form_text, render_page
from kiosk.sorting_center.web.shared.query_params import parse_whole_number
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.sorting_center.web.staff.links import receipt_number, record_context, region_of
from kiosk.sorting_center.web.staff.reconciliation import review_item_of

receipts = GuardedBlueprint("receipts", __name__)


@receipts.get_route("/receipts/<region>/<number>", StaffRole.VIEWER)
def receipt(region: str, number: str) -> str:
    return _render(_load_receipt(region, number))


@receipts.get_route("/receipts/<region>/<number>/photos/<sha256>.jpg", StaffRole.VIEWER)
def photo(region: str, number: str, sha256: str) -> Response:
    """Send a picture of this receipt's goods; 404 while it is not here, and for any other picture."""
    path = _photo_files(_load_receipt(region, number)).get(sha256)
    if path is not None:
        with suppress(OSError):  # deleted a moment ago
            return send_file(path, mimetype="image/jpeg", etag=sha256)
    raise NotFound("this receipt has no such photo, or it is not here")


@receipts.get_route("/lots/<region>/<lot>", StaffRole.VIEWER)
def lot(region: str, lot: str) -> str:
    """Show the goods of a receipt: the document, with their owner and what offers were made of them."""
    found = next(iter(sources().reports.receipts.of_lot(lot, region_of(region))), None)
    if found is None:
        raise NotFound(f"there is no lot {lot[:40]} in {region}")
    return _render(found, lot)


@receipts.get_route("/parcels/<region>/<number>", StaffRole.VIEWER)
def parcel(region: str, number: str) -> str:
    try:
        parcels = sources().reports.parcels.find(ParcelNumber.parse(number), region_of(region))
    except BadIdentifier as error:
        raise NotFound(str(error)) from None
    if not parcels:
        raise NotFound(f"there is no parcel {number} in {region}")
    return render_page("parcel.html", parcel=parcels[0], **record_context())


@receipts.post_route("/receipts/<region>/<number>/settle", StaffRole.OPERATOR)
def settle(region: str, number: str) -> Response:
    """Store the decision on a receipt that is there twice; the ledger stays as it is."""
    found = _load_receipt(region, number)
    if not found.conflicts:
        raise NotFound(f"{number} is not there twice")
    settling = review_item_of(found)
    if request.form.get("figures", "") != settling.mark:
        raise Refused("figures_changed", f"{number} was told once more meanwhile: look at it again")
    policy, known = access_policy(), parse_whole_number(form_text("seen"))
    act, reason, subject = form_text("act", 40), form_text("reason", 1000), settling.subject
    statement = DecisionRationale(current_principal().person.name, reason, settling.figures)
    seen = -1 if known is None else known
    policy.desk.decisions.decide((DecisionKind.RECEIPT, subject), seen, act, statement, policy.now())
    record(AuditAction.RECEIPT_SETTLED, subject, f"{act}: {reason}")
    return redirect(url_for("receipts.receipt", region=region, number=number), 303)


def _load_receipt(region: str, number: str) -> ReceiptDetails:
    parsed = receipt_number(number)
    found = sources().reports.receipts.find(parsed, region_of(region)) if parsed is not None else ()
    if not found:
        raise NotFound(f"there is no receipt {number[:40]} in {region[:20]}")
    return found[0]


def _photo_files(found: ReceiptDetails) -> dict[str, Path]:
    photos = sources().stores.photos
    paths = {one.sha256: photos.path(found.region, found.station, one.sha256) for one in found.photos}
    return {sha256: path for sha256, path in paths.items() if path is not None}


def _render(found: ReceiptDetails, lot: str = "") -> str:
    confirmed, twice, void = found.confirmed, found.conflicts, found.void
    party = confirmed.party if confirmed is not None else found.row.member if found.row is not None else None
    lot_code = confirmed.lot if confirmed is not None else ReceiptNumber.parse(found.number).lot
    # What each of them says, the one that counts first.
    standing = found.counted_event
    events = [*([standing] if standing is not None else []), *twice] if twice else []
    compared = [(event, data_of(event, IntakeConfirmed)) for event in events]
    bag_number = parse_whole_number(request.args.get("bag", ""))
    void_place = (void.epoch, void.seq) if void is not None else None
    # The fields in which they do not say the same.
    readable = [asdict(data) for _, data in compared if data is not None]
    return render_page(
        "receipt.html",
        receipt=found,
        lot=lot,
        bag=next((bag for bag in confirmed.bags if bag.bag == bag_number), None) if confirmed is not None else None,
        lot_code=lot_code,
        listing=sources().listings.get(ListingKey(found.region, found.station, lot_code)),
        party=None if party == NON_MEMBER else party,
        standing=found.counted_event,
        void_event=next((one for one in found.events if (one.epoch, one.seq) == void_place), None),
        pictures=_photo_files(found),
        twice=twice,
        compared=compared,
        differing=frozenset(name for data in readable for name, value in data.items() if value != readable[0][name]),
        settling=review_item_of(found) if twice else None,
        acts=sorted(ACTS[DecisionKind.RECEIPT]),
        **record_context(),
    )
