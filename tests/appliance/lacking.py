"""An initramfs that lacks something."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from initramfs import archives, entries


def without(initramfs: Path, lost: Sequence[str], target: Path) -> Path:
    """A copy that has no file whose path ends like one of these. Raises AssertionError when it had none of one."""
    gone = set()
    with target.open("wb") as copy:
        for archive in archives(initramfs):
            for entry in entries(archive):
                ending = next((row for row in lost if f"/{entry.name}".endswith(f"/{row}")), None)
                if ending is None:
                    copy.write(entry.whole)
                else:
                    gone.add(ending)
    assert gone == set(lost), f"not in the initramfs: {set(lost) - gone}"
    return target
