"""Room for photographs on the card. Intakes come first: a shot is refused long before an intake would be.

What makes room are the oldest photographs of goods, in the order of their intakes, whatever any clock said; and of
those only the ones whose copy was read back from the backup medium just before. Rows and events are never touched:
the file alone says whether a picture is still here, so there is nothing that a power cut could part in the middle.
"""

from __future__ import annotations

import logging
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from kiosk.files import sync_folder
from kiosk.station.photos.photographer import NoRoom, PhotoFolder
from kiosk.store.backup import photos as backup_photos
from kiosk.store.backup.medium import disk_of
from kiosk.store.records import PhotoPlace
from kiosk.store.store import Store

logger = logging.getLogger(__name__)

KEPT_FREE_BYTES: Final = 200_000_000
"""Below this much room on the card no shot is taken. An intake needs some kilobytes and is refused when the last 4 MB
of the database's reserve are gone: between the two lie tens of thousands of intakes."""
_WORK_S: Final = 5.0
"""So long a shot may wait for old pictures to be compared and removed; the next one goes on."""
_PAGE: Final = 200

PHOTO_ROOM: Final = "photo_room"
CARD_FULL: Final = "disk_full"


def free_bytes(folder: Path) -> int:
    """Room on the disk of an existing folder for those who are not root."""
    return shutil.disk_usage(folder).free


class PhotoRoom:
    """``budget`` and ``shot`` are bytes: of all photographs of goods together, and of the largest one.

    ``backup`` is the folder on the second medium, None when none is set up. Used from the photographer's thread.
    """

    def __init__(
        self,
        folder: PhotoFolder,
        store: Store,
        budget: int,
        shot: int,
        backup: Path | None,
        *,
        free: Callable[[Path], int] = free_bytes,
        disk: Callable[[Path], str] = disk_of,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._store, self._budget, self._shot, self._backup = folder, store, budget, shot, backup
        self._free, self._disk, self._clock = free, disk, clock
        self._gone: PhotoPlace | None = None
        """Up to here nothing is left on the card: years of pictures are not asked for again at each shot."""

    def for_parcel(self) -> None:
        """Room for a picture that is not one of goods; raises NoRoom, OSError. Nothing is removed for it."""
        if self._short_of_card() > 0:
            raise NoRoom(CARD_FULL, f"less than {KEPT_FREE_BYTES // 1_000_000} MB are free on the card")

    def for_goods(self) -> None:
        """Room for one more shot of goods, made when needed. Raises NoRoom, StoreError, OSError."""
        total = self.total()
        over = total + self._shot - self._budget
        card = self._short_of_card()
        if max(over, card) <= 0:
            return
        freed = self._make(max(over, card))
        # A budget that was lowered is reached shot by shot: what counts is that this one fills nothing up.
        if freed >= max(card, min(over, self._shot)):
            return
        if over <= 0 and total == freed:
            raise NoRoom(CARD_FULL, "the card is full, and not of photographs")
        raise NoRoom(
            PHOTO_ROOM,
            f"{total // 1_000_000} MB of photographs are on the card, {self._budget // 1_000_000} MB are meant for "
            "them, and no more of them have a copy: plug in the backup medium and make a backup",
        )

    def total(self) -> int:
        """Bytes of all photographs of goods. Raises OSError."""
        return sum(os.lstat(path).st_size for path in _pictures(self._folder.root))

    def _short_of_card(self) -> int:
        self._folder.root.mkdir(parents=True, exist_ok=True)
        return KEPT_FREE_BYTES + self._shot - self._free(self._folder.root)

    def _make(self, wanted: int) -> int:
        """Remove the oldest pictures that have a copy, until ``wanted`` bytes are free; returns how many were freed."""
        backup = self._copies()
        if backup is None:
            return 0
        freed, folders = 0, set[Path]()
        until = self._clock() + _WORK_S
        for place, path in self._here():
            if freed >= wanted or self._clock() > until:
                break
            size = os.lstat(path).st_size
            if backup_photos.holds(backup, place.sha256, unlike=path):
                path.unlink()
                freed += size
                folders.add(path.parent)
        for changed in folders:
            sync_folder(changed)
        if freed:
            logger.info("%d bytes of photographs that have a copy were removed from the card", freed)
        return freed

    def _copies(self) -> Path | None:
        """Where the copies lie; None when no other medium is there."""
        try:
            if self._backup is None or self._disk(self._backup) == self._disk(self._folder.root):
                return None
        except OSError:
            return None
        return self._backup / "photos"

    def _here(self) -> Iterator[tuple[PhotoPlace, Path]]:
        """The photographs that are still on the card, oldest first."""
        leading, after = True, self._gone
        while rows := self._store.photos.oldest(_PAGE, after):
            for row in rows:
                path = self._own(row.sha256)
                if path is not None:
                    leading = False
                    yield row, path
                elif leading:
                    self._gone = row
            after = rows[-1]

    def _own(self, sha256: str) -> Path | None:
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
