"""What all viewers share: made at most once a second, whoever asks, and sent only when it is another one."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

MIN_AGE_S: Final = 1.0
_COST_FACTOR: Final = 20.0
_MAX_RENDERED: Final = 64
"""Languages, filters and pages that somebody looks at."""

Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True)
class Kept(Generic[Shown]):
    """``number`` grows whenever the value is another one."""

    value: Shown
    number: int


class Shared(Generic[Shown]):
    """Keeps the last value for twenty times as long as it took to make, and at least for a second.

    Ten screens at the county, each asking every two seconds, must not slow the taking in of events down. ``clock`` is
    monotonic, in seconds.
    """

    def __init__(self, make: Callable[[], Shown], clock: Callable[[], float] = time.monotonic) -> None:
        self._make = make
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: Kept[Shown] | None = None
        self._good_until = 0.0

    def current(self) -> Kept[Shown]:
        """Raises what making raises: a LedgerError or DeskError when a database cannot be read."""
        with self._lock:
            started = self._clock()
            if self._kept is None or started >= self._good_until:
                made = self._make()
                if self._kept is None or made != self._kept.value:
                    self._kept = Kept(made, self._kept.number + 1 if self._kept is not None else 1)
                ended = self._clock()
                self._good_until = ended + max(MIN_AGE_S, _COST_FACTOR * (ended - started))
            return self._kept


class Rendered:
    """The newest HTML of what many look at, by what it shows and how: made once for all of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._html: OrderedDict[str, str] = OrderedDict()

    def html(self, etag: str, render: Callable[[], str]) -> str:
        """That of ``etag``."""
        with self._lock:
            found = self._html.get(etag)
        if found is None:
            found = render()
            with self._lock:
                self._html[etag] = found
                while len(self._html) > _MAX_RENDERED:
                    self._html.popitem(last=False)
        return found


def etag_of(*of: object) -> str:
    """The same for the same; what is given must say all that decides how it looks."""
    return hashlib.sha256(repr(of).encode()).hexdigest()[:32]
