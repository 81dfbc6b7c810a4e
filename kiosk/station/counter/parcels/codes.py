"""New pickup codes for parcels that wait, and the one look at a code that no printer could print."""

from __future__ import annotations

from kiosk.domain.parcel import ParcelNumber
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.counter.parcels.handover_queue import HandoverQueue
from kiosk.station.counter.parcels.parcel_lookup import ParcelLookup
from kiosk.station.counter.shared.acts import Acts
from kiosk.station.counter.shared.state import CounterState, FreshCode
from kiosk.store.shared.records import NewCode, ParcelRow


class PickupCodes:
    """The code of a parcel stands nowhere: the newest one alone can be shown, once."""

    def __init__(self, acts: Acts, state: CounterState, line: HandoverQueue, book: ParcelLookup) -> None:
        self._acts = acts
        self._state = state
        self._line = line
        self._book = book

    def reissue(self, session: CounterSession, number: str) -> ParcelRow:
        """A new code on a new slip; the old one is worth nothing from now on. Raises CounterRefused: no_key."""
        with self._acts.act(session) as (person, stamp):
            issue = self._book.issue(stamp)
            parcel = self._book.number(number)
            row = self._book.parcels.reissue_code(parcel, NewCode(issue.code_mac, issue.slip), person.actor, stamp)
            self._line.forget(row.number)
            self._state.fresh = FreshCode(row.number, issue.code)
            self._acts.notify_committed()
            return row

    def is_fresh(self, number: ParcelNumber) -> bool:
        """Whether ``show`` would show this parcel's code."""
        fresh = self._state.fresh
        return fresh is not None and fresh.number == number

    def show(self, session: CounterSession, number: str) -> str:
        """The six digits that were issued last, once: for a station without a printer for slips.

        Raises CounterRefused ``reissue`` when it is another parcel's, was shown, or the session ended since.
        """
        with self._acts.act(session), self._state.lock:
            fresh = self._state.fresh
            if fresh is None or fresh.number != self._book.number(number):
                raise CounterRefused("reissue")
            self._state.fresh = None
            return fresh.code
