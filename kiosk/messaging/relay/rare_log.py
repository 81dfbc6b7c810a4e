"""Log lines that repeat: a village is offline for weeks, and the log must not fill the card meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable


class RareLog:
    """The first line of a kind is written at once, the same kind again at most every ``every_s`` seconds."""

    def __init__(self, logger: logging.Logger, clock: Callable[[], float], every_s: float = 300.0) -> None:
        self._logger, self._clock, self._every_s = logger, clock, every_s
        self._last: dict[str, float] = {}
        self._skipped: dict[str, int] = {}

    def write(self, kind: str, text: str, level: int = logging.WARNING) -> None:
        """Write ``text``, or count it; ``kind`` comes from a small fixed set."""
        now, last = self._clock(), self._last.get(kind)
        if last is not None and now - last < self._every_s:
            self._skipped[kind] = self._skipped.get(kind, 0) + 1
            return
        self._last[kind] = now
        skipped = self._skipped.pop(kind, 0)
        self._logger.log(level, "%s%s", text, f" (and {skipped} more like this)" if skipped else "")

    def clear(self, kind: str) -> None:
        """The trouble is over: its next line is news again."""
        self._last.pop(kind, None)
        self._skipped.pop(kind, None)
