"""The photographs of goods on the card, each under its own SHA-256, and the lot that each belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kiosk.base.files import sync_folder, write_synced
from kiosk.devices.ports import GoodsShot, Shot
from kiosk.domain.events import PictureData
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import ListingPictures, NewPhoto, Stamp
from kiosk.store.store import Store

_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class PhotoFolder:
    """``photos/ab/abcdef….jpg``: written whole, synced, then named; a name is always the hash of the content."""

    root: Path

    def path(self, sha256: str) -> Path | None:
        """Where this picture lies, or None when the text is no hash or there is no such picture."""
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
        fresh = folder / f".{shot.sha256}.part"
        try:
            write_synced(fresh, shot.jpeg)
            fresh.replace(target)
        except OSError:
            # On a full disk half a picture would keep the room that the next intake needs.
            fresh.unlink(missing_ok=True)
            raise
        for changed in (folder, self.root):
            sync_folder(changed)

    def remove(self, sha256: str) -> None:
        path = self.path(sha256)
        if path is not None:
            path.unlink(missing_ok=True)
            sync_folder(path.parent)

    def tidy(self) -> None:
        for left in self.root.glob("*/.*.part"):
            left.unlink(missing_ok=True)


class LotPhotos:
    """Pictures are in the folder before a row and an event tell of them."""

    def __init__(self, folder: PhotoFolder, store: Store, stamps: Callable[[], Stamp]) -> None:
        self._folder, self._store, self._stamps = folder, store, stamps

    def keep(self, lot: str, product: str, shot: GoodsShot, actor: str | None = None) -> str:
        """Keep both pictures of a lot and tell them in an event; the SHA-256 of the master. ``actor`` is the clerk who
        decided against the reasons of the verdict, None when there are none. Raises OSError and StoreError; then
        neither is there.
        """
        pictures, shots = listing_pictures(shot)
        new = [one.sha256 for one in shots if self._folder.path(one.sha256) is None]
        overruled = shot.verdict.findings if actor is not None else ()
        try:
            for one in shots:
                self._folder.keep(one)
            self._store.photos.add(NewPhoto(lot, product, pictures, overruled, actor), self._stamps())
        except (OSError, StoreError) as error:
            if isinstance(error, OSError) or not self._is_recorded(lot, pictures.master.sha256):
                # A picture that no row knows would lie on the card for ever.
                for sha256 in new:
                    self._folder.remove(sha256)
                raise
        return pictures.master.sha256

    def _is_recorded(self, lot: str, sha256: str) -> bool:
        """Whether a commit that did not answer was done all the same. Raises StoreError when nobody can say."""
        return any(row.sha256 == sha256 for row in self._store.photos.of_lot(lot))


def listing_pictures(shot: GoodsShot) -> tuple[ListingPictures, tuple[Shot, Shot]]:
    """What the store keeps of a shot, and its master and natural cut. Raises ValueError for one without pictures."""
    if shot.measures is None or shot.master is None or shot.natural is None:
        raise ValueError("a shot without pictures cannot be kept")
    return (
        ListingPictures(_picture(shot.master), _picture(shot.natural), shot.measures, shot.likeness),
        (shot.master, shot.natural),
    )


def _picture(shot: Shot) -> PictureData:
    return PictureData(shot.sha256, len(shot.jpeg), shot.width, shot.height)
