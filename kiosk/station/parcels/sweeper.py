"""What only the passing of time does at the counter.

Every few seconds an idle session is locked and an undo ends, on the monotonic clock. Every hour parcels become overdue
or due back, and what must be forgotten is forgotten, by the wall clock: only while a time server has set it since this
boot. A clock that jumps to 2040 must neither send parcels back nor erase anything.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final

from kiosk.domain.moment import ClockQuality
from kiosk.station.parcels.photos import ParcelPhotos
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.store import Store
from kiosk.store.errors import StoreError
from kiosk.store.records import Stamp

logger = logging.getLogger(__name__)

TICK_S: Final = 2.0
SWEEP_S: Final = 3600.0
KEPT_AFTER_CLOSE: Final = timedelta(days=7)
"""Waybill, telephone digits and picture of a parcel stay for a complaint, and no longer (PIPL articles 19 and 47)."""


class Sweeper:
    """A thread. ``tick`` lets the counter's own time pass; ``on_swept`` hears that parcels changed."""

    def __init__(
        self,
        store: Store,
        photos: ParcelPhotos,
        settings: ParcelSettings,
        stamps: Callable[[], Stamp],
        tick: Callable[[], None],
        on_swept: Callable[[], None],
        *,
        tick_s: float = TICK_S,
        sweep_s: float = SWEEP_S,
    ) -> None:
        self._store = store
        self._photos = photos
        self._settings = settings
        self._stamps = stamps
        self._tick = tick
        self._on_swept = on_swept
        self._tick_s = tick_s
        self._sweep_s = sweep_s
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

    def sweep(self) -> bool:
        """Go through the parcels once; False while the clock is not synced, and then nothing was done."""
        stamp = self._stamps()
        if stamp.moment.quality is not ClockQuality.SYNCED:
            return False
        now = stamp.moment.utc
        moved = self._store.parcels.sweep(
            _before(now, timedelta(days=self._settings.overdue_days)),
            _before(now, timedelta(days=self._settings.return_days)),
            stamp,
        )
        self._store.parcels.forget(_before(now, KEPT_AFTER_CLOSE), stamp)
        self._photos.forget(self._store.parcels.by_number)
        if moved:
            self._on_swept()
        return True

    def _run(self) -> None:
        while True:
            self._round()
            if self._stopping.wait(self._tick_s):
                return

    def _round(self) -> None:
        try:
            self._tick()
            if monotonic() >= self._due and self.sweep():
                self._due = monotonic() + self._sweep_s
        except StoreError as error:
            logger.error("the parcels cannot be gone through now: %s", error)
            self._due = monotonic() + self._sweep_s / 60
        except Exception:
            # A thread that dies locks no counter any more; the next round tries again.
            logger.exception("unexpected failure of the sweeper")
            self._due = monotonic() + self._sweep_s / 60


def _before(now: datetime, age: timedelta) -> str:
    """RFC 3339 in UTC with milliseconds and Z, as ``Moment.timestamp`` writes it: texts that compare like times."""
    then = (now - age).astimezone(UTC)
    return then.strftime("%Y-%m-%dT%H:%M:%S.") + f"{then.microsecond // 1000:03d}Z"
