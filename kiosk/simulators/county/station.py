"""One station of a county: its card, the days it lives, and what goes wrong on them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final

from kiosk.messaging.relay.pace import Pace
from kiosk.messaging.relay.relay import NullLinkWatcher, Relay
from kiosk.messaging.relay.shared.ports import EpochsPort, OutboxPort, OutboxRow, StorePort
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.simulators.county.counter import VillageCounter, catalog_of
from kiosk.simulators.county.plan import CountyPlan, DayPlan, StationAct, StationKind, day_of, lived_days, local_date
from kiosk.simulators.fleet.sending import FleetShutdown, send
from kiosk.simulators.fleet.station import StationFolder, empty_database
from kiosk.station.shared.clock import software_id
from kiosk.store import Stamp, Store
from kiosk.store.database.connection import connect_unsafe
from kiosk.store.database.opening import OpenOptions

_OLD_SOFTWARE: Final = "station-kiosk/0.0.7"
_COPIED_AT: Final = 0.6  # This part of its days a station has lived when its card is copied
_BACK_AFTER: Final = 0.8
_WAITING_DAYS: Final = 4  # What a slow line has not passed yet
# A machine with a copied card is noticed on its first morning. Each of its events is one more alarm.
_TWIN_ACTS: Final = 4
_TWIN: Final = 1  # Added to the seed of a machine that goes on from a copied card: other people come to it


@dataclass(frozen=True, slots=True)
class Lived:
    """What was written in one call: intakes that were agreed on, and acts of any kind."""

    acts: int = 0
    intakes: int = 0

    def __add__(self, other: Lived) -> Lived:
        return Lived(self.acts + other.acts, self.intakes + other.intakes)


class CountyStation:
    """Lives, and sends in between, in the thread that calls. A life that was broken off goes on where it ended."""

    def __init__(self, plan: CountyPlan, name: str, template: Path, ending: FleetShutdown) -> None:
        self.name, self.kind = name, plan.own_stations[name]
        self._plan, self._template, self._ending = plan, template, ending
        self._card = StationFolder(name, plan.folder / name / "station.sqlite")
        self._software = _OLD_SOFTWARE if self.kind is StationKind.OLD_SOFTWARE else software_id()

    def live(self) -> Lived:
        """Everything up to the end of the plan. Raises StoreError."""
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
        """Of this moment, on a clock that a time server has set."""
        now = datetime.now(UTC)
        return self._stamp(day_of(self._plan, self.name, local_date(now)), now)

    @contextmanager
    def store(self, stamps: Callable[[], Stamp], card: StationFolder | None = None) -> Iterator[Store]:
        """Its store. Nothing waits for the disk, which belongs to the station with the bench and the sorting center.

        Raises StoreError, also for what a power cut has damaged.
        """
        card = card or self._card

        def new_epoch() -> str:
            seed = f"{self._plan.seed} {card.database.parent.name} {stamps().moment.timestamp}"
            return Random(seed).randbytes(8).hex()  # noqa: S311  a simulator

        opening = OpenOptions(stamps, False, self._template, new_epoch, reserve_bytes=0, connect=connect_unsafe)
        with closing(Store.open(card.database, card.station, stamps(), opening)) as store:
            yield store

    def _as_usual(self, days: Sequence[DayPlan]) -> Lived:
        lived = self._write(days)
        self._send()
        return lived

    def _on_a_slow_line(self, days: Sequence[DayPlan]) -> Lived:
        return self._as_usual(days[:-_WAITING_DAYS]) + self._write(days[-_WAITING_DAYS:])

    def _cloned(self, days: Sequence[DayPlan]) -> Lived:
        """Both machines write the same numbers; the sorting center hears one, the other, and the first one again."""
        copied = round(len(days) * _COPIED_AT)
        lived = self._write(days[:copied])
        twin = self._card.copy_to(self._plan.folder / f"{self.name}-twin")
        lived += self._as_usual(days[copied:])
        lived += self._write([replace(day, acts=day.acts[:_TWIN_ACTS]) for day in days[copied : copied + 1]], twin)
        self._send(twin)
        self._send()
        return lived

    def _restored(self, days: Sequence[DayPlan]) -> Lived:
        """The card comes back as it was days ago; what happened since is at the sorting center alone."""
        copied, back = round(len(days) * _COPIED_AT), round(len(days) * _BACK_AFTER)
        lived = self._write(days[:copied])
        image = self._card.copy_to(self._plan.folder / f"{self.name}-image")
        lived += self._as_usual(days[copied:back])
        image.copy_to(self._card.database.parent)
        self._send()
        return lived + self._as_usual(days[back:])

    def _write(self, days: Sequence[DayPlan], card: StationFolder | None = None) -> Lived:
        """What is left of these days, fewer when time is up."""
        if not days:
            return Lived()
        now = [self._stamp(days[0], days[0].acts[0][0] if days[0].acts else self._plan.since)]
        acts = intakes = 0
        with self.store(lambda: now[-1], card) as store:
            store.catalogs.add(catalog_of(self.name), now[-1])
            counter = self.counter(store)
            for day in _left(store, days):
                # A station of this kind has lost its clock for the last day but three.
                lost = days[-min(len(days), _WAITING_DAYS)].date
                unset = self.kind is StationKind.CLOCK and day.date == lost
                random = Random(f"{self._plan.seed + (card is not None) * _TWIN} {self.name} {day.date}")  # noqa: S311
                for at, act in day.acts:
                    if self._ending.is_over:
                        return Lived(acts, intakes)
                    now[-1] = self._stamp(day, at, unset=unset)
                    counter.do(act, random, now[-1])
                    acts, intakes = acts + 1, intakes + (act is StationAct.INTAKE)
        return Lived(acts, intakes)

    def _stamp(self, day: DayPlan, at: datetime, *, unset: bool = False) -> Stamp:
        return Stamp(day.moment(at, unset=unset), self._software, self._plan.region)

    def _send(self, card: StationFolder | None = None) -> None:
        if not self._plan.broker_url or self._ending.is_over:
            return
        boot = self.stamp_now().moment.boot_id
        # Another machine has another boot.
        settings = relay_settings(self._plan, self.name, self._software, boot[::-1] if card else boot)
        with self.store(self.stamp_now, card) as store:
            if self.kind is StationKind.GAP:
                send_with_a_gap(settings, store, self._ending)
            else:
                send(settings, store, self._ending)


def _left(store: Store, days: Sequence[DayPlan]) -> list[DayPlan]:
    """The days without what the newest events of this database tell of."""
    for number in reversed(range(len(days))):
        newest = store.journal.newest_moment(days[number].boot_id)
        if newest is not None:
            return [days[number].after(newest.monotonic_ms), *days[number + 1 :]]
    return list(days)


def county_life(plan: CountyPlan) -> Lived:
    """Everything the stations of the plan's share live, in this process, one after the other; for tests and benchmarks.

    Raises StoreError.
    """
    with empty_database() as template:
        return sum((CountyStation(plan, name, template, FleetShutdown()).live() for name in plan.own_stations), Lived())


_BEHIND_THE_GAP: Final = 30  # So many events come after the lost one
_BEHIND_S: Final = 3.0  # So long after the sorting center has everything before the gap it has what is behind it
_PATIENCE_S: Final = 60.0  # For a sorting center that does not answer


def relay_settings(
    plan: CountyPlan, station: str, software: str, boot: str, bytes_per_second: int = 0
) -> RelaySettings:
    """Those of a real station, only less patient."""
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
    )


def send_with_a_gap(settings: RelaySettings, store: StorePort, ending: FleetShutdown) -> None:
    """Send everything but one event, the one that is missing already where there is a gap."""
    counts = store.outbox.counts()
    if not counts.pending:
        return
    lost = counts.acked_upto + 1 if counts.acked_upto else max(2, counts.last_seq - _BEHIND_THE_GAP)
    stop = threading.Event()
    ending.sending.append(stop)

    class GapWatcher(NullLinkWatcher):
        def ack_received(self, alarm: str) -> None:
            if store.outbox.counts().acked_upto >= lost - 1 and behind.ident is None:
                behind.start()

    behind, patience = threading.Timer(_BEHIND_S, stop.set), threading.Timer(_PATIENCE_S, stop.set)
    patience.start()
    try:
        if not ending.is_over:
            Relay(LosingStore(store, lost), Pace(settings), watcher=GapWatcher()).run(stop)
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

    def pending(self, limit: int, after: int = 0) -> Sequence[OutboxRow]:
        """As the real one, without the lost event."""
        return [row for row in self._outbox.pending(limit, after) if row.seq != self._lost]
