"""Shots: taken one at a time by a worker, which reads the mat for a page while no shot is requested.

page asks ──▶ LiveView.ask ──wakes──▶ photographer ──between shots──▶ Previews.take ──▶ camera
"""

from __future__ import annotations

import errno
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Final

from kiosk.base.refused import Refused
from kiosk.base.worker import Worker
from kiosk.devices.ports import Camera, CameraFault, GoodsShot, LiveViewFrame, Shot
from kiosk.domain.verdict import Reason
from kiosk.station.desk.view import PHOTO_TRIES, PhotoRequest
from kiosk.station.photos.folder import LotPhotos, PhotoSpace
from kiosk.store.shared.errors import DiskFull, StoreError

logger = logging.getLogger(__name__)


STILL_S: Final = 1.0
STILL_PREVIEWS: Final = 3
# Previews further apart do not show what was between them: a slow camera has one in two seconds.
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
        if self._last is not None and not 0 <= now - self._last <= MAX_GAP_S:
            self.start_over()
        # The first preview of this lot has no earlier one to be compared with.
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
        """Wait for a movement first: a shot was taken, or what happened since the last look is not known."""
        self._armed = False
        self._last, self._since, self._still_count = None, None, 0


# The mat is read for this long after a page's request; an open page requests much more often.
REQUEST_TIMEOUT_S: Final = 2.0
MAX_PREVIEW_AGE_S: Final = 5.0
GAP_S: Final = 0.2
_SHARE: Final = 0.4  # Of the time, at most: the camera is free for a shot, and the processor for the weighing
_FAULT_PAUSE_S: Final = 2.0
# The start of the child is in it, which takes a small board seconds; a usual look takes a tenth of a second.
PREVIEW_DEADLINE_S: Final = 8.0


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
    """The mat while goods are laid on it: the newest look is in memory, for seconds, and never kept. Made and dropped
    by the photographer's thread; ``ask`` is called by any. ``auto``: shots without a tap.
    """

    def __init__(self, camera: Camera | None, *, auto: bool, clock: Callable[[], float] = monotonic) -> None:
        self._camera, self._auto, self._clock = camera, auto, clock
        self._lock = threading.Lock()
        self._watch: PreviewRequest | None = None
        self._requested_at = 0.0
        self._newest: _StoredPreview | None = None
        self._next_at = 0.0
        self._shutter = AutoShutter(PHOTO_TRIES)

    def ask(self, watch: PreviewRequest) -> LiveViewFrame | None:
        """Return the newest look for this lot that is not too old; there will be newer ones for a while."""
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
        """Return in how many seconds there is something to do; None when no page looks and nothing is kept."""
        now = self._clock()
        with self._lock:
            if self._active_request(now) is not None:
                return max(0.0, self._next_at - now)
            return max(0.0, self._newest.at + MAX_PREVIEW_AGE_S - now) if self._newest else None

    def take(self) -> None:
        """Take one look, or drop the expired one. A camera that gives none is asked again a little later."""
        started_at = self._clock()
        with self._lock:
            watch = self._active_request(started_at)
            if self._newest and started_at - self._newest.at >= MAX_PREVIEW_AGE_S:
                self._newest = None
        if watch is None or self._camera is None:
            return
        preview: LiveViewFrame | None = None
        try:
            preview = self._camera.live_view(PREVIEW_DEADLINE_S)
        except CameraFault as fault:
            logger.debug("no look at the mat: %s", fault)
        finally:
            now = self._clock()
            with self._lock:
                self._next_at = max(started_at + GAP_S, now + (now - started_at) * (1 - _SHARE) / _SHARE)
                if preview is None:
                    self._newest, self._next_at = None, now + _FAULT_PAUSE_S
                    self._shutter.start_over()
        if preview is not None and self._store(watch, preview):
            self._shoot(watch)

    def start_over(self) -> None:
        with self._lock:
            self._shutter.start_over()

    def _active_request(self, now: float) -> PreviewRequest | None:
        return self._watch if now - self._requested_at < REQUEST_TIMEOUT_S else None

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
    def __init__(self, previews: Previews, wake: Callable[[], None]) -> None:
        self._previews, self._wake = previews, wake

    def ask(self, watch: PreviewRequest) -> LiveViewFrame | None:
        """Return the newest look for the lot, None when there is none yet; the camera keeps looking for a while."""
        preview = self._previews.ask(watch)
        self._wake()
        return preview


# Of one picture: more than a camera of a station sends, and little enough for the budget to hold a busy day.
MAX_PHOTO_BYTES: Final = 8_000_000
DEADLINE_S: Final = 12.0
_RETRY_S: Final = 2.0
NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class ShotListeners:
    """Receivers of a shot's result: the SHA-256 of a kept one, the word of a failure, or the shot with its verdict."""

    done: Callable[[PhotoRequest, str], None]
    failed: Callable[[PhotoRequest, str], None]
    retake: Callable[[PhotoRequest, GoodsShot], None]


@dataclass(frozen=True, slots=True)
class PlainRequest:
    """A shot that is kept as the camera gives it. ``make_space`` is called before it, and raises Refused."""

    photo_request: PhotoRequest
    make_space: Callable[[], None]
    keep: Callable[[Shot], None]


@dataclass(frozen=True, slots=True)
class GoodsRequest:
    """A shot of goods, kept when its verdict accepts it; ``keep`` returns the SHA-256 of its master."""

    photo_request: PhotoRequest
    make_space: Callable[[], None]
    keep: Callable[[GoodsShot], str]


Request = PlainRequest | GoodsRequest


class Photographer:
    """Takes shots on request, in its own thread. ``max_bytes`` is the largest picture that is kept."""

    def __init__(self, camera: Camera | None, listeners: ShotListeners, max_bytes: int, previews: Previews) -> None:
        self._camera, self._listeners, self._previews = camera, listeners, previews
        self._max_bytes = max_bytes
        self._requests: queue.Queue[Request] = queue.Queue(maxsize=4)
        self.worker = Worker("photographer", self._step, retry_s=_RETRY_S)  # To be woken when a page asks for looks

    def ask(self, request: Request) -> None:
        """Ask for one shot; when too many wait already, the answer is "busy" at once."""
        try:
            self._requests.put_nowait(request)
        except queue.Full:
            self._listeners.failed(request.photo_request, "busy")
        else:
            self.worker.wake()

    def stop(self, timeout_s: float = 15.0) -> None:
        """Finish the present shot, drop those that wait, and end."""
        self.worker.stop(timeout_s)
        if self._camera is not None:
            self._camera.close()

    def _step(self) -> float | None:
        try:
            request = self._requests.get_nowait()
        except queue.Empty:
            due_s = self._previews.due()
            if due_s is None or due_s > 0.0:
                return due_s
            self._previews.take()
            return self._previews.due()
        try:
            notify = self._take(request)
        except Exception as error:
            notify = partial(
                self._listeners.failed, request.photo_request, self._problem(request.photo_request.subject, error)
            )
        self._previews.start_over()
        try:
            notify()
        except Exception:
            logger.exception("the screen was not told of the shot of %s", request.photo_request.subject)
        return 0.0

    @staticmethod
    def _problem(subject: str, error: Exception) -> str:
        known = isinstance(error, (CameraFault, StoreError, OSError, Refused))
        logger.warning("no shot of %s: %s", subject, error, exc_info=None if known else error)
        if isinstance(error, CameraFault):
            return "camera_missing" if error.code == "missing" else "camera_failed"
        if isinstance(error, Refused):
            return error.code
        if isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in NO_SPACE):
            return "disk_full"
        return "store_failed" if known else "camera_failed"

    def _take(self, request: Request) -> Callable[[], None]:
        if self._camera is None:
            raise CameraFault("missing", "no camera is set up")
        request.make_space()
        if isinstance(request, PlainRequest):
            plain = self._camera.shoot(DEADLINE_S)
            self._check_size(plain)
            request.keep(plain)
            return partial(self._listeners.done, request.photo_request, plain.sha256)
        shot = self._camera.inspect(DEADLINE_S)
        if not shot.verdict.accepted:
            return partial(self._listeners.retake, request.photo_request, shot)
        self._check_size(shot.master, shot.natural, shot.detail)
        return partial(self._listeners.done, request.photo_request, request.keep(shot))

    def _check_size(self, *shots: Shot | None) -> None:
        largest = max(len(shot.jpeg) for shot in shots if shot is not None)
        if largest > self._max_bytes:
            raise CameraFault("format", f"the picture has {largest} bytes; {self._max_bytes} are allowed")


class LotCamera:
    """``done(photo_request, sha256)`` is called for a shot that a clerk has overruled, as for every other kept one."""

    def __init__(
        self, photographer: Photographer, space: PhotoSpace, lots: LotPhotos, done: Callable[[PhotoRequest, str], None]
    ) -> None:
        self._photographer, self._space, self._lots, self._done = photographer, space, lots, done

    def shoot(self, photo_request: PhotoRequest, product: str) -> None:
        """Ask for a shot; the photographer's listeners receive the result."""
        keep = partial(self._lots.keep, photo_request.subject, product)
        self._photographer.ask(GoodsRequest(photo_request, self._space.for_goods, keep))

    def keep(self, photo_request: PhotoRequest, product: str, shot: GoodsShot, actor: str) -> None:
        """Keep a shot that ``actor`` overrules; space for it was made before it was taken. Raises StoreError."""
        lot = photo_request.subject
        try:
            sha256 = self._lots.keep(lot, product, shot, actor)
        except OSError as error:
            failure = DiskFull if error.errno in NO_SPACE else StoreError
            raise failure(f"The shot of {lot} cannot be kept ({error}): check the card.") from error
        self._done(photo_request, sha256)
