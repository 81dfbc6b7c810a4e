"""One station of the fleet: its card, its store, and the clock it goes by."""

from __future__ import annotations

import hashlib
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from kiosk.base.ed25519 import Ed25519Key
from kiosk.domain.catalog import Catalog, Container, Member, Names, Price, Product
from kiosk.domain.events import KeyMade
from kiosk.domain.intake import Intake, TareSource, Weighing
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.domain.trade import Certificate, CertificateKind, Mode, NoCertificateReason, Party
from kiosk.messaging.contract.event_signature import sign_event
from kiosk.simulators.fleet.county import county_lane
from kiosk.simulators.fleet.plan import REGION, FleetPlan, Tally
from kiosk.simulators.fleet.sending import FleetShutdown, Stay, send
from kiosk.station.shared.clock import StationClock, software_id
from kiosk.store import ConfirmedRow, Stamp, Store
from kiosk.store.database.connection import connect, connect_unsafe
from kiosk.store.database.migrate import create
from kiosk.store.database.opening import OpenOptions

_SACK = Names("تاغار", "麻袋", "sack")
CATALOG: Final = Catalog(
    products=(
        Product("ALMOND", Names("بادام", "巴旦木", "almond"), "almond"),
        Product("WALNUT", Names("ياڭاق", "核桃", "walnut"), "walnut"),
    ),
    prices=(
        Price("ALMOND", Mode.PURCHASE, 3200),
        Price("WALNUT", Mode.PURCHASE, 1450),
        Price("WALNUT", Mode.CONSIGNMENT, 1600),
    ),
    containers=(Container("SACK", _SACK, 160, "sack"),),
    members=tuple(Member(f"M-{number:05d}", f"{number:05d}") for number in range(1, 21)),
)
_NO_CERTIFICATE: Final = Certificate(CertificateKind.NONE, None, NoCertificateReason.SMALL_GROWER)


class FleetCounter:
    """The counter of one station: it reads its catalog once, as the counter's page does, and takes goods in."""

    def __init__(self, store: Store, random: Random) -> None:
        self._store, self._random = store, random
        self._version, self._catalog = store.catalogs.get()

    def bring_in(self, stamp: Stamp) -> ConfirmedRow:
        """Do one whole intake in its two transactions: take the receipt number, then confirm.

        It has one to three bags of 5 to 60 kg, in steps of 10 g.
        """
        random = self._random
        price = random.choice(self._catalog.prices)
        party = Party(random.choice([None, *(member.number for member in self._catalog.members)]))
        goods = (party, price.product, price.mode, self._version, price.fen_per_kg)
        intake = self._store.intakes.open(lambda receipt: Intake(receipt, *goods), stamp)
        container = self._catalog.containers[0]
        for number in range(1, random.randint(1, 3) + 1):
            weighing = Weighing(random.randrange(5_000, 60_000, 10), 20 * number, number, 1200, 12)
            intake = intake.with_bag(weighing, container.code, TareSource.PRESET, container.tare_g)
        confirmed = intake.confirm(_NO_CERTIFICATE)
        return self._store.intakes.confirm(confirmed, f"fleet-{intake.receipt}", lambda head: (), stamp)


ZONE: Final = "Asia/Shanghai"
_OFFSET_MIN: Final = 480
_MARKER: Final = "receipt-series"
_DAY_MS: Final = 24 * 3600 * 1000


class SimulatedSigning:
    """The signing key of a simulated station, in no file: the same again for the same seed."""

    def __init__(self, seed: int, station: str) -> None:
        self._key = Ed25519Key(hashlib.sha256(f"{seed} {station}".encode()).digest())
        self.sign = partial(sign_event, self._key)

    def announce(self, store: Store, stamp: Stamp) -> None:
        """Announce the key unless it is known."""
        public = self._key.public.hex()
        if store.signing.state().public != public:
            store.signing.announce(KeyMade(public, "first"), stamp)


class DayClock:
    """Goes through the last ``days`` days in ``steps`` equal steps; every day is a separate boot."""

    def __init__(self, days: int, steps: int, random: Random, sign: Callable[[str], str] | None = None) -> None:
        self._real, self._sign = StationClock(ZONE), sign
        self._start = datetime.now(UTC) - timedelta(days=days)
        self._step = timedelta(days=days) / max(steps, 1)
        self._boots, self._software = random.getrandbits(32), software_id()
        self._steps_done = 0
        self.is_unset = False  # No time server has set it: it counts from 1970

    def stamp(self) -> Stamp:
        """Return the stamp of the current step."""
        passed = self._step * self._steps_done
        if not self._step and not self.is_unset:
            return Stamp(self._real.now(), self._software, REGION, sign=self._sign)
        boot_id = f"{self._boots:08x}-{passed.days:04x}"
        ms = int(passed.total_seconds() * 1000) % _DAY_MS
        if self.is_unset:
            utc, quality = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms), ClockQuality.UNSET
        else:
            utc, quality = self._start + passed, ClockQuality.SYNCED
        moment = Moment(utc, ZONE, _OFFSET_MIN, quality, boot_id, ms)
        return Stamp(moment, self._software, REGION, sign=self._sign)

    def advance(self) -> None:
        self._steps_done += 1


@dataclass(frozen=True, slots=True)
class StationFolder:
    """The folder of a station. A clone has the same name and another folder."""

    station: str
    database: Path

    def copy_to(self, folder: Path) -> StationFolder:
        """Copy the card of a station that is off, with the file of its receipt series."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in (self.database.name, _MARKER):
            shutil.copyfile(self.database.with_name(name), folder / name)
        return StationFolder(self.station, folder / self.database.name)


class FleetStation:
    """Writes and sends, one after the other, in the thread that calls."""

    def __init__(self, plan: FleetPlan, card: StationFolder, template: Path, ending: FleetShutdown) -> None:
        self._plan, self.card, self._template, self._ending = plan, card, template, ending
        random = Random(f"{plan.seed} {card.database.parent}")  # noqa: S311  a simulator
        self._signing = SimulatedSigning(plan.seed, card.station)
        self.clock = DayClock(plan.manner.days, plan.intakes, random, self._signing.sign)
        self._is_checked = not card.database.exists()

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Open the store; check it the first time, as at every start of a station."""
        opening = OpenOptions(
            stamps=self.clock.stamp,
            check=not self._is_checked,
            template=self._template,
            reserve_bytes=0,
            connect=connect if self._plan.manner.durable else connect_unsafe,
        )
        with closing(Store.open(self.card.database, self.card.station, self.clock.stamp(), opening)) as store:
            self._is_checked = True
            self._signing.announce(store, self.clock.stamp())
            yield store

    def write(self, count: int) -> int:
        """Write up to ``count`` intakes, fewer when time is up; return how many."""
        with self.store() as store:
            store.intakes.abandon_left_open(self.clock.stamp())
            store.catalogs.add(CATALOG, self.clock.stamp())
            seed = f"{self._plan.seed} {self.card.station} {store.outbox.counts().last_seq}"
            counter = FleetCounter(store, Random(seed))  # noqa: S311  a simulator
            for number in range(count):
                if self._ending.is_over:
                    return number
                counter.bring_in(self.clock.stamp())
                self.clock.advance()
        return count

    def send(self) -> Tally:
        """Relay until all is acknowledged or time is up. On an alarm start a new epoch, once, like a technician."""
        with self.store() as store, ExitStack() as ends:
            settings, stay = self._plan.relay_settings(self.card.station), None
            if self._plan.manner.stay_s:
                # As in the station's own process: the relay looks for what another process has written.
                station = ends.enter_context(self.store())
                county = county_lane(settings, self.card.database.parent, station, self.clock.stamp)
                stay = Stay(self._plan.manner.stay_s, county)
            sent = send(settings, store, self._ending, stay=stay)
            if sent.alarm and not self._ending.is_over:
                store.epochs.start("forked", self.clock.stamp())
                sent = send(settings, store, self._ending)
            totals = store.outbox.totals()
            pending = store.outbox.counts().pending + sent.lost
            return Tally(totals.written, totals.acknowledged - sent.lost, pending)


@contextmanager
def empty_database() -> Iterator[Path]:
    """Create an empty database to copy: that costs less than making its tables."""
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        path = Path(folder) / "empty.sqlite"
        create(path)
        yield path


def allow_many_files() -> None:
    """Raise the limit of open files: a station needs about ten, and the usual 1,024 is for one program."""
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
