"""Wrong guesses are counted before they are answered, and counted on after a restart.

The count is on the disk before anybody hears "wrong": pulling the plug right after a wrong guess forgets nothing. When
the disk refuses, the count goes on in memory, so that a full card does not open the lock. A right answer clears
nothing: who knows one PIN or one pickup code must not buy fresh guesses at another with it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from kiosk.domain.events import AuthLocked
from kiosk.domain.lockout import Lockout, LockRule
from kiosk.station.counter.errors import refusing
from kiosk.station.counter.view import CounterRefused
from kiosk.store.errors import StoreError
from kiosk.store.records import Stamp
from kiosk.store.store import Store

logger = logging.getLogger(__name__)

T = TypeVar("T")

_MINUTE_MS = 60_000


class Throttle:
    """One guess after the other. ``wrong`` and ``locked`` are the words of the two refusals."""

    def __init__(
        self,
        scope: str,
        store: Store,
        stamps: Callable[[], Stamp],
        *,
        wrong: str,
        locked: str,
        rule: LockRule | None = None,
    ) -> None:
        self._scope = scope
        self._store = store
        self._stamps = stamps
        self._wrong = wrong
        self._locked = locked
        self._rule = rule or LockRule()
        self._lockout: Lockout | None = None
        self._guessing = threading.Lock()

    def wait_s(self) -> int:
        """Whole seconds until the next guess is taken, rounded up."""
        moment = self._stamps().moment
        return -(-self._known().wait(self._rule, moment.boot_id, moment.monotonic_ms) // 1000)

    def guess(self, probe: Callable[[], T | None]) -> T:
        """What ``probe`` finds. Raises CounterRefused while locked (nobody is asked then) and when it finds nothing."""
        with self._guessing:
            wait_s = self.wait_s()
            if wait_s:
                raise CounterRefused(self._locked, wait_s=wait_s)
            found = probe()
            if found is not None:
                return found
            self._count()
            raise CounterRefused(self._wrong, wait_s=self.wait_s())

    def _known(self) -> Lockout:
        if self._lockout is None:
            with refusing():
                self._lockout = self._store.lockouts.get(self._scope)
        return self._lockout

    def _count(self) -> None:
        stamp = self._stamps()
        at = (self._rule, stamp.moment.boot_id, stamp.moment.monotonic_ms)
        self._lockout = self._known().failed(*at)
        wait_ms = self._lockout.wait(*at)
        locked = AuthLocked(self._scope, -(-wait_ms // _MINUTE_MS)) if self._lockout.locked else None
        try:
            self._store.lockouts.save(self._scope, self._lockout, locked, stamp)
        except StoreError as error:
            logger.error("a wrong guess at %s is counted in memory only: %s", self._scope, error)
