"""The home of the counter: what the next scan means, what the last one was, what waits; and the pads beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import ceil

from flask import request
from markupsafe import Markup

from kiosk.domain.parcel import Consent, ParcelState
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.counter.state import BOOKED, CounterView
from kiosk.store.parcels.totes import TOTE
from kiosk.texts.html import bdi_code
from kiosk.web.counter.frame import HOME, CounterFrame, Where
from kiosk.web.counter.last_scan import LastScan, last_scan
from kiosk.web.counter.parcel_acts import LISTS
from kiosk.web.shared.ports import Station
from kiosk.web.shared.scale_marks import check_due

AT_HOME = Where("scan", HOME)
_COUNTED = ("waiting", "overdue", "returns", "open")


class CounterHome:
    """Pages under the tab "scan"."""

    def __init__(self, station: Station, frame: CounterFrame) -> None:
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
            camera=self._station.counter.scans.ways.request_camera_scan is not None,
            looking="camera" in request.args,
            open_first=self._tote_of(session, view),
        )

    def code(self, session: CounterSession) -> str:
        """The six digits of a pickup code."""
        return self._frame.page("code", session.person, AT_HOME)

    def type(self, session: CounterSession) -> str:
        """A code nothing can scan any more, typed by hand."""
        return self._frame.page("type", session.person, AT_HOME)

    def _tote_of(self, session: CounterSession, view: CounterView) -> str:
        """The tote in which the parcel that is handed over lies, under its seal; "" for one on its shelf."""
        if view.handover is None:
            return ""
        tote = self._station.counter.totes.of_parcel(session, view.handover)
        return tote.number.text(TOTE) if tote else ""

    def _fresh(self, session: CounterSession, view: CounterView) -> CounterView:
        """The parcel of the last scan as it is now: it may have been handed out since."""
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
        found = last_scan(view.last, self._frame.speech.main, may_change=may_change)
        return found.with_values(self._times(view))

    def _times(self, view: CounterView) -> dict[str, Markup]:
        """When a parcel was seen here: of one that has left, when it did."""
        parcel = view.last.parcel if view.last else None
        values = {name: bdi_code(value) for name, value in view.last.values.items()} if view.last else {}
        if parcel is not None:
            values["time"] = bdi_code(self._frame.moment(parcel.closed_at or parcel.arrived_at) or "–")
        return values

    def _undo_ms(self, view: CounterView) -> int:
        """Until when the scan that is shown can be taken back; 0 when it is over, or another scan came after it."""
        if view.undo_until is None or view.last is None or view.last.kind not in BOOKED:
            return 0
        return max(0, round(view.undo_until * 1000) - self._station.stamp().moment.monotonic_ms)

    def _counts(self, session: CounterSession, view: CounterView) -> list[tuple[str, str, int]]:
        found = self._station.counter.shelf.counts(session)
        rows = [(name, f"/counter/parcels?state={name}", parcel_count(found, name)) for name in _COUNTED]
        return [*rows, ("papers", "/counter/queue", view.pending_prints)]


def parcel_count(counts: Mapping[ParcelState, int], name: str) -> int:
    """How many parcels are on a list."""
    return sum(counts.get(state, 0) for state in LISTS[name])
