"""Pictures on their way to the backup medium and back: each once, checked against the hash that is its name."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kiosk.base.files import chown_to_folder_owner, flush_to_disk, open_regular

_PICTURE = re.compile(r"[0-9a-f]{64}\.jpg")


@dataclass(frozen=True, slots=True)
class PhotoCopyResult:
    """How many were copied, how many were there already, and the names of those whose content is not their name."""

    new: int
    known: int
    broken: tuple[str, ...] = ()


def hashes(folder: Path) -> tuple[str, ...]:
    """The pictures of a photo folder (``ab/abcdef….jpg``), sorted."""
    return tuple(sorted(path.stem for path in folder.glob("??/*.jpg") if _PICTURE.fullmatch(path.name)))


def copy(source: Path, target: Path, selected: Iterable[str]) -> PhotoCopyResult:
    """Bring ``selected`` pictures from one photo folder into another; one that is gone from the source is passed over.

    Raises OSError when the target cannot be written; what was copied before stays.
    """
    new = known = 0
    broken: list[str] = []
    for sha256 in selected:
        place = Path(sha256[:2], f"{sha256}.jpg")
        if (target / place).exists():
            known += 1
            continue
        try:
            with open_regular(source / place) as file:
                content = file.read()
        except FileNotFoundError:
            continue
        if hashlib.sha256(content).hexdigest() == sha256:
            _write(content, target / place)
            new += 1
        else:
            broken.append(sha256)
    return PhotoCopyResult(new, known, tuple(broken))


def _write(content: bytes, target: Path) -> None:
    for folder in (target.parent.parent, target.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        chown_to_folder_owner(folder)
    partial = target.with_name(f".{target.name}.part")
    try:
        partial.unlink(missing_ok=True)
        # Root may write here, in a folder of another user's: through no link. FAT would refuse a chmod afterwards.
        with open(partial, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(content)
            flush_to_disk(file)
        chown_to_folder_owner(partial)
        partial.replace(target)
    except OSError:
        # Half a picture would keep the room that the next database needs.
        partial.unlink(missing_ok=True)
        raise
