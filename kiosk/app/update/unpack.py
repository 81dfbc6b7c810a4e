"""A payload becomes a folder: read as a stream, each member judged before it is written; durable, and compiled."""

from __future__ import annotations

import compileall
import ctypes
import hashlib
import io
import lzma
import os
import tarfile
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import IO, BinaryIO, Final

from kiosk.station.update.bundle import MemberRules, UpdateManifest, members_of
from kiosk.station.update.refusals import UpdateRefusalReason, UpdateRefused

_CHUNK: Final = 256 * 1024
_XZ_MEMORY: Final = 96 * 1024 * 1024  # A dictionary of 64 MB, as `xz -9`; a Pi 3 has 1 GB
_TAR_HEADERS: Final = 4096  # Of one member, with its padding and its long name


def unpack(manifest: UpdateManifest, payload: BinaryIO, folder: Path) -> None:
    """Unpack into an empty folder; durable on return, but not the folder's own name. Raises UpdateRefused, OSError."""
    stream = _PayloadStream(payload, manifest)
    try:
        with tarfile.open(fileobj=stream, mode="r|", encoding="ascii", errors="surrogateescape") as tar:
            for member, place in members_of(tar, MemberRules(manifest)):
                target = folder / place
                if member.isdir():
                    target.mkdir(mode=0o755)
                else:
                    _write(tar.extractfile(member), target)
        stream.finish()
    except (UpdateRefused, OSError):
        raise
    except Exception as error:  # of headers made to harm, tarfile also raises ValueError, KeyError and RecursionError
        raise UpdateRefused(UpdateRefusalReason.CONTENT, f"the payload cannot be unpacked: {error}") from error
    sync_file_system(folder)


def _write(source: IO[bytes] | None, target: Path) -> None:
    if source is None:
        raise UpdateRefused(UpdateRefusalReason.CONTENT, "a member without content")
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        while piece := source.read(_CHUNK):
            file.write(piece)


def sync_file_system(folder: Path) -> None:
    """Flush thousands of files at once: one by one a memory card takes minutes (syncfs(2)). Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(descriptor)


class _PayloadStream(io.RawIOBase):
    """The tar inside a payload, hashed on its way: a file that is changed while it is read is noticed at its end."""

    def __init__(self, payload: BinaryIO, manifest: UpdateManifest) -> None:
        super().__init__()
        self._payload, self._manifest = payload, manifest
        self._left = manifest.payload_bytes
        self._room = manifest.unpacked_bytes + (manifest.members + 3) * _TAR_HEADERS
        self._digest = hashlib.sha256()
        self._xz = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Read at most ``size`` bytes; b"" at the end. Raises UpdateRefused."""
        limit = _CHUNK if size < 0 else size
        found = b""
        while len(found) < limit and not self._xz.eof:
            raw = self._next() if self._xz.needs_input else b""
            if not raw and self._xz.needs_input:
                break
            found += self._xz.decompress(raw, limit - len(found))
        self._room -= len(found)
        if self._room < 0:
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "larger than its manifest says")
        return found

    def finish(self) -> None:
        """Raise UpdateRefused when the payload was not the one that was signed."""
        while self.read(_CHUNK):
            pass
        while self._next():
            pass
        if not self._xz.eof or self._xz.unused_data or self._digest.hexdigest() != self._manifest.sha256:
            raise UpdateRefused(UpdateRefusalReason.DAMAGED, "its payload is not what was signed")

    def _next(self) -> bytes:
        raw = self._payload.read(min(self._left, _CHUNK))
        self._left -= len(raw)
        self._digest.update(raw)
        return raw


def compile_modules(folder: Path, place: Path) -> None:
    """Compile every module below ``folder`` as if it were at ``place``: the station may not write there, and would
    compile it at each start. The modules are never changed afterwards.

    One that cannot be compiled, or for which no room is left, is compiled at each start.
    """
    mode = PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(folder, quiet=2, stripdir=str(folder), prependdir=str(place), invalidation_mode=mode)
