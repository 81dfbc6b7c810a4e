"""Copying of pictures to the backup medium and back: each once, checked against the hash that is its name.

On a medium that is encrypted to the county each picture is a separate age file, ``abcdef….jpg.age``.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from kiosk.base.files import chown_to_folder_owner, flush_to_disk, open_regular
from kiosk.store.shared.age_file import SEALED, Convert, NotOpened, unseal

_PICTURE = re.compile(r"([0-9a-f]{64})\.jpg(\.age)?")


@dataclass(frozen=True, slots=True)
class PhotoCopyResult:
    """How many were copied, how many were there already, and the names of those whose content is not their name, or
    which the key does not open.
    """

    new: int
    known: int
    broken: tuple[str, ...] = ()


def hashes(folder: Path) -> tuple[str, ...]:
    """Return the hashes of the pictures in a photo folder (``ab/abcdef….jpg``), sorted."""
    return tuple(sorted({match[1] for path in folder.glob("??/*") if (match := _PICTURE.fullmatch(path.name))}))


def copy(
    source: Path, target: Path, selected: Iterable[str], *, seal: Convert | None = None, private: bytes = b""
) -> PhotoCopyResult:
    """Copy ``selected`` pictures from one photo folder into another; skip those missing from the source.

    With ``seal`` they are encrypted there, and none stays open; ``private`` opens those that are at the source. Raises
    OSError when the target cannot be written; what was copied before stays.
    """
    new = known = 0
    broken: list[str] = []
    for sha256 in selected:
        place = Path(sha256[:2], f"{sha256}.jpg")
        goal = target / (place if seal is None else f"{place}{SEALED}")
        if goal.exists():
            known += 1
        else:
            try:
                content = _read(source / place, private)
            except FileNotFoundError:
                continue
            except NotOpened:
                content = b""
            if hashlib.sha256(content).hexdigest() != sha256:
                broken.append(sha256)
                continue
            _write(content, goal, seal)
            new += 1
        if seal is not None:
            (target / place).unlink(missing_ok=True)
    return PhotoCopyResult(new, known, tuple(broken))


def _read(picture: Path, private: bytes) -> bytes:
    """Read a picture, or decrypt it. Raises FileNotFoundError, NotOpened."""
    try:
        with open_regular(picture) as file:
            return file.read()
    except FileNotFoundError:
        with open_regular(picture.with_name(picture.name + SEALED)) as file:
            return unseal(file.read(), private)


def _write(content: bytes, target: Path, seal: Convert | None) -> None:
    for folder in (target.parent.parent, target.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        chown_to_folder_owner(folder)
    partial = target.with_name(f".{target.name}.part")
    try:
        partial.unlink(missing_ok=True)
        # Root may write here, in a folder of another user's: through no link. FAT would refuse a chmod afterwards.
        with open(partial, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            if seal is not None:
                seal(BytesIO(content), file)
            else:
                file.write(content)
            flush_to_disk(file)
        chown_to_folder_owner(partial)
        partial.replace(target)
    except OSError:
        # Half a picture would keep the room that the next database needs.
        partial.unlink(missing_ok=True)
        raise
