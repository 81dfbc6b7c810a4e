"""A station's relay without a wire: the real session on the real store, and a sorting center that only remembers."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any, cast

from sqlalchemy import text

from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.messaging.contract.control import Ack, DoctorRow, Hello, Status, decode, encode
from kiosk.messaging.contract.receive import parse_batch
from kiosk.messaging.contract.seal import ZERO_HASH
from kiosk.messaging.contract.topics import Topics
from kiosk.messaging.relay.connection import BrokerConnection, Ready
from kiosk.messaging.relay.pace import Pace, Tuning
from kiosk.messaging.relay.relay import LOG_PERIOD_S
from kiosk.messaging.relay.session import RelaySession
from kiosk.messaging.relay.shared.ports import StationSide
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.store import Store
from tests.messaging.relay.stand import Watch
from tests.store.village import CATALOG, STATION, bring_in, open_store, stamp

TOPICS = Topics("hotan", STATION)
Events = dict[tuple[str, int], bytes]


class Ledger:
    """An honest center: what it holds, and what it would say of it. ``apart`` is what contradicts the chain it has."""

    def __init__(self) -> None:
        self.events: Events = {}
        self.apart: list[bytes] = []
        self.generation = ""
        self.knows_at = True

    def take(self, body: bytes) -> str:
        event = json.loads(body)
        epoch, seq = str(event["epoch"]), int(event["seq"])
        before = self.events.get((epoch, seq - 1))
        follows = before is None or hashlib.sha256(before).hexdigest() == event["prevhash"]
        if not follows or self.events.setdefault((epoch, seq), body) != body:
            self.apart.append(body)
        return epoch

    def ack(self, epoch: str, at: int = 0) -> Ack:
        held = {seq for known, seq in self.events if known == epoch}
        upto = next(seq for seq in range(len(held) + 1) if seq + 1 not in held)
        beyond = [seq for seq in held if seq > upto]
        gaps = ((upto + 1, min(beyond) - 1),) if beyond else ()
        head = hashlib.sha256(self.events[epoch, upto]).hexdigest() if upto else ZERO_HASH
        hash_at = hashlib.sha256(self.events[epoch, at]).hexdigest() if at and at <= upto else ""
        answer = (at, hash_at) if self.knows_at else (None, "")
        return Ack(epoch, upto, gaps, (), head, self.generation, *answer)


class Wire:
    """The connection as the session sees it. What is sent lies there until it is carried over, or lost."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.hellos: list[Hello] = []
        self.statuses: list[Status] = []
        self.before_publishing: Callable[[], object] = lambda: None
        self._mid = 0

    def publish(self, topic: str, payload: bytes, content_type: str, *, retain: bool = False) -> int:
        act, self.before_publishing = self.before_publishing, lambda: None
        act()
        self.sent.append((topic, payload))
        if topic == TOPICS.hello:
            self.hellos.append(decode(Hello, payload))
        elif topic == TOPICS.status:
            self.statuses.append(decode(Status, payload))
        self._mid += 1
        return self._mid

    def carried(self, ledger: Ledger) -> list[Ack]:
        """Let everything that was sent arrive; the answers."""
        sent, self.sent = self.sent, []
        answers = []
        for topic, payload in sent:
            if topic == TOPICS.hello:
                hello = decode(Hello, payload)
                answers.append(ledger.ack(hello.epoch, hello.at))
            elif topic in (TOPICS.event, TOPICS.batch):
                bodies = parse_batch(payload) if topic == TOPICS.batch else [payload]
                answers.append(ledger.ack({ledger.take(body) for body in bodies}.pop()))
        return answers


class Doctor:
    """Says what the test lets it say."""

    def __init__(self) -> None:
        self.said: tuple[DoctorRow, ...] = ()

    def rows(self) -> tuple[DoctorRow, ...]:
        return self.said


class Bench:
    """``station`` and ``relay`` are the two processes' handles of one database."""

    def __init__(self, path: Path, template: Path, **more: Any) -> None:
        self.open = ExitStack()
        self.station = self._opened(path, template)
        self.relay = self._opened(path, template)
        self.station.catalogs.add(CATALOG, stamp())
        self.now = 0.0
        self.watch = Watch()
        self.doctor = Doctor()
        self.configuration = ""
        self.documents: list[bytes] = []
        self.ledger = Ledger()
        self.settings = RelaySettings("mqtt://127.0.0.1:1", "hotan", STATION, "kiosk test")
        self.tuning = Tuning(**more)
        self.connect()

    def _opened(self, path: Path, template: Path) -> Store:
        store = open_store(path, template)
        self.open.callback(store.close)
        return store

    def connect(self, outbox: Any = None) -> None:
        """A new connection; what the last one had on its way is gone."""
        self.wire = Wire()
        log = RateLimitedLog(logging.getLogger("kiosk.relay.test"), lambda: self.now, LOG_PERIOD_S)
        pace = Pace(self.settings, Random(1), self.tuning)
        side = StationSide(self.watch, self.doctor.rows, lambda: self.configuration, self.documents.append)
        self.session = RelaySession(outbox or self.relay, pace, log, lambda: self.now, side)
        self.session._on_event(self.connection, Ready())

    @property
    def connection(self) -> BrokerConnection:
        return cast(BrokerConnection, self.wire)

    def intakes(self, count: int) -> None:
        for _ in range(count):
            bring_in(self.station)

    def new_epoch(self) -> None:
        """The technician's act, in the other process."""
        self.station.epochs.start("forked", stamp())

    def pump(self) -> None:
        self.session._pump(self.connection)

    def hear(self, ack: Ack) -> None:
        self.session._on_message(self.connection, TOPICS.ack, encode(ack))

    def flow(self) -> None:
        """Send, carry over and answer until nothing moves any more."""
        self.pump()
        while any(topic != TOPICS.status for topic, _ in self.wire.sent):
            for ack in self.wire.carried(self.ledger):
                self.hear(ack)
            self.pump()

    def flow_once(self) -> None:
        """Send, carry over and answer, whether anything still moves or not: pending events of a fork never end."""
        self.pump()
        for ack in self.wire.carried(self.ledger):
            self.hear(ack)
        self.pump()

    def epochs(self) -> list[str]:
        """Every epoch of the database, oldest first."""
        return [series.epoch for series in self.station.epochs.series()]

    def whys(self) -> list[str]:
        """Why each of them was begun."""
        query = text("SELECT why FROM epoch ORDER BY number")
        return list(self.station.journal.database.read(lambda connection: list(connection.execute(query).scalars())))

    def missing(self) -> set[tuple[str, int]]:
        """What the center should hold and does not: all that is told now, and all it ever acknowledged."""
        current = self.station.epochs.identity().epoch
        due = {(current, row.seq) for row in self.station.outbox.sealed(current, 10_000)}
        due |= {(one.epoch, seq) for one in self.station.outbox.earlier() for seq in range(1, one.acked_upto + 1)}
        return due - set(self.ledger.events)

    def lost(self) -> set[str]:
        """Receipts of this database that no event at the center confirms."""
        told = {event["data"].get("receipt") for event in map(json.loads, self.ledger.events.values())}
        return {row.receipt for row in self.station.intakes.recent(10_000)} - told
