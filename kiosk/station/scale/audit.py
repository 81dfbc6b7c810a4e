"""The scale's audit trail (OIML D 31): its current legal status, and the thread that writes what happens to it.

The scale's thread must not wait for a memory card, so the notes of the pan's journal are queued here and written in
order by one thread. What cannot be written now is tried again; at most ``MAX_WAITING_NOTES`` notes wait: when a card
fails for that long the oldest is dropped, and this is logged. The same thread checks the clock.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

from kiosk.base.worker import Worker
from kiosk.devices.scale.settings import ScaleSettings
from kiosk.domain.metrology.check_weight import CheckWeightResult, check_state
from kiosk.domain.metrology.legal_status import ScaleLegalStatus, verification_state
from kiosk.domain.metrology.pan_journal import PanNote, PreviousLoads
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.protocols.scales import registry
from kiosk.station.scale.settings import MetrologySettings
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import CheckRow, NewCheck, ScaleContent, Stamp
from kiosk.store.store import Store

logger = logging.getLogger(__name__)


# A time server slews smaller differences; a step set by an operator or a server is larger.
STEP: Final = timedelta(seconds=5)
# One change a minute at most: a clock that is played with writes no more than that, and its last state counts.
QUIET_MS: Final = 60_000
_MAX_STEP_S: Final = 2**31 - 1


class ClockWatch:
    """Compares moments of one boot. The first one is where it starts from: a boot is no change of the clock."""

    def __init__(self) -> None:
        self._zero: datetime | None = None  # When the monotonic clock stood at 0, by the wall clock
        self._quality = ClockQuality.UNSET
        self._counted_ms: int | None = None

    def check(self, now: Moment) -> tuple[ClockQuality, ClockQuality, int] | None:
        """Return quality before, quality after, and the step in whole seconds; None when nothing is to be counted now.
        The same change is returned again until ``rebase`` is called: writing it may fail.
        """
        zero = _zero_of(now)
        if self._zero is None:
            self._zero, self._quality = zero, now.quality
            return None
        step = zero - self._zero
        if now.quality is self._quality and abs(step) < STEP:
            return None
        if self._counted_ms is not None and 0 <= now.monotonic_ms - self._counted_ms < QUIET_MS:
            return None
        seconds = round(step.total_seconds())
        return self._quality, now.quality, max(-_MAX_STEP_S, min(_MAX_STEP_S, seconds))

    def rebase(self, now: Moment) -> None:
        """Note that an event of this moment is stored, and records the clock as it was then."""
        self._zero, self._quality, self._counted_ms = _zero_of(now), now.quality, now.monotonic_ms


def _zero_of(now: Moment) -> datetime:
    return now.utc - timedelta(milliseconds=now.monotonic_ms)


_SECRET = "password"  # noqa: S105 - part of a parameter's name


def scale_content(settings: ScaleSettings) -> ScaleContent:
    """Hash protocol, every parameter, line, unit, e, Max and trade as one content: a change of any of it raises the
    event counter. The port is left out: a cable may be moved. So is a password parameter: its hash in an event could be
    guessed. Raises UnknownProtocol.
    """
    row = registry.get(settings.protocol)
    params = {**registry.defaults(settings.protocol), **settings.params}
    profile = settings.profile
    content = {
        "protocol": settings.protocol,
        "params": {name: value for name, value in params.items() if _SECRET not in name},
        "line": str(settings.line),
        "unit": profile.unit,
        "e_g": profile.e_g,
        "max_g": profile.max_g,
        "trade": row.trade,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return ScaleContent(sha256, settings.protocol, profile.e_g, profile.max_g, profile.unit, row.trade)


MAX_WAITING_NOTES: Final = 256
CLOCK_POLL_INTERVAL_S: Final = 5.0
RETRY_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class AuditedScale:
    settings: MetrologySettings
    content: ScaleContent | None = None


class ScaleAudit:
    """``on_event`` hears that something was committed. The end of ``worker`` writes what waits."""

    def __init__(
        self,
        store: Store,
        scale: AuditedScale,
        stamps: Callable[[], Stamp],
        on_event: Callable[[], None],
        retry_s: float = RETRY_S,
    ) -> None:
        self.settings, self._content = scale.settings, scale.content
        self._store, self._stamps, self._on_event = store, stamps, on_event
        self._retry_s = retry_s
        self._clock = ClockWatch()
        self._waiting: deque[PanNote] = deque()
        self._lock = threading.Lock()
        self._observed = self._is_blocked = False
        self._next_check = monotonic()
        self.worker = Worker("scale-audit", self._step, on_end=self._write_all)

    def standing(self) -> ScaleLegalStatus:
        now = self._stamps().moment
        return ScaleLegalStatus(
            trade=self._content.trade if self._content else None,
            check=check_state(self.settings.required, _checked(self._store.checks.last()), now),
            verification=verification_state(self.settings.until, now),
            counters=self._store.counters.read(),
            serial_no=self.settings.serial_no,
            verified_until=self.settings.until,
        )

    def last_check(self) -> CheckRow | None:
        return self._store.checks.last()

    def record_check(self, check: NewCheck) -> CheckRow:
        """Store a check of now; call ``notify_committed`` when the desk is done with it. Raises StoreError."""
        return self._store.checks.add(check, self._stamps())

    def notify_committed(self) -> None:
        self._on_event()

    def begin(self) -> PreviousLoads:
        """Count a changed scale and return what was on the pan. Call it before open intakes are abandoned.

        The clock is compared with the newest event of this boot, so that a change while no station ran is recorded too:
        from that event on the time of every earlier one of this boot is known. A scale that cannot be counted now,
        because the disk is full, is counted by the thread as soon as it can.
        """
        newest_moment = self._store.journal.newest_moment(self._stamps().moment.boot_id)
        if newest_moment is not None:
            self._clock.rebase(newest_moment)
        self._observe()
        return self._store.pan_loads.before()

    def note(self, note: PanNote) -> None:
        with self._lock:
            if len(self._waiting) >= MAX_WAITING_NOTES:
                logger.error("a note of the pan is lost, the disk does not take any: %s", self._waiting.popleft())
            self._waiting.append(note)
            if not self._is_blocked:
                self.worker.wake()

    def check_clock(self) -> None:
        """Count the clock when it was set since the last check; the thread calls it every few seconds."""
        stamp = self._stamps()
        change = self._clock.check(stamp.moment)
        if change is None:
            return
        before, after, step_s = change
        if self._write(lambda: self._store.counters.count_clock(before, after, step_s, stamp)):
            self._clock.rebase(stamp.moment)
            logger.info("the clock changed from %s to %s by %d s", before, after, step_s)
            self._on_event()

    def _step(self) -> float:
        self._write_all()
        if monotonic() >= self._next_check:
            self.check_clock()
            self._next_check = monotonic() + CLOCK_POLL_INTERVAL_S
        return self._retry_s if self._is_blocked else max(0.0, self._next_check - monotonic())

    def _write_all(self) -> None:
        written = self._observe() and self._write_waiting()
        with self._lock:
            self._is_blocked = not written

    def _observe(self) -> bool:
        content = self._content
        if content is None or self._observed:
            return True
        self._observed = self._write(lambda: self._store.counters.observe_scale(content, self._stamps()))
        return self._observed

    def _write_waiting(self) -> bool:
        """Write all waiting notes, oldest first; return False when a write failed, whose note stays first."""
        while True:
            with self._lock:
                self._is_blocked = False
                if not self._waiting:
                    return True
                note = self._waiting[0]
            if not self._write(lambda: self._store.pan_loads.note(note, self._stamps())):  # noqa: B023 - called at once
                return False
            with self._lock:
                if self._waiting and self._waiting[0] is note:
                    self._waiting.popleft()
            self._on_event()

    @staticmethod
    def _write(work: Callable[[], object]) -> bool:
        try:
            work()
            return True
        except StoreError as error:
            logger.error("the scale's book cannot be written now: %s", error)
        except Exception:
            # A thread that dies keeps no journal any more; the next round tries again.
            logger.exception("unexpected failure of the scale's book")
        return False


def _checked(row: CheckRow | None) -> CheckWeightResult | None:
    if row is None:
        return None
    trusted = row.clock == ClockQuality.SYNCED
    return CheckWeightResult(row.passed, row.local_date, trusted, row.boot_id, row.monotonic_ms)
