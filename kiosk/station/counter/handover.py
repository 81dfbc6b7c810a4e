"""Parcels out: one at a time, by a pickup code or a named proxy, and always by a clerk's tap.

By law there is no "collected" without a person who collects (express market rules, in force 2024-03-01): nothing here
hands out more than one parcel, and nothing hands out by itself.

``HandoverQueue`` in ``parcels.py`` holds the parcels that are proven and wait for the tap; ``GuessLimit`` in
``kiosk/station/clerk/guess_limit.py`` limits wrong codes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kiosk.domain.clerk import BadClerk
from kiosk.domain.identifiers import CODE_PREFIX, BadIdentifier, parse_internal_code
from kiosk.domain.parcel import (
    TERMINAL_STATES,
    BadPickupCode,
    CollectedBy,
    ParcelNumber,
    ParcelState,
    Proof,
    check_pickup_code,
    read_slip,
)
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.guess_limit import PICKUP_CODE, GuessLimit
from kiosk.station.clerk.pin_hash import clean_person_name
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.counter.parcels import HANDOVER_S, Handover, ParcelLookup, ParcelSteps
from kiosk.station.counter.state import FreshCode
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.store.lockouts import Lockouts
from kiosk.store.shared.records import HandoverProof, NewCode, ParcelRow, Stamp


class PickupProofs:
    def __init__(self, book: ParcelLookup, key: PickupKey, lockouts: Lockouts, stamps: Callable[[], Stamp]) -> None:
        self._book, self._key, self._stamps = book, key, stamps
        self.guess_limit = GuessLimit(PICKUP_CODE, lockouts, stamps)

    def prove(self, text: str) -> Handover:
        """Check six digits, or the text of a slip. Raises CounterRefused: wrong_code, code_locked, no_key; for a slip
        also unknown_code, foreign_code, collected, parcel_gone.
        """
        return self._slip(text) if text.startswith(CODE_PREFIX) else self.code(text)

    def code(self, code: str, number: ParcelNumber | None = None) -> Handover:
        """Find the waiting parcel of a code, and of this number when a slip names one; a wrong code counts as a guess.
        A slip of a parcel that has left is no guess: that parcel has no code, so none can be tried with it.
        """
        try:
            mac = self._key.mac(check_pickup_code(code))
        except BadPickupCode:
            raise CounterRefused("wrong_code") from None

        def holder() -> ParcelRow | None:
            parcels = self._book.parcels
            with as_counter_refusals():
                row = parcels.by_mac(mac)
                named = parcels.by_number(number) if number is not None else None
            if named is not None and named.state in TERMINAL_STATES:
                raise CounterRefused("collected" if named.state is ParcelState.COLLECTED else "parcel_gone")
            return row if row is not None and number in (None, row.number) else None

        parcel = self.guess_limit.guess(holder)
        return Handover(parcel, mac, self._stamps().moment.monotonic_ms / 1000 + HANDOVER_S)

    def _slip(self, text: str) -> Handover:
        try:
            number, code = read_slip(parse_internal_code(text))
        except BadIdentifier:
            raise CounterRefused("unknown_code") from None
        if not self._book.is_ours(number):
            raise CounterRefused("foreign_code")
        return self.code(code, number)


class Handovers:
    def __init__(self, steps: ParcelSteps, proofs: PickupProofs) -> None:
        self._acts, self._line, self._book = steps.acts, steps.line, steps.book
        self._steps, self._proofs = steps, proofs

    def confirm(self, session: CounterSession, number: str) -> ParcelRow:
        """Book a parcel that is put up as collected. Raises CounterRefused ``stale_page`` for any other."""
        with self._acts.act(session) as (person, stamp):
            parcel = self._book.number(number)
            handover = self._line.find(parcel)
            if handover is None:
                raise CounterRefused("stale_page")
            proof = HandoverProof(Proof.CODE, CollectedBy.SELF, handover.mac, None, person.actor)
            return self._collect(parcel, proof, stamp)

    def dismiss(self, session: CounterSession, number: str) -> None:
        """Take down a parcel that is put up without handing it out; its code stays valid."""
        with self._acts.act(session):
            self._line.forget(self._book.number(number))

    def collect_by_proxy(self, session: CounterSession, number: str, name: str) -> ParcelRow:
        """Hand the parcel to a person the clerk knows, for its addressee. Raises CounterRefused: proxy_needs_name."""
        with self._acts.act(session) as (person, stamp):
            try:
                proxy = clean_person_name(name)
            except BadClerk:
                raise CounterRefused("proxy_needs_name") from None
            proof = HandoverProof(Proof.PROXY, CollectedBy.PROXY, None, proxy, person.actor)
            return self._collect(self._book.number(number), proof, stamp)

    def public_code(self, text: str) -> ParcelRow:
        """Put up the parcel of the six digits or the slip that a villager shows; while no clerk is present, in place of
        the previous villager's. The row is masked: the last four characters of the waybill, no telephone digits. Raises
        CounterRefused: line_full, and what a proof raises.
        """
        with self._acts.lock, as_counter_refusals():
            row = self._line.put_up(replace(self._proofs.prove(text), called=not self._acts.is_clerk_present()))
        return replace(row, waybill=row.waybill[-4:], phone_last4=None)

    def end_call(self) -> None:
        """End the call of a villager who left the public screen; when a clerk is present already, nothing changes."""
        with self._acts.lock:
            if not self._acts.is_clerk_present():
                self._line.end_call()

    def put_up(self, session: CounterSession, code: str) -> ParcelRow:
        """Put up the parcel of the six digits the clerk typed, before those that wait. Raises as above."""
        with self._acts.act(session):
            return self._line.put_up(self._proofs.code(code), first=True)

    def _collect(self, number: ParcelNumber, proof: HandoverProof, stamp: Stamp) -> ParcelRow:
        row = self._book.parcels.collect(number, proof, stamp)
        self._steps.after_move(number)
        return row


class PickupCodes:
    """The code of a parcel is stored nowhere: only the newest one can be shown, once."""

    def __init__(self, steps: ParcelSteps) -> None:
        self._acts, self._state, self._line, self._book = steps.acts, steps.state, steps.line, steps.book

    def reissue(self, session: CounterSession, number: str) -> ParcelRow:
        with self._acts.act(session) as (person, stamp):
            issue = self._book.issue(stamp)
            parcel = self._book.number(number)
            row = self._book.parcels.reissue_code(parcel, NewCode(issue.code_mac, issue.slip), person.actor, stamp)
            self._line.forget(row.number)
            self._state.fresh = FreshCode(row.number, issue.code)
            self._acts.notify_committed()
            return row

    def is_fresh(self, number: ParcelNumber) -> bool:
        fresh = self._state.fresh
        return fresh is not None and fresh.number == number

    def show(self, session: CounterSession, number: str) -> str:
        """Return the six digits issued last, once: for a station without a printer for slips. Raises CounterRefused
        ``reissue`` when they are another parcel's, were shown, or the session ended since.
        """
        with self._acts.act(session), self._state.lock:
            fresh = self._state.fresh
            if fresh is None or fresh.number != self._book.number(number):
                raise CounterRefused("reissue")
            self._state.fresh = None
            return fresh.code
