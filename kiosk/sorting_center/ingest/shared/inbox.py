"""The inbox of one connection: what came over it and is not taken in yet. The stations are served by turns."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final

from msgspec.structs import replace

from kiosk.sorting_center.shared.ports import Inbound

# Messages the broker sends ahead of our acknowledgement: what bounds the inbox. A commit takes up to as many.
WINDOW: Final = 1000
_MAX_QOS0_WAITING: Final = 1000
_SMALL_WINDOW: Final = 16  # A broker that has never sent more than that ahead may simply have had no more to send

MAX_STATION_BYTES: Final = 32 * 1024 * 1024  # Thirty full batches of one station; a relay has four under way
PERIOD_S: Final = 0.5
# A flood: so many in consecutive periods, in each more than half of what arrived, until the broker has more than it may
# send. An operator's test sends less.
FLOOD_MESSAGES: Final = 1500
FLOOD_SHARE: Final = 50  # Messages of it that wait while it floods: it still gets its turns
RECENT_S: Final = 60.0  # A station seen this recently may be waiting behind a flood
_MAX_REMEMBERED_STATIONS: Final = 10_000


class PutResult(Enum):
    """What happened to an arrived message."""

    ENQUEUED = "kept"
    DROPPED = "dropped"  # Without acknowledgement, beyond its room, or over a closed connection: it is sent again
    # Above its station's share: acknowledged to the broker and not stored. The station still has it, receives no
    # acknowledgement of the ledger for it, and sends it again.
    SHED = "shed"
    NO_ROOM = "no room"  # The broker has sent more than it may: the connection must go, so that it delivers again


class IngestInbox:
    """Bounded, and of one connection only: a broker delivers again what was not acknowledged over an earlier one.

    Without that, a ledger that cannot be written for an hour and a broker that comes and goes would fill it with the
    same messages over and over. Messages are taken out by turns and released to the broker in the order in which they
    came (MQTT 5, 4.6).
    """

    def __init__(self, dropped: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        """Call ``dropped`` for every message that is not kept."""
        self._dropped, self._clock = dropped, clock
        self._changed = threading.Condition()
        self._waiting: OrderedDict[str, deque[Inbound]] = OrderedDict()  # By station; the first has the next turn
        # Tags in the order in which they came; true: done, and released as soon as all before it are.
        self._unreleased: OrderedDict[int, bool] = OrderedDict()
        self._in_progress = 0  # Unreleased messages that are in the hands of the worker
        self._untagged = 0
        self._connection = 0
        self._is_open = False
        self._waiting_since: float | None = None
        self._settled = 0
        self._max_unreleased = 0
        self._shares = StationShares()

    def begin(self) -> None:
        """Begin a connection. Messages of an earlier one are void: they come again."""
        with self._changed:
            self._waiting.clear()
            self._unreleased.clear()
            self._untagged = self._in_progress = self._max_unreleased = 0
            self._shares = StationShares()
            self._waiting_since = None
            self._connection += 1
            self._is_open = True

    def end(self) -> None:
        """End the connection: its messages can still be taken, but not acknowledged any more."""
        with self._changed:
            self._is_open = False
            self._unreleased.clear()
            self._in_progress = 0

    def put(self, message: Inbound) -> PutResult:
        result = self._put(message)
        if result is not PutResult.ENQUEUED:
            self._dropped()
        return result

    def _put(self, message: Inbound) -> PutResult:
        with self._changed:
            if not self._is_open or (not message.tag and self._untagged >= _MAX_QOS0_WAITING):
                return PutResult.DROPPED
            if message.tag and len(self._unreleased) >= WINDOW:
                return PutResult.NO_ROOM
            station = message.station
            if message.tag:
                self._unreleased[message.tag] = False
                self._max_unreleased = max(self._max_unreleased, len(self._unreleased))
                is_full = len(self._unreleased) >= max(_SMALL_WINDOW, self._max_unreleased)
                if not self._shares.admit(station, len(message.payload), is_full, self._clock()):
                    self._unreleased[message.tag] = True
                    return PutResult.SHED
            else:
                self._untagged += 1
            self._waiting.setdefault(station, deque()).append(replace(message, connection=self._connection))
            if self._waiting_since is None:
                self._waiting_since = self._clock()
            self._changed.notify()
            return PutResult.ENQUEUED

    def take(self, timeout_s: float) -> Inbound | None:
        """Return the next message, the stations by turns; None when none came in time.

        Return at once when the broker sends nothing before an acknowledgement: it has sent as much as it ever does.
        """
        with self._changed:
            is_exhausted = self._in_progress >= max(_SMALL_WINDOW, self._max_unreleased)
            if not self._waiting and timeout_s > 0 and not is_exhausted:
                self._changed.wait_for(lambda: self._waiting, timeout_s)
            if not self._waiting:
                return None
            station, messages = next(iter(self._waiting.items()))
            message = messages.popleft()
            if messages:
                self._waiting.move_to_end(station)
            else:
                del self._waiting[station]
            if not message.tag:
                self._untagged -= 1
            elif message.connection == self._connection:
                self._shares.release(station, len(message.payload))
                self._in_progress += self._is_open
            return message

    def settle(self, messages: Iterable[Inbound]) -> None:
        """Mark messages as taken in. Tags of another connection are void, or even mean other messages."""
        with self._changed:
            for message in messages:
                self._settled += 1
                if message.connection == self._connection and self._unreleased.get(message.tag) is False:
                    self._unreleased[message.tag] = True
                    self._in_progress -= 1
            self._waiting_since = self._clock() if self._waiting or self._in_progress else None

    def released(self) -> list[int]:
        """Return the tags that can be acknowledged now, each once, in the order in which they came."""
        with self._changed:
            tags: list[int] = []
            for tag, is_done in self._unreleased.items():
                if not is_done:
                    break
                tags.append(tag)
            for tag in tags:
                del self._unreleased[tag]
            return tags

    def settled(self) -> int:
        with self._changed:
            return self._settled

    def waiting(self) -> int:
        with self._changed:
            return sum(len(messages) for messages in self._waiting.values())

    def waiting_s(self) -> float | None:
        """Return how long messages wait with none taken in; None when nothing waits, or no connection is up."""
        with self._changed:
            if not self._is_open or self._waiting_since is None or not (self._waiting or self._in_progress):
                return None
            return self._clock() - self._waiting_since


class StationShares:
    """How much of what comes one station may claim, so that others are not kept waiting behind it.

    The broker sends in the order in which messages came: with one station's flood in front, turns in the inbox do not
    help the others. What is above the share is acknowledged to the broker and forgotten. That loses nothing: PUBACK
    empties no outbox, and a relay, which has a few messages under way at most and waits for the ledger, never comes
    near a share. Not safe for threads: the inbox has its lock.
    """

    def __init__(self) -> None:
        self._messages: Counter[str] = Counter()  # Of each station in the inbox; a station with none has no entry
        self._bytes: Counter[str] = Counter()
        self._last_seen: OrderedDict[str, float] = OrderedDict()
        self._arrived: Counter[str] = Counter()  # In this period
        self._shed = 0
        self._was_full = False
        self._period_end = 0.0
        # Which station most came from in the last periods without a pause, and how many in all of them.
        self._dominant = ("", 0)
        self._flooding: str | None = None

    def admit(self, station: str, size: int, is_full: bool, now: float) -> bool:
        """Return whether a message may wait, and count it then. ``is_full``: the broker may send no more ahead."""
        if now >= self._period_end:
            self._detect_flood(now)
        self._arrived[station] += 1
        self._was_full = self._was_full or is_full
        self._last_seen[station] = now
        self._last_seen.move_to_end(station)
        if len(self._last_seen) > _MAX_REMEMBERED_STATIONS:
            self._last_seen.popitem(last=False)
        held = self._bytes[station]
        if held and held + size > MAX_STATION_BYTES:
            return False
        if station == self._flooding and self._messages[station] >= FLOOD_SHARE:
            self._shed += 1
            return False
        self._messages[station] += 1
        self._bytes[station] += size
        return True

    def release(self, station: str, size: int) -> None:
        """Subtract a message that has left the inbox."""
        self._messages[station] -= 1
        self._bytes[station] -= size
        if not self._messages[station]:
            del self._messages[station], self._bytes[station]

    def _detect_flood(self, now: float) -> None:
        """End a period: find the station that floods in the next one."""
        station, count = next(iter(self._arrived.most_common(1)), ("", 0))
        is_majority = count * 2 > self._arrived.total()
        has_paused = now >= self._period_end + PERIOD_S and not self._was_full  # else the pause was ours
        before, so_far = self._dominant
        self._dominant = ("", 0)
        if is_majority and not has_paused:
            self._dominant = (station, count + (so_far if station == before else 0))
        is_too_much = self._was_full or self._shed * 2 > count
        floods = is_too_much and self._dominant[1] >= FLOOD_MESSAGES and self._others_seen_recently(station, now)
        self._flooding = station if floods else None
        self._arrived.clear()
        self._shed, self._was_full = 0, False
        self._period_end = now + PERIOD_S

    def _others_seen_recently(self, station: str, now: float) -> bool:
        newest = next((at for other, at in reversed(self._last_seen.items()) if other != station), float("-inf"))
        return now - newest <= RECENT_S
