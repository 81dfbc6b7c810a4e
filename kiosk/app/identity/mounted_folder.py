"""A folder of a stick or of the boot partition as a place of identities: bounded, and writable while it must be."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from kiosk.app.mounting.writable import Writable, writable
from kiosk.app.shared.media import IsMount, mounted
from kiosk.base.files import open_regular, read_bounded, sync_folder, write_durably
from kiosk.first_start.identity.format import CLEAR, FOLDER, MAX_BYTES, SEALED

BOOT: Final = Path("/boot/firmware")  # Where Raspberry Pi OS and our image mount the boot partition
MAX_SCANNED_NAMES: Final = 4096  # Names of one folder that are looked at: 200 stations with their marks are 400
MAX_IDENTITIES: Final = 1000
# The wizards of other machines leave out what is claimed: on ext4 the station's user must be able to read the mark.
_MARK_MODE: Final = 0o644


@dataclass(frozen=True, slots=True)
class MountedFolder:
    """A folder on a medium. ``medium`` is the mount that contains ``folder``.

    Every change is durable when it returns; all raise OSError.
    """

    folder: Path
    medium: Path
    writable: Writable = writable

    def names(self) -> tuple[str, ...]:
        """List files that are named like an identity, a bounded number; none when the medium was pulled."""
        found: list[str] = []
        with suppress(OSError), os.scandir(self.folder) as entries:
            found = [entry.name for entry in islice(entries, MAX_SCANNED_NAMES) if _is_identity(entry)]
        return tuple(sorted(found)[:MAX_IDENTITIES])

    def read(self, name: str) -> bytes | None:
        """Read at most one byte more than is allowed; None when there is no such file."""
        try:
            return read_bounded(self.folder / name, MAX_BYTES)
        except FileNotFoundError:
            return None

    def mark(self, name: str, content: bytes) -> None:
        with self.writable(self.medium):
            write_durably(self.folder / name, content)
            # FAT has no modes. The folder may be another user's: no link in it leads to a file that all may read then.
            with suppress(OSError), open_regular(self.folder / name) as file:
                os.fchmod(file.fileno(), _MARK_MODE)

    def remove(self, name: str) -> None:
        with self.writable(self.medium):
            (self.folder / name).unlink(missing_ok=True)
            sync_folder(self.folder)


def _is_identity(entry: os.DirEntry[str]) -> bool:
    return (entry.name == CLEAR or SEALED.fullmatch(entry.name) is not None) and entry.is_file(follow_symlinks=False)


def mounted_folders(
    roots: Iterable[Path], boot: Path, is_mount: IsMount, writable: Writable = writable
) -> list[MountedFolder]:
    """Return every place for an identity: the top of each medium and its folder for them, and the same at boot."""
    media = [*mounted(roots, is_mount), *([boot] if boot.is_dir() else [])]
    return [MountedFolder(folder, medium, writable) for medium in media for folder in (medium, medium / FOLDER)]
