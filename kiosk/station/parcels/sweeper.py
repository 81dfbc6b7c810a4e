"""What only the passing of time does at the counter.

Every few seconds an idle session and an undo end, on the monotonic clock. Every hour parcels become overdue
or due back, and what must be forgotten is forgotten, by the wall clock: only while a time server has set it since this
boot. A clock that jumps to 2040 must neither send parcels back nor erase anything.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final

from kiosk.domain.moment import ClockQuality
from kiosk.station.parcels.photos import ParcelPhotos
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.store import Store
from kiosk.store.shared.records import Stamp

TICK_S: Final = 2.0
SWEEP_S: Final = 3600.0
# Waybill, telephone digits and picture of a parcel stay for a complaint, and no longer (PIPL articles 19 and 47).
RETENTION_AFTER_CLOSE: Final = timedelta(days=7)
# Names of members in a price list that another one has replaced: long enough to take the old one in again.
RETENTION_OF_MEMBERS: Final = timedelta(days=30)


class ParcelSweep:
    def __init__(
        self,
        store: Store,
        photos: ParcelPhotos,
        settings: ParcelSettings,
        stamps: Callable[[], Stamp],
        on_moved: Callable[[], None],
    ) -> None:
        self._store, self._rows, self._photos = store, store.parcels, photos
        self._settings, self._stamps = settings, stamps
        self._on_moved = on_moved

    def sweep(self) -> bool:
        """Process the parcels once; return False while the clock is not synced, and then nothing was done."""
        stamp = self._stamps()
        if stamp.moment.quality is not ClockQuality.SYNCED:
            return False
        now = stamp.moment.utc
        moved = self._rows.sweep(
            _before(now, timedelta(days=self._settings.overdue_days)),
            _before(now, timedelta(days=self._settings.return_days)),
            stamp,
        )
        erased = self._rows.erase_personal_data(_before(now, RETENTION_AFTER_CLOSE), stamp)
        self._photos.forget(self._rows.by_number)
        if erased + self._store.catalogs.erase_members(_before(now, RETENTION_OF_MEMBERS)):
            self._rows.database.empty_log()
        if moved:
            self._on_moved()
        return True


class Sweeper:
    """The ``step`` of a Worker; ``tick`` lets the counter's own time pass. Seconds: ``tick_s`` between two ticks,
    ``sweep_s`` between two sweeps, the first of which comes as soon as the clock is set.
    """

    def __init__(
        self, parcels: ParcelSweep, tick: Callable[[], None], tick_s: float = TICK_S, sweep_s: float = SWEEP_S
    ) -> None:
        self._parcels, self._tick, self._tick_s, self._sweep_s = parcels, tick, tick_s, sweep_s
        self._due = monotonic()

    def step(self) -> float:
        self._tick()
        if monotonic() >= self._due:
            due, self._due = self._due, monotonic() + self._sweep_s / 60  # when this one fails
            self._due = monotonic() + self._sweep_s if self._parcels.sweep() else due
        return self._tick_s


def _before(now: datetime, age: timedelta) -> str:
    """Format RFC 3339 in UTC with milliseconds and Z, as ``Moment.timestamp`` does: texts that compare like times."""
    then = (now - age).astimezone(UTC)
    return then.strftime("%Y-%m-%dT%H:%M:%S.") + f"{then.microsecond // 1000:03d}Z"
