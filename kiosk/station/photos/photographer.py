"""Shots: taken one at a time by a worker."""

from __future__ import annotations

import errno
import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from kiosk.devices.ports import Camera, CameraFault, Shot
from kiosk.store.errors import DiskFull, StoreError

logger = logging.getLogger(__name__)

MAX_PHOTO_BYTES: Final = 8_000_000
"""Of one shot: more than a camera of a station sends, and little enough for the budget to hold a busy day."""
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class NoSpace(Exception):
    """No shot may be taken; ``word`` is one the screens have a sentence for: photo_room, disk_full."""

    def __init__(self, word: str, text: str) -> None:
        super().__init__(text)
        self.word = word


@dataclass(frozen=True, slots=True)
class ShotRequest:
    """Whose shot is wanted, what keeps it, and who is told: ``done(subject, sha256)`` or ``failed(subject, word)``.

    ``make_space`` is called before the shot and raises NoSpace when none may be taken.
    """

    subject: str
    make_space: Callable[[], None]
    keep: Callable[[Shot], None]
    done: Callable[[str, str], None]
    failed: Callable[[str, str], None]


class Photographer:
    """A thread that takes shots on request. ``max_bytes`` is the largest picture that is kept."""

    def __init__(self, camera: Camera | None, max_bytes: int, deadline_s: float = 12.0) -> None:
        self._camera, self._max_bytes, self._deadline_s = camera, max_bytes, deadline_s
        self._stopping = threading.Event()
        self._requests: queue.Queue[ShotRequest | None] = queue.Queue(maxsize=4)
        self._thread = threading.Thread(target=self._run, name="photographer", daemon=True)

    def start(self) -> None:
        """Begin to wait for requests."""
        self._thread.start()

    def ask(self, request: ShotRequest) -> None:
        """Ask for one shot; when too many wait already, the answer is "busy" at once."""
        try:
            self._requests.put_nowait(request)
        except queue.Full:
            request.failed(request.subject, "busy")

    def stop(self, timeout_s: float = 15.0) -> None:
        """Finish the shot in hand, drop those that wait, and end."""
        self._stopping.set()
        with suppress(queue.Full):  # then the thread is awake anyway and sees the flag at the next request
            self._requests.put_nowait(None)
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._camera is not None:
            self._camera.close()

    def _run(self) -> None:
        while (request := self._requests.get()) is not None and not self._stopping.is_set():
            self._answer(request)

    def _answer(self, request: ShotRequest) -> None:
        try:
            sha256, problem = self._take(request), None
        except Exception as error:
            sha256, problem = "", self._problem(request.subject, error)
        try:
            if problem is None:
                request.done(request.subject, sha256)
            else:
                request.failed(request.subject, problem)
        except Exception:
            logger.exception("the screen was not told of the shot of %s", request.subject)

    @staticmethod
    def _problem(subject: str, error: Exception) -> str:
        """The word the screens have a sentence for."""
        known = isinstance(error, (CameraFault, StoreError, OSError, NoSpace))
        logger.warning("no shot of %s: %s", subject, error, exc_info=None if known else error)
        if isinstance(error, NoSpace):
            return error.word
        if isinstance(error, CameraFault):
            return "camera_missing" if error.code == "missing" else "camera_failed"
        if isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in _NO_SPACE):
            return "disk_full"
        return "store_failed" if known else "camera_failed"

    def _take(self, request: ShotRequest) -> str:
        if self._camera is None:
            raise CameraFault("missing", "no camera is set up")
        request.make_space()
        shot = self._camera.shoot(self._deadline_s)
        if len(shot.jpeg) > self._max_bytes:
            raise CameraFault("format", f"the picture has {len(shot.jpeg)} bytes; {self._max_bytes} are allowed")
        request.keep(shot)
        return shot.sha256
