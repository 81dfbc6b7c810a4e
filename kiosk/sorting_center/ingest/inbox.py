"""The inbox of one connection: what came over it and is not taken in yet."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Final

from kiosk.sorting_center.ingest.reading import Inbound

RECEIVE_MAXIMUM: Final = 100
"""QoS 1 messages the broker sends ahead of our acknowledgement (MQTT 5, 3.1.2.11.3): what bounds the inbox."""

_ROOM_FOR_QOS0: Final = 1000


class PutResult(Enum):
    """What became of a message that came."""

    KEPT = "kept"
    DROPPED = "dropped"
    """QoS 0 beyond its room, or over a connection that is over: it is said again."""
    NO_ROOM = "no room"
    """QoS 1, and the broker has sent more than it may: the connection must go, so that it delivers again."""


class Inbox:
    """Bounded, and of one connection only: a broker delivers again what was not acknowledged over an earlier one.

    Without that, a ledger that cannot be written for an hour and a broker that comes and goes would fill it with the
    same messages over and over.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._messages: deque[Inbound] = deque()
        self._unacknowledged: set[int] = set()
        self._connection = 0
        self._is_open = False
        self._waiting_since: float | None = None
        self._settled = 0

    def begin(self) -> None:
        """A connection is up. What an earlier one brought is void: it comes again."""
        with self._changed:
            self._messages.clear()
            self._unacknowledged.clear()
            self._waiting_since = None
            self._connection += 1
            self._is_open = True

    def end(self) -> None:
        """The connection is over: nothing of it can be acknowledged any more. What it brought may still be taken."""
        with self._changed:
            self._is_open = False
            self._unacknowledged.clear()

    def put(self, message: Inbound) -> PutResult:
        """Take a message in, never waiting."""
        with self._changed:
            if not self._is_open or (message.qos == 0 and len(self._messages) >= _ROOM_FOR_QOS0):
                return PutResult.DROPPED
            if len(self._messages) >= RECEIVE_MAXIMUM + _ROOM_FOR_QOS0:
                return PutResult.NO_ROOM
            self._messages.append(replace(message, connection=self._connection))
            if message.qos:
                self._unacknowledged.add(message.packet_id)
            if self._waiting_since is None:
                self._waiting_since = self._clock()
            self._changed.notify()
            return PutResult.KEPT

    def take(self, timeout_s: float) -> Inbound | None:
        """The next message, or None when none came in time."""
        with self._changed:
            if not self._messages and timeout_s > 0:
                self._changed.wait_for(lambda: self._messages, timeout_s)
            return self._messages.popleft() if self._messages else None

    def settle(self, message: Inbound) -> bool:
        """A message is taken in; whether to tell the broker: it wants that, and its connection is still the one.

        Over another one its packet id is void, or even stands for another message.
        """
        with self._changed:
            is_wanted = (
                message.connection == self._connection and message.packet_id in self._unacknowledged and message.qos > 0
            )
            if is_wanted:
                self._unacknowledged.discard(message.packet_id)
            self._settled += 1
            self._waiting_since = self._clock() if self._messages or self._unacknowledged else None
            return is_wanted

    def settled(self) -> int:
        """How many messages have been settled since the start."""
        with self._changed:
            return self._settled

    def waiting_s(self) -> float | None:
        """How long something has waited here without anything being taken in; None when nothing waits."""
        with self._changed:
            if self._waiting_since is None or not (self._messages or self._unacknowledged):
                return None
            return self._clock() - self._waiting_since
