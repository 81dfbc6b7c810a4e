"""Shots of the goods: taken one at a time by a worker, kept under their own SHA-256."""

from __future__ import annotations

import errno
import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from kiosk.devices.ports import Camera, CameraFault, Shot
from kiosk.files import sync_folder, write_synced
from kiosk.store.errors import DiskFull, StoreError
from kiosk.store.records import Stamp

logger = logging.getLogger(__name__)

MAX_PHOTO_BYTES: Final = 8_000_000
"""Of one shot: more than a camera of a station sends, and little enough for the budget to hold a busy day."""
_HEX = frozenset("0123456789abcdef")
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class NoRoom(Exception):
    """No shot may be taken; ``word`` is one the screens have a sentence for: photo_room, disk_full."""

    def __init__(self, word: str, text: str) -> None:
        super().__init__(text)
        self.word = word


class PhotoStore(Protocol):
    """What is needed of the store."""

    def add_photo(
        self, lot: str, product: str, sha256: str, size_bytes: int, width: int, height: int, stamp: Stamp
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class PhotoFolder:
    """``photos/ab/abcdef….jpg``: written whole, synced, then named; a name is always the hash of the content."""

    root: Path

    def path(self, sha256: str) -> Path | None:
        """Where this picture lies, or None when the text is no hash or there is no such picture."""
        if len(sha256) != 64 or not _HEX.issuperset(sha256):
            return None
        path = self.root / sha256[:2] / f"{sha256}.jpg"
        return path if path.is_file() else None

    def keep(self, shot: Shot) -> None:
        """Store the picture durably; the same picture again changes nothing. Raises OSError and leaves nothing then."""
        folder = self.root / shot.sha256[:2]
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{shot.sha256}.jpg"
        if target.exists():
            return
        partial = folder / f".{shot.sha256}.part"
        try:
            write_synced(partial, shot.jpeg)
            partial.replace(target)
        except OSError:
            # On a full disk half a picture would keep the room that the next intake needs.
            partial.unlink(missing_ok=True)
            raise
        for changed in (folder, self.root):
            sync_folder(changed)

    def remove(self, sha256: str) -> None:
        """Remove a picture, if it is there. Raises OSError."""
        path = self.path(sha256)
        if path is not None:
            path.unlink(missing_ok=True)
            sync_folder(path.parent)

    def tidy(self) -> None:
        """Remove what a power cut left half written."""
        for partial in self.root.glob("*/.*.part"):
            partial.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class ShotRequest:
    """Whose shot is wanted, what keeps it, and who is told: ``done(subject, sha256)`` or ``failed(subject, word)``.

    ``room`` is called before the shot and raises NoRoom when none may be taken.
    """

    subject: str
    room: Callable[[], None]
    keep: Callable[[Shot], None]
    done: Callable[[str, str], None]
    failed: Callable[[str, str], None]


class Photographer:
    """A thread that takes shots on request. ``on_done(lot, sha256)`` and ``on_failed(lot, word)`` answer."""

    def __init__(
        self,
        camera: Camera | None,
        folder: PhotoFolder,
        store: PhotoStore,
        stamps: Callable[[], Stamp],
        on_done: Callable[[str, str], None],
        on_failed: Callable[[str, str], None],
        *,
        max_bytes: int,
        room: Callable[[], None],
        deadline_s: float = 12.0,
    ) -> None:
        self._camera = camera
        self._folder = folder
        self._store = store
        self._stamps = stamps
        self._on_done = on_done
        self._on_failed = on_failed
        self._max_bytes = max_bytes
        self._room = room
        self._deadline_s = deadline_s
        self._stopping = threading.Event()
        self._requests: queue.Queue[ShotRequest | None] = queue.Queue(maxsize=4)
        self._thread = threading.Thread(target=self._run, name="photographer", daemon=True)

    def start(self) -> None:
        """Begin to wait for requests."""
        self._thread.start()

    def request(self, lot: str, product: str) -> None:
        """Ask for one shot of a lot; when too many wait already, the answer is "busy" at once."""
        self.ask(
            ShotRequest(lot, self._room, lambda shot: self._keep(lot, product, shot), self._on_done, self._on_failed)
        )

    def ask(self, request: ShotRequest) -> None:
        """Ask for one shot of anything."""
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
        known = isinstance(error, (CameraFault, StoreError, OSError, NoRoom))
        logger.warning("no shot of %s: %s", subject, error, exc_info=None if known else error)
        if isinstance(error, NoRoom):
            return error.word
        if isinstance(error, CameraFault):
            return "camera_missing" if error.code == "missing" else "camera_failed"
        if isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in _NO_ROOM):
            return "disk_full"
        return "store_failed" if known else "camera_failed"

    def _take(self, request: ShotRequest) -> str:
        if self._camera is None:
            raise CameraFault("missing", "no camera is set up")
        request.room()
        shot = self._camera.shoot(self._deadline_s)
        if len(shot.jpeg) > self._max_bytes:
            raise CameraFault("format", f"the picture has {len(shot.jpeg)} bytes; {self._max_bytes} are allowed")
        request.keep(shot)
        return shot.sha256

    def _keep(self, lot: str, product: str, shot: Shot) -> None:
        new = self._folder.path(shot.sha256) is None
        self._folder.keep(shot)
        try:
            self._store.add_photo(lot, product, shot.sha256, len(shot.jpeg), shot.width, shot.height, self._stamps())
        except StoreError:
            # A picture that no row knows would lie on the card for ever.
            if new:
                self._folder.remove(shot.sha256)
            raise
