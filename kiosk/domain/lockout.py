"""How long to wait after wrong guesses: a value that survives restarts and clocks that jump."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class LockoutRule:
    """``tries`` wrong ones within ``window_ms`` cost ``lockout_ms``; before that each costs its place in ``delay_ms``.

    A wrong try beyond the end of ``delay_ms`` costs its last value. All in milliseconds.
    """

    tries: int = 5
    window_ms: int = 10 * _MINUTE_MS
    lockout_ms: int = 10 * _MINUTE_MS
    delay_ms: tuple[int, ...] = (0, 1_000, 2_000, 5_000)

    def __post_init__(self) -> None:
        if self.tries < 1 or self.window_ms < 1 or self.lockout_ms < 1 or not self.delay_ms or min(self.delay_ms) < 0:
            raise ValueError("a lock rule has at least one try, one delay, and times above zero")

    def delay(self, failures: int) -> int:
        """Return the milliseconds to wait after this many wrong tries in the window."""
        return self.delay_ms[min(failures, len(self.delay_ms)) - 1]


@dataclass(frozen=True, slots=True)
class Lockout:
    """Wrong tries as ages in milliseconds, and the time still to wait, both at the instant (boot_id, monotonic_ms).

    The wall clock is never used: it starts in 1970 after a power cut and can be set by anyone. Time counts only while
    the machine runs. In the same boot that is the difference of the monotonic clock; after another boot it is the
    duration of this boot, and the time in between does not count.
    """

    failures_ms: tuple[int, ...] = ()
    wait_ms: int = 0
    boot_id: str = ""
    monotonic_ms: int = 0

    def __post_init__(self) -> None:
        if self.wait_ms < 0 or min(self.failures_ms, default=0) < 0:
            raise ValueError("ages and waits are not negative")

    @property
    def locked(self) -> bool:
        """Whether the last wrong try was one too many, rather than one that only costs a delay."""
        return self.wait_ms > 0 and not self.failures_ms

    def wait(self, rule: LockoutRule, boot_id: str, monotonic_ms: int) -> int:
        """Return the milliseconds to wait now, at most the rule's lock; 0 when the next try is allowed."""
        left = max(0, self.wait_ms - self._elapsed(boot_id, monotonic_ms))
        return min(left, max(rule.lockout_ms, *rule.delay_ms))

    def after_failure(self, rule: LockoutRule, boot_id: str, monotonic_ms: int) -> Lockout:
        elapsed = self._elapsed(boot_id, monotonic_ms)
        recent = (*(age + elapsed for age in self.failures_ms if age + elapsed < rule.window_ms), 0)
        if len(recent) >= rule.tries:
            return Lockout((), rule.lockout_ms, boot_id, monotonic_ms)
        return Lockout(recent, rule.delay(len(recent)), boot_id, monotonic_ms)

    def _elapsed(self, boot_id: str, monotonic_ms: int) -> int:
        since = self.monotonic_ms if boot_id == self.boot_id else 0
        return max(0, monotonic_ms - since)
