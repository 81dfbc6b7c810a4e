"""The parcels of this station: found by number, with the slots and papers they get."""

from __future__ import annotations

from collections.abc import Callable

from kiosk.domain.identifiers import BadIdentifier
from kiosk.domain.parcel import ParcelNumber
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.papers.parcel import CounterPapers, Issue
from kiosk.store.parcels.parcels import Parcels
from kiosk.store.shared.records import ParcelRow, SlotAssignment, Stamp

ParcelAct = Callable[[ParcelNumber, str, Stamp], ParcelRow]  # One step in the store: parcel, actor, time


class ParcelLookup:
    """``slots`` are those of the shelves, in the order they are filled."""

    def __init__(self, station: str, parcels: Parcels, papers: CounterPapers, slots: tuple[str, ...]) -> None:
        self.parcels = parcels
        self.slots = slots
        self._station = station
        self._papers = papers

    def number(self, text: str) -> ParcelNumber:
        """The parcel number a page sent back. Raises CounterRefused: unknown_parcel, foreign_code."""
        try:
            number = ParcelNumber.parse(text)
        except BadIdentifier:
            raise CounterRefused("unknown_parcel") from None
        if not self.is_ours(number):
            raise CounterRefused("foreign_code")
        return number

    def is_ours(self, number: ParcelNumber) -> bool:
        """Whether this station gave the number."""
        return number.station == self._station

    def row(self, number: ParcelNumber) -> ParcelRow:
        """Raises CounterRefused ``unknown_parcel``."""
        with as_counter_refusals():
            row = self.parcels.by_number(number)
        if row is None:
            raise CounterRefused("unknown_parcel")
        return row

    def by_waybill(self, waybill: str) -> ParcelRow | None:
        """The newest parcel with this waybill."""
        with as_counter_refusals():
            return self.parcels.by_waybill(waybill)

    def issue(self, stamp: Stamp) -> Issue:
        """A new pickup code and its papers."""
        return Issue(self._papers, stamp)

    def fitting(self, issue: Issue) -> SlotAssignment:
        """What a parcel that stays needs."""
        return SlotAssignment(self.slots, issue.code_mac, issue.label_and_slip)
