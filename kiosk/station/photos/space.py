"""Space for photographs on the card. Intakes come first: a shot is refused long before an intake would be.

What makes room are the oldest photographs of goods, in the order of their intakes, whatever any clock said; and of
those only the ones that the sorting center has. Rows and events are never touched: the file alone says whether a
picture is still here, so there is nothing that a power cut could part in the middle.
"""

from __future__ import annotations

import logging
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kiosk.base.files import sync_folder
from kiosk.base.refused import Refused
from kiosk.station.photos.folder import PhotoFolder
from kiosk.store.shared.records import PhotoPlace
from kiosk.store.store import Store

logger = logging.getLogger(__name__)

# Below this much room on the card no shot is taken. An intake needs some kilobytes and is refused when the last 4 MB of
# the database's reserve are gone: between the two lie tens of thousands of intakes.
MIN_FREE_BYTES: Final = 200_000_000
_WORK_S: Final = 5.0  # So long a shot may wait for old pictures to be removed; the next one goes on
_PAGE: Final = 200

PHOTO_ROOM: Final = "photo_room"
CARD_FULL: Final = "disk_full"


def free_bytes(folder: Path) -> int:
    """Free space on the disk of an existing folder for those who are not root."""
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """In bytes: of all photographs of goods together, and of what one shot may add to them."""

    total: int
    shot: int


@dataclass(frozen=True, slots=True)
class Disks:
    """What is asked of the machine: bytes that are free at a folder, and monotonic seconds."""

    free: Callable[[Path], int] = free_bytes
    clock: Callable[[], float] = time.monotonic


class PhotoSpace:
    """Used from the photographer's thread."""

    def __init__(self, folder: PhotoFolder, store: Store, limits: PhotoLimits, disks: Disks | None = None) -> None:
        self._folder, self._store, self._limits = folder, store, limits
        self._disks = disks or Disks()
        # Up to here nothing is left on the card: years of pictures are not asked for again at each shot.
        self._emptied_upto: PhotoPlace | None = None

    def for_others(self) -> None:
        """Space for what is no new shot of goods; raises Refused, OSError. Nothing is removed for it."""
        if self._short_of_card() > 0:
            raise Refused(CARD_FULL, f"less than {MIN_FREE_BYTES // 1_000_000} MB are free on the card")

    def for_goods(self) -> None:
        """Space for one more shot of goods, made when needed. Raises Refused, StoreError, OSError."""
        total = self.total()
        over = total + self._limits.shot - self._limits.total
        card = self._short_of_card()
        if max(over, card) <= 0:
            return
        freed = self._make(max(over, card))
        # A budget that was lowered is reached shot by shot: what counts is that this one fills nothing up.
        if freed >= max(card, min(over, self._limits.shot)):
            return
        self._emptied_upto = None  # a clerk may have taken a new shot of a lot that had none left
        if over <= 0 and total == freed:
            raise Refused(CARD_FULL, "the card is full, and not of photographs")
        raise Refused(
            PHOTO_ROOM,
            f"{total // 1_000_000} MB of photographs are on the card, {self._limits.total // 1_000_000} MB are meant"
            " for them, and the sorting center does not have the oldest of them yet",
        )

    def total(self) -> int:
        return sum(os.lstat(path).st_size for path in _pictures(self._folder.root))

    def _short_of_card(self) -> int:
        self._folder.root.mkdir(parents=True, exist_ok=True)
        return MIN_FREE_BYTES + self._limits.shot - self._disks.free(self._folder.root)

    def _make(self, required_bytes: int) -> int:
        """Remove the oldest pictures that may leave, until ``required_bytes`` bytes are free; returns how many were
        freed."""
        freed, folders = 0, set[Path]()
        until = self._disks.clock() + _WORK_S
        for place, paths in self._present():
            if freed >= required_bytes or self._disks.clock() > until:
                break
            if not place.may_leave:
                continue
            for path in paths:
                size = os.lstat(path).st_size
                path.unlink()
                freed += size
                folders.add(path.parent)
        for changed in folders:
            sync_folder(changed)
        if freed:
            logger.info("%d bytes of photographs that nobody needs here any more were removed from the card", freed)
        return freed

    def _present(self) -> Iterator[tuple[PhotoPlace, list[Path]]]:
        """The shots that are still on the card with their files, oldest first."""
        leading, after = True, self._emptied_upto
        while rows := self._store.photos.oldest(_PAGE, after):
            for row in rows:
                paths = [path for path in map(self._own_file, (row.sha256, row.natural_sha256)) if path is not None]
                if paths:
                    leading = False
                    yield row, paths
                elif leading:
                    self._emptied_upto = row
            after = rows[-1]

    def _own_file(self, sha256: str) -> Path | None:
        """The file of a picture in this very folder; None for one that is gone, and for what only leads elsewhere."""
        path = self._folder.path(sha256)
        if path is None or path.parent.is_symlink() or not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        return path


def _pictures(root: Path) -> Iterator[Path]:
    """Every file that takes up room, also one that no row knows, and what a power cut left half written."""
    for folder in root.glob("??"):
        if folder.is_dir() and not folder.is_symlink():
            yield from (Path(entry.path) for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False))
