"""The counter: everything a clerk does, beside the desk where villagers bring in produce."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kiosk.domain.parcel import ParcelNumber
from kiosk.station.clerk.access import Access
from kiosk.station.counter.acts import Acts, PaperCount
from kiosk.station.counter.handover import Handovers, PickupCodes, PickupProofs
from kiosk.station.counter.intakes import (
    CounterCrates,
    CounterIntakes,
    IntakeLookup,
    LotShots,
    Voids,
)
from kiosk.station.counter.listings import CounterListings
from kiosk.station.counter.members import MemberReceipts
from kiosk.station.counter.papers import CounterDay, MemberCards, PaperQueue
from kiosk.station.counter.parcels import (
    DriverTotes,
    HandoverQueue,
    ParcelLookup,
    ParcelShelf,
    ParcelShots,
    ParcelSteps,
)
from kiosk.station.counter.receiving import Receiving
from kiosk.station.counter.scans import OwnCodes, ScanReader, Scans, ScanSources, StoredCodes
from kiosk.station.counter.state import CounterState
from kiosk.station.desk.intake_exit import IntakeExit
from kiosk.station.desk.view import PhotoRequest
from kiosk.station.papers.parcel import CounterPapers
from kiosk.station.parcels.photos import ParcelPhotos
from kiosk.station.photos.photographer import LotCamera
from kiosk.store import Store
from kiosk.store.shared.records import Stamp


@dataclass(frozen=True, slots=True)
class CounterTools:
    station: str
    store: Store
    access: Access
    papers: CounterPapers
    photos: ParcelPhotos
    slots: tuple[str, ...]
    undo_s: float
    stamps: Callable[[], Stamp]
    desk: IntakeExit
    on_event: Callable[[], None]  # Something was committed: there may be papers to print and an event to send
    # Requests a shot of a parcel; the state gets the result by `photo_done` or `photo_failed`.
    on_parcel_photo: Callable[[PhotoRequest, ParcelNumber], None]
    lots: LotCamera
    reader: ScanReader = field(default_factory=ScanReader)
    ways: ScanSources = field(default_factory=ScanSources)


class ClerkCounter:
    """The acts of the counter, thread-safe: one lock (``Acts``) and one state. Every act is a clerk's, checked against
    the open session; when it raises CounterRefused nothing has changed. Public are ``handovers.public_code``, which
    only puts a parcel up for the clerk's tap, and what ``members`` shows to a proven member.
    """

    def __init__(self, state: CounterState, tools: CounterTools) -> None:
        store, access, papers = tools.store, tools.access, tools.papers
        self.state, self.reader = state, tools.reader
        self.paper_count = PaperCount(store.papers, state)
        acts = Acts(access, tools.stamps, self.paper_count, tools.on_event)
        intakes = IntakeLookup(tools.station, store.intakes, store.days, store.crates)
        parcels = ParcelLookup(tools.station, store.parcels, papers, tools.slots)
        shots, line = ParcelShots(state, tools.photos, tools.on_parcel_photo), HandoverQueue(state)
        steps = ParcelSteps(acts, state, line, parcels)
        self.proofs = PickupProofs(parcels, papers.key, store.lockouts, tools.stamps)
        self.receiving = Receiving(acts, state, shots, parcels, tools.undo_s)
        self.shelf = ParcelShelf(steps, shots, store.deliveries)
        self.codes = PickupCodes(steps)
        self.handovers = Handovers(steps, self.proofs)
        self.totes = DriverTotes(steps, store, papers)
        own_codes = OwnCodes(intakes, parcels, self.proofs, line, StoredCodes(store.catalogs, store.totes))
        self.scans = Scans(tools.ways, acts, state, own_codes, self.receiving)
        self.intakes = CounterIntakes(acts, state, intakes, tools.desk)
        self.lot_shots = LotShots(acts, state, intakes, tools.lots, store.photos)
        self.voids = Voids(acts, access, intakes, store.intakes)
        self.listings = CounterListings(acts, intakes, store.listings, store.catalogs)
        self.crates = CounterCrates(acts, intakes, store, papers)
        self.papers = PaperQueue(acts, store.papers)
        self.cards = MemberCards(acts, store, papers)
        self.members = MemberReceipts(acts, store, papers, self.proofs.guess_limit)
        self.day = CounterDay(acts, store.days, papers)
        self._access, self._desk, self._line = access, tools.desk, line

    def tick(self) -> None:
        """End what has timed out: an idle session, an undo, a handover that was not fetched, an unfinished intake."""
        self._access.expire()
        unfinished = self._desk.unfinished()
        with self.state.lock:
            left = unfinished.receipt if unfinished else ""
            if left != self.state.view().unfinished:
                self.state.change(unfinished=left)
            undo = self.state.undo
            if undo is not None and self.state.now_s() >= undo.until:
                self.state.end_undo()
            self._line.end_expired()
