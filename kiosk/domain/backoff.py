"""Back-off: how long to wait before the next try."""

from __future__ import annotations

from collections.abc import Callable


class Backoff:
    """Waiting times in seconds: ``first_s``, doubled from try to try up to ``max_s``.

    ``share`` is called each time for the part of it that is waited, 0 to 1: a random one keeps clients that lost the
    same thing from coming back together.
    """

    def __init__(self, first_s: float, max_s: float, share: Callable[[], float] = lambda: 1.0) -> None:
        self._first_s, self._max_s, self._share = first_s, max_s, share
        self._next_s = first_s

    def next(self) -> float:
        """Return the seconds to wait before the next try."""
        whole = min(self._next_s, self._max_s)
        self._next_s = whole * 2
        return whole * self._share()

    def reset(self) -> None:
        """Begin with ``first_s`` again, after a success."""
        self._next_s = self._first_s
