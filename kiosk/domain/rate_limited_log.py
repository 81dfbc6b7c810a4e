"""Log lines that repeat: a village is offline for weeks, and the log must not fill the card meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable


class RateLimitedLog:
    """The first line of a kind is written at once, the next of the same kind at most every ``period_s`` seconds.

    The line that is written says how many were left out before it. ``clock`` gives monotonic seconds.
    """

    def __init__(self, logger: logging.Logger, clock: Callable[[], float], period_s: float) -> None:
        self._logger, self._clock, self._period_s = logger, clock, period_s
        self._written_at: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def write(
        self, text: str, *, kind: str = "", level: int = logging.WARNING, error: BaseException | None = None
    ) -> None:
        """Write the line, with the traceback of ``error``, or count it; ``kind`` comes from a small fixed set."""
        now, last = self._clock(), self._written_at.get(kind)
        if last is not None and now - last < self._period_s:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return
        self._written_at[kind] = now
        count = self._left_out.pop(kind, 0)
        more = f" ({count} like this were not logged)" if count else ""
        self._logger.log(level, "%s%s", text, more, exc_info=error)

    def clear(self, kind: str = "") -> None:
        """Forget the trouble when it is over: its next line is news again."""
        self._written_at.pop(kind, None)
        self._left_out.pop(kind, None)
