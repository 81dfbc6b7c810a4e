"""An initramfs that lacks something: its archive is copied without a few files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

_HEADER = 110
_MAGIC = b"070701"
_LAST = "TRAILER!!!"


def without(initramfs: Path, lost: Sequence[str], target: Path) -> Path:
    """A copy that has no file whose path ends like one of these. Raises AssertionError when it had none of one."""
    archive = subprocess.run(["zstd", "-dc", str(initramfs)], capture_output=True, check=True).stdout
    kept, gone = bytearray(), set()
    for name, entry in entries(archive):
        ending = next((row for row in lost if f"/{name}".endswith(f"/{row}")), None)
        if ending is None:
            kept += entry
        else:
            gone.add(ending)
    assert gone == set(lost), f"not in the initramfs: {set(lost) - gone}"
    target.write_bytes(subprocess.run(["zstd", "-1", "-c"], input=bytes(kept), capture_output=True, check=True).stdout)
    return target


def entries(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """Each file's path and all its bytes, the last one included (cpio(5), "New ASCII Format")."""
    at = 0
    while True:
        assert archive[at : at + 6] == _MAGIC, f"no header at {at}"
        size, name_size = (int(archive[at + place : at + place + 8], 16) for place in (54, 94))
        name = archive[at + _HEADER : at + _HEADER + name_size - 1].decode()
        end = padded(padded(at + _HEADER + name_size) + size)
        yield name, archive[at:end]
        if name == _LAST:
            return
        at = end


def padded(at: int) -> int:
    return -(-at // 4) * 4
