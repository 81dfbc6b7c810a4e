"""A demo station's data after some days of work: people with PINs, a truck on its way, parcels on the shelf.

Everything is written by the station's own code before the station starts, with the stamp of a clock set to that past
time: the events and the chain of the parcel that waits too long state that it came in days ago. No row is changed
afterwards. PINs and pickup codes are new with every start and are kept in memory alone.
"""

from __future__ import annotations

import os
import secrets
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from kiosk.domain.clerk import PIN_DIGITS, BadPin, Role, check_pin
from kiosk.domain.parcel import WAITING_STATES, ParcelNumber, ParcelState
from kiosk.protocols.barcodes.waybills import identify
from kiosk.simulators.shared.processes import StartFailed
from kiosk.station.clerk.pin_hash import add_person, hash_pin
from kiosk.station.papers.papers import LABEL_PRINTER, RECEIPT_PRINTER
from kiosk.station.papers.parcel import CounterPapers, Issue
from kiosk.station.parcels.expected_file import parse_expected
from kiosk.station.parcels.photos import ParcelPhotos
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.station.parcels.sweeper import ParcelSweep
from kiosk.station.shared.clock import StationClock, software_id
from kiosk.station.shared.settings import StationSettings
from kiosk.station.shared.signing import StationSigning
from kiosk.store import Stamp, Store, StoreError
from kiosk.store.database.opening import OpenOptions
from kiosk.store.shared.records import Arrival, ExpectedParcel, NewCode, ParcelRow, SlotAssignment

# Two clerks, for what needs two; the technician looks after the box.
PEOPLE: Final = (("Patigul", Role.CLERK), ("Wang Li", Role.CLERK), ("Memet", Role.TECHNICIAN))
DELIVERY: Final = "delivery.csv"  # The list of the truck, as `kiosk parcels expect` reads it, in the folder of the demo
MAX_SLIPS: Final = 4  # Waiting parcels the bench holds a slip of, those that came first
# Carrier and age: the first one waits longer than the three days that people were requested to let a parcel wait.
_CAME_IN: Final = (("SF", timedelta(days=4, hours=2)), ("YTO", timedelta(days=1, hours=3)), ("JD", timedelta(hours=20)))
_ON_THE_TRUCK: Final = ("SF", "YTO", "SF", "YTO")
_NOT_LISTED: Final = ("YTO", "JD", "YUNDA")
# How a carrier's numbers begin and how many digits follow. Those of YUNDA here may be others' as well.
_LOOKS: Final = {"SF": ("SF1", 12), "YTO": ("YT7", 12), "JD": ("JD01", 11), "YUNDA": ("43", 13)}


@dataclass(frozen=True, slots=True)
class DemoWorker:
    """A worker of the demo, with the PIN of this start."""

    number: str
    name: str
    role: Role
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DemoPickupSlip:
    """What the addressee of a waiting parcel holds: six digits, and the bar code with them in it."""

    parcel: ParcelRow = field(repr=False)
    code: str = field(repr=False)

    @property
    def text(self) -> str:
        return self.parcel.number.slip_code(self.code)

    @property
    def overdue(self) -> bool:
        return self.parcel.state is ParcelState.OVERDUE


@dataclass(frozen=True, slots=True)
class CounterStock:
    """What the bench shows of the counter: ``unknown`` are waybills that were not announced."""

    people: tuple[DemoWorker, ...]
    expected: tuple[ExpectedParcel, ...] = field(repr=False)
    unknown: tuple[str, ...] = field(repr=False)
    slips: tuple[DemoPickupSlip, ...] = field(repr=False)


def stock_counter(settings: StationSettings, clock: StationClock) -> CounterStock:
    """Fill the station's database before the station starts; what is there already is kept, and gets new codes.

    Raises StartFailed when the database cannot be used, OSError for the list of the truck.
    """
    try:
        return _Stocking(settings, clock).run()
    except StoreError as error:
        raise StartFailed(f"the counter of the demo cannot be set up: {error}") from error


class _Stocking:
    def __init__(self, settings: StationSettings, clock: StationClock) -> None:
        self._settings = settings
        self._clock = clock
        # An earlier day had another boot, and then a time server: without one no parcel is ever called overdue.
        now = clock.wall()
        self._earlier = replace(clock, boot_id=str(uuid.uuid4()), wall=lambda: now, synced=lambda: True)
        self._software = software_id()
        self._signing = StationSigning(settings.data)
        self._parcels = ParcelSettings()
        key = PickupKey.load(self._parcels, settings.data, os.environ)
        self._key_there, self._pins = key.present, key.pins()
        self._papers = CounterPapers(settings, self._parcels, key, (LABEL_PRINTER, RECEIPT_PRINTER))
        self._codes: dict[ParcelNumber, str] = {}

    def run(self) -> CounterStock:
        new = not self._settings.database.exists()
        began = self._ago(_CAME_IN[0][1]) if new else self._now()
        with closing(
            Store.open(self._settings.database, self._settings.station, began, OpenOptions(stamps=self._now))
        ) as store:
            self._signing.start(store, lambda: began)
            people = self._employ(store, began) if self._key_there else ()
            if new and self._key_there:
                self._past(store, people[0])
            return CounterStock(
                people,
                self._announce(store),
                tuple(_unused(store, carrier) for carrier in _NOT_LISTED),
                self._slips(store, people[0]) if self._key_there else (),
            )

    def _employ(self, store: Store, stamp: Stamp) -> tuple[DemoWorker, ...]:
        here = {(row.name, row.role): row.number for row in store.clerks.everyone()}
        workers = []
        for name, role in PEOPLE:
            pin, number = new_pin(), here.get((name, role))
            pin_hash = hash_pin(self._pins, pin)
            if number is None:
                number = add_person(store.clerks, name, role, pin_hash, stamp).number
            else:
                store.clerks.set_pin(number, pin_hash, stamp)
            workers.append(DemoWorker(number, name, role, pin))
        return tuple(workers)

    def _past(self, store: Store, clerk: DemoWorker) -> None:
        """Record the days before: parcels came in, and a sweep found the one that waits too long."""
        for carrier, age in _CAME_IN:
            self._arrive(store, carrier, clerk, self._ago(age))
        stamps = lambda: self._ago(timedelta())  # noqa: E731 - the clock of the sweeper
        photos = ParcelPhotos(self._settings.data / "parcel-photos")
        ParcelSweep(store, photos, self._parcels, stamps, lambda: None).sweep()

    def _arrive(self, store: Store, carrier: str, clerk: DemoWorker, stamp: Stamp) -> None:
        issue = Issue(self._papers, stamp)
        arrival = Arrival(_unused(store, carrier), carrier, self._parcels.consent, False, f"clerk:{clerk.number}")
        row = store.parcels.arrive(
            arrival, SlotAssignment(self._parcels.slots, issue.code_mac, issue.label_and_slip), stamp
        )
        self._codes[row.number] = issue.code

    def _announce(self, store: Store) -> tuple[ExpectedParcel, ...]:
        """Announce a truck's list: parcels still on their way from an earlier one, filled up to its length."""
        coming = [
            ExpectedParcel(row.waybill, row.carrier, row.phone_last4)
            for row in store.parcels.in_states({ParcelState.EXPECTED}, limit=len(_ON_THE_TRUCK))
        ]
        for carrier in _ON_THE_TRUCK[len(coming) :]:
            coming.append(ExpectedParcel(_unused(store, carrier), carrier, f"{secrets.randbelow(10_000):04d}"))
        lines = [f"{row.waybill},{row.carrier},{row.phone_last4 or ''}\n" for row in coming]
        text = "waybill,carrier,phone_last4\n" + "".join(lines)
        path = self._settings.data.parent / DELIVERY
        path.write_text(text, encoding="utf-8")
        store.deliveries.expect(parse_expected(path.read_bytes(), path.name), self._now())
        return tuple(coming)

    def _slips(self, store: Store, clerk: DemoWorker) -> tuple[DemoPickupSlip, ...]:
        """Return slips of waiting parcels, with new digits after a restart: old ones are not stored."""
        if not store.parcels.in_states(WAITING_STATES, limit=1):
            self._arrive(store, _CAME_IN[0][0], clerk, self._now())
        for row in store.parcels.in_states(WAITING_STATES, limit=MAX_SLIPS):
            if row.number not in self._codes:
                stamp = self._now()
                issue = Issue(self._papers, stamp)
                store.parcels.reissue_code(
                    row.number, NewCode(issue.code_mac, issue.slip), f"clerk:{clerk.number}", stamp
                )
                self._codes[row.number] = issue.code
        rows = store.parcels.in_states(WAITING_STATES, limit=MAX_SLIPS)
        return tuple(DemoPickupSlip(row, self._codes[row.number]) for row in rows)

    def _now(self) -> Stamp:
        return self._stamp(self._clock)

    def _ago(self, age: timedelta) -> Stamp:
        then = self._earlier.wall() - age.total_seconds()
        return self._stamp(replace(self._earlier, wall=lambda: then))

    def _stamp(self, clock: StationClock) -> Stamp:
        return Stamp(clock.now(), self._software, self._settings.region, sign=self._signing.sign)


def new_pin(below: Callable[[int], int] = secrets.randbelow) -> str:
    """Draw six unpredictable digits, none of the easy ones."""
    while True:
        try:
            return check_pin(f"{below(10**PIN_DIGITS):0{PIN_DIGITS}d}")
        except BadPin:
            continue


def _unused(store: Store, carrier: str) -> str:
    """Draw a waybill of this carrier that is not in this station's database."""
    start, digits = _LOOKS[carrier]
    while True:
        waybill = f"{start}{secrets.randbelow(10**digits):0{digits}d}"
        found = identify(waybill)
        if found.accept and found.candidates[0] == carrier and store.parcels.by_waybill(waybill) is None:
            return waybill
