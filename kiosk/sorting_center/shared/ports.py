"""What the parts of the sorting center need of each other."""

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
        """Leave out the payload, which may be a MiB."""
        return f"Inbound({self.topic!r}, tag={self.tag}, connection={self.connection})"

    @property
    def station(self) -> str:
        """Whose turn it is, by the topic without its region, which a station may choose."""
        levels = self.topic.split("/", 4)
        return levels[3] if len(levels) > 3 else ""


class Mailbox(Protocol):
    """A receiving connection as the worker sees it."""

    def take(self, timeout_s: float) -> Inbound | None:
        """Return the next message, stations by turns; None if none came in time, or none can before an acknowledge."""

    def acknowledge(self, messages: Sequence[Inbound]) -> None:
        """Acknowledge these to the broker, unless they came over an earlier connection."""

    def request_redelivery(self) -> None:
        """Close the socket without DISCONNECT: the next connection gets what was not acknowledged."""

    def send(self, topic: str, payload: bytes) -> bool:
        """Publish if there is a connection; return whether there is. A station without an answer asks again."""


class WatchedConnection(Protocol):
    """A receiving connection as the watchdog sees it."""

    def waiting_s(self) -> float | None: ...
    def settled(self) -> int: ...
    def waiting(self) -> int: ...
    def request_redelivery(self) -> None: ...


class Publisher(Protocol):
    """A sending connection as the feed sees it."""

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> int:
        """Send all and wait; return how many, from the first on, the broker took. Fewer means refused or stopping.

        While the connection is down this waits: what is not acknowledged is sent again when it is back.
        """


class BrokerConnection(Protocol):
    """Begins to connect at `start`, never gives up, and reports its faults to the health."""

    def start(self) -> None: ...
    def stop(self, timeout_s: float) -> None: ...
    @property
    def is_alive(self) -> bool: ...


class ReceivingConnection(BrokerConnection, Mailbox, WatchedConnection, Protocol):
    def send(self, topic: str, payload: bytes, qos: int = 0) -> bool:
        """Send as `Mailbox.send`; at QoS 1 the broker also repeats it over a connection that stays up."""


class FeedConnection(BrokerConnection, Publisher, Protocol): ...


class HealthSource(Protocol):
    """The health of the program that takes events in: its own, or the last report that another process was sent."""

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


class UploadBody(Protocol):
    """The bytes of one part, as they come."""

    def read(self, size: int) -> bytes:
        """Read at most ``size`` bytes; fewer, or none, when the body breaks off."""
