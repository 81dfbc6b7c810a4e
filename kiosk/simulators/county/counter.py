"""The counter of one village: what its people do, each act by the store's own steps."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files
from random import Random
from typing import Final, cast

from kiosk.domain.catalog import Catalog, Member
from kiosk.domain.events import BackupMade, IntakeConfirmed
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.intake import AbandonReason, ConfirmedIntake, Intake, TareSource, Weighing
from kiosk.domain.metrology.legal_status import CheckState, ScaleLegalStatus, Verification
from kiosk.domain.metrology.pan import Hold
from kiosk.domain.metrology.pan_journal import LoadLeftNote, UnbookedWhy
from kiosk.domain.moment import Moment
from kiosk.domain.parcel import WAITING_STATES, CollectedBy, Consent, ParcelNumber, ParcelState, Proof
from kiosk.domain.trade import Certificate, CertificateKind, NoCertificateReason, Party
from kiosk.domain.void import Void, VoidReason
from kiosk.messaging.contract.catalog.file import parse_catalog
from kiosk.simulators.camera.simulator import SCENES
from kiosk.simulators.county.plan import StationAct
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.store import ConfirmedRow, Stamp, Store, StoreRefusal
from kiosk.store.shared.records import Arrival, HandoverProof, NewCheck, SlotAssignment

CLERK, OTHER_CLERK = "clerk:01", "clerk:02"
_MEMBERS: Final = 40
_SORTS: Final = 4  # So many kinds of goods grow around one village
_CHECK_WEIGHT_G, _ALLOWED_G = 5_000, 10
_TOO_MUCH_G: Final = 10_000
_PARCELS: Final = ParcelSettings()
_CARRIERS: Final = (("SF", "SF1"), ("YTO", "YT7"), ("JD", "JD01"))
_CERTIFICATES: Final = (
    Certificate(CertificateKind.PRODUCER, "HGZ-2026-0117"),
    Certificate(CertificateKind.COOPERATIVE, "HZS-0042"),
    Certificate(CertificateKind.NONE, None, NoCertificateReason.SMALL_GROWER),
    Certificate(CertificateKind.NONE, None, NoCertificateReason.NOT_PRESENTED),
)
_HOW_MANY: Final = (6, 2, 3, 1)
_RESTED_MS, _READINGS = 1200, 12


def catalog_of(station: str) -> Catalog:
    """Build the sample catalog with more goods and this village's members, without goods no scene shows."""
    sources = (files("kiosk.catalogs").joinpath("yarkant.toml"), files(__package__).joinpath("goods.toml"))
    first = int(station[1:]) % 1000 * _MEMBERS
    members = [f"{first + number:05d}" for number in range(1, _MEMBERS + 1)]
    county = parse_catalog(b"\n".join(source.read_bytes() for source in sources), "county")
    return replace(
        county,
        products=tuple(row for row in county.products if row.code.lower() in SCENES),
        prices=tuple(row for row in county.prices if row.product.lower() in SCENES),
        members=tuple(Member(f"M-{digits}", digits) for digits in members),
    )


class VillageCounter:
    """What happens is drawn from ``random``; the parts of one village that stay are drawn from its name."""

    def __init__(self, store: Store, station: str, seed: int) -> None:
        self._store, self._station = store, station
        self._version, self._catalog = store.catalogs.get()
        village = Random(f"{seed} goods {station}")  # noqa: S311  a simulator
        grown = set(village.sample([product.code for product in self._catalog.products], _SORTS))
        self._prices = [price for price in self._catalog.prices if price.product in grown]
        self._containers = [container for container in self._catalog.containers if not container.weighed]
        self._serial_no = f"XK{village.randrange(10**6):06d}"
        self._verification = village.choices([Verification.VALID, Verification.EXPIRED], [19, 1])[0]
        self._check, self._counters = CheckState.LATE, store.counters.read()
        self._readings = self._loads = 0

    def do(self, act: StationAct, random: Random, stamp: Stamp) -> None:
        """Do one act. Raises StoreError; skip what is impossible now, such as a handover without a parcel."""
        acts: Mapping[StationAct, Callable[[Random, Stamp], None]] = {
            StationAct.CHECK: self._check_weight,
            StationAct.TRUCK: self._truck,
            StationAct.INTAKE: self._intake,
            StationAct.LEAVE: self._leave,
            StationAct.VOID: self._void,
            StationAct.HANDOVER: self._hand_over,
            StationAct.UNBOOKED: self._unbooked,
            StationAct.SWEEP: self._sweep,
            StationAct.CLOSE: self._close,
            StationAct.CONTRADICT: self._contradict,
            StationAct.VOID_LATE: self._void_late,
        }
        acts[act](random, stamp)

    def _check_weight(self, random: Random, stamp: Stamp) -> None:
        grams = _CHECK_WEIGHT_G + random.choices([0, 5, 20], [15, 4, 1])[0]
        hold = Hold(grams, *self._next_load(), _RESTED_MS, _READINGS)
        row = self._store.checks.add(NewCheck(_CHECK_WEIGHT_G, _ALLOWED_G, hold, CLERK), stamp)
        self._check = CheckState.PASSED if row.passed else CheckState.FAILED

    def _truck(self, random: Random, stamp: Stamp) -> None:
        for row in self._store.parcels.in_states({ParcelState.RETURN_DUE}):
            self._store.parcels.give_back(row.number, CLERK, stamp)
        for _ in range(random.randint(1, 5)):
            carrier, begins = random.choice(_CARRIERS)
            waybill = f"{begins}{random.randrange(10**12):012d}"
            arrival = Arrival(waybill, carrier, Consent.CARRIER_ORDER_FLAG, False, CLERK)
            code = lambda number: _mac(number)  # noqa: E731
            self._store.parcels.arrive(arrival, SlotAssignment(_PARCELS.slots, code, lambda row: ()), stamp)

    def _hand_over(self, random: Random, stamp: Stamp) -> None:
        waiting = self._store.parcels.in_states(WAITING_STATES, limit=8)
        if waiting:
            number = random.choice(waiting).number
            proof = HandoverProof(Proof.CODE, CollectedBy.SELF, _mac(number), None, CLERK)
            self._store.parcels.collect(number, proof, stamp)

    def _sweep(self, random: Random, stamp: Stamp) -> None:
        overdue, back = (_before(stamp.moment, days) for days in (_PARCELS.overdue_days, _PARCELS.return_days))
        self._store.parcels.sweep(overdue, back, stamp)

    def _intake(self, random: Random, stamp: Stamp) -> None:
        self._confirm(self._agreed(random, stamp), stamp)

    def _agreed(self, random: Random, stamp: Stamp) -> ConfirmedIntake:
        intake = self._weighed(self._opened(random, stamp), random)
        scale = ScaleLegalStatus(True, self._check, self._verification, self._counters, self._serial_no)
        return intake.confirm(random.choices(_CERTIFICATES, _HOW_MANY)[0], scale)

    def _confirm(self, confirmed: ConfirmedIntake, stamp: Stamp) -> ConfirmedRow:
        return self._store.intakes.confirm(confirmed, f"county-{confirmed.intake.receipt}", lambda head: (), stamp)

    def _contradict(self, random: Random, stamp: Stamp) -> None:
        """Confirm a receipt, then journal it once more with a net weight that is not gross minus tare, bypassing the
        tables, as no real station does. Tables and journal now differ, so the day cannot be closed any more.
        """
        confirmed = self._agreed(random, stamp)
        self._confirm(confirmed, stamp)
        event = IntakeConfirmed.of(confirmed, stamp.metrology)
        self._store.journal.append(cast(BackupMade, replace(event, net_g=event.net_g + _TOO_MUCH_G)), stamp)

    def _leave(self, random: Random, stamp: Stamp) -> None:
        why = random.choice([AbandonReason.LEFT, AbandonReason.IDLE])
        self._store.intakes.abandon(self._opened(random, stamp).receipt, "opened", why, stamp)

    def _void(self, random: Random, stamp: Stamp) -> None:
        self._void_one_of(self._store.days.intakes(limit=5), random, stamp)

    def _void_late(self, random: Random, stamp: Stamp) -> None:
        self._void_one_of(self._store.intakes.recent(5), random, stamp)

    def _void_one_of(self, booked: Iterable[ConfirmedRow], random: Random, stamp: Stamp) -> None:
        rows = [row for row in booked if not row.voided]
        if rows:
            receipt = ReceiptNumber.parse(random.choice(rows).receipt)
            self._store.intakes.void(Void(receipt, random.choice(list(VoidReason)), CLERK, OTHER_CLERK), stamp)

    def _unbooked(self, random: Random, stamp: Stamp) -> None:
        why = random.choice([UnbookedWhy.NO_INTAKE, UnbookedWhy.NOT_AGREED, UnbookedWhy.FAULT])
        left = LoadLeftNote(random.randrange(500, 40_000, 5), why, random.randrange(1_000, 60_000))
        self._store.pan_loads.note(left, stamp)

    def _close(self, random: Random, stamp: Stamp) -> None:
        with suppress(StoreRefusal):
            self._store.days.close(CLERK, lambda totals, head: (), stamp)

    def _opened(self, random: Random, stamp: Stamp) -> Intake:
        price = random.choice(self._prices)
        member = random.choice(self._catalog.members).number if random.random() < 0.7 else None
        goods = (Party(member), price.product, price.mode, self._version, price.fen_per_kg)
        return self._store.intakes.open(lambda receipt: Intake(receipt, *goods), stamp)

    def _weighed(self, intake: Intake, random: Random) -> Intake:
        """Add one to four bags of 2 to 48 kg, in steps of 5 g as most scales show them."""
        container = random.choice(self._containers)
        for _ in range(random.randint(1, 4)):
            weighing = Weighing(random.randrange(2_500, 48_000, 5), *self._next_load(), _RESTED_MS, _READINGS)
            intake = intake.with_bag(weighing, container.code, TareSource.PRESET, container.tare_g)
        return intake

    def _next_load(self) -> tuple[int, int]:
        self._readings, self._loads = self._readings + 20, self._loads + 1
        return self._readings, self._loads


def _mac(number: ParcelNumber) -> bytes:
    """Return a substitute for the keyed hash of a pickup code: an invented village has no key."""
    return hashlib.sha256(str(number).encode()).digest()


def _before(moment: Moment, days: int) -> str:
    return replace(moment, utc=moment.utc - timedelta(days=days)).timestamp
