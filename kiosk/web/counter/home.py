"""The home of the counter: what the next scan means, what the last one was, what waits; and the pads beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil

from flask import redirect, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.domain.parcel import TERMINAL_STATES, Consent, ParcelState
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.counter.state import BOOKED, CHOICES, CounterView, ScanResult
from kiosk.station.service import StationService
from kiosk.station.slips import SHOWN_S
from kiosk.store.parcels.totes import TOTE
from kiosk.texts import Texts
from kiosk.texts.html import bdi_code
from kiosk.web.counter.frame import HOME, CounterFrame, Where
from kiosk.web.counter.rows import LISTS, OTHER, REFUSAL_PICTURES, picture_of, refusal_id, tail
from kiosk.web.shared.signs import check_due, unconfirmed_prices
from kiosk.web.shared.slip_card import slip_card

_SCAN_PICTURES = {
    "parcel_damaged": "damaged",
    "member": "card",
    "intake": "receipt",
    "lot": "label",
    "shelf": "shelf",
    "tote": "lock",
    "manifest": "truck",
    "slip": "check-slip",
}
_TONES = {"parcel_in": "good", "parcel_known": "known", "parcel_damaged": "known", "refused": "bad"}

# Results of a scan that waits for the touch which takes its parcel in.
_OFFERED = frozenset({"unknown_parcel", "expected"})


@dataclass(frozen=True, slots=True)
class LastScan:
    tone: str
    picture: str
    text_id: str
    values: Mapping[str, object]
    shelf: str | None
    of: str
    phone: str | None
    number: str
    surplus: bool  # It came with the truck and is not on the list of the delivery
    carriers: tuple[str, ...]
    to_arrive: str  # A number that only becomes a parcel once a carrier is touched; "" for every other scan
    offer: str  # Names the scan whose parcel one touch takes in; "" when there is nothing to take in, or it was taken
    wait_s: int

    @property
    def wait_ms(self) -> int:
        return self.wait_s * 1000


def last_scan(result: ScanResult, texts: Texts, values: Mapping[str, object], *, may_change: bool) -> LastScan:
    """Describe the last scan. ``may_change``: it can still be taken back, so another carrier may be chosen too."""
    parcel, chooses = result.parcel, result.word in CHOICES
    offer = result.offer.id if result.offer and result.word in _OFFERED else ""
    of_kind = f"{'slip' if result.slip else 'scan'}.{result.word}"
    text_id = refusal_id(result.word, texts) if result.kind == "refused" else of_kind
    left = parcel is not None and parcel.state in TERMINAL_STATES and result.kind != "parcel_known"
    if parcel is not None and left:
        text_id = f"counter.state.{parcel.state.value}"
    picture = _SCAN_PICTURES.get(result.kind) or REFUSAL_PICTURES.get(result.word, "")
    if not picture:
        picture = picture_of(parcel) if parcel else ("attention" if result.kind == "refused" else "scan")
    return LastScan(
        tone="known" if offer else _TONES.get(result.kind, "plain"),
        picture=picture,
        text_id=text_id if text_id in texts else OTHER,
        values=values,
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


AT_HOME = Where("scan", HOME)
_COUNTED = ("waiting", "overdue", "returns", "open")


class CounterHome:
    def __init__(self, station: StationService, frame: CounterFrame) -> None:
        self._station, self._frame = station, frame

    def home(self, session: CounterSession) -> str:
        view = self._fresh(session, self._station.counter.state.view())
        left_ms = self._undo_ms(view)
        return self._frame.page(
            "home",
            session.person,
            AT_HOME,
            last=self._last(view, may_change=left_ms > 0),
            undo_ms=left_ms,
            undo_s=ceil(left_ms / 1000),
            consents=[consent.value for consent in Consent],
            counts=self._counts(session, view),
            check=check_due(self._station.standing),
            unconfirmed=unconfirmed_prices(self._station.county),
            camera=self._station.counter.scans.ways.request_camera_scan is not None,
            looking="camera" in request.args,
            open_first=self._tote_of(session, view),
        )

    def slip(self, session: CounterSession) -> str | AnyResponse:
        """Draw the receipt of the last scan, as long as the villagers' screen would show it."""
        last = self._station.counter.state.view().last
        left_ms = round((last.at_monotonic + SHOWN_S) * 1000) - self._station.stamp().moment.monotonic_ms if last else 0
        if last is None or last.slip is None or left_ms <= 0:
            return redirect(HOME, 303)
        card = slip_card(self._station, last.slip, left_ms)
        return self._frame.page("slip", session.person, AT_HOME, card=card)

    def code(self, session: CounterSession) -> str:
        return self._frame.page("code", session.person, AT_HOME)

    def type(self, session: CounterSession) -> str:
        return self._frame.page("type", session.person, AT_HOME)

    def _tote_of(self, session: CounterSession, view: CounterView) -> str:
        if view.handover is None:
            return ""
        tote = self._station.counter.totes.of_parcel(session, view.handover)
        return tote.number.text(TOTE) if tote else ""

    def _fresh(self, session: CounterSession, view: CounterView) -> CounterView:
        last = view.last
        if last is None or last.parcel is None:
            return view
        try:
            now = self._station.counter.shelf.parcel(session, str(last.parcel.number))
        except CounterRefused:
            return view
        return replace(view, last=replace(last, parcel=now))

    def _last(self, view: CounterView, *, may_change: bool) -> LastScan | None:
        if view.last is None:
            return None
        parcel, values = view.last.parcel, {name: bdi_code(value) for name, value in view.last.values.items()}
        if parcel is not None:
            values["time"] = bdi_code(self._frame.moment(parcel.closed_at or parcel.arrived_at) or "–")
        return last_scan(view.last, self._frame.speech.main, values, may_change=may_change)

    def _undo_ms(self, view: CounterView) -> int:
        """Return how long the shown scan can be taken back; 0 when that is over, or another scan came after it."""
        if view.undo_until is None or view.last is None or view.last.kind not in BOOKED:
            return 0
        return max(0, round(view.undo_until * 1000) - self._station.stamp().moment.monotonic_ms)

    def _counts(self, session: CounterSession, view: CounterView) -> list[tuple[str, str, int]]:
        found = self._station.counter.shelf.counts(session)
        rows = [(name, f"/counter/parcels?state={name}", parcel_count(found, name)) for name in _COUNTED]
        return [*rows, ("papers", "/counter/queue", view.pending_prints)]


def parcel_count(counts: Mapping[ParcelState, int], name: str) -> int:
    return sum(counts.get(state, 0) for state in LISTS[name])
