"""The mat on the screen while goods are laid on it. Nothing of it is kept: the newest look is in memory, for seconds.

page asks ──▶ LiveView.ask ──wakes──▶ photographer ──between shots──▶ Looks.take ──▶ camera
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from kiosk.devices.ports import Camera, CameraFault, LiveViewFrame
from kiosk.domain.verdict import Reason
from kiosk.station.desk.view import PHOTO_TRIES

logger = logging.getLogger(__name__)


STILL_S: Final = 1.0
STILL_PREVIEWS: Final = 3
# Looks that lie further apart say nothing of what was between them: a slow camera has one in two seconds.
MAX_GAP_S: Final = 2.5
_CLEARED: Final = frozenset({Reason.HAND, Reason.EMPTY})


class AutoShutter:
    """For one lot, from its first look on. Times are monotonic seconds, passed in.

        waiting ──something moves, a hand, an empty mat──▶ armed ──still for STILL_S, no light on──▶ a shot, waiting

    The same goods that lie there still are never shot twice.
    """

    def __init__(self, max_shots: int) -> None:
        self._left = max_shots
        self._armed = False
        self._last: float | None = None
        self._since: float | None = None
        self._still_count = 0

    def update(self, preview: LiveViewFrame, now: float) -> bool:
        """Whether a shot is to be taken now. It counts as taken."""
        if self._last is not None and not 0 <= now - self._last <= MAX_GAP_S:
            self.start_over()
        # The first look has nothing to be compared with that this lot was asked for.
        has_previous, self._last = self._last is not None, now
        if _CLEARED.intersection(preview.lights) or (has_previous and not preview.still):
            self._armed = True
        if preview.lights or not preview.still or not has_previous:
            self._since, self._still_count = None, 0
            return False
        self._since = now if self._since is None else self._since
        self._still_count += 1
        if not self._armed or self._left <= 0 or self._still_count < STILL_PREVIEWS or now - self._since < STILL_S:
            return False
        self._left -= 1
        self.start_over()
        return True

    def start_over(self) -> None:
        """A shot was taken, or what happened since the last look is not known: something has to move first."""
        self._armed = False
        self._last, self._since, self._still_count = None, None, 0


# So long after a page has asked it is looked at the mat; a page that is there asks much more often.
REQUEST_TIMEOUT_S: Final = 2.0
MAX_PREVIEW_AGE_S: Final = 5.0
GAP_S: Final = 0.2
_SHARE: Final = 0.4  # Of the time, at most: the camera is free for a shot, and the processor for the weighing
_FAULT_PAUSE_S: Final = 2.0
# The start of the child is in it, which takes a small board seconds; a usual look takes a tenth of a second.
DEADLINE_S: Final = 8.0


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """Whose page shows the mat: the lot, and what its tap would do; None where no shot may be taken without one."""

    lot: str
    shoot: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class _StoredPreview:
    lot: str
    preview: LiveViewFrame
    at: float


class Previews:
    """Made and dropped by the photographer's thread; ``ask`` is called by any. ``auto``: shots without a tap."""

    def __init__(self, camera: Camera | None, *, auto: bool, clock: Callable[[], float] = monotonic) -> None:
        self._camera, self._auto, self._clock = camera, auto, clock
        self._lock = threading.Lock()
        self._watch: PreviewRequest | None = None
        self._requested_at = 0.0
        self._newest: _StoredPreview | None = None
        self._next_at = 0.0
        self._shutter = AutoShutter(PHOTO_TRIES)

    def ask(self, watch: PreviewRequest) -> LiveViewFrame | None:
        """The newest look for this lot that is not too old; there will be newer ones for a while."""
        if self._camera is None:
            return None
        now = self._clock()
        with self._lock:
            if self._watch is None or self._watch.lot != watch.lot:
                self._shutter = AutoShutter(PHOTO_TRIES)
            self._watch, self._requested_at = watch, now
            seen = self._newest
        return seen.preview if seen and seen.lot == watch.lot and now - seen.at < MAX_PREVIEW_AGE_S else None

    def due(self) -> float | None:
        """In how many seconds there is something to do; None while nobody looks on and nothing is kept."""
        now = self._clock()
        with self._lock:
            if self._active_request(now) is not None:
                return max(0.0, self._next_at - now)
            return max(0.0, self._newest.at + MAX_PREVIEW_AGE_S - now) if self._newest else None

    def take(self) -> None:
        """One look, or the end of the newest one. A camera that gives none is asked again a little later."""
        started_at = self._clock()
        with self._lock:
            watch = self._active_request(started_at)
            if self._newest and started_at - self._newest.at >= MAX_PREVIEW_AGE_S:
                self._newest = None
        if watch is None or self._camera is None:
            return
        preview: LiveViewFrame | None = None
        try:
            preview = self._camera.live_view(DEADLINE_S)
        except CameraFault as fault:
            logger.debug("no look at the mat: %s", fault)
        finally:
            self._schedule_next(started_at, failed=preview is None)
        if preview is not None and self._store(watch, preview):
            self._shoot(watch)

    def start_over(self) -> None:
        with self._lock:
            self._shutter.start_over()

    def _active_request(self, now: float) -> PreviewRequest | None:
        return self._watch if now - self._requested_at < REQUEST_TIMEOUT_S else None

    def _schedule_next(self, started_at: float, *, failed: bool) -> None:
        now = self._clock()
        with self._lock:
            self._next_at = max(started_at + GAP_S, now + (now - started_at) * (1 - _SHARE) / _SHARE)
            if failed:
                self._newest, self._next_at = None, now + _FAULT_PAUSE_S
                self._shutter.start_over()

    def _store(self, watch: PreviewRequest, preview: LiveViewFrame) -> bool:
        now = self._clock()
        with self._lock:
            self._newest = _StoredPreview(watch.lot, preview, now)
            if self._watch is None or self._watch.lot != watch.lot:
                return False  # another page has come meanwhile: whose goods these are is not known
            return self._auto and watch.shoot is not None and self._shutter.update(preview, now)

    @staticmethod
    def _shoot(watch: PreviewRequest) -> None:
        if watch.shoot is None:
            return
        try:
            watch.shoot()
        except Exception:
            logger.exception("the shot of %s was not asked for", watch.lot)


class LiveView:
    """What pages ask. ``wake`` is the photographer's."""

    def __init__(self, previews: Previews, wake: Callable[[], None]) -> None:
        self._previews, self._wake = previews, wake

    def ask(self, watch: PreviewRequest) -> LiveViewFrame | None:
        """The newest look for the lot, None as long as there is none; it is looked again for a while after."""
        preview = self._previews.ask(watch)
        self._wake()
        return preview
