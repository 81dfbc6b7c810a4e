"""Shots: taken one at a time by a worker, which looks at the mat for a page while nobody wants one."""

from __future__ import annotations

import errno
import logging
import queue
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from kiosk.base.refused import Refused
from kiosk.base.worker import Worker
from kiosk.devices.ports import Camera, CameraFault, GoodsShot, Shot
from kiosk.station.desk.view import PhotoRequest
from kiosk.station.photos.folder import LotPhotos
from kiosk.station.photos.live_view import Previews
from kiosk.station.photos.space import PhotoSpace
from kiosk.store.shared.errors import DiskFull, StoreError

logger = logging.getLogger(__name__)

# Of one picture: more than a camera of a station sends, and little enough for the budget to hold a busy day.
MAX_PHOTO_BYTES: Final = 8_000_000
DEADLINE_S: Final = 12.0
_RETRY_S: Final = 2.0
NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class ShotListeners:
    """Who is told of a shot: the SHA-256 of what is kept, or a word, or what the verdict was."""

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
    """Takes shots on request, in a thread of its own. ``max_bytes`` is the largest picture that is kept."""

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
        """Finish the shot in hand, drop those that wait, and end."""
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
        self._answer(request)
        return 0.0

    def _answer(self, request: Request) -> None:
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

    @staticmethod
    def _problem(subject: str, error: Exception) -> str:
        known = isinstance(error, (CameraFault, StoreError, OSError, Refused))
        logger.warning("no shot of %s: %s", subject, error, exc_info=None if known else error)
        if isinstance(error, Refused):
            return error.code
        if isinstance(error, CameraFault):
            return "camera_missing" if error.code == "missing" else "camera_failed"
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
        self._check_size(shot.master, shot.natural)
        return partial(self._listeners.done, request.photo_request, request.keep(shot))

    def _check_size(self, *shots: Shot | None) -> None:
        largest = max(len(shot.jpeg) for shot in shots if shot is not None)
        if largest > self._max_bytes:
            raise CameraFault("format", f"the picture has {largest} bytes; {self._max_bytes} are allowed")


class LotCamera:
    """``done(asked, sha256)`` hears of a shot that a clerk has overruled, as of every other that is kept."""

    def __init__(
        self, photographer: Photographer, space: PhotoSpace, lots: LotPhotos, done: Callable[[PhotoRequest, str], None]
    ) -> None:
        self._photographer, self._space, self._lots, self._done = photographer, space, lots, done

    def shoot(self, photo_request: PhotoRequest, product: str) -> None:
        """Ask for a shot; who listens to the photographer hears what becomes of it."""
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
