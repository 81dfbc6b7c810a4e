"""How the program is, as its own page and its monitoring ask for it."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import Final

_CLEAR: Final = ""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """A moment's state. Empty trouble texts mean that nothing is known to be wrong."""

    broker_connected: bool
    broker_trouble: str
    ledger_trouble: str
    feed_trouble: str
    messages: int
    events: int
    refused: int
    dropped: int

    @property
    def ok(self) -> bool:
        """Everything a station needs from the center works."""
        return self.broker_connected and not (self.broker_trouble or self.ledger_trouble or self.feed_trouble)

    def as_json(self) -> dict[str, object]:
        """For ``/health``."""
        return {"status": "ok" if self.ok else "trouble", **asdict(self)}


class Health:
    """Written by the worker threads, read by the pages."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connected = False
        self._trouble = {"broker": _CLEAR, "ledger": _CLEAR, "feed": _CLEAR}
        self._counts = {"messages": 0, "events": 0, "refused": 0, "dropped": 0}

    def connected(self, is_connected: bool) -> None:
        """The consuming connection came up or went down."""
        with self._lock:
            self._connected = is_connected

    def trouble(self, where: str, text: str = _CLEAR) -> bool:
        """Set, or clear with no text, what is wrong with ``broker``, ``ledger`` or ``feed``; true when it is news."""
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
                **self._counts,
            )
