"""The one way to write a file that survives a power cut: whole under another name, forced out, then put in place.

And the one way to open what anybody may have put there.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import BinaryIO, Final

logger = logging.getLogger(__name__)

_ROOT: Final = 0
_OTHERS_BITS: Final = 0o077
_OWN_BITS: Final = 0o700  # What the umask of the station's unit leaves (`systemd/kiosk-station.service`)


def write_durably(path: Path, content: bytes, mode: int | None = None) -> None:
    """Replace a file as a whole: after a power cut at any moment it has the old content or the new one.

    What root writes belongs to the owner of the folder. Raises OSError; then the file is as it was.
    """
    fresh = stage(path, content, mode)
    chown_to_folder_owner(fresh)
    fresh.replace(path)
    sync_folder(path.parent)


def stage(path: Path, content: bytes, mode: int | None = None) -> Path:
    """Write the file durably under a hidden name beside ``path``; the caller puts it in place.

    ``mode`` is set in spite of the umask; without one the umask decides. Raises OSError; then nothing is left.
    """
    fresh = path.with_name(f".{path.name}.new")
    with _new_file(fresh, mode) as file:
        file.write(content)
        flush_to_disk(file)
    return fresh


@contextmanager
def _new_file(fresh: Path, mode: int | None) -> Iterator[BinaryIO]:
    """Create a new file in place of any with its name; remove it when anything is raised."""
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666 if mode is None else mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            yield file
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def flush_to_disk(file: BinaryIO) -> None:
    """Force what was written to the disk. Raises OSError."""
    file.flush()
    os.fsync(file.fileno())


def write_synced(path: Path, content: bytes) -> None:
    """Write a file that is on the disk when this returns; its name is durable after ``sync_folder``. Raises OSError."""
    with path.open("wb") as file:
        file.write(content)
        flush_to_disk(file)


@contextmanager
def exclusive_folder(folder: Path) -> Iterator[None]:
    """Hold a folder's lock while adding large files; first remove what a killed process has left of them.

    Raises BlockingIOError while another thread or process holds it, and OSError.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
        for left in folder.glob(".*.new"):
            left.unlink(missing_ok=True)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def atomic_writer(path: Path, mode: int | None = None) -> Iterator[BinaryIO]:
    """Open a file to write piece by piece; it gets its name once whole and on the disk, or nothing is left.

    ``mode`` as in ``stage``. The folder's next ``exclusive_folder`` removes what a kill leaves. Raises OSError.
    """
    fresh = path.with_name(f".{path.name}.new")
    with _new_file(fresh, mode) as file:
        yield file
        flush_to_disk(file)
        fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def chown_to_folder_owner(*paths: Path) -> None:
    """Give what root has made to the owner and group of its folder, readable for that owner alone.

    Skip a missing path; do nothing for any other user, and in a folder of root's own.
    """
    if os.geteuid() != _ROOT:
        return
    for path in paths:
        folder = path.parent.stat()
        if folder.st_uid != _ROOT and path.exists() and not path.is_symlink():
            _chown(path, folder.st_uid, folder.st_gid)


def make_private(*paths: Path) -> None:
    """Make files readable for their owner alone. Skips missing ones, links, and a file system without modes."""
    for path in paths:
        with suppress(OSError):
            if path.lstat().st_mode & _OTHERS_BITS:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
                try:
                    os.fchmod(descriptor, os.fstat(descriptor).st_mode & _OWN_BITS)
                finally:
                    os.close(descriptor)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file; refuse folders, links, and pipes, without waiting for a writer. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is no plain file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """Read a regular file up to one byte more than allowed, enough for the caller to refuse it. Raises OSError."""
    with open_regular(path) as file:
        return file.read(max_bytes + 1)


def _chown(path: Path, owner: int, group: int) -> None:
    """Change the owner by descriptor: the folder's owner may put a link in the file's place meanwhile. A medium whose
    file system knows no owners keeps its own, and this does not fail.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            made = os.fstat(descriptor)
            if (made.st_uid, made.st_gid) != (owner, group):
                os.fchown(descriptor, owner, group)
            if made.st_mode & ~_OWN_BITS & 0o777:
                os.fchmod(descriptor, made.st_mode & _OWN_BITS)
        finally:
            os.close(descriptor)
    except OSError as error:
        logger.warning("%s keeps its owner (%s): see that the station can write it", path, error)
