"""How rows of the store are shown on a page of the counter, what a parcel's state allows, how a refusal is worded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from kiosk.domain.catalog import Catalog, Names
from kiosk.domain.parcel import WAITING_STATES, ParcelState
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.desk.unfinished import UnfinishedIntake
from kiosk.station.desk.view import PhotoView
from kiosk.station.service import StationService
from kiosk.store.shared.records import ConfirmedRow, ParcelRow
from kiosk.texts import Texts
from kiosk.texts.html import bdi_code, fill

TAIL = 4


def tail(waybill: str) -> str:
    """Return ``··4711``: enough to find a label, too little to identify a parcel; dots alone once it was erased."""
    return f"··{waybill[-TAIL:]}" if waybill else "··"


def carrier_name(carrier: str, texts: Texts) -> Markup:
    """Return the carrier's common name; its code where no name is known."""
    text_id = f"counter.carrier.{carrier.lower()}"
    return fill(texts, text_id) if text_id in texts else bdi_code(carrier)


def short(number: object) -> str:
    """Return ``A-000381``: a receipt or parcel number without the part that all of this station share."""
    return "-".join(str(number).split("-")[-2:])


def clock(seconds: int) -> Markup:
    """Format a wait as ``9:05``, minutes and seconds."""
    return bdi_code(f"{seconds // 60}:{seconds % 60:02d}")


@dataclass(frozen=True, slots=True)
class CounterIntakeRow:
    row: ConfirmedRow | UnfinishedIntake
    names: Names
    picture: str
    person: str = ""  # The short name of a member; "" for a non-member and for one no longer in the list

    @property
    def short(self) -> str:
        return short(self.row.receipt)


def intake_row(row: ConfirmedRow | UnfinishedIntake, catalog: Catalog) -> CounterIntakeRow:
    """Build the row; goods no longer in the list are named by their code."""
    code, product = row.product, catalog.product(row.product)
    names, picture = (product.names, product.picture) if product else (Names(code, code, code), "other")
    member = catalog.member(row.party) if isinstance(row, ConfirmedRow) else None
    return CounterIntakeRow(row, names, picture, member.short_name if member else "")


_STATE_PICTURES = {
    ParcelState.EXPECTED: "truck",
    ParcelState.MISSING: "not-there",
    ParcelState.ARRIVED: "damaged",
    ParcelState.LOST: "not-there",
    ParcelState.COLLECTED: "handover",
    ParcelState.RETURNED: "send-back",
    ParcelState.REFUSED: "send-back",
    ParcelState.MISROUTED: "send-back",
    ParcelState.WITHDRAWN: "undo",
}
# The lists of parcels a clerk works through; `open` holds what still has to be decided or found.
LISTS: Mapping[str, frozenset[ParcelState]] = {
    "waiting": frozenset({ParcelState.SHELVED, ParcelState.NOTICED, ParcelState.OVERDUE, ParcelState.RETURN_DUE}),
    "overdue": frozenset({ParcelState.OVERDUE}),
    "returns": frozenset({ParcelState.RETURN_DUE}),
    "expected": frozenset({ParcelState.EXPECTED}),
    "open": frozenset({ParcelState.ARRIVED, ParcelState.LOST, ParcelState.MISSING}),
}


@dataclass(frozen=True, slots=True)
class ParcelAction:
    name: str
    picture: str
    asks: bool = False
    first: bool = False


_CODE = ParcelAction("code", "number-pad", asks=True, first=True)
_PROXY = ParcelAction("proxy", "proxy", asks=True)
_REISSUE = ParcelAction("reissue", "receipt", asks=True)
_LOST = ParcelAction("lost", "not-there", asks=True)
_MISROUTE = ParcelAction("misroute", "truck", asks=True)
_DUE_BACK = ParcelAction("due_back", "send-back")

# What each state allows; the station checks it again when it is done.
ACTS: Mapping[ParcelState, tuple[ParcelAction, ...]] = {
    ParcelState.ARRIVED: (
        ParcelAction("photo", "camera"),
        ParcelAction("accept", "shelf", first=True),
        ParcelAction("refuse", "send-back", asks=True),
        _MISROUTE,
    ),
    ParcelState.SHELVED: (_DUE_BACK, _MISROUTE, _LOST),
    ParcelState.NOTICED: (_CODE, _PROXY, _REISSUE, _DUE_BACK, _MISROUTE, _LOST),
    ParcelState.OVERDUE: (_CODE, _PROXY, _REISSUE, _DUE_BACK, _LOST),
    ParcelState.RETURN_DUE: (_CODE, _PROXY, ParcelAction("return", "send-back", asks=True), _REISSUE, _LOST),
    ParcelState.LOST: (ParcelAction("found", "shelf", first=True),),
}

# Acts that end something or print need a confirmation. Everything else can be undone by its opposite.
QUESTIONS = ("return", "refuse", "misroute", "lost", "reissue")


def picture_of(parcel: ParcelRow) -> str:
    return "parcel" if parcel.state in WAITING_STATES else _STATE_PICTURES.get(parcel.state, "parcel")


_REFUSED = "counter.refused."
OTHER = "counter.refused.other"

_PICTURE_CODES = {
    "lock": ("wrong_pin", "pin_unreadable", "locked", "not_unlocked", "code_locked", "tote_changed"),
    "proxy": ("same_person", "forbidden"),
    "shelf": ("shelves_full",),
    "number-pad": ("wrong_code",),
    "handover": ("collected", "line_full"),
    "not-there": ("parcel_gone", "unknown_parcel"),
    "parcel": ("another_package",),
    "camera": ("damaged_needs_photo",),
    "void": ("already_void", "void_label"),
    "receipt": ("record_altered", "foreign_receipt", "reissue"),
    "bring": ("product",),
    "check-weight": ("bad_weight", "other_weight_set", "below_min"),
    "scale": ("load_already_counted", "unstable", "above_max", "lost"),
}
REFUSAL_PICTURES = {code: picture for picture, codes in _PICTURE_CODES.items() for code in codes}


@dataclass(frozen=True, slots=True)
class RefusalView:
    text_id: str
    picture: str
    values: Mapping[str, str]
    wait_s: int

    @property
    def wait_ms(self) -> int:
        return self.wait_s * 1000


def refusal_view(error: CounterRefused, texts: Texts) -> RefusalView:
    values = {name: bdi_code(value) for name, value in error.values.items()}
    return RefusalView(
        refusal_id(error.code, texts), REFUSAL_PICTURES.get(error.code, "attention"), values, error.wait_s
    )


def refusal_id(code: str, texts: Texts) -> str:
    """Return the text id of a refusal's sentence, or a common one. The last prefixes are those of pan and PINs."""
    heads = (_REFUSED, "problem.", "counter.check.why.", "reason.", "setup.refused.")
    return next((head + code for head in heads if head + code in texts), OTHER)


def shot_values(station: StationService, subject: str, address: str, texts: Texts) -> dict[str, Any]:
    """Return what ``counter/_shot.html`` needs for a parcel or lot; "" is neither."""
    view = station.counter.state.view()
    photo = view.photo if subject and view.shot_of == subject else PhotoView()
    sha256 = photo.sha256 or ""
    # Old ones leave the card once the sorting center has them.
    on_card = station.photo_folder.path(sha256) is not None or station.parcel_photos.path(sha256) is not None
    if photo.state == "done" and not on_card:
        photo = PhotoView("gone")
    problem = refusal_id(photo.problem or "", texts)
    return {
        "shot": photo,
        "shot_address": f"{address}?{(photo.sha256 or '')[:8]}",
        "shot_problem": problem if problem.startswith("problem.") else "counter.shot.failed",
    }
