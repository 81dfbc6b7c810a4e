"""The test stand of the relay: an outbox in memory, a small sorting center, a relay with short timers."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Self

import msgspec
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from kiosk.messaging.contract.control import Ack, Hello, Resend, Status, decode, encode
from kiosk.messaging.contract.receive import parse_batch
from kiosk.messaging.contract.seal import ZERO_HASH
from kiosk.messaging.contract.topics import Topics
from kiosk.messaging.relay.pace import Pace, Tuning
from kiosk.messaging.relay.relay import Relay
from kiosk.messaging.relay.shared.faults import LinkFault
from kiosk.messaging.relay.shared.ports import StationSide
from kiosk.messaging.relay.shared.settings import RelaySettings

TOPICS = Topics("hotan", "S0147")
SOON_S = 60.0
BOOT = "b007b007-0001"


@dataclass(frozen=True)
class Row:
    epoch: str
    seq: int
    body: bytes


@dataclass(frozen=True)
class Owner:
    station: str
    epoch: str
    series: str


@dataclass(frozen=True)
class Former:
    epoch: str
    last_seq: int
    acked_upto: int


@dataclass(frozen=True)
class Counts:
    pending: int
    last_seq: int
    acked_upto: int


class MemoryOutbox:
    """The outbox as the relay knows it, in memory; remembers what was ever done, and fails when told to."""

    def __init__(self) -> None:
        self.lock = threading.Condition()
        self.epoch_no = 1
        self.bodies: list[bytes] = []
        self.done_upto = 0
        self.quarantined: set[int] = set()
        self.acknowledged: list[int] = []
        self.old_epochs: list[str] = []
        self.failures: list[Exception] = []
        self.looks = 0
        """How often the relay has looked whether there is something new."""
        self.read_at: dict[int, int] = {}
        """At which of its looks it first took each event."""
        self._seen = 0

    @property
    def epoch(self) -> str:
        return f"{self.epoch_no:016x}"

    def write(self, count: int) -> None:
        with self.lock:
            for _ in range(count):
                seq = len(self.bodies) + 1
                self.bodies.append(msgspec.json.encode({"epoch": self.epoch, "seq": seq, "pad": f"{seq:0200}"}))

    def wait_done(self, upto: int, timeout_s: float = SOON_S) -> None:
        with self.lock:
            assert self.lock.wait_for(lambda: self.done_upto >= upto, timeout_s), (
                f"only {self.done_upto} of {upto} done"
            )

    @property
    def outbox(self) -> Self:
        return self

    @property
    def epochs(self) -> Self:
        return self

    def identity(self) -> Owner:
        return Owner("S0147", self.epoch, "A")

    def pending(self, limit: int, after: int = 0) -> list[Row]:
        with self.lock:
            if self.failures:
                raise self.failures.pop()
            start = max(after, self.done_upto)
            rows = [
                Row(self.epoch, seq, body) for seq, body in enumerate(self.bodies[start : start + limit], start + 1)
            ]
            for row in rows:
                self.read_at.setdefault(row.seq, self.looks)
            return rows

    def counts(self) -> Counts:
        with self.lock:
            return Counts(len(self.bodies) - self.done_upto, len(self.bodies), self.done_upto)

    def waiting_bytes(self) -> int:
        with self.lock:
            return sum(len(body) for body in self.bodies[self.done_upto :])

    def earlier(self) -> list[Former]:
        return []

    def sealed(self, epoch: str, limit: int, after: int = 0) -> list[Row]:
        return []

    def hash_at(self, seq: int, epoch: str) -> str | None:
        with self.lock:
            assert epoch == self.epoch
            return hashlib.sha256(self.bodies[seq - 1]).hexdigest() if seq <= len(self.bodies) else None

    def acknowledge(self, upto: int, quarantined: Sequence[int], epoch: str) -> bool:
        with self.lock:
            assert epoch == self.epoch
            self.done_upto = upto
            self.quarantined |= set(quarantined)
            self.acknowledged.append(upto)
            self.lock.notify_all()
            return True

    def start(self, why: str, *, ending: str) -> bool:
        with self.lock:
            assert ending == self.epoch
            self.old_epochs.append(why)
            waiting = len(self.bodies) - self.done_upto
            self.epoch_no += 1
            self.bodies, self.done_upto = [], 0
        self.write(waiting + 1)
        return True

    def reissue(self, epoch: str, after: int) -> int:
        raise AssertionError("there is one epoch at a time")

    def behind_limit_reached(self) -> bool:
        return "behind" in self.old_epochs

    def changed(self) -> bool:
        with self.lock:
            self.looks += 1
            seen, self._seen = self._seen, len(self.bodies)
            return seen != self._seen


@dataclass
class Center:
    """A small sorting center: keeps what comes, and acknowledges as the test says."""

    broker_port: int
    answering: bool = True
    lock: threading.Condition = field(default_factory=threading.Condition)
    events: dict[tuple[str, int], bytes] = field(default_factory=dict)
    messages: list[tuple[str, int]] = field(default_factory=list)
    hellos: list[Hello] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    swallow: Callable[[int], bool] = lambda seq: False
    """Whether the center never sees this event, as if the broker had lost it."""

    def __post_init__(self) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="center", protocol=mqtt.MQTTv5)
        self._client.on_message = self._on_message
        self._listening = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe("kiosk/v1/+/+/up/#", qos=1)
        self._client.on_subscribe = lambda *_: self._listening.set()
        self._client.on_disconnect = lambda *_: self._listening.clear()
        self._client.reconnect_delay_set(0.05, 0.1)  # type: ignore[arg-type]

    def start(self) -> None:
        self._client.connect_async("127.0.0.1", self.broker_port)
        self._client.loop_start()
        assert self._listening.wait(SOON_S)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        # paho closes the socket pair of its loop only when the client itself goes.
        del self._client

    def answer(self, ack: Ack | Resend) -> None:
        topic = TOPICS.ack if isinstance(ack, Ack) else TOPICS.resend
        self._client.publish(topic, encode(ack))

    def ack(self, epoch: str) -> Ack:
        """What an honest center would say now."""
        seqs = sorted(seq for known, seq in self.events if known == epoch)
        upto = next((n for n, seq in enumerate(seqs) if seq != n + 1), len(seqs))
        gaps: list[tuple[int, int]] = []
        for before, seq in zip([upto, *seqs[upto:]], seqs[upto:], strict=False):
            if seq > before + 1:
                gaps.append((before + 1, seq - 1))
        head = hashlib.sha256(self.events[epoch, upto]).hexdigest() if upto else ZERO_HASH
        return Ack(epoch=epoch, upto=upto, gaps=tuple(gaps), quarantined=(), head=head)

    def until(self, condition: Callable[[], bool], timeout_s: float = SOON_S) -> None:
        with self.lock:
            assert self.lock.wait_for(condition, timeout_s)

    def _on_message(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        kind = message.topic.rpartition("/")[2]
        payload = bytes(message.payload)
        with self.lock:
            if kind == "status":
                self.statuses.append(decode(Status, payload))
            elif kind == "hello":
                self.hellos.append(decode(Hello, payload))
                if self.answering:
                    self.answer(self.ack(self.hellos[-1].epoch))
            else:
                self._take(parse_batch(payload) if kind == "batch" else [payload], kind)
            self.lock.notify_all()

    def _take(self, bodies: list[bytes], kind: str) -> None:
        self.messages.append((kind, len(bodies)))
        for body in bodies:
            event = msgspec.json.decode(body)
            if not self.swallow(event["seq"]):
                assert self.events.setdefault((event["epoch"], event["seq"]), body) == body
        if self.answering:
            self.answer(self.ack(event["epoch"]))


PATIENT: dict[str, object] = {"resend_s": 100.0, "resend_max_s": 100.0}
"""For a test that counts messages: a relay that is not answered at once because the machine is busy repeats none."""


class Watch:
    """Remembers what the relay says of its line."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.alarms: list[str] = []
        self.faults: list[LinkFault] = []
        self.lefts: list[float | None] = []

    def ack_received(self, alarm: str) -> None:
        with self.changed:
            self.alarms.append(alarm)
            self.changed.notify_all()

    def fault(self, fault: LinkFault) -> None:
        with self.changed:
            self.faults.append(fault)
            self.changed.notify_all()

    def remaining(self, left_s: float | None) -> None:
        with self.changed:
            self.lefts.append(left_s)
            self.changed.notify_all()

    def until(self, condition: Callable[[], bool], timeout_s: float = SOON_S) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, timeout_s), (self.alarms, self.faults, self.lefts)


class Running:
    """A relay in a thread, with short timers; ``watch`` is what it says of its line."""

    def __init__(self, outbox: MemoryOutbox, port: int, **more: object) -> None:
        waits: dict[str, object] = {"resend_s": 0.3, "resend_max_s": 1.0, "reconnect_s": 0.05, "reconnect_max_s": 0.2}
        waits |= {name: more.pop(name) for name in waits if name in more}
        own: dict[str, object] = {"boot": BOOT}
        own |= {name: more.pop(name) for name in ("bytes_per_second", "boot", "broker_url") if name in more}
        tuning = {"poll_s": 0.02, "status_s": 0.1} | more
        url = f"mqtt://127.0.0.1:{port}"
        url = str(own.pop("broker_url", url))
        settings = RelaySettings(url, "hotan", "S0147", "kiosk test", **waits, **own)  # type: ignore[arg-type]
        self.watch = Watch()
        self.stop_event = threading.Event()
        pace = Pace(settings, Random(1), Tuning(**tuning))  # type: ignore[arg-type]
        self.relay = Relay(outbox, pace, side=StationSide(self.watch))
        self.thread = threading.Thread(target=self.relay.run, args=(self.stop_event,), name="relay")
        self.thread.start()

    def stop(self) -> None:
        self.stop_event.set()
        self.thread.join(SOON_S)
        assert not self.thread.is_alive()


def wait_for_log(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """Wait until a line of the relay holds ``text``."""
    found = threading.Event()

    class Watch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if text in record.getMessage():
                found.set()

    watch = Watch()
    logging.getLogger("kiosk.relay").addHandler(watch)
    try:
        if text not in caplog.text:
            assert found.wait(SOON_S), caplog.text
    finally:
        logging.getLogger("kiosk.relay").removeHandler(watch)
