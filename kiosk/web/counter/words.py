"""Which drawing, which sentence and which acts go with a word of the counter: rows, not branches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kiosk.domain.parcel import TERMINAL, WAITING, ParcelState
from kiosk.domain.void import VoidReason
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.counter.view import CHOICES, ScanResult
from kiosk.store.records import ParcelRow
from kiosk.texts import Texts
from kiosk.web.counter.rows import tail

_REFUSED = "counter.refused."
_OTHER = "counter.refused.other"

_REFUSAL_PICTURES = {
    "wrong_pin": "lock",
    "pin_unreadable": "lock",
    "locked": "lock",
    "not_unlocked": "lock",
    "same_person": "proxy",
    "forbidden": "proxy",
    "shelves_full": "shelf",
    "wrong_code": "number-pad",
    "code_locked": "lock",
    "collected": "handover",
    "parcel_gone": "not-there",
    "line_full": "handover",
    "another_package": "parcel",
    "damaged_needs_photo": "camera",
    "already_void": "void",
    "record_altered": "receipt",
    "foreign_receipt": "receipt",
    "reissue": "receipt",
    "product": "bring",
    "unknown_parcel": "not-there",
    "bad_weight": "check-weight",
    "other_weight_set": "check-weight",
    "below_min": "check-weight",
    "load_already_counted": "scale",
    "unstable": "scale",
    "above_max": "scale",
    "lost": "scale",
}
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
_SCAN_PICTURES = {"parcel_damaged": "damaged", "member": "card", "intake": "receipt", "lot": "label", "shelf": "shelf"}
_TONES = {"parcel_in": "good", "parcel_known": "known", "parcel_damaged": "known", "refused": "bad"}

_OFFERED = frozenset({"unknown_parcel", "expected"})
"""Words of a scan that waits for the touch which takes its parcel in."""

PAPER_PICTURES = {"bag_label": "label", "parcel_label": "label", "test_label": "label"}
"""Drawings of papers; every other one is a slip."""

VOID_PICTURES = {
    VoidReason.WRONG_PARTY: "card",
    VoidReason.WRONG_PRODUCT: "other",
    VoidReason.WRONG_CONTAINER: "crate",
    VoidReason.GOODS_TAKEN_BACK: "sack",
}

LISTS: Mapping[str, frozenset[ParcelState]] = {
    "waiting": frozenset({ParcelState.SHELVED, ParcelState.NOTICED, ParcelState.OVERDUE, ParcelState.RETURN_DUE}),
    "overdue": frozenset({ParcelState.OVERDUE}),
    "returns": frozenset({ParcelState.RETURN_DUE}),
    "expected": frozenset({ParcelState.EXPECTED}),
    "open": frozenset({ParcelState.ARRIVED, ParcelState.LOST, ParcelState.MISSING}),
}
"""The lists of parcels a clerk works through; ``open`` holds what somebody still has to decide or find."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something a clerk may do with a parcel. ``asks``: a page of its own comes first."""

    name: str
    picture: str
    asks: bool = False
    first: bool = False


_CODE = Act("code", "number-pad", asks=True, first=True)
_PROXY = Act("proxy", "proxy", asks=True)
_REISSUE = Act("reissue", "receipt", asks=True)
_LOST = Act("lost", "not-there", asks=True)
_MISROUTE = Act("misroute", "truck", asks=True)
_DUE_BACK = Act("due_back", "send-back")

ACTS: Mapping[ParcelState, tuple[Act, ...]] = {
    ParcelState.ARRIVED: (
        Act("photo", "camera"),
        Act("accept", "shelf", first=True),
        Act("refuse", "send-back", asks=True),
        _MISROUTE,
    ),
    ParcelState.SHELVED: (_DUE_BACK, _MISROUTE, _LOST),
    ParcelState.NOTICED: (_CODE, _PROXY, _REISSUE, _DUE_BACK, _MISROUTE, _LOST),
    ParcelState.OVERDUE: (_CODE, _PROXY, _REISSUE, _DUE_BACK, _LOST),
    ParcelState.RETURN_DUE: (_CODE, _PROXY, Act("return", "send-back", asks=True), _REISSUE, _LOST),
    ParcelState.LOST: (Act("found", "shelf", first=True),),
}
"""What each state allows; the station checks it again when it is done."""

QUESTIONS = ("return", "refuse", "misroute", "lost", "reissue")
"""Acts that end something or print: asked once more. Everything else can be undone by its opposite."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why the counter said no, for a page."""

    text_id: str
    picture: str
    values: Mapping[str, str]
    wait_s: int

    @property
    def wait_ms(self) -> int:
        """Until it may be tried again; 0 when waiting changes nothing."""
        return self.wait_s * 1000


def refused(error: CounterRefused, texts: Texts) -> Refused:
    """The sentence and the drawing of a refusal."""
    return Refused(
        refusal_id(error.code, texts), _REFUSAL_PICTURES.get(error.code, "attention"), error.values, error.wait_s
    )


def refusal_id(code: str, texts: Texts) -> str:
    """The sentence of a refusal's word; one for all that has none of its own. The last two are words of the pan."""
    wanted = (f"{_REFUSED}{code}", f"problem.{code}", f"counter.check.why.{code}", f"reason.{code}")
    return next((one for one in wanted if one in texts), _OTHER)


@dataclass(frozen=True, slots=True)
class LastScan:
    """The last scan as the home of the counter shows it."""

    tone: str
    picture: str
    text_id: str
    values: Mapping[str, object]
    shelf: str | None
    of: str
    phone: str | None
    number: str
    surplus: bool
    """It came with the truck and is not on the list of the delivery."""
    carriers: tuple[str, ...]
    to_arrive: str
    """A number that only becomes a parcel once a carrier is touched; "" for every other scan."""
    offer: str
    """Names the scan whose parcel one touch takes in; "" when there is nothing to take in, or it was taken."""
    wait_s: int

    @property
    def wait_ms(self) -> int:
        """Until the next try; 0 when there is nothing to wait for."""
        return self.wait_s * 1000

    def with_values(self, values: Mapping[str, object]) -> LastScan:
        """The same with what its sentence needs."""
        return replace(self, values=values)


def last_scan(result: ScanResult, texts: Texts, *, may_change: bool) -> LastScan:
    """``may_change``: the scan can still be taken back, so another carrier may be chosen too."""
    parcel, chooses = result.parcel, result.word in CHOICES
    offer = result.offer.id if result.offer and result.word in _OFFERED else ""
    said = refusal_id(result.word, texts) if result.kind == "refused" else f"scan.{result.word}"
    left = parcel is not None and parcel.state in TERMINAL and result.kind != "parcel_known"
    if parcel is not None and left:
        said = f"counter.state.{parcel.state.value}"
    picture = _SCAN_PICTURES.get(result.kind) or _REFUSAL_PICTURES.get(result.word, "")
    if not picture:
        picture = picture_of(parcel) if parcel else ("attention" if result.kind == "refused" else "scan")
    return LastScan(
        tone="known" if offer else _TONES.get(result.kind, "plain"),
        picture=picture,
        text_id=said if said in texts else _OTHER,
        values=result.values,
        shelf=parcel.shelf if parcel else None,
        of=f"{parcel.carrier} {tail(parcel.waybill)}" if parcel else (result.receipt or result.shown),
        phone=parcel.phone_last4 if parcel else None,
        number=str(parcel.number) if parcel else "",
        surplus=parcel is not None and parcel.surplus,
        carriers=result.carriers[:4] if chooses else (result.carriers[1:3] if may_change else ()),
        to_arrive=result.shown if chooses else "",
        offer=offer,
        wait_s=result.wait_s,
    )


def picture_of(parcel: ParcelRow) -> str:
    """The drawing of a parcel by its state."""
    return "parcel" if parcel.state in WAITING else _STATE_PICTURES.get(parcel.state, "parcel")


def paper_picture(document: str) -> str:
    """The drawing of a paper."""
    return PAPER_PICTURES.get(document, "receipt")
