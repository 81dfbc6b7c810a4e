"""The photographs of goods on the card, each under its own SHA-256, the lot each belongs to, and space for more."""

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

from kiosk.base.files import sync_folder, write_durably
from kiosk.base.refused import Refused
from kiosk.devices.ports import GoodsShot, Shot
from kiosk.domain.events import PictureData
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import ListingPictures, NewPhoto, PhotoPlace, Stamp
from kiosk.store.store import Store

logger = logging.getLogger(__name__)


_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class PhotoFolder:
    """``photos/ab/abcdef….jpg``: written whole, synced, then named; a name is always the hash of the content."""

    root: Path

    def path(self, sha256: str) -> Path | None:
        if len(sha256) != 64 or not _HEX.issuperset(sha256):
            return None
        path = self.root / sha256[:2] / f"{sha256}.jpg"
        return path if path.is_file() else None

    def keep(self, shot: Shot) -> None:
        """Store the picture durably; the same picture again changes nothing. Raises OSError and leaves nothing then."""
        folder = self.root / shot.sha256[:2]
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{shot.sha256}.jpg"
        if target.exists():
            return
        write_durably(target, shot.jpeg)
        sync_folder(self.root)

    def remove(self, sha256: str) -> None:
        path = self.path(sha256)
        if path is not None:
            path.unlink(missing_ok=True)
            sync_folder(path.parent)

    def tidy(self) -> None:
        for ending in ("new", "part"):  # the second one of versions before this one
            for left in self.root.glob(f"*/.*.{ending}"):
                left.unlink(missing_ok=True)


class LotPhotos:
    """Pictures are in the folder before a row and an event name them."""

    def __init__(self, folder: PhotoFolder, store: Store, stamps: Callable[[], Stamp]) -> None:
        self._folder, self._store, self._stamps = folder, store, stamps

    def keep(self, lot: str, product: str, shot: GoodsShot, actor: str | None = None) -> str:
        """Keep the pictures of a shot of a lot and record events; return the SHA-256 of the master. Of the first shot
        buyers see all pictures, of others the master. ``actor`` is the clerk who overruled the findings of the verdict,
        None when there are none. Raises OSError and StoreError; then no picture is kept.
        """
        pictures, shots = listing_pictures(shot)
        others = () if self._store.photos.of_lot(lot) else tuple(_picture(one) for one in shots[1:])
        shots = shots[: max(2, 1 + len(others))]
        new = [one.sha256 for one in shots if self._folder.path(one.sha256) is None]
        overruled = shot.verdict.findings if actor is not None else ()
        try:
            for one in shots:
                self._folder.keep(one)
            self._store.photos.add(NewPhoto(lot, product, pictures, overruled, actor, others), self._stamps())
        except (OSError, StoreError) as error:
            if isinstance(error, OSError) or not self._is_recorded(lot, pictures.master.sha256):
                # A picture without a row would stay on the card permanently.
                for sha256 in new:
                    self._folder.remove(sha256)
                raise
        return pictures.master.sha256

    def _is_recorded(self, lot: str, sha256: str) -> bool:
        """Return whether a commit that did not answer succeeded. Raises StoreError when that cannot be read."""
        return any(row.sha256 == sha256 for row in self._store.photos.of_lot(lot))


def listing_pictures(shot: GoodsShot) -> tuple[ListingPictures, tuple[Shot, ...]]:
    """Return what the store keeps of a shot, and its pictures in the buyers' order. Raises ValueError for one without
    pictures.
    """
    if shot.measures is None or shot.master is None or shot.natural is None:
        raise ValueError("a shot without pictures cannot be kept")
    return (
        ListingPictures(_picture(shot.master), _picture(shot.natural), shot.measures, shot.likeness),
        (shot.master, shot.natural, *((shot.detail,) if shot.detail else ())),
    )


def _picture(shot: Shot) -> PictureData:
    return PictureData(shot.sha256, len(shot.jpeg), shot.width, shot.height)


# With less free space on the card no shot is taken. An intake needs some kilobytes and is refused when the last 4 MB of
# the database's reserve are used up: between the two there is space for tens of thousands of intakes.
MIN_FREE_BYTES: Final = 200_000_000
_WORK_S: Final = 5.0  # A shot waits at most this long for old pictures to be removed; the next one continues
_PAGE: Final = 200

PHOTO_ROOM: Final = "photo_room"
CARD_FULL: Final = "disk_full"


def free_bytes(folder: Path) -> int:
    """Return the free space on the disk of an existing folder for users other than root."""
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """In bytes: of all photographs of goods together, and of what one shot may add to them."""

    total: int
    shot: int


@dataclass(frozen=True, slots=True)
class Disks:
    free: Callable[[Path], int] = free_bytes
    clock: Callable[[], float] = time.monotonic


class PhotoSpace:
    """Space for photographs. Intakes come first: a shot is refused long before an intake would be. Space is made by
    removing the oldest photographs, in the order of their intakes, independent of clocks, and only those that the
    sorting center has. Rows and events are never changed: the file alone shows whether a picture is still here, so a
    power cut cannot leave a half-done step. Used from the photographer's thread.
    """

    def __init__(self, folder: PhotoFolder, store: Store, limits: PhotoLimits, disks: Disks | None = None) -> None:
        self._folder, self._store, self._limits = folder, store, limits
        self._disks = disks or Disks()
        # Up to this place no picture is left on the card: years of rows are not read again at each shot.
        self._emptied_upto: PhotoPlace | None = None

    def for_others(self) -> None:
        """Check the space for what is no new shot of goods; raises Refused, OSError. Removes nothing."""
        if self._short_of_card() > 0:
            raise Refused(CARD_FULL, f"less than {MIN_FREE_BYTES // 1_000_000} MB are free on the card")

    def for_goods(self) -> None:
        """Make space for one more shot of goods if needed. Raises Refused, StoreError, OSError."""
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
        """Remove the oldest removable pictures until ``required_bytes`` are free; return the bytes freed."""
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
        leading, after = True, self._emptied_upto
        while rows := self._store.photos.oldest(_PAGE, after):
            for row in rows:
                paths = [path for path in map(self._own_file, {row.sha256, row.natural_sha256}) if path is not None]
                if paths:
                    leading = False
                    yield row, paths
                elif leading:
                    self._emptied_upto = row
            after = rows[-1]

    def _own_file(self, sha256: str) -> Path | None:
        """Return the file of a picture in this very folder; None when it is gone, or is a link elsewhere."""
        path = self._folder.path(sha256)
        if path is None or path.parent.is_symlink() or not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        return path


def _pictures(root: Path) -> Iterator[Path]:
    """Yield every file that takes up space, also unrecorded ones, and what a power cut left half written."""
    for folder in root.glob("??"):
        if folder.is_dir() and not folder.is_symlink():
            yield from (Path(entry.path) for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False))
