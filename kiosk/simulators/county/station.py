"""One station of a county: its card, the days it lives, and what goes wrong on them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final

from kiosk.base.shutdown import ShutdownEvent
from kiosk.messaging.contract.control import DoctorRow
from kiosk.messaging.contract.seal import SealedEvent
from kiosk.messaging.relay.pace import Pace
from kiosk.messaging.relay.relay import Relay
from kiosk.messaging.relay.shared.ports import EpochsPort, NullLinkWatcher, OutboxPort, StationSide, StorePort
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.simulators.county.counter import VillageCounter, catalog_of
from kiosk.simulators.county.plan import CountyPlan, DayPlan, StationAct, StationKind, day_of, lived_days, local_date
from kiosk.simulators.fleet.sending import FleetShutdown, send
from kiosk.simulators.fleet.station import SimulatedSigning, StationFolder, empty_database
from kiosk.simulators.offers import GoodsCamera, offer, send_pictures
from kiosk.station.shared.clock import software_id
from kiosk.store import Stamp, Store, StoreError
from kiosk.store.database.connection import connect_unsafe
from kiosk.store.database.opening import OpenOptions

_OLD_SOFTWARE: Final = "station-kiosk/0.0.7"
_OFFERING: Final = 40  # So many stations offer something for sale: the first ones
_COPIED_AT: Final = 0.6  # This part of its days a station has lived when its card is copied
_BACK_AFTER: Final = 0.8
_WAITING_DAYS: Final = 10  # What a slow line has not passed yet; half of a shorter life
# A machine with a copied card is noticed on its first morning. Each of its events is one more alarm.
_TWIN_ACTS: Final = 4
_TWIN: Final = 1  # Added to the seed of a machine that continues from a copied card: other people come to it


_FITTED: Final = ("scale", "printer_label", "printer_receipt", "camera", "disk", "clock")
DOCTOR_ROWS: Final = {
    StationKind.PAPER_OUT: DoctorRow("printer_label", "fail", "printer_paper_out"),
    StationKind.DISK_LOW: DoctorRow("disk", "warn", "disk_low"),
    StationKind.CLOCK: DoctorRow("clock", "warn", "clock_unset"),
}


@dataclass(frozen=True, slots=True)
class Lived:
    """What was written in one call: intakes that were agreed on, and acts of any kind."""

    acts: int = 0
    intakes: int = 0

    def __add__(self, other: Lived) -> Lived:
        return Lived(self.acts + other.acts, self.intakes + other.intakes)


class CountyStation:
    """Lives, and sends in between, in the calling thread. An interrupted life continues where it ended."""

    def __init__(
        self, plan: CountyPlan, name: str, template: Path, ending: FleetShutdown, camera: GoodsCamera | None = None
    ) -> None:
        """Create the station; without ``camera`` nothing is offered for sale."""
        self.name, self.kind = name, plan.own_stations[name]
        self._plan, self._template, self._ending, self._camera = plan, template, ending, camera
        self._card = StationFolder(name, plan.folder / name / "station.sqlite")
        self._signing = SimulatedSigning(plan.seed, name)
        self._software = _OLD_SOFTWARE if self.kind is StationKind.OLD_SOFTWARE else software_id()

    def live(self) -> Lived:
        """Do everything up to the end of the plan. Raises StoreError."""
        courses = {
            StationKind.CLONED: self._cloned,
            StationKind.RESTORED: self._restored,
            StationKind.SLOW_LINE: self._on_a_slow_line,
        }
        course = courses.get(self.kind, self._as_usual)
        if self._card.database.exists():
            course = self._as_usual
        return course(lived_days(self._plan, self.name, self.kind))

    def counter(self, store: Store) -> VillageCounter:
        return VillageCounter(store, self.name, self._plan.seed)

    def stamp_now(self) -> Stamp:
        """Stamp this moment: on a clock set by a time server, or an unset one where the station has lost it."""
        now = datetime.now(UTC)
        return self._stamp(day_of(self._plan, self.name, local_date(now)), now, unset=self.kind is StationKind.CLOCK)

    def doctor_rows(self) -> tuple[DoctorRow, ...]:
        """Return the rows of the station's doctor, the worst first."""
        bad = DOCTOR_ROWS.get(self.kind)
        return (*filter(None, (bad,)), *(DoctorRow(name) for name in _FITTED if bad is None or bad.row != name))

    @contextmanager
    def store(self, stamps: Callable[[], Stamp], card: StationFolder | None = None) -> Iterator[Store]:
        """Open the store. Writes do not wait for the disk, which the bench's station and the sorting center need.

        Raises StoreError, also for damage by a power cut.
        """
        card = card or self._card

        def new_epoch() -> str:
            seed = f"{self._plan.seed} {card.database.parent.name} {stamps().moment.timestamp}"
            return Random(seed).randbytes(8).hex()  # noqa: S311  a simulator

        opening = OpenOptions(stamps, False, self._template, new_epoch, reserve_bytes=0, connect=connect_unsafe)
        with closing(Store.open(card.database, card.station, stamps(), opening)) as store:
            self._signing.announce(store, stamps())
            yield store

    def _as_usual(self, days: Sequence[DayPlan]) -> Lived:
        lived = self._write(days)
        number = self._plan.names.index(self.name)
        if self._camera is not None and self._plan.photos_url and self.kind is StationKind.USUAL and number < _OFFERING:
            try:
                with self.store(self.stamp_now) as store:
                    offer(store, self._card.database.parent, number, self._camera, self.stamp_now)
            except OSError as error:
                raise StoreError(f"Nothing can be offered: {error}") from error
        self._send()
        return lived

    def _on_a_slow_line(self, days: Sequence[DayPlan]) -> Lived:
        passed = len(days) - min(_WAITING_DAYS, len(days) // 2)
        return self._as_usual(days[:passed]) + self._write(days[passed:])

    def _cloned(self, days: Sequence[DayPlan]) -> Lived:
        """Let two machines write the same numbers; the center receives from one, the other, and the first again."""
        copied = round(len(days) * _COPIED_AT)
        lived = self._as_usual(days[:copied])
        twin = self._card.copy_to(self._plan.folder / f"{self.name}-twin")
        lived += self._write([replace(day, acts=day.acts[:_TWIN_ACTS]) for day in days[copied : copied + 1]], twin)
        self._send(twin)
        return lived + self._as_usual(days[copied:])

    def _restored(self, days: Sequence[DayPlan]) -> Lived:
        """Restore the card as it was days ago; what happened since is only at the sorting center."""
        copied, back = round(len(days) * _COPIED_AT), round(len(days) * _BACK_AFTER)
        lived = self._write(days[:copied])
        image = self._card.copy_to(self._plan.folder / f"{self.name}-image")
        lived += self._as_usual(days[copied:back])
        image.copy_to(self._card.database.parent)
        came_back = self._stamp(days[back], self._begin(days[back]))
        self._send(stamps=lambda: came_back)
        return lived + self._as_usual(days[back:])

    def _write(self, days: Sequence[DayPlan], card: StationFolder | None = None) -> Lived:
        """Write what is missing of these days, fewer when time is up."""
        if not days:
            return Lived()
        now = [self._stamp(days[0], self._begin(days[0]))]
        acts = intakes = 0
        with self.store(lambda: now[-1], card) as store:
            store.catalogs.add(catalog_of(self.name), now[-1])
            counter = self.counter(store)
            # A station of the kind has lost its clock on the last day of work.
            lost = next((day.date for day in reversed(days) if day.acts), None)
            for day in _left(store, days):
                unset = self.kind is StationKind.CLOCK and day.date == lost
                random = Random(f"{self._plan.seed + (card is not None) * _TWIN} {self.name} {day.date}")  # noqa: S311
                for at, act in day.acts:
                    if self._ending.is_over:
                        return Lived(acts, intakes)
                    now[-1] = self._stamp(day, at, unset=unset)
                    counter.do(act, random, now[-1])
                    acts, intakes = acts + 1, intakes + (act is StationAct.INTAKE)
        return Lived(acts, intakes)

    def _begin(self, day: DayPlan) -> datetime:
        return day.acts[0][0] if day.acts else self._plan.since

    def _stamp(self, day: DayPlan, at: datetime, *, unset: bool = False) -> Stamp:
        return Stamp(day.moment(at, unset=unset), self._software, self._plan.region, sign=self._signing.sign)

    def _send(self, card: StationFolder | None = None, stamps: Callable[[], Stamp] | None = None) -> None:
        """Relay what is pending; ``stamps`` are for what is written meanwhile, by default of now."""
        if not self._plan.broker_url or self._ending.is_over:
            return
        boot = self.stamp_now().moment.boot_id
        # Another machine has another boot.
        settings = relay_settings(self._plan, self.name, self._software, boot[::-1] if card else boot)
        with self.store(stamps or self.stamp_now, card) as store:
            if self.kind is StationKind.GAP:
                send_with_a_gap(settings, store, self._ending)
            elif self.kind is not StationKind.QUIET or store.outbox.counts().pending:
                send(settings, store, self._ending, self.doctor_rows)
                if self._plan.photos_url and not self._ending.is_over:
                    self._ending.sending.append(over := ShutdownEvent())
                    send_pictures(settings, store, self._card.database.parent, over)


def _left(store: Store, days: Sequence[DayPlan]) -> list[DayPlan]:
    """Return the days without what the newest events of this database already hold."""
    for number in reversed(range(len(days))):
        newest = store.journal.newest_moment(days[number].boot_id)
        if newest is not None:
            return [days[number].after(newest.monotonic_ms), *days[number + 1 :]]
    return list(days)


def county_life(plan: CountyPlan) -> Lived:
    """Live the plan's share of stations in this process, one after the other; for tests and benchmarks.

    Raises StoreError.
    """
    with empty_database() as template:
        return sum((CountyStation(plan, name, template, FleetShutdown()).live() for name in plan.own_stations), Lived())


_BEHIND_THE_GAP: Final = 30  # So many events come after the lost one
_BEHIND_S: Final = 3.0  # So long after the sorting center has everything before the gap it has what is behind it
_PATIENCE_S: Final = 60.0  # For a sorting center that does not answer


def silent_events(plan: CountyPlan) -> Iterator[tuple[str, list[SealedEvent]]]:
    """Yield each silent station's time of last contact, in RFC 3339, and what it has written since the demo ended. Its
    events are acknowledged when the caller asks for the next station. Raises StoreError.
    """
    with empty_database() as template:
        for name in (name for name, kind in plan.own_stations.items() if kind is StationKind.QUIET):
            station = CountyStation(replace(plan, broker_url=""), name, template, FleetShutdown())
            station.live()
            with station.store(station.stamp_now) as store:
                counts = store.outbox.counts()
                if events := store.outbox.pending(counts.pending):
                    yield json.loads(events[-1].body)["time"], events
                store.outbox.acknowledge(counts.last_seq, (), store.epochs.identity().epoch)


def relay_settings(
    plan: CountyPlan, station: str, software: str, boot: str, bytes_per_second: int = 0
) -> RelaySettings:
    """Return the settings of a real station with shorter waits."""
    return RelaySettings(
        plan.broker_url,
        plan.region,
        station,
        software,
        reconnect_s=0.5,
        reconnect_max_s=5.0,
        resend_max_s=10.0,
        bytes_per_second=bytes_per_second,
        boot=boot,
        photos=plan.photos_url or None,
    )


def send_with_a_gap(settings: RelaySettings, store: StorePort, ending: FleetShutdown) -> None:
    """Send everything but one event: the missing one where a gap already exists."""
    counts = store.outbox.counts()
    if not counts.pending:
        return
    lost = counts.acked_upto + 1 if counts.acked_upto else max(2, counts.last_seq - _BEHIND_THE_GAP)
    stop = ShutdownEvent()
    ending.sending.append(stop)

    class GapWatcher(NullLinkWatcher):
        def ack_received(self, alarm: str) -> None:
            if store.outbox.counts().acked_upto >= lost - 1 and behind.ident is None:
                behind.start()

    behind, patience = threading.Timer(_BEHIND_S, stop.set), threading.Timer(_PATIENCE_S, stop.set)
    patience.start()
    try:
        if not ending.is_over:
            Relay(LosingStore(store, lost), Pace(settings), side=StationSide(GapWatcher())).run(stop)
    finally:
        behind.cancel()
        patience.cancel()


class LosingStore:
    """A store as the relay sees it, one event of which never gets through."""

    def __init__(self, store: StorePort, lost: int) -> None:
        self.outbox: OutboxPort = LosingOutbox(store.outbox, lost)
        self.epochs: EpochsPort = store.epochs
        self.changed = store.changed


class LosingOutbox:
    """Gives everything but the lost event away."""

    def __init__(self, outbox: OutboxPort, lost: int) -> None:
        self._outbox, self._lost = outbox, lost
        self.counts = outbox.counts
        self.waiting_bytes = outbox.waiting_bytes
        self.earlier = outbox.earlier
        self.sealed = outbox.sealed
        self.hash_at = outbox.hash_at
        self.acknowledge = outbox.acknowledge

    def pending(self, limit: int, after: int = 0) -> Sequence[SealedEvent]:
        """Return the pending events of the real outbox, without the lost one."""
        return [row for row in self._outbox.pending(limit, after) if row.seq != self._lost]
