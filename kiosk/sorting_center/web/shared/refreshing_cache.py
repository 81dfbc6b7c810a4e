"""What all viewers share: made at most every two seconds for all of them, and sent only when it has changed."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.ledger import LedgerError

MIN_AGE_S: Final = 2.0  # As often as a page asks
ACTIVE_S: Final = 60.0  # For so long after a view the next one is made as often as during a view
# The first view after a pause may see a value this old, for the half second until the next is made.
IDLE_S: Final = 60.0
_IDLE_COST_FACTOR: Final = 400.0  # Without viewers, making it may take a four-hundredth of a core
GRACE_S: Final = 5.0  # An old one stays valid this long while the next is made
_COST_FACTOR: Final = 40.0
_MAX_RENDERED: Final = 64  # Languages, filters and pages in use

Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True)
class VersionedValue(Generic[Shown]):
    value: Shown
    version: int


class RefreshingCache(Generic[Shown]):
    """Keeps the last value for forty times as long as it took to make, and at least for MIN_AGE_S.

    Ten screens of a county, each polling every two seconds, must not slow the ingest down. Where `refresh_if_due` is
    called regularly, no request waits for the next value, not even the first one in the morning. ``clock`` is
    monotonic, in seconds. ``depends_on`` are caches that are viewed together with this one.
    """

    def __init__(
        self,
        make: Callable[[], Shown],
        clock: Callable[[], float] = time.monotonic,
        depends_on: Sequence[RefreshingCache[Any]] = (),
    ) -> None:
        self._make, self._clock, self._depends_on = make, clock, depends_on
        self._refresh_lock = threading.Lock()
        self._current: VersionedValue[Shown] | None = None
        self._version = 0
        self._fresh_until = self._grace_until = self._active_until = self._idle_until = -math.inf

    def current(self) -> VersionedValue[Shown]:
        """Return it for a viewer. Raises as making does: LedgerError or DeskError when a database cannot be read."""
        self.mark_viewed()
        return self.latest()

    def mark_viewed(self) -> None:
        self._active_until = self._clock() + ACTIVE_S
        for one in self._depends_on:
            one.mark_viewed()

    def latest(self) -> VersionedValue[Shown]:
        """Return the value as `current`, for values that are made of it: it does not count as viewed."""
        if (valid := self._valid(self._clock())) is not None:
            return valid
        with self._refresh_lock:
            return self._valid(self._clock()) or self._refresh()

    def peek(self) -> Shown | None:
        """Return the last value, however old; None before the first. Never waits."""
        return self._current.value if self._current is not None else None

    def expire(self) -> None:
        """Expire the value, because its source was changed: viewers see the change from now on."""
        with self._refresh_lock:
            self._fresh_until = self._grace_until = -math.inf

    def refresh_if_due(self) -> None:
        """Make the next value when due: often while it is viewed, else rarely. After a failure there is none."""
        now = self._clock()
        is_active = now < self._active_until
        if not is_active and now < self._idle_until:
            self._grace_until = self._idle_until + GRACE_S
            return
        with self._refresh_lock:
            self._grace_until = now + GRACE_S
            if self._clock() >= self._fresh_until:
                try:
                    self._refresh()
                except (LedgerError, DeskError):
                    self._current = None
                    self._idle_until = now + IDLE_S

    def _valid(self, now: float) -> VersionedValue[Shown] | None:
        return self._current if now < max(self._fresh_until, self._grace_until) else None

    def _refresh(self) -> VersionedValue[Shown]:
        started = self._clock()
        made = self._make()
        versioned = self._current
        if versioned is None or made != versioned.value:
            self._version += 1
            self._current = versioned = VersionedValue(made, self._version)
        ended = self._clock()
        self._fresh_until = ended + max(MIN_AGE_S, _COST_FACTOR * (ended - started))
        self._idle_until = ended + max(IDLE_S, _IDLE_COST_FACTOR * (ended - started))
        return versioned


class RenderedHtml:
    """The newest HTML of what many view, by content and form: made once for all of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._html: OrderedDict[str, str] = OrderedDict()

    def html(self, etag: str, render: Callable[[], str]) -> str:
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
    """Return the same for the same; the arguments must name all that decides how it looks."""
    return hashlib.sha256(repr(of).encode()).hexdigest()[:32]
