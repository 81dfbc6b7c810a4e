"""A receipt, its lot, a parcel: the document, and every event of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from flask import redirect, request, send_file, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.domain.events import IntakeConfirmed
from kiosk.domain.identifiers import BadIdentifier, ReceiptNumber
from kiosk.domain.parcel import ParcelNumber
from kiosk.domain.trade import NON_MEMBER
from kiosk.sorting_center.desk.audit import Act
from kiosk.sorting_center.desk.decisions import ACTS, Kind, Said
from kiosk.sorting_center.desk.errors import Refused
from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.reports import Receipt
from kiosk.sorting_center.reports.journal import EventRow, converted
from kiosk.sorting_center.web.access import Pages, current, doors
from kiosk.sorting_center.web.asked import whole_number
from kiosk.sorting_center.web.frame import show
from kiosk.sorting_center.web.sources import sources
from kiosk.sorting_center.web.staff.links import common, receipt_number, region_of
from kiosk.sorting_center.web.staff.reconciliation import settling_of

receipts = Pages("receipts", __name__)

"""Digits of how many decisions somebody has seen."""


@receipts.look("/receipts/<region>/<number>", Role.VIEWER)
def receipt(region: str, number: str) -> str:
    """The document; 404 for a number of which nothing was told."""
    return _shown(_found(region, number))


@receipts.look("/receipts/<region>/<number>/photos/<sha256>.jpg", Role.VIEWER)
def photo(region: str, number: str, sha256: str) -> Response:
    """Send a picture of this receipt's goods; 404 while it is not here, and for any other picture."""
    path = _pictures(_found(region, number)).get(sha256)
    if path is not None:
        with suppress(OSError):  # deleted a moment ago
            return send_file(path, mimetype="image/jpeg", etag=sha256)
    raise NotFound("this receipt has no such photo, or it is not here")


@receipts.look("/lots/<region>/<lot>", Role.VIEWER)
def lot(region: str, lot: str) -> str:
    """The goods of a receipt: the document, with whose they are and what offers were made of them."""
    found = next(iter(sources().reports.lots.find(lot, region_of(region))), None)
    if found is None:
        raise NotFound(f"there is no lot {lot[:40]} in {region}")
    return _shown(found.receipt, lot=found)


@receipts.look("/parcels/<region>/<number>", Role.VIEWER)
def parcel(region: str, number: str) -> str:
    """What is known of a parcel: numbers, carrier, state."""
    try:
        parcels = sources().reports.parcels.find(ParcelNumber.parse(number), region_of(region))
    except BadIdentifier as error:
        raise NotFound(str(error)) from None
    if not parcels:
        raise NotFound(f"there is no parcel {number} in {region}")
    return show("parcel.html", parcel=parcels[0], **common())


@receipts.act("/receipts/<region>/<number>/settle", Role.OPERATOR)
def settle(region: str, number: str) -> Response:
    """What a person decides on a receipt that is there twice; the ledger stays as it is."""
    found = _found(region, number)
    if not found.twice:
        raise NotFound(f"{number} is not there twice")
    settling = settling_of(found)
    if request.form.get("figures", "") != settling.mark:
        raise Refused("figures_changed", f"{number} was told once more meanwhile: look at it again")
    who, known = doors(), whole_number(request.form.get("seen", ""))
    act, reason = request.form.get("act", "")[:40], request.form.get("reason", "")[:1000]
    subject, known = settling.subject, -1 if known is None else known
    said = Said(current().person.name, reason, settling.figures)
    who.desk.decisions.decide((Kind.RECEIPT, subject), known, act, said, who.now())
    who.desk.audit.record(current().person.name, Act.RECEIPT_SETTLED, subject, f"{act}: {reason}", who.now())
    return redirect(url_for("receipts.receipt", region=region, number=number), 303)


def _found(region: str, number: str) -> Receipt:
    parsed = receipt_number(number)
    found = sources().reports.receipts.find(parsed, region_of(region)) if parsed is not None else ()
    if not found:
        raise NotFound(f"there is no receipt {number[:40]} in {region[:20]}")
    return found[0]


def _pictures(found: Receipt) -> dict[str, Path]:
    """Return the files of its photos that have arrived, by hash."""
    photos = sources().stores.photos
    paths = {one.sha256: photos.path(found.region, found.station, one.sha256) for one in found.photos}
    return {sha256: path for sha256, path in paths.items() if path is not None}


def _shown(found: Receipt, lot: object = None) -> str:
    confirmed = found.confirmed
    twice = found.twice
    return show(
        "receipt.html",
        receipt=found,
        lot=lot,
        bag_asked=whole_number(request.args.get("bag", "")),
        lot_code=confirmed.lot if confirmed is not None else ReceiptNumber.parse(found.number).lot,
        party=_party(found),
        standing=found.standing,
        void_event=_void_event(found),
        pictures=_pictures(found),
        twice=twice,
        compared=_compared(found, twice),
        settling=settling_of(found) if twice else None,
        acts=sorted(ACTS[Kind.RECEIPT]),
        **common(),
    )


def _compared(found: Receipt, twice: Sequence[EventRow]) -> Sequence[tuple[EventRow, IntakeConfirmed | None]]:
    """What each of them says, the one that counts first."""
    standing = found.standing
    events = [*([standing] if standing is not None else []), *twice] if twice else []
    return [(event, converted(event, IntakeConfirmed)) for event in events]


def _party(found: Receipt) -> str | None:
    """The number of a member; None for somebody who is none."""
    party = (
        found.confirmed.party if found.confirmed is not None else found.row.member if found.row is not None else None
    )
    return None if party == NON_MEMBER else party


def _void_event(found: Receipt) -> EventRow | None:
    void = found.void
    return next(
        (one for one in found.events if void is not None and (one.epoch, one.seq) == (void.epoch, void.seq)), None
    )
