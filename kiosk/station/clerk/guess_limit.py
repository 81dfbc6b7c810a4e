"""How many wrong PINs and wrong pickup codes are taken at the counter, and how long one waits after them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from kiosk.domain.events import AuthLocked
from kiosk.domain.lockout import Lockout, LockoutRule
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.store.lockouts import Lockouts
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import Stamp

logger = logging.getLogger(__name__)

T = TypeVar("T")

_MINUTE_MS = 60_000
_RULE: Final = LockoutRule(tries=5, window_ms=10 * _MINUTE_MS, lockout_ms=10 * _MINUTE_MS)


@dataclass(frozen=True, slots=True)
class GuessTarget:
    scope: str
    wrong: str
    locked: str


PIN: Final = GuessTarget("pin", wrong="wrong_pin", locked="locked")
PICKUP_CODE: Final = GuessTarget("pickup", wrong="wrong_code", locked="code_locked")


class GuessLimit:
    """Counts wrong guesses before they are answered, and keeps the count over a restart.

    The count is on the disk before the answer: a power cut right after a wrong guess loses nothing. When the disk
    refuses, the count continues in memory, so that a full card does not end the lockout. A right answer clears nothing:
    a known PIN or pickup code must not give fresh guesses at another.
    """

    def __init__(self, guessed: GuessTarget, lockouts: Lockouts, stamps: Callable[[], Stamp]) -> None:
        self._guessed, self._lockouts, self._stamps = guessed, lockouts, stamps
        self._lockout: Lockout | None = None
        self._guessing = threading.Lock()

    def wait_s(self) -> int:
        """Return whole seconds until the next guess is taken, rounded up."""
        moment = self._stamps().moment
        return -(-self._known().wait(_RULE, moment.boot_id, moment.monotonic_ms) // 1000)

    def guess(self, probe: Callable[[], T | None]) -> T:
        """Return what ``probe`` finds. Raises CounterRefused when that is None, and, without a call, in a lockout."""
        with self._guessing:
            wait_s = self.wait_s()
            if wait_s:
                raise CounterRefused(self._guessed.locked, values={"wait_s": str(wait_s)})
            found = probe()
            if found is not None:
                return found
            self._count()
            raise CounterRefused(self._guessed.wrong, values={"wait_s": str(self.wait_s())})

    def _known(self) -> Lockout:
        if self._lockout is None:
            with as_counter_refusals():
                self._lockout = self._lockouts.get(self._guessed.scope)
        return self._lockout

    def _count(self) -> None:
        stamp = self._stamps()
        at = (_RULE, stamp.moment.boot_id, stamp.moment.monotonic_ms)
        self._lockout = self._known().after_failure(*at)
        wait_ms = self._lockout.wait(*at)
        locked = AuthLocked(self._guessed.scope, -(-wait_ms // _MINUTE_MS)) if self._lockout.locked else None
        try:
            self._lockouts.save(self._guessed.scope, self._lockout, locked, stamp)
        except StoreError as error:
            logger.error("a wrong guess at %s is counted in memory only: %s", self._guessed.scope, error)
