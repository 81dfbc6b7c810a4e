"""What the parts of the sorting center need of each other: connections to the broker, whatever that speaks, and what
comes over them; how far a stream is; health."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from kiosk.sorting_center.shared.health import HealthReport


class Inbound(msgspec.Struct, frozen=True, gc=False):
    """A message as it came, its topic as MQTT writes it."""

    topic: str
    payload: bytes
    retained: bool = False
    # Names it to the broker, on this connection: packet id or delivery tag. 0: no acknowledgement is wanted.
    tag: int = 0
    connection: int = 0
    is_dead: bool = False  # From the queue of dead letters: the broker has given up on it
    redelivered: bool = False  # It was delivered before and not acknowledged, and the broker does not count how often

    def __repr__(self) -> str:
        """Without the payload, which may have a MiB."""
        return f"Inbound({self.topic!r}, tag={self.tag}, connection={self.connection})"

    @property
    def station(self) -> str:
        """Whose turn it is, as far as the topic says; the region is not looked at, which a station may choose."""
        levels = self.topic.split("/", 4)
        return levels[3] if len(levels) > 3 else ""


class Mailbox(Protocol):
    """Messages come from here and are acknowledged here, as the worker sees it."""

    def take(self, timeout_s: float) -> Inbound | None:
        """The next message, the stations by turns; None when none came in time, or none can before an acknowledge."""

    def acknowledge(self, messages: Sequence[Inbound]) -> None:
        """Tell the broker that these messages are safe."""

    def request_redelivery(self) -> None:
        """Hang up, so that the broker delivers again what was not acknowledged."""

    def send(self, topic: str, payload: bytes) -> bool:
        """Tell a station something; may get lost, surely when this is false."""


class WatchedConnection(Protocol):
    """The same connection as the watchdog sees it."""

    def waiting_s(self) -> float | None:
        """How long messages have waited without any being taken in; None when none waits."""

    def settled(self) -> int:
        """How many messages have been taken in since the start."""

    def waiting(self) -> int:
        """How many messages wait in the inbox."""

    def request_redelivery(self) -> None:
        """Hang up, so that the broker delivers again."""


class ReceivingConnection(Protocol):
    """What differs between brokers: `ingest.mqtt.consumer.MqttConsumer`, `ingest.amqp.consumer.AmqpConsumer`.

    It puts messages into an `ingest.inbox.Inbox`, keeps the connection up by itself and says how it is to the health.
    """

    def start(self) -> None:
        """Begin to connect and receive; it never gives up."""

    def stop(self, timeout_s: float) -> None:
        """End the connection; what was not acknowledged stays with the broker."""

    def acknowledge_soon(self) -> None:
        """Tell the broker what the inbox has released; never waits."""

    def drop(self) -> None:
        """Close the socket without DISCONNECT, so that the broker delivers again, and connect."""

    def send(self, topic: str, payload: bytes) -> bool:
        """Publish if there is a connection; whether there is. A station that hears nothing asks again."""

    @property
    def is_up(self) -> bool:
        """Connected at this moment, as far as anybody knows."""

    @property
    def is_alive(self) -> bool:
        """Whether the thread of the connection runs; it does until `stop`."""


class Publisher(Protocol):
    """Takes messages to a broker, as the feed sees it."""

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> int:
        """Send all and wait; how many, from the first on, the broker took. Fewer means refused or stopping."""


class FeedConnection(Publisher, Protocol):
    """The whole of a sending connection: `FeedPublisher` of either room."""

    def start(self) -> None:
        """Begin to connect; it never gives up."""

    def stop(self, timeout_s: float) -> None:
        """End the connection; a waiting `publish` returns what it has."""

    @property
    def is_alive(self) -> bool:
        """Whether the thread of the connection runs."""


class HealthSource(Protocol):
    """How the program that takes events in is: `Health` there, and what another process of it is told."""

    def report(self) -> HealthReport: ...


class StreamReach(Protocol):
    """How far a stream is: a row of ``stream``, or what a commit makes of one."""

    @property
    def station(self) -> str: ...
    @property
    def epoch(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def upto(self) -> int: ...
    @property
    def max_seen(self) -> int: ...
