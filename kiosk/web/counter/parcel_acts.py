"""The lists of parcels, and what each state of a parcel allows: rows, not branches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kiosk.domain.parcel import WAITING_STATES, ParcelState
from kiosk.store.shared.records import ParcelRow

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
# The lists of parcels a clerk works through; `open` holds what somebody still has to decide or find.
LISTS: Mapping[str, frozenset[ParcelState]] = {
    "waiting": frozenset({ParcelState.SHELVED, ParcelState.NOTICED, ParcelState.OVERDUE, ParcelState.RETURN_DUE}),
    "overdue": frozenset({ParcelState.OVERDUE}),
    "returns": frozenset({ParcelState.RETURN_DUE}),
    "expected": frozenset({ParcelState.EXPECTED}),
    "open": frozenset({ParcelState.ARRIVED, ParcelState.LOST, ParcelState.MISSING}),
}


@dataclass(frozen=True, slots=True)
class ParcelAction:
    """Something a clerk may do with a parcel. ``asks``: a page of its own comes first."""

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

# Acts that end something or print: asked once more. Everything else can be undone by its opposite.
QUESTIONS = ("return", "refuse", "misroute", "lost", "reissue")


def picture_of(parcel: ParcelRow) -> str:
    """The drawing of a parcel by its state."""
    return "parcel" if parcel.state in WAITING_STATES else _STATE_PICTURES.get(parcel.state, "parcel")
