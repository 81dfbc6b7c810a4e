"""How the program is, as its own page and its monitoring ask for it."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass
from typing import Final

_CLEAR: Final = ""
_POLL_INTERVAL_S: Final = 0.05
REFUSED_PREFIX: Final = "refused_"
_OF_INTAKE: Final = ("worker", "watchdog")
_COMPONENTS: Final = ("broker", "answers", "ledger", "feed", "numbering", *_OF_INTAKE, "photos", "access")


@dataclass(frozen=True, slots=True)
class HealthReport:
    """A moment's state. Empty trouble texts mean that nothing is known to be wrong."""

    broker_connected: bool
    broker_trouble: str
    ledger_trouble: str
    feed_trouble: str
    # Messages wait and are not taken in, or a part of the program has ended; not what the ledger itself reports.
    intake_trouble: str
    messages: int
    events: int
    refused: int
    dropped: int  # Not taken in, and sent again by the stations: beyond the inbox's room or a station's share
    commits: int
    commit_s: float  # All commits together; each with its messages' parts in it
    waiting: int  # Messages in the inbox, a second ago at most
    photos_trouble: str
    # Pictures `received` and `pending`, those refused by reason (`refused_hash`); empty without their lane.
    photos: dict[str, int]
    access_trouble: str = ""  # Of the list of certificates, and of what the broker makes of it

    @property
    def ok(self) -> bool:
        """Everything a station needs from the center works."""
        return self.broker_connected and not self.faults

    @property
    def faults(self) -> dict[str, str]:
        """What is wrong, in English, by the part that has it; what two parts say alike stands at the first."""
        by_part = {
            "broker": self.broker_trouble,
            "ledger": self.ledger_trouble,
            "feed": self.feed_trouble,
            "intake": self.intake_trouble,
            "photos": self.photos_trouble,
            "access": self.access_trouble,
        }
        once = {text: part for part, text in reversed(by_part.items()) if text}
        return {part: text for part, text in by_part.items() if once.get(text) == part}

    def as_json(self) -> dict[str, object]:
        return {"status": "ok" if self.ok else "trouble", **asdict(self)}


class CenterHealth:
    """Written by the worker threads, read by the pages."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._connected = False
        self._faults = dict.fromkeys(_COMPONENTS, _CLEAR)
        self._counts = {"messages": 0, "events": 0, "refused": 0, "dropped": 0, "commits": 0, "waiting": 0}
        self._commit_s = 0.0
        self._photos: dict[str, int] = {}

    def set_connected(self, is_connected: bool) -> None:
        """Store whether the consuming connection is up, with all it reads from."""
        with self._changed:
            self._connected = is_connected
            self._changed.notify_all()

    def wait_until_connected(self, timeout_s: float, ending: threading.Event) -> bool:
        """Wait until station messages are kept for this center, or ``ending`` is set; return whether they are kept."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not self._connected and not ending.is_set() and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(min(left, _POLL_INTERVAL_S))
            return self._connected

    def set_fault(self, where: str, text: str = _CLEAR) -> bool:
        """Set, or clear with no text, what is wrong; return whether that is new.

        ``where``: ``broker``; ``answers``, when these have a connection of their own; ``ledger``; ``feed`` and the
        ``numbering`` before it; ``photos``; ``access``, the broker's rights; ``worker`` or ``watchdog``, of taking in.
        """
        with self._lock:
            changed = self._faults[where] != text
            self._faults[where] = text
            return changed

    def count(self, **more: int) -> None:
        with self._lock:
            for name, number in more.items():
                self._counts[name] += number

    def add_commit(self, seconds: float) -> None:
        with self._lock:
            self._counts["commits"] += 1
            self._commit_s += seconds

    def set_waiting(self, messages: int) -> None:
        with self._lock:
            self._counts["waiting"] = messages

    def set_photo_counts(self, figures: dict[str, int]) -> None:
        with self._lock:
            self._photos = figures

    def report(self) -> HealthReport:
        with self._lock:
            return HealthReport(
                broker_connected=self._connected,
                broker_trouble=self._join_faults("broker", "answers"),
                ledger_trouble=self._faults["ledger"],
                feed_trouble=self._join_faults("numbering", "feed"),
                intake_trouble=self._join_faults(*_OF_INTAKE),
                photos_trouble=self._join_faults("photos"),
                photos=self._photos,
                access_trouble=self._faults["access"],
                commit_s=self._commit_s,
                **self._counts,
            )

    def _join_faults(self, *where: str) -> str:
        """Join what is wrong at these places, each text once."""
        return " ".join(dict.fromkeys(text for place in where if (text := self._faults[place])))
