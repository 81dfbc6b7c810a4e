"""The small helpers of a scale supervisor: what is due when, how late the loop is, what wakes it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from kiosk.devices.ports import LinkState, ScaleListener
from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.protocols.scales.shared.reading import Reading


class Freshness:
    """When the newest reading expires and when an open port counts as silent; seconds of one monotonic clock."""

    def __init__(self, stale_s: float) -> None:
        self._stale_s = stale_s
        self._reading_at: float | None = None
        self._quiet_since: float | None = None

    def opened(self, at: float) -> None:
        """Note that the port is open: from now on it may fall silent."""
        self._quiet_since = at

    def closed(self) -> None:
        """Note that the port is closed: it is missing, not silent; its last reading still expires."""
        self._quiet_since = None

    def reading(self, at: float) -> None:
        self._reading_at = self._quiet_since = at

    def lose(self) -> bool:
        """Drop the newest reading; return True when there was one."""
        known, self._reading_at = self._reading_at is not None, None
        return known

    def deadline(self) -> float | None:
        starts = [at for at in (self._reading_at, self._quiet_since) if at is not None]
        return min(starts) + self._stale_s if starts else None

    def take_expired(self, now: float) -> bool:
        """Return True once for every silence: the newest reading has become too old."""
        due = self._reading_at is not None and now >= self._reading_at + self._stale_s
        if due:
            self._reading_at = None
        return due

    def take_silent(self, now: float) -> bool:
        """Return True once for every silence of an open port."""
        due = self._quiet_since is not None and now >= self._quiet_since + self._stale_s
        if due:
            self._quiet_since = None
        return due


class LoopMonitor:
    """The turns of a loop that reads a port: how late the last one was, and since when the port can hold bytes.

    Seconds of one monotonic clock, which continues while the process is stopped.
    """

    def __init__(self, late_s: float) -> None:
        self._late_s = late_s
        self._known_empty_at = 0.0
        self.pulse: float | None = None  # The end of the last look; None before the first
        # What the last look found came after this moment: until then the port is known to have held nothing.
        self.empty_at = 0.0
        self.late = False  # Whether the last two turns lie further apart than the loop waits by itself

    def begin(self, now: float) -> None:
        """Restart the measurement: the port holds nothing at this moment."""
        self._known_empty_at = self.empty_at = self.pulse = now
        self.late = False

    def turn(self, now: float, empty_at: float | None) -> None:
        """Note that another look ended at ``now``. At ``empty_at``, or later, the port was seen empty, or is about to
        be read until it is; None when the port was not looked at.
        """
        self.late = self.pulse is not None and now - self.pulse > self._late_s
        self.empty_at, self.pulse = self._known_empty_at, now
        if empty_at is not None:
            self._known_empty_at = empty_at


class WakePipe:
    """Ends a wait on descriptors from another thread."""

    def __init__(self) -> None:
        self._read_end, self._write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        return self._read_end

    def wake(self) -> None:
        """Wake the waiter; it stays awake for every later wait. A full pipe wakes just as well."""
        with suppress(BlockingIOError):
            os.write(self._write_end, b"!")

    def clear(self) -> None:
        """Clear the wake-up, so that the next wait waits again."""
        with suppress(BlockingIOError):
            os.read(self._read_end, 4096)

    def close(self) -> None:
        os.close(self._read_end)
        os.close(self._write_end)


_log = logging.getLogger(__name__)
LOG_PERIOD_S: Final = 10.0  # A scale that is refused, or a listener that fails, may do so ten times a second


class Reporter:
    """Calls the listener; its exceptions are only logged. A link is reported when it changes."""

    def __init__(self, listener: ScaleListener, clock: Callable[[], float]) -> None:
        self._listener = listener
        self._failures = RateLimitedLog(_log, clock, LOG_PERIOD_S)
        self._reported: tuple[LinkState, str] | None = None

    def reading(self, reading: Reading, at: float) -> None:
        self._guard(lambda: self._listener.on_reading(reading, at))

    def expired(self, at: float) -> None:
        self._guard(lambda: self._listener.on_expired(at))

    def link(self, state: LinkState, detail: str, at: float) -> None:
        """Report and log the state of the link to the scale when it has changed."""
        if self._reported == (state, detail):
            return
        self._reported = (state, detail)
        _log.info("%s", detail)
        self._guard(lambda: self._listener.on_link(state, detail, at))

    def _guard(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:
            self._failures.write("A listener of the scale failed; the scale goes on.", error=error)
