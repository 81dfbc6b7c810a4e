"""What only the passing of time does at the counter.

Every few seconds an idle session and an undo end, on the monotonic clock. Every hour parcels become overdue
or due back, and what must be forgotten is forgotten, by the wall clock: only while a time server has set it since this
boot. A clock that jumps to 2040 must neither send parcels back nor erase anything.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final

from kiosk.domain.moment import ClockQuality
from kiosk.station.parcels.photos import ParcelPhotos
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.store.parcels.parcels import Parcels
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import Stamp

logger = logging.getLogger(__name__)

TICK_S: Final = 2.0
SWEEP_S: Final = 3600.0
# Waybill, telephone digits and picture of a parcel stay for a complaint, and no longer (PIPL articles 19 and 47).
RETENTION_AFTER_CLOSE: Final = timedelta(days=7)


class ParcelSweep:
    """Goes through the parcels; ``on_moved`` hears that some became overdue or due back."""

    def __init__(
        self,
        parcels: Parcels,
        photos: ParcelPhotos,
        settings: ParcelSettings,
        stamps: Callable[[], Stamp],
        on_moved: Callable[[], None],
    ) -> None:
        self._rows = parcels
        self._photos = photos
        self._settings = settings
        self._stamps = stamps
        self._on_moved = on_moved

    def sweep(self) -> bool:
        """Go through the parcels once; False while the clock is not synced, and then nothing was done."""
        stamp = self._stamps()
        if stamp.moment.quality is not ClockQuality.SYNCED:
            return False
        now = stamp.moment.utc
        moved = self._rows.sweep(
            _before(now, timedelta(days=self._settings.overdue_days)),
            _before(now, timedelta(days=self._settings.return_days)),
            stamp,
        )
        self._rows.erase_personal_data(_before(now, RETENTION_AFTER_CLOSE), stamp)
        self._photos.forget(self._rows.by_number)
        if moved:
            self._on_moved()
        return True


@dataclass(frozen=True, slots=True)
class Periods:
    """Seconds between two ticks and between two sweeps."""

    tick_s: float = TICK_S
    sweep_s: float = SWEEP_S


PERIODS: Final = Periods()


class Sweeper:
    """A thread. ``tick`` lets the counter's own time pass."""

    def __init__(self, parcels: ParcelSweep, tick: Callable[[], None], periods: Periods = PERIODS) -> None:
        self._parcels = parcels
        self._tick = tick
        self._periods = periods
        self._due = monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="counter-sweeper", daemon=True)

    def start(self) -> None:
        """Begin; the first sweep comes at once, or as soon as the clock is set."""
        self._thread.start()

    def stop(self, timeout_s: float = 6.0) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            self._round()
            if self._stopping.wait(self._periods.tick_s):
                return

    def _round(self) -> None:
        try:
            self._tick()
            if monotonic() >= self._due and self._parcels.sweep():
                self._due = monotonic() + self._periods.sweep_s
        except StoreError as error:
            logger.error("the parcels cannot be gone through now: %s", error)
            self._due = monotonic() + self._periods.sweep_s / 60
        except Exception:
            # A thread that dies ends no session any more; the next round tries again.
            logger.exception("unexpected failure of the sweeper")
            self._due = monotonic() + self._periods.sweep_s / 60


def _before(now: datetime, age: timedelta) -> str:
    """RFC 3339 in UTC with milliseconds and Z, as ``Moment.timestamp`` writes it: texts that compare like times."""
    then = (now - age).astimezone(UTC)
    return then.strftime("%Y-%m-%dT%H:%M:%S.") + f"{then.microsecond // 1000:03d}Z"
