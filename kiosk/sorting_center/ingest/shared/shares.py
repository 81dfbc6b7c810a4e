"""How much of what comes one station may claim, so that others are not kept waiting behind it.

The broker sends in the order in which messages came: with one station's flood in front, turns in the inbox do not help
the others. What is above the share is acknowledged to the broker and forgotten. That loses nothing: PUBACK empties no
outbox, and a relay, which has a few messages under way at most and waits for the ledger, never comes near a share.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Final

MAX_STATION_BYTES: Final = 32 * 1024 * 1024  # Thirty full batches of one station; a relay has four under way
PERIOD_S: Final = 0.5
# A flood: so many in periods without a pause, in each the most of what came, until the broker has more than it may
# send. What a person sends for a test is less.
FLOOD_MESSAGES: Final = 1500
FLOOD_SHARE: Final = 50  # Messages of it that wait while it floods: its turns go on
RECENT_S: Final = 60.0  # A station that was heard this recently may be waiting behind a flood
_MAX_REMEMBERED_STATIONS: Final = 10_000


class StationShares:
    """Not safe for threads: the inbox has its lock."""

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
        """Whether a message may wait, and count it then. ``is_full``: the broker has sent as much ahead as it may."""
        if now >= self._period_end:
            self._detect_flood(now)
        self._arrived[station] += 1
        self._was_full = self._was_full or is_full
        self._note_seen(station, now)
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
        """A message has left the inbox."""
        self._messages[station] -= 1
        self._bytes[station] -= size
        if not self._messages[station]:
            del self._messages[station], self._bytes[station]

    def _detect_flood(self, now: float) -> None:
        """A period is over: who floods in the next one?"""
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

    def _note_seen(self, station: str, now: float) -> None:
        self._last_seen[station] = now
        self._last_seen.move_to_end(station)
        if len(self._last_seen) > _MAX_REMEMBERED_STATIONS:
            self._last_seen.popitem(last=False)

    def _others_seen_recently(self, station: str, now: float) -> bool:
        """Whether another station was heard lately."""
        newest = next((at for other, at in reversed(self._last_seen.items()) if other != station), float("-inf"))
        return now - newest <= RECENT_S
