"""Parcels out: one at a time, by a pickup code or a named proxy, and always by a clerk's tap.

The law knows no "collected" without somebody who collects (express market rules, in force 2024-03-01): nothing here
hands out more than one parcel, and nothing does it by itself.
"""

from __future__ import annotations

from dataclasses import replace

from kiosk.domain.clerk import BadClerk
from kiosk.domain.parcel import CollectedBy, ParcelNumber, Proof
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.people import Person, clean_person_name
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.counter.parcels.handover_queue import Handover, HandoverQueue
from kiosk.station.counter.parcels.parcel_lookup import ParcelLookup
from kiosk.station.counter.parcels.proofs import PickupProofs
from kiosk.station.counter.parcels.steps import ParcelSteps
from kiosk.station.counter.shared.acts import Acts
from kiosk.store.shared.records import HandoverProof, ParcelRow, Stamp


class Handovers:
    """From the shelf to the villager."""

    def __init__(
        self, acts: Acts, steps: ParcelSteps, line: HandoverQueue, proofs: PickupProofs, book: ParcelLookup
    ) -> None:
        self._acts = acts
        self._steps = steps
        self._line = line
        self._proofs = proofs
        self._book = book

    def collect_by_code(self, session: CounterSession, code: str) -> ParcelRow:
        """The clerk typed a villager's six digits: that one parcel is handed out."""
        with self._acts.act(session) as (person, stamp):
            handover = self._proofs.code(code)
            return self._collect(handover.parcel.number, _by_code(handover, person), stamp)

    def confirm(self, session: CounterSession, number: str) -> ParcelRow:
        """A parcel that is up is in the villager's hand. Raises CounterRefused ``stale_page`` for any other one."""
        with self._acts.act(session) as (person, stamp):
            parcel = self._book.number(number)
            handover = self._line.find(parcel)
            if handover is None:
                raise CounterRefused("stale_page")
            return self._collect(parcel, _by_code(handover, person), stamp)

    def dismiss(self, session: CounterSession, number: str) -> None:
        """The parcel that is up is not handed out; its code stays good."""
        with self._acts.act(session):
            self._line.forget(self._book.number(number))

    def collect_by_proxy(self, session: CounterSession, number: str, name: str) -> ParcelRow:
        """Somebody the clerk knows takes it for its addressee. Raises CounterRefused: proxy_needs_name."""
        with self._acts.act(session) as (person, stamp):
            try:
                proxy = clean_person_name(name)
            except BadClerk:
                raise CounterRefused("proxy_needs_name") from None
            proof = HandoverProof(Proof.PROXY, CollectedBy.PROXY, None, proxy, person.actor)
            return self._collect(self._book.number(number), proof, stamp)

    def public_code(self, text: str) -> ParcelRow:
        """A villager shows six digits, or the slip under the scanner. Puts the parcel up at the counter; while no
        clerk is there, in place of that of the villager before.

        The row is masked: the last four characters of the waybill, no telephone digits. Raises CounterRefused:
        line_full, and what a proof raises.
        """
        with self._acts.lock, as_counter_refusals():
            row = self._line.put_up(replace(self._proofs.prove(text), called=not self._acts.is_clerk_present()))
        return replace(row, waybill=row.waybill[-4:], phone_last4=None)

    def end_call(self) -> None:
        """Nobody is at the public screen any more: a clerk who was called need not come, one who came keeps all."""
        with self._acts.lock:
            if not self._acts.is_clerk_present():
                self._line.end_call()

    def put_up(self, session: CounterSession, code: str) -> ParcelRow:
        """The clerk typed a villager's six digits: that parcel is up before those that wait. Raises as above."""
        with self._acts.act(session):
            return self._line.put_up(self._proofs.code(code), first=True)

    def _collect(self, number: ParcelNumber, proof: HandoverProof, stamp: Stamp) -> ParcelRow:
        row = self._book.parcels.collect(number, proof, stamp)
        self._steps.after_move(number)
        return row


def _by_code(handover: Handover, person: Person) -> HandoverProof:
    return HandoverProof(Proof.CODE, CollectedBy.SELF, handover.mac, None, person.actor)
