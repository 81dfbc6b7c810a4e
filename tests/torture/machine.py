"""A station's machine: its card (a folder), its real stores, and its real relay session, driven by hand."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final, cast

from kiosk.domain.moment import ClockQuality, Moment
from kiosk.domain.parcel import Consent
from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.messaging.contract.topics import Topics
from kiosk.messaging.relay.connection import BrokerConnection, ConnectionLost, Ready
from kiosk.messaging.relay.pace import Pace, Tuning
from kiosk.messaging.relay.relay import LOG_PERIOD_S
from kiosk.messaging.relay.session import RelaySession
from kiosk.messaging.relay.shared.ports import NullLinkWatcher, StationSide, StorePort
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.simulators.fleet.station import CATALOG, FleetCounter
from kiosk.store import Arrival, Stamp, Store, StoreError
from kiosk.store.database.opening import OpenOptions
from kiosk.store.shared.records import SlotAssignment
from tests.store.failing import Plan, failing_connect
from tests.torture.broker import Line, MemoryBroker

REGION: Final = "torture"
_FIRST_DAY: Final = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
_TUNINGS: Final = (Tuning(window=2, batch_events=3), Tuning(window=4, batch_events=12))
"""Of stations with odd and with even numbers: many small messages on their way, or much in few."""
_FITTING: Final = SlotAssignment((), lambda: b"", lambda row, code: ())  # type: ignore[arg-type,misc]  # nothing is shelved
_MARKER: Final = "receipt-series"
_DATABASE: Final = "station.db"


class PowerCut(Exception):
    """The card stopped answering in the middle of a call: the machine is off from here on."""


@dataclass(frozen=True, slots=True)
class Fact:
    """An event as a station's journal has it; ``owed``: what the center must have, now or once it was sent."""

    station: str
    epoch: str
    seq: int
    sha256: str
    receipt: str = ""
    owed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Image:
    """A copy of a card: its folder, and the receipts that were promised when it was made."""

    folder: Path
    promised: frozenset[str]


class _Watcher(NullLinkWatcher):
    """Tells a machine what its relay has heard."""

    def __init__(self, told: Callable[[str], None]) -> None:
        self._told = told

    def ack_received(self, alarm: str) -> None:
        self._told(alarm)


class Wire:
    """A line as the session sees it, in the place of its connection to the broker."""

    def __init__(self, line: Line) -> None:
        self.line = line

    def publish(self, topic: str, payload: bytes, content_type: str, *, retain: bool = False) -> int | None:
        """As `Connection.publish`."""
        mid = self.line.send(topic, payload, retain=retain)
        if mid is None:
            self.line.happened.append(ConnectionLost("the line broke while sending"))
        return mid


class Machine:
    """Off until something is done with it. ``now`` is the monotonic clock of the world."""

    def __init__(self, station: str, name: str, folder: Path, template: Path, now: Callable[[], float]) -> None:
        self.station, self.name, self.folder = station, name, folder
        self.plan = Plan()
        self.promised: set[str] = set()
        """Receipts that the screen has said are saved."""
        self.alarm = ""
        self.alarms: set[str] = set()
        """All it ever had; "" for an acknowledgement that was believed."""
        self.wall_offset = timedelta()
        self._template, self._now = template, now
        self._boot = self._epochs = self._tokens = 0
        self._store: Store | None = None
        self._relay_store: Store | None = None
        self._counter: FleetCounter | None = None
        self._session: RelaySession | None = None
        self._wire: Wire | None = None
        url = "mqtt://127.0.0.1:1"
        self._pace = Pace(
            RelaySettings(url, REGION, station, "torture"), Random(name), _TUNINGS[int(station[1:]) % 2 - 1]
        )

    @property
    def database(self) -> Path:
        """The station's SQLite file."""
        return self.folder / _DATABASE

    # --- the station's process

    def store(self) -> Store:
        """The station's own, opened when it was off."""
        if self._store is None:
            self._boot += 1
            is_new = not self.database.exists()
            self._store = self._open()
            self._store.intakes.abandon_left_open(self.stamp())
            if is_new:
                self._store.catalogs.add(CATALOG, self.stamp())
            self._counter = FleetCounter(self._store, Random(f"{self.name} {self._boot}"))
        return self._store

    def stamp(self) -> Stamp:
        """What this machine's clock says, right or not."""
        utc = _FIRST_DAY + timedelta(seconds=self._now()) + self.wall_offset
        quality = ClockQuality.SYNCED if not self.wall_offset else ClockQuality.RESTORED
        boot_id = f"{Random(f'boot {self.name} {self._boot}').getrandbits(64):016x}"
        return Stamp(Moment(utc, "Asia/Shanghai", 480, quality, boot_id, int(1000 * self._now())), "torture", REGION)

    def weigh(self) -> None:
        """One intake; its receipt is promised when the store has said so."""

        def work() -> None:
            self.store()
            assert self._counter is not None
            self.promised.add(self._counter.bring_in(self.stamp()).receipt)

        self._with_power(work)

    def take_parcel(self) -> None:
        """A damaged parcel arrives: an event, and no paper."""

        def work() -> None:
            self._tokens += 1
            waybill = f"SF{self._boot:04d}{self._tokens:08d}"
            arrival = Arrival(waybill, "SF", Consent.RECIPIENT_CONSENTED, damaged=True, actor="clerk:07")
            self.store().parcels.arrive(arrival, _FITTING, self.stamp())

        self._with_power(work)

    def begin_epoch(self) -> None:
        """A technician settles a fork."""
        self._with_power(lambda: self.store().epochs.start("forked", self.stamp()))

    def _with_power(self, work: Callable[[], object]) -> None:
        try:
            work()
        except StoreError as error:
            if not self.plan.struck:
                raise
            raise PowerCut from error

    # --- the relay's process

    def connect(self, broker: MemoryBroker) -> bool:
        """A new session on a new connection; whether the broker lets it in."""
        topics = Topics(REGION, self.station)
        line = broker.open_line(self.station, self._wanted(topics))
        if line is None:
            return False
        line.happened.append(Ready())
        self.store()  # a machine that is on runs both
        if self._relay_store is None:
            self._relay_store = self._open()
        log = RateLimitedLog(logging.getLogger("kiosk.relay.torture"), self._now, LOG_PERIOD_S)
        side = StationSide(_Watcher(self._heard), tuple)
        self._session = RelaySession(self._port(self._relay_store), self._pace, log, self._now, side)
        self._wire = self._wired(line)
        return True

    def _wanted(self, topics: Topics) -> tuple[str, ...]:
        return topics.ack, topics.resend

    def _wired(self, line: Line) -> Wire:
        return Wire(line)

    def _port(self, store: Store) -> StorePort:
        return store

    def relay(self) -> None:
        """One round of the relay: what has happened on the line, then whatever is to be sent."""
        session, wire = self._session, self._wire
        if session is None or wire is None:
            return
        try:
            self._round(session, wire)
        except StoreError as error:
            self.hang_up()
            if self.plan.struck:
                raise PowerCut from error

    def _round(self, session: RelaySession, wire: Wire) -> None:
        # `Session.run` is this in a loop, with a real connection and its waiting.
        connection = cast(BrokerConnection, wire)
        happened, wire.line.happened = wire.line.happened, []
        for one in happened:
            session._on_event(connection, one)
            if isinstance(one, ConnectionLost):
                self.hang_up()
                return
        session._pump(connection)
        if session.is_over:
            self.hang_up()

    def hang_up(self) -> None:
        """The connection ends; what the line carries may still arrive."""
        if self._session is not None and self._session.unfinished:
            self._pace.connection_broken()
        if self._wire is not None:
            self._wire.line.is_open = False
        self._session = self._wire = None

    @property
    def is_connected(self) -> bool:
        """Whether its relay has a connection, as far as it knows."""
        return self._session is not None

    @property
    def is_settled(self) -> bool:
        """Nothing waits, and the center has said that it lacks nothing of earlier epochs."""
        session, store = self._session, self._relay_store
        return session is not None and store is not None and session.settled and store.outbox.counts().pending == 0

    def _heard(self, alarm: str) -> None:
        self.alarm = alarm
        self.alarms.add(alarm)

    # --- power

    def off(self) -> None:
        """Power fails: nothing is finished. The card keeps what SQLite had put on it, log included."""
        self.hang_up()
        if self._store is None and self._relay_store is None:
            return
        kept = {path: path.read_bytes() for path in self._files() if path.exists()}
        for store in (self._store, self._relay_store):
            if store is not None:
                store.close()
        self._store = self._relay_store = self._counter = None
        self.plan.left, self.plan.struck = None, False
        for path in self._files():
            path.unlink(missing_ok=True)
        for path, content in kept.items():
            path.write_bytes(content)
        self.alarm = ""

    def _files(self) -> list[Path]:
        return [self.database, self.database.with_name(f"{_DATABASE}-wal")]

    def image(self, folder: Path) -> Image:
        """Copy the card, as it would be after pulling the plug now."""
        folder.mkdir(parents=True)
        self.store()
        with (
            closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(folder / _DATABASE)) as target,
        ):
            source.backup(target)
        shutil.copyfile(self.folder / _MARKER, folder / _MARKER)
        return Image(folder, frozenset(self.promised))

    def put_back(self, image: Image, *, marker: bool) -> None:
        """Bring an older copy; with its ``marker`` nothing on the card says that it is one."""
        self.off()
        for path in self._files():
            path.unlink(missing_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(image.folder / _DATABASE, self.database)
        if marker or not (self.folder / _MARKER).exists():
            shutil.copyfile(image.folder / _MARKER, self.folder / _MARKER)
        self.promised = set(image.promised)

    def facts(self) -> list[Fact]:
        """Everything in its journal; owed is what the current epoch tells and what was acknowledged of earlier ones."""
        if not self.database.exists():
            return []
        query = (
            "SELECT e.epoch, j.seq, j.sha256, coalesce(json_extract(CAST(j.body AS TEXT), '$.data.receipt'), ''),"
            " e.number = (SELECT max(number) FROM epoch) OR j.seq <= e.acked_upto, j.type"
            " FROM journal j JOIN epoch e ON e.number = j.epoch ORDER BY j.position"
        )
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as reader:
            rows = reader.execute(query).fetchall()
        confirmed = "station.intake.confirmed.v1"
        return [
            Fact(self.station, row[0], row[1], row[2], row[3] * (row[5] == confirmed), bool(row[4])) for row in rows
        ]

    def _open(self) -> Store:
        opening = OpenOptions(
            stamps=self.stamp,
            check=False,
            template=self._template,
            new_epoch=self._new_epoch,
            reserve_bytes=0,
            connect=failing_connect(self.plan),
        )
        return Store.open(self.database, self.station, self.stamp(), opening)

    def _new_epoch(self) -> str:
        self._epochs += 1
        return f"{Random(f'{self.name} {self._epochs}').getrandbits(64):016x}"
