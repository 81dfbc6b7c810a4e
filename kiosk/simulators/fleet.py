"""Many stations at once: each with its own database, written and sent by the real store and the real relay."""

from __future__ import annotations

import math
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final, TypeVar

from kiosk.domain.catalog import Catalog, Container, Member, Names, Price, Product
from kiosk.domain.intake import Intake, TareSource, Weighing
from kiosk.domain.trade import Certificate, CertificateKind, Mode, NoCertificateReason, Party
from kiosk.messaging.relay.pace import Pace
from kiosk.messaging.relay.relay import Relay, Unwatched
from kiosk.messaging.relay.settings import RelaySettings
from kiosk.station.clock import StationClock
from kiosk.station.software import metrology, software_id
from kiosk.store import Stamp, Store
from kiosk.store.database.opening import Opening
from kiosk.store.records import ChosenGoods

REGION: Final = "fleet"
MAX_STATIONS: Final = 9999
_WRITERS: Final = 8
_SENDERS: Final = 128
"""Stations connected at the same time; the others wait for their turn."""
_SILENCE_S: Final = 5.0
"""How long a station that has nothing to send waits to hear that the center still has everything."""
_MIGRATION_S: Final = 120.0
_ZONE: Final = "Asia/Shanghai"

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

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """``intakes`` are confirmed per station and call; ``timeout_s`` is for the whole call."""

    stations: int
    intakes: int
    broker_url: str
    folder: Path
    seed: int
    timeout_s: float

    def __post_init__(self) -> None:
        if not 1 <= self.stations <= MAX_STATIONS or self.intakes < 0:
            raise ValueError(f"a fleet has 1 to {MAX_STATIONS} stations and no negative intakes")
        if not (math.isfinite(self.timeout_s) and 0 < self.timeout_s <= threading.TIMEOUT_MAX):
            raise ValueError("a fleet has some time, and an end of it: give the seconds as a number above 0")
        self.relay_settings("S0001")

    @property
    def names(self) -> list[str]:
        """The station ids, S0001 first."""
        return [f"S{number:04d}" for number in range(1, self.stations + 1)]

    def database(self, station: str) -> Path:
        """Where a station keeps its events."""
        return self.folder / station / "station.sqlite"

    def relay_settings(self, station: str) -> RelaySettings:
        """Those of a real station, only less patient; raises ValueError for a bad broker URL."""
        return RelaySettings(
            self.broker_url, REGION, station, software_id(), reconnect_s=0.5, reconnect_max_s=5.0, resend_max_s=10.0
        )


@dataclass(frozen=True, slots=True)
class FleetResult:
    """Events of all stations and all their epochs: committed, acknowledged by the sorting center, and waiting.

    What a station told again when it began a new epoch was written twice and is acknowledged under its new number
    only, so ``written`` may be more than the other two together.
    """

    written: int
    acknowledged: int
    pending: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Tally:
    """One station's share of the result."""

    written: int
    acknowledged: int
    pending: int

    @classmethod
    def of(cls, store: Store, lost: int) -> _Tally:
        """``lost``: of earlier epochs, acknowledged and gone from the center since."""
        totals = store.outbox.totals()
        return cls(totals.written, totals.acknowledged - lost, store.outbox.counts().pending + lost)


class Fleet:
    """One call of ``kiosk fleet``. A second one with the same folder goes on where the first one ended."""

    def __init__(self, plan: FleetPlan) -> None:
        self._plan = plan
        self._over = False
        self._sending: list[threading.Event] = []
        clock, software = StationClock(_ZONE), software_id()
        self._stamp: Callable[[], Stamp] = lambda: Stamp(clock.now(), software, REGION)

    def end(self) -> None:
        """Time is up: nothing new is written, whoever sends stops. May be called from anywhere, a signal included."""
        self._over = True
        for stop in list(self._sending):
            stop.set()

    def run(self) -> FleetResult:
        """Write, then send until the sorting center has everything or time is up. Raises StoreError."""
        started = time.monotonic()
        _allow_many_files()
        timer = threading.Timer(self._plan.timeout_s, self.end)
        timer.start()
        try:
            with _template() as template:
                self._each(_WRITERS, lambda station: self._write(station, template))
            tallies = self._each(_SENDERS, self._send)
        finally:
            timer.cancel()
            timer.join()
        written = sum(each.written for each in tallies)
        acknowledged, pending = sum(each.acknowledged for each in tallies), sum(each.pending for each in tallies)
        return FleetResult(written, acknowledged, pending, round(time.monotonic() - started, 3))

    def _each(self, at_once: int, work: Callable[[str], T]) -> list[T]:
        """Do ``work`` for every station; the first error ends the fleet and is raised."""
        with ThreadPoolExecutor(at_once, thread_name_prefix="fleet") as pool:
            futures = [pool.submit(work, station) for station in self._plan.names]
            try:
                return [future.result() for future in futures]
            except BaseException:
                self.end()
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    @contextmanager
    def _store(self, station: str, template: Path | None = None) -> Iterator[Store]:
        path = self._plan.database(station)
        store = Store.open(
            path, station, self._stamp(), Opening(stamps=self._stamp, template=template, reserve_bytes=0)
        )
        try:
            yield store
        finally:
            store.close()

    def _write(self, station: str, template: Path) -> None:
        with self._store(station, template) as store:
            store.intakes.abandon_left_open(self._stamp())
            store.catalogs.add(CATALOG, self._stamp())
            random = Random(f"{self._plan.seed} {station} {store.outbox.counts().last_seq}")  # noqa: S311  a simulator
            for _ in range(self._plan.intakes):
                if self._over:
                    return
                self._bring_in(store, random)

    def _bring_in(self, store: Store, random: Random) -> None:
        """One whole intake, as the station's own steps do it."""
        version, catalog = store.catalogs.get()
        price = random.choice(catalog.prices)
        party = Party(random.choice([None, *(member.number for member in catalog.members)]))
        intake = store.intakes.open(
            ChosenGoods(party, price.product, price.mode, version, price.fen_per_kg), self._stamp()
        )
        confirmed = _weighed(intake, catalog.containers[0], random).confirm(_NO_CERTIFICATE)
        store.intakes.confirm(confirmed, f"fleet-{intake.receipt}", (), metrology(), self._stamp())

    def _send(self, station: str) -> _Tally:
        """Relay until nothing is pending and the center lacks nothing of earlier epochs either.

        Even a station with nothing to send says hello: a center that is back from a backup needs its events again.
        It waits for the answer a little while only, as there may be no center at all.
        """
        with self._store(station) as store:
            stop = threading.Event()
            silence = threading.Timer(_SILENCE_S, stop.set)
            if store.outbox.counts().pending == 0:
                silence.start()
            self._sending.append(stop)
            lost = 0
            if not self._over:
                lost = self._relay(store, station, stop, silence)
            silence.cancel()
            return _Tally.of(store, lost)

    def _relay(self, store: Store, station: str, stop: threading.Event, silence: threading.Timer) -> int:
        """How many events of earlier epochs the center has lost and not got again in time."""

        class Watcher(Unwatched):
            def heard(self, alarm: str) -> None:
                if alarm:
                    return
                silence.cancel()
                if store.outbox.counts().pending == 0 and relay.settled:
                    stop.set()

        relay = Relay(store, Pace(self._plan.relay_settings(station)), watcher=Watcher())
        relay.run(stop)
        return relay.missing


def _weighed(intake: Intake, container: Container, random: Random) -> Intake:
    """One to three bags of 5 to 60 kg, in steps of 10 g."""
    for number in range(1, random.randint(1, 3) + 1):
        weighing = Weighing(random.randrange(5_000, 60_000, 10), 20 * number, number, 1200, 12)
        intake = intake.with_bag(weighing, container.code, TareSource.PRESET, container.tare_g)
    return intake


@contextmanager
def _template() -> Iterator[Path]:
    """An empty migrated database: making one takes a second, copying it nothing."""
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        path = Path(folder) / "empty.sqlite"
        command = [sys.executable, "-m", "kiosk.store.database.migrate", str(path)]
        subprocess.run(command, check=True, timeout=_MIGRATION_S)
        yield path


def _allow_many_files() -> None:
    """A station holds about ten files open; the usual limit of 1,024 is for one program, not for a county."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
