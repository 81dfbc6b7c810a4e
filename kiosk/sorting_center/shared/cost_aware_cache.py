"""An expensive value, cached for several times as long as it took to compute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

_COST_FACTOR: Final = 10.0

T = TypeVar("T")


class CostAwareCache(Generic[T]):
    """Keeps what was made last for ten times as long as it took to make, and at least for ``min_age_s``.

    Ten screens at the county, each asking every two seconds, must not slow the taking in of events down.
    """

    def __init__(self, make: Callable[[], T], min_age_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._make, self._min_age_s, self._clock = make, min_age_s, clock
        self._lock = threading.Lock()
        self._made: tuple[T, float] | None = None  # And until when it is good

    def current(self) -> T:
        """Return the cached value, or make it. Raises what making it raises."""
        with self._lock:
            began = self._clock()
            if self._made is not None and began < self._made[1]:
                return self._made[0]
            value = self._make()
            ended = self._clock()
            self._made = value, ended + max(self._min_age_s, _COST_FACTOR * (ended - began))
            return value
