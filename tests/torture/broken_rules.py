"""Rules broken on purpose, each at a seam between two parts: the harness must find every one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from kiosk.messaging.contract.receive import parse_batch, parse_event
from kiosk.messaging.contract.topics import Topics
from kiosk.messaging.relay.connection import PubAck
from kiosk.messaging.relay.shared.ports import StorePort
from kiosk.sorting_center.feed.feed import POSITION_NAME, Feed
from kiosk.sorting_center.ledger import Delivery, Ledger, StreamState
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.shared.ports import Inbound, Publisher
from kiosk.store import Store
from kiosk.store.journal.outbox import Outbox
from tests.torture.broker import Line
from tests.torture.center import Box, Parts, WatchedLedger
from tests.torture.machine import Machine, Wire
from tests.torture.world import WHOLE


class AcknowledgesWhatItTakes(Box):
    """The broker is told that a message is safe when it was taken, not when it was committed."""

    def take(self, timeout_s: float) -> Inbound | None:
        message = super().take(timeout_s)
        if message is not None:
            self.acknowledge([message])
        return message


class KnowsNumbersOnly(WatchedLedger):
    """What comes a second time under a number is a duplicate, whatever is in it."""

    def store(self, delivery: Delivery, received_at: str) -> list[StreamState]:
        fresh = [
            (region, event)
            for region, event in delivery.events
            if not self.watch.hashes.get((event.station, event.epoch, event.seq))
        ]
        known = [(event.station, event.epoch, region) for region, event in delivery.events]
        super().store(replace(delivery, events=fresh), received_at)
        return [self.stream(*key) for key in dict.fromkeys(known)]


class ForgetsTheEpoch(WatchedLedger):
    """Two events of a station with one number are the same, in whatever epoch."""

    def store(self, delivery: Delivery, received_at: str) -> list[StreamState]:
        known: dict[tuple[str, int], str] = {}
        for station, epoch, seq in self.watch.hashes:
            known.setdefault((station, seq), epoch)
        fresh = [
            (region, event)
            for region, event in delivery.events
            if known.get((event.station, event.seq), event.epoch) == event.epoch
        ]
        return super().store(replace(delivery, events=fresh), received_at)


class NotesBeforeItPublishes(Feed):
    """The position of the feed moves before the broker has what it stands for."""

    def __init__(self, ledger: Ledger, publisher: Publisher, health: CenterHealth) -> None:
        super().__init__(ledger, publisher, health)
        self._moved = ledger

    def step(self) -> bool:
        ahead = self._moved.feed(self._moved.feed_position(POSITION_NAME), 100)
        if not ahead:
            return False
        self._moved.set_feed_position(POSITION_NAME, ahead[-1].feedseq - 1)
        return super().step()


class BelievesTheBroker(Machine):
    """Knows no acknowledgement but PUBACK."""

    def _wanted(self, topics: Topics) -> tuple[str, ...]:
        return ()

    def _wired(self, line: Line) -> Wire:
        return _Remembering(line)

    def relay(self) -> None:
        wire, store = self._wire, self._relay_store
        if isinstance(wire, _Remembering) and store is not None:
            for one in wire.line.happened:
                if isinstance(one, PubAck) and one.why is None and one.mid in wire.last:
                    epoch, seq = wire.last.pop(one.mid)
                    if seq > store.outbox.counts().acked_upto:
                        store.outbox.acknowledge(seq, (), epoch)
        super().relay()


class _Remembering(Wire):
    """Which event was the last of each message."""

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self.last: dict[int, tuple[str, int]] = {}

    def publish(self, topic: str, payload: bytes, content_type: str, *, retain: bool = False) -> int | None:
        mid = super().publish(topic, payload, content_type, retain=retain)
        kind = topic.rpartition("/")[2]
        if mid is not None and kind in ("event", "batch"):
            event = parse_event(parse_batch(payload)[-1] if kind == "batch" else payload)
            self.last[mid] = event.epoch, event.seq
        return mid


class NeverGoesBack(Machine):
    """What was done once stays done, also when the center says that it has less."""

    def _port(self, store: Store) -> StorePort:
        return _Stubborn(store)


class _Stubborn:
    def __init__(self, store: Store) -> None:
        self.outbox: Outbox = _StubbornOutbox(store.outbox.database)
        self.epochs = store.epochs
        self.changed = store.changed


class _StubbornOutbox(Outbox):
    def acknowledge(self, upto: int, quarantined: Sequence[int], epoch: str | None = None) -> bool:
        return upto < self.counts().acked_upto or super().acknowledge(upto, quarantined, epoch)


class SaysSavedTooSoon(Machine):
    """The screen says that a receipt is saved before it is committed."""

    def weigh(self) -> None:
        self.store()
        assert self._counter is not None
        bring_in = self._counter.bring_in

        def too_soon() -> None:
            self.promised.add(self._next_receipt())
            bring_in(self.stamp())

        self._with_power(too_soon)

    def _next_receipt(self) -> str:
        recent = self.store().intakes.recent(1)
        identity = self.store().epochs.identity()
        counter = int(recent[0].receipt[-6:]) if recent and recent[0].receipt[5] == identity.series else 0
        return f"{identity.station[1:]}-{identity.series}-{counter + 1:06d}"


def same_generation(url: str) -> str:
    """A backup is put in the ledger's place, and nobody says so."""
    with Ledger.open(url) as ledger:
        return ledger.generation


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule, and the parts that do not keep it."""

    name: str
    station: type[Machine] = Machine
    parts: Parts = field(default=WHOLE)
    seed: int = 0
    """The first that finds it. When the steps of a seed change, it is another one, and is looked for."""


RULES: Final = (
    BrokenRule("acknowledge after the commit", parts=Parts(box=AcknowledgesWhatItTakes)),
    BrokenRule("another content is no duplicate", parts=Parts(ledger=KnowsNumbersOnly), seed=4),
    BrokenRule("an epoch is a life of its own", parts=Parts(ledger=ForgetsTheEpoch)),
    BrokenRule("publish, then note the position", parts=Parts(feed=NotesBeforeItPublishes)),
    BrokenRule("a restored ledger is another generation", parts=Parts(restored=same_generation), seed=6),
    BrokenRule("PUBACK is no acknowledgement", station=BelievesTheBroker),
    BrokenRule("an acknowledgement may go back", station=NeverGoesBack, seed=7),
    BrokenRule("saved means committed", station=SaysSavedTooSoon, seed=7),
)
