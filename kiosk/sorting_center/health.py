"""How the program is, as its own page and its monitoring ask for it."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import Final

_CLEAR: Final = ""
_PLACES: Final = ("broker", "ledger", "feed", "worker", "watchdog")


@dataclass(frozen=True, slots=True)
class HealthReport:
    """A moment's state. Empty trouble texts mean that nothing is known to be wrong."""

    broker_connected: bool
    broker_trouble: str
    ledger_trouble: str
    feed_trouble: str
    intake_trouble: str
    """Messages wait and are not taken in, or a part of the program has ended; not what the ledger has told itself."""
    messages: int
    events: int
    refused: int
    dropped: int

    @property
    def ok(self) -> bool:
        """Everything a station needs from the center works."""
        return self.broker_connected and not self.troubles

    @property
    def troubles(self) -> tuple[str, ...]:
        """What is wrong, one sentence each."""
        told = (self.broker_trouble, self.ledger_trouble, self.feed_trouble, self.intake_trouble)
        return tuple(text for text in told if text)

    def as_json(self) -> dict[str, object]:
        """For ``/health``."""
        return {"status": "ok" if self.ok else "trouble", **asdict(self)}


class Health:
    """Written by the worker threads, read by the pages."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connected = False
        self._trouble = dict.fromkeys(_PLACES, _CLEAR)
        self._counts = {"messages": 0, "events": 0, "refused": 0, "dropped": 0}

    def connected(self, is_connected: bool) -> None:
        """The consuming connection came up or went down."""
        with self._lock:
            self._connected = is_connected

    def trouble(self, where: str, text: str = _CLEAR) -> bool:
        """Set, or clear with no text, what is wrong; true when it is news.

        ``where``: ``broker``, ``ledger``, ``feed``, or of taking in, as the ``worker`` and the ``watchdog`` see it.
        """
        with self._lock:
            changed = self._trouble[where] != text
            self._trouble[where] = text
            return changed

    def count(self, **more: int) -> None:
        """Add to messages, events, refused or dropped."""
        with self._lock:
            for name, number in more.items():
                self._counts[name] += number

    def report(self) -> HealthReport:
        """The state now."""
        with self._lock:
            return HealthReport(
                broker_connected=self._connected,
                broker_trouble=self._trouble["broker"],
                ledger_trouble=self._trouble["ledger"],
                feed_trouble=self._trouble["feed"],
                intake_trouble=" ".join(filter(None, (self._trouble["worker"], self._trouble["watchdog"]))),
                **self._counts,
            )
