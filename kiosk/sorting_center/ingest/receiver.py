"""The receiving side as worker and watchdog see it: the inbox, and the line that fills it."""

from __future__ import annotations

from collections.abc import Sequence

from kiosk.sorting_center.ingest.shared.inbox import IngestInbox
from kiosk.sorting_center.shared.ports import Inbound, ReceivingConnection


class Receiver:
    """Safe to call from any thread."""

    def __init__(self, inbox: IngestInbox, line: ReceivingConnection) -> None:
        self._inbox = inbox
        self._line = line

    def take(self, timeout_s: float) -> Inbound | None:
        """The next message, the stations by turns."""
        return self._inbox.take(timeout_s)

    def acknowledge(self, messages: Sequence[Inbound]) -> None:
        """Tell the broker that these are safe, unless they came over an earlier connection."""
        self._inbox.settle(messages)
        self._line.acknowledge_soon()

    def request_redelivery(self) -> None:
        """Close the socket without DISCONNECT: the next connection gets what was not acknowledged."""
        self._inbox.end()
        self._line.drop()

    def send(self, topic: str, payload: bytes) -> bool:
        """Tell a station something; may get lost, surely when this is false."""
        return self._line.send(topic, payload)

    def waiting_s(self) -> float | None:
        """How long messages have waited without any being taken in; None when none waits or the line is down."""
        return self._inbox.waiting_s() if self._line.is_up else None

    def settled(self) -> int:
        """How many messages have been taken in since the start."""
        return self._inbox.settled()

    def waiting(self) -> int:
        """How many messages wait in the inbox."""
        return self._inbox.waiting()
