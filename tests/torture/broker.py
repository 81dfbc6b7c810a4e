"""A broker in memory that keeps nothing over a kill and does no more than MQTT lets a real one do.

It may lose everything when it is killed, drop what a full queue cannot take and answer PUBACK for it all the same,
deliver a QoS 1 message twice, deliver again what was not acknowledged, carry what a dead connection had sent before
or after what the next one sends, and lose any QoS 0 answer. It changes no message and makes up none.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from kiosk.messaging.relay.connection import ConnectionEvent, ConnectionLost, Message, PubAck
from kiosk.messaging.relay.shared.faults import LinkFault

QUEUE_ROOM: Final = 60
"""Messages that wait for a consumer that is away. Mosquitto keeps 1,000 unless it is told else."""
AHEAD: Final = 20
"""Messages a consumer gets before it has acknowledged the first of them."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message on its way up."""

    mid: int
    topic: str
    payload: bytes = field(repr=False)
    retain: bool = False


@dataclass(slots=True, eq=False)
class Line:
    """One connection of a station. What is in ``up`` and ``down`` is on the wire."""

    station: str
    wanted: tuple[str, ...]
    is_open: bool = True
    up: deque[Sent] = field(default_factory=deque)
    down: deque[Message] = field(default_factory=deque)
    happened: list[ConnectionEvent] = field(default_factory=list)
    mids: int = 0

    def send(self, topic: str, payload: bytes, *, retain: bool) -> int | None:
        """The packet id, None when the line is known to be dead."""
        if not self.is_open:
            return None
        self.mids += 1
        self.up.append(Sent(self.mids, topic, payload, retain))
        return self.mids

    def lose(self, why: str) -> None:
        """The station notices that the connection is gone."""
        if self.is_open:
            self.is_open = False
            self.down.clear()
            self.happened.append(ConnectionLost(why))


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message as the consumer has it; ``number`` is its packet id."""

    number: int
    topic: str
    payload: bytes = field(repr=False)
    retained: bool


class MemoryBroker:
    """Stations publish and listen; one consumer with a session that outlives its connections, not the broker."""

    def __init__(self) -> None:
        self.is_up = True
        self.refuses = False
        self.connection = 0
        """Counts the consumer's connections."""
        self._lines: list[Line] = []
        self._retained: dict[str, bytes] = {}
        self._session = False
        self._is_consuming = False
        self._queue: deque[tuple[str, bytes, bool]] = deque()
        self._ahead: OrderedDict[int, tuple[str, bytes, bool]] = OrderedDict()
        self._numbers = 0

    # --- faults

    def kill(self) -> None:
        """SIGKILL without persistence: sessions, queues, kept messages and connections are gone."""
        self.is_up = self._session = self._is_consuming = False
        self._queue.clear()
        self._ahead.clear()
        self._retained.clear()
        for line in self._lines:
            line.up.clear()
            line.lose("killed")
        self._lines.clear()

    def start(self, *, refuses: bool = False) -> None:
        """Up again; ``refuses`` every client until it is started once more."""
        self.kill()
        self.is_up, self.refuses = True, refuses

    def twice(self, which: int) -> None:
        """Deliver one of the waiting messages a second time, later."""
        if self._queue:
            self._queue.append(self._queue[which % len(self._queue)])

    # --- stations

    def open_line(self, station: str, wanted: tuple[str, ...]) -> Line | None:
        """A connection; None when none is granted. Whoever was connected under this name is put out."""
        if not self.is_up or self.refuses:
            return None
        for line in self._lines:
            if line.station == station:
                line.lose("taken over")
        line = Line(station, wanted)
        self._lines.append(line)
        return line

    def lines(self) -> list[Line]:
        """Every line that carries something or may, the dead ones included."""
        self._lines = [line for line in self._lines if line.is_open or line.up]
        return self._lines

    def carry(self, line: Line, count: int) -> None:
        """Up to ``count`` messages arrive at the broker and are answered; everything that waits comes down."""
        for _ in range(min(count, len(line.up))):
            sent = line.up.popleft()
            if line.is_open:
                line.happened.append(
                    PubAck(sent.mid) if self._session else PubAck(sent.mid, "nobody listens", LinkFault.NO_SUBSCRIBERS)
                )
            self._take(sent)
        line.happened += line.down
        line.down.clear()

    def _take(self, sent: Sent) -> None:
        if sent.retain:
            self._retained[sent.topic] = sent.payload
        if self._session:
            self._enqueue(sent.topic, sent.payload, kept=False)

    def _enqueue(self, topic: str, payload: bytes, *, kept: bool) -> None:
        if len(self._queue) < QUEUE_ROOM:
            self._queue.append((topic, payload, kept))

    def publish(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        """A message of nobody's: what a broken or a bad client sends."""
        if self.is_up and self._session:
            self._enqueue(topic, payload, kept=retained)

    # --- the consumer

    def consume(self) -> bool:
        """The consumer connects; whether it may. Its session is made when there is none."""
        if not self.is_up or self.refuses:
            return False
        self.hang_up()
        self.connection += 1
        self._is_consuming = True
        if not self._session:
            self._session = True
            for topic, payload in self._retained.items():
                self._enqueue(topic, payload, kept=True)
        return True

    def hang_up(self) -> None:
        """The consumer's connection ends. What it has not acknowledged waits again, in its first order."""
        self._is_consuming = False
        self._queue.extendleft(reversed(self._ahead.values()))
        self._ahead.clear()

    @property
    def is_consuming(self) -> bool:
        """Whether the consumer's connection stands."""
        return self._is_consuming

    def deliver(self) -> Delivered | None:
        """The next message, while the consumer has not too many unacknowledged."""
        if not self._is_consuming or not self._queue or len(self._ahead) >= AHEAD:
            return None
        self._numbers += 1
        topic, payload, kept = self._ahead[self._numbers] = self._queue.popleft()
        return Delivered(self._numbers, topic, payload, kept)

    def settle(self, number: int, connection: int) -> None:
        """PUBACK of the consumer; over an earlier connection it says nothing."""
        if connection == self.connection:
            self._ahead.pop(number, None)

    def tell(self, topic: str, payload: bytes) -> bool:
        """QoS 0 down to who listens; whether the consumer has a connection to say it over."""
        if not self._is_consuming:
            return False
        for line in self._listening(topic):
            line.down.append(Message(topic, payload))
        return True

    def _listening(self, topic: str) -> Iterator[Line]:
        return (line for line in self._lines if line.is_open and topic in line.wanted)

    @property
    def waits(self) -> bool:
        """Whether anything is on its way up, or waits here."""
        return bool(self._queue or self._ahead) or any(line.up or line.down or line.happened for line in self.lines())
