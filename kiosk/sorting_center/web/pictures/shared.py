"""What all viewers share: made at most every two seconds, whoever asks, and sent only when it is another one."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from kiosk.sorting_center.desk.errors import DeskError
from kiosk.sorting_center.ledger import LedgerError

MIN_AGE_S: Final = 2.0
"""As often as a page asks."""
WANTED_S: Final = 60.0
"""So long after somebody has looked the next one is made as often as for who looks."""
IDLE_S: Final = 60.0
"""So old may be what the first one sees who looks again, for the half second until the next is made."""
_IDLE_COST_FACTOR: Final = 400.0
"""With nobody there, making it may take a four-hundredth of a core."""
TENDED_S: Final = 5.0
"""So long an old one stands while the next is made."""
_COST_FACTOR: Final = 40.0
_MAX_RENDERED: Final = 64
"""Languages, filters and pages that somebody looks at."""

Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True)
class Kept(Generic[Shown]):
    """``number`` grows whenever the value is another one."""

    value: Shown
    number: int


class Shared(Generic[Shown]):
    """Keeps the last value for forty times as long as it took to make, and at least for MIN_AGE_S.

    Ten screens at the county, each asking every two seconds, must not slow the taking in of events down. Where somebody
    calls `tend` again and again, nobody who looks waits for the next one, not even the first in the morning. ``clock``
    is monotonic, in seconds. ``made_of``: what somebody looks at as well who looks at this.
    """

    def __init__(
        self,
        make: Callable[[], Shown],
        clock: Callable[[], float] = time.monotonic,
        made_of: Sequence[Shared[Any]] = (),
    ) -> None:
        self._make = make
        self._clock = clock
        self._made_of = made_of
        self._making = threading.Lock()
        self._kept: Kept[Shown] | None = None
        self._numbers = 0
        self._good_until = self._stands_until = self._wanted_until = self._idle_until = -math.inf

    def current(self) -> Kept[Shown]:
        """For somebody who looks. Raises what making raises: a LedgerError or DeskError when a database cannot be
        read.
        """
        self.want()
        return self.latest()

    def want(self) -> None:
        """Somebody looks at it."""
        self._wanted_until = self._clock() + WANTED_S
        for one in self._made_of:
            one.want()

    def latest(self) -> Kept[Shown]:
        """As `current`, for what is made of it."""
        if (kept := self._standing(self._clock())) is not None:
            return kept
        with self._making:
            return self._standing(self._clock()) or self._renewed()

    def tend(self) -> None:
        """Make the next one when it is time: often while somebody looks, else now and then. One that cannot be made
        leaves none.
        """
        now = self._clock()
        is_wanted = now < self._wanted_until
        if not is_wanted and now < self._idle_until:
            self._stands_until = self._idle_until + TENDED_S
            return
        with self._making:
            self._stands_until = now + TENDED_S
            if self._clock() >= self._good_until:
                try:
                    self._renewed()
                except (LedgerError, DeskError):
                    self._kept = None
                    self._idle_until = now + IDLE_S

    def _standing(self, now: float) -> Kept[Shown] | None:
        return self._kept if now < max(self._good_until, self._stands_until) else None

    def _renewed(self) -> Kept[Shown]:
        started = self._clock()
        made = self._make()
        kept = self._kept
        if kept is None or made != kept.value:
            self._numbers += 1
            self._kept = kept = Kept(made, self._numbers)
        ended = self._clock()
        self._good_until = ended + max(MIN_AGE_S, _COST_FACTOR * (ended - started))
        self._idle_until = ended + max(IDLE_S, _IDLE_COST_FACTOR * (ended - started))
        return kept


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
