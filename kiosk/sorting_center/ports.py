"""What the threads of the sorting center need of its connections to the broker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kiosk.sorting_center.ingest.reading import Inbound


class Mailbox(Protocol):
    """The messages come from here and are acknowledged here; `ingest.consumer.Consumer`."""

    def take(self, timeout_s: float) -> Inbound | None:
        """The next message, or None when none came in time."""

    def acknowledge(self, message: Inbound) -> None:
        """Tell the broker that the message is safe."""

    def deliver_again(self) -> None:
        """Hang up, so that the broker delivers again what was not acknowledged."""

    def tell(self, topic: str, payload: bytes) -> bool:
        """Tell a station something; may get lost, surely when this is false."""


class WatchedConnection(Protocol):
    """The same connection as the watchdog sees it."""

    def waiting_s(self) -> float | None:
        """How long messages have waited without any being taken in; None when none waits."""

    def settled(self) -> int:
        """How many messages have been taken in since the start."""

    def deliver_again(self) -> None:
        """Hang up, so that the broker delivers again."""


class Publisher(Protocol):
    """Takes messages to a broker; `ingest.publisher.FeedPublisher`."""

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> int:
        """Send all and wait; how many, from the first on, the broker took."""
