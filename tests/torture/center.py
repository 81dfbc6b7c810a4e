"""The sorting center in hand: the real worker, ledger and feed on one file, killed and restored as told.

It watches what it does: nothing may be acknowledged, to the broker or to a station, that its ledger does not hold.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kiosk.messaging.contract.control import Ack, decode
from kiosk.messaging.contract.topics import Topics
from kiosk.sorting_center.feed.feed import Feed
from kiosk.sorting_center.ingest.worker import IngestWorker
from kiosk.sorting_center.ledger import Delivery, Ledger, StreamState
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.shared.ports import Inbound
from kiosk.sorting_center.shared.signature_checks import BeginChecks, check_inline
from tests.torture.broker import MemoryBroker
from tests.torture.machine import REGION

EVERYTHING: Final = (
    "SELECT station, epoch, seq, sha256 FROM event UNION SELECT station, epoch, seq, sha256 FROM quarantine"
)
"""What the center has, whether it counts or is set apart."""
Key = tuple[str, str, int]
"""Station, epoch, seq."""


class Broken(AssertionError):
    """A promise did not hold; the text says which."""


class Killed(BaseException):
    """SIGKILL, at a moment of the harness's choice."""


@dataclass(slots=True)
class Plan:
    """What happens to the commits that follow: the first word is the next one's."""

    words: list[str] = field(default_factory=list)

    def next(self) -> str:
        return self.words.pop(0) if self.words else ""


class WatchedLedger(Ledger):
    """The real one. ``plan`` and ``watch`` are set once it is open, as `Ledger.open` takes only an address."""

    plan: Plan
    watch: Watch

    def commit(self, delivery: Delivery, received_at: str, _: BeginChecks = check_inline) -> list[StreamState]:
        word = self.plan.next()
        if word == "killed before":
            raise Killed
        if word == "fails":
            raise RuntimeError("a commit failed for a reason nobody foresaw")
        states = self.store(delivery, received_at)
        self.watch.committed(delivery)
        if word == "killed after":
            raise Killed
        return states

    def store(self, delivery: Delivery, received_at: str) -> list[StreamState]:
        """The commit itself."""
        return super().commit(delivery, received_at)


class Watch:
    """What was committed since the last restore, and what was taken and not committed."""

    def __init__(self) -> None:
        self.hashes: dict[Key, set[str]] = defaultdict(set)
        """Every content that ever came for a number."""
        self._unsafe: set[int] = set()

    def taken(self, number: int) -> None:
        self._unsafe.add(number)

    def committed(self, delivery: Delivery) -> None:
        """All that was taken is safe now: a worker commits everything it has taken, or tells the broker nothing."""
        for region, event in delivery.events:
            assert region == REGION
            self.hashes[event.station, event.epoch, event.seq].add(event.sha256)
        self._unsafe.clear()

    def acknowledged(self, number: int) -> None:
        if number in self._unsafe:
            raise Broken("the broker was told that a message is safe, and it is not committed")


class Box:
    """The worker's mailbox on the broker in memory."""

    def __init__(self, broker: MemoryBroker, watch: Watch, ledger: Ledger) -> None:
        self._broker, self._watch, self._ledger = broker, watch, ledger

    def take(self, timeout_s: float) -> Inbound | None:
        """As `Mailbox.take`, never waiting."""
        got = self._broker.deliver()
        if got is None:
            return None
        self._watch.taken(got.number)
        return Inbound(got.topic, got.payload, got.retained, got.number, self._broker.connection)

    def acknowledge(self, messages: Sequence[Inbound]) -> None:
        """As `Mailbox.acknowledge`."""
        for message in messages:
            self._watch.acknowledged(message.tag)
            self._broker.settle(message.tag, message.connection)

    def request_redelivery(self) -> None:
        """As `Mailbox.request_redelivery`."""
        self._broker.hang_up()

    def send(self, topic: str, payload: bytes) -> bool:
        """As `Mailbox.send`."""
        ack, station = decode(Ack, payload), topic.split("/")[3]
        assert topic == Topics(REGION, station).ack
        state = self._ledger.stream(station, ack.epoch, REGION)
        if (ack.upto, ack.head) != (state.upto, state.head):
            raise Broken(f"{station} is told {ack.epoch} up to {ack.upto}, the ledger has it up to {state.upto}")
        return self._broker.tell(topic, payload)


class Downstream:
    """Who reads the feed; keeps what was published in each generation of the ledger."""

    def __init__(self) -> None:
        self.got: dict[str, list[bytes]] = defaultdict(list)
        self.generation = ""
        self.dies_after = False

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> int:
        """All are taken; the center may die before it notes that."""
        self.got[self.generation] += [payload for _, payload in messages]
        if self.dies_after:
            self.dies_after = False
            raise Killed
        return len(messages)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a center is made of. The harness is tried with parts that break a rule."""

    ledger: type[WatchedLedger] = WatchedLedger
    box: type[Box] = Box
    feed: type[Feed] = Feed
    restored: Callable[[str], str] = Ledger.begin_generation


class Center:
    """Down until something is done with it."""

    def __init__(self, folder: Path, broker: MemoryBroker, clock: Callable[[], str], parts: Parts) -> None:
        self.path = folder / "ledger.db"
        self.plan, self.watch, self.downstream = Plan(), Watch(), Downstream()
        self.fed_from: dict[str, int] = defaultdict(int)
        """Where the feed began in each generation."""
        self._folder, self._broker, self._clock, self._parts = folder, broker, clock, parts
        self._ledger: WatchedLedger | None = None
        self._worker: IngestWorker | None = None
        self._feed: Feed | None = None
        self._backup: Path | None = None

    @property
    def url(self) -> str:
        """What `Ledger.open` takes."""
        return f"sqlite:///{self.path}"

    @property
    def ledger(self) -> Ledger:
        """Opened when the center was down."""
        return self._up()

    def _up(self) -> WatchedLedger:
        if self._ledger is None:
            ledger = self._parts.ledger.open(self.url)
            assert isinstance(ledger, WatchedLedger)
            ledger.plan, ledger.watch = self.plan, self.watch
            health = CenterHealth()
            self._ledger = ledger
            self._worker = IngestWorker(self._parts.box(self._broker, self.watch, ledger), ledger, health, self._clock)
            self._feed = self._parts.feed(ledger, self.downstream, health)
            self.downstream.generation = ledger.generation
        return self._ledger

    def work(self, steps: int) -> None:
        """Take in what the broker has, a batch at a time."""
        self._up()
        with suppress(Killed):
            for _ in range(steps):
                if not self._broker.is_consuming and not self._broker.consume():
                    return
                assert self._worker is not None
                if self._worker.step(0) == 0:
                    return
            return
        self.kill()

    def feed(self) -> None:
        """Publish what is new."""
        self._up()
        assert self._feed is not None
        try:
            while self._feed.step():
                pass
        except Killed:
            self.kill()

    def kill(self) -> None:
        """SIGKILL: what was taken and not acknowledged comes again."""
        self._broker.hang_up()
        if self._ledger is not None:
            self._ledger.close()
        self._ledger = self._worker = self._feed = None
        self.downstream.dies_after = False

    def back_up(self) -> None:
        """Copy the ledger as it is now."""
        self._up()
        copy = self._folder / "backup.db"
        copy.unlink(missing_ok=True)
        with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        self._backup = copy

    def restore(self) -> bool:
        """Put the copy in the ledger's place, and say so to it; false when there is none."""
        if self._backup is None:
            return False
        self.kill()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self.path.write_bytes(self._backup.read_bytes())
        generation = self._parts.restored(self.url)
        self.watch.hashes.clear()
        for row in self.rows(EVERYTHING):
            self.watch.hashes[row[0], row[1], row[2]].add(row[3])
        (position,) = self.rows("SELECT coalesce(max(feedseq), 0) FROM feed_position")[0]
        self.fed_from[generation] = position
        return True

    def rows(self, sql: str) -> list[tuple[str, str, int, str]]:
        """What another program reads in the ledger."""
        if not self.path.exists():
            return []
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as reader:
            return reader.execute(sql).fetchall()
