"""The pictures on the disk: ``{region}/{station}/ab/abcd….jpg``, and beside it ``.abcd….part`` while it comes. Below
``_requests`` lie files that answer requests of the county, in the same way and without an ending.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from kiosk.base.files import flush_to_disk, sync_folder
from kiosk.domain.events.rules import MAX_PICTURE_BYTES
from kiosk.messaging.contract.photos import PictureName
from kiosk.sorting_center.photos.jpeg import NotPlainJpeg, plain_jpeg_size

# Files that answer requests of the county. No region has such a name.
ANSWERS_FOLDER: Final = "_requests"


class PictureBusy(Exception):
    """Another request writes this picture at this moment."""


def read_picture(path: Path, sha256: str) -> bytes | None:
    """Read a whole picture, to be decoded or sent to a browser; None when its file holds something else, also a JPEG
    that was accepted before and is not any more. Raises OSError.
    """
    with open(path, "rb", opener=_open_nonblocking) as file:
        content = file.read(MAX_PICTURE_BYTES + 1)
    if hashlib.sha256(content).hexdigest() != sha256:
        return None
    try:
        plain_jpeg_size(content)
    except NotPlainJpeg:
        return None
    return content


class PictureFolder:
    """Every method but `path` may raise OSError. Used by several threads, and by several processes with one folder."""

    def __init__(self, root: Path, suffix: str = ".jpg") -> None:
        self.root, self._suffix = root, suffix

    def path(self, name: PictureName) -> Path:
        """Return where the whole picture is, or would be."""
        return self.root / name.region / name.station / name.sha256[:2] / f"{name.sha256}{self._suffix}"

    def offset(self, name: PictureName) -> int:
        """Return how many bytes of an incomplete picture have come."""
        try:
            return self._part(name).stat().st_size
        except FileNotFoundError:
            return 0

    def holds(self, name: PictureName) -> bool:
        """Return whether the whole picture is here: it is read, and compared with its name."""
        try:
            with self.path(name).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == name.sha256
        except FileNotFoundError:
            return False

    @contextmanager
    def writing(self, name: PictureName) -> Iterator[PartialPicture]:
        """Open the stored part of the picture for writing; raises PictureBusy."""
        part = self._part(name)
        self._make_folders(part.parent)
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise PictureBusy from error
            if not _is_still_there(descriptor, part):
                raise PictureBusy  # the other request has finished it in this moment
            yield PartialPicture(descriptor, part, self.path(name))
        finally:
            os.close(descriptor)

    def free_bytes(self) -> int:
        """Return the free bytes on its disk, for users other than root."""
        self._make_folders(self.root)
        found = os.statvfs(self.root)
        return found.f_bavail * found.f_frsize

    def _part(self, name: PictureName) -> Path:
        return self.path(name).with_name(f".{name.sha256}.part")

    def _make_folders(self, folder: Path) -> None:
        """Make the folders, each with its name on the disk before anything is put into it."""
        if folder.is_dir():
            return
        self._make_folders(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o750)
        sync_folder(folder.parent)


class PartialPicture:
    """A picture that is coming, locked. What was written is counted by the length of the file, and by nothing else."""

    def __init__(self, descriptor: int, path: Path, target: Path) -> None:
        self._descriptor, self._path, self._target = descriptor, path, target

    @property
    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def write(self, block: bytes) -> None:
        """Append the block. When the disk is full its beginning may be written."""
        while block:
            block = block[os.write(self._descriptor, block) :]

    def content(self) -> bytes:
        return self._path.read_bytes()

    def discard(self) -> None:
        self._path.unlink(missing_ok=True)

    def finish(self) -> None:
        """Move it to its place: whole, on the disk, and its name as well, when this returns.

        Discard what could not be forced to disk: a second attempt may find nothing to do.
        """
        try:
            with open(self._descriptor, "ab", closefd=False) as file:
                flush_to_disk(file)
        except OSError:
            self.discard()
            raise
        self._path.replace(self._target)
        sync_folder(self._target.parent)


def _open_nonblocking(path: str, flags: int) -> int:
    """Open without blocking the reader, should a pipe be where a picture is expected."""
    return os.open(path, flags | os.O_NONBLOCK)


def _is_still_there(descriptor: int, path: Path) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    own = os.fstat(descriptor)
    return (own.st_dev, own.st_ino) == (found.st_dev, found.st_ino)
