"""The counter: everything a clerk does, beside the desk where villagers bring in produce."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from kiosk.domain.parcel import ParcelNumber
from kiosk.station.clerk.access import Access
from kiosk.station.counter.acts import Acts, PaperCount
from kiosk.station.counter.handover import Handovers, PickupCodes, PickupProofs
from kiosk.station.counter.intakes import (
    CounterCrates,
    CounterIntakes,
    IntakeLookup,
    LotCamera,
    LotShots,
    UnfinishedDesk,
    Voids,
)
from kiosk.station.counter.listings import CounterListings
from kiosk.station.counter.papers import CounterDay, MemberCards, PaperQueue
from kiosk.station.counter.parcels import (
    DamagedParcels,
    HandoverQueue,
    ParcelLookup,
    ParcelShelf,
    ParcelShots,
    ParcelSteps,
)
from kiosk.station.counter.receiving import DeliveryEnd, Receiving
from kiosk.station.counter.scan_reader import ScanReader
from kiosk.station.counter.scans import OwnCodes, Scans, ScanSources, StoredCodes
from kiosk.station.counter.state import CounterState
from kiosk.station.counter.totes import DriverTotes
from kiosk.station.desk.view import PhotoRequest
from kiosk.station.papers.parcel import CounterPapers
from kiosk.station.parcels.photos import ParcelPhotos
from kiosk.store import Store
from kiosk.store.shared.records import Stamp


class Expiry:
    """What ends because time passes: an idle session, an undo, a handover nobody came for, an intake given up."""

    def __init__(self, access: Access, desk: UnfinishedDesk, state: CounterState, line: HandoverQueue) -> None:
        self._access = access
        self._desk = desk
        self._state = state
        self._line = line

    def tick(self) -> None:
        """End what is over by now; called every few seconds."""
        self._access.expire()
        unfinished = self._desk.unfinished()
        with self._state.lock:
            left = unfinished.receipt if unfinished else ""
            if left != self._state.view().unfinished:
                self._state.change(unfinished=left)
            undo = self._state.undo
            if undo is not None and self._state.now_s() >= undo.until:
                self._state.end_undo()
            self._line.end_expired()


@dataclass(frozen=True, slots=True)
class CounterTools:
    """What the counter is given: where to keep, who works here, how to make papers and shots, whom to tell."""

    station: str
    store: Store
    access: Access
    papers: CounterPapers
    photos: ParcelPhotos
    slots: tuple[str, ...]
    undo_s: float
    stamps: Callable[[], Stamp]
    desk: UnfinishedDesk
    on_event: Callable[[], None]  # Something was committed: there may be papers to print and an event to send
    # Asked for a shot of a parcel; the state hears of it by `photo_done` or `photo_failed`.
    on_parcel_photo: Callable[[PhotoRequest, ParcelNumber], None]
    lots: LotCamera
    reader: ScanReader = field(default_factory=ScanReader)
    ways: ScanSources = field(default_factory=ScanSources)


@dataclass(frozen=True, slots=True)
class CounterParcels:
    """The parcels of the counter, by what is done with them."""

    receiving: Receiving
    deliveries: DeliveryEnd
    damaged: DamagedParcels
    shelf: ParcelShelf
    codes: PickupCodes
    proofs: PickupProofs
    handovers: Handovers
    totes: DriverTotes


@dataclass(frozen=True, slots=True)
class ClerkCounter:
    """The acts of the counter, side by side. Thread-safe: they share one lock (``Acts``) and one state.

    Every act is a clerk's, checked against the open session, and raises CounterRefused, and then has changed nothing.
    ``handovers.public_code`` alone is for everybody: it hands nothing out, it puts a parcel up for the clerk's tap.
    """

    state: CounterState
    reader: ScanReader
    scans: Scans
    parcels: CounterParcels
    intakes: CounterIntakes
    lot_shots: LotShots
    voids: Voids
    listings: CounterListings
    crates: CounterCrates
    papers: PaperQueue
    cards: MemberCards
    paper_count: PaperCount
    day: CounterDay
    expiry: Expiry

    @classmethod
    def build(cls, state: CounterState, tools: CounterTools) -> Self:
        """The whole counter over one store."""
        store, access = tools.store, tools.access
        paper_count = PaperCount(store.papers, state)
        acts = Acts(access, tools.stamps, paper_count, tools.on_event)
        intakes = IntakeLookup(tools.station, store.intakes, store.days, store.crates)
        parcels = ParcelLookup(tools.station, store.parcels, tools.papers, tools.slots)
        shots = ParcelShots(state, tools.photos, tools.on_parcel_photo)
        line = HandoverQueue(state)
        steps = ParcelSteps(acts, state, line, parcels)
        proofs = PickupProofs(parcels, tools.papers.key, store.lockouts, tools.stamps)
        receiving = Receiving(acts, state, shots, parcels, tools.undo_s)
        own_codes = OwnCodes(intakes, parcels, proofs, line, StoredCodes(store.catalogs, store.totes))
        return cls(
            state=state,
            reader=tools.reader,
            scans=Scans(tools.ways, acts, state, own_codes, receiving, parcels),
            parcels=CounterParcels(
                receiving=receiving,
                deliveries=DeliveryEnd(acts, store.deliveries),
                damaged=DamagedParcels(acts, state, steps, shots, parcels),
                shelf=ParcelShelf(acts, steps, shots, parcels),
                codes=PickupCodes(acts, state, line, parcels),
                proofs=proofs,
                handovers=Handovers(acts, steps, line, proofs, parcels),
                totes=DriverTotes(acts, steps, parcels, store, tools.papers),
            ),
            intakes=CounterIntakes(acts, state, intakes, tools.desk),
            lot_shots=LotShots(acts, state, intakes, tools.lots, store.photos),
            voids=Voids(acts, access, intakes, store.intakes),
            listings=CounterListings(acts, intakes, store.listings, store.catalogs),
            crates=CounterCrates(acts, intakes, store, tools.papers),
            papers=PaperQueue(acts, store.papers),
            cards=MemberCards(acts, store, tools.papers),
            paper_count=paper_count,
            day=CounterDay(acts, store.days, tools.papers),
            expiry=Expiry(access, tools.desk, state, line),
        )
