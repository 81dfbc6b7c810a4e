"""Reads an initramfs as the kernel does, archives one behind the other, some of them compressed; and makes one more."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

_HEADER: Final = 110
_CPIO, _ZSTD = b"070701", b"\x28\xb5\x2f\xfd"
_LAST: Final = "TRAILER!!!"


class NoInitramfs(ValueError):
    """It is something else, or not whole."""


class Entry(NamedTuple):
    """A file's path, and all the bytes of it in the archive."""

    name: str
    whole: bytes


def archives(initramfs: Path) -> Iterator[bytes]:
    """Each archive, unpacked (modules come first, compressed one by one). Raises NoInitramfs."""
    data = initramfs.read_bytes()
    while data:
        if data.startswith(_ZSTD):
            done = subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=False)
            if done.returncode != 0:
                raise NoInitramfs(f"{initramfs.name}: {done.stderr.decode(errors='replace').strip()}")
            yield done.stdout
            return
        length = sum(len(entry.whole) for entry in entries(data))
        yield data[:length]
        data = data[length:].lstrip(b"\0")


def entries(archive: bytes) -> Iterator[Entry]:
    """To the last one, which is none (cpio(5), "New ASCII Format"). Raises NoInitramfs."""
    at, name = 0, ""
    while name != _LAST:
        if archive[at : at + len(_CPIO)] != _CPIO:
            raise NoInitramfs(f"no file begins at byte {at}")
        begin = at + _HEADER
        if len(archive) < begin:
            raise NoInitramfs(f"it ends within the header at byte {at}")
        size, name_size = (int(archive[at + place : at + place + 8], 16) for place in (54, 94))
        name = archive[begin : begin + name_size - 1].decode("utf-8", "replace")
        end = _padded(_padded(begin + name_size) + size)
        yield Entry(name, archive[at:end])
        at = end


def listing(initramfs: Path) -> list[str]:
    """Paths of all its files. Raises NoInitramfs."""
    return [entry.name for archive in archives(initramfs) for entry in entries(archive)]


def packed(files: Mapping[str, bytes]) -> bytes:
    """An archive of these, each in one folder, to stand before others."""
    folders = dict.fromkeys(name.rpartition("/")[0] for name in files)
    rows = [_entry(folder, 0o040755) for folder in folders]
    rows += [_entry(name, 0o100644, content) for name, content in files.items()]
    return b"".join([*rows, _entry(_LAST, 0)])


def _entry(name: str, mode: int, content: bytes = b"") -> bytes:
    fields = [0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
    head = _CPIO + b"".join(b"%08X" % number for number in fields) + name.encode() + b"\0"
    return head.ljust(_padded(len(head)), b"\0") + content.ljust(_padded(len(content)), b"\0")


def _padded(at: int) -> int:
    return -(-at // 4) * 4
