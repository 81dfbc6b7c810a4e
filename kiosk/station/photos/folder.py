"""The photographs of goods on the card, each under its own SHA-256, and the lot that each belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kiosk.devices.ports import Shot
from kiosk.files import sync_folder, write_synced
from kiosk.store.errors import StoreError
from kiosk.store.records import NewPhoto, Stamp
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
        partial = folder / f".{shot.sha256}.part"
        try:
            write_synced(partial, shot.jpeg)
            partial.replace(target)
        except OSError:
            # On a full disk half a picture would keep the room that the next intake needs.
            partial.unlink(missing_ok=True)
            raise
        for changed in (folder, self.root):
            sync_folder(changed)

    def remove(self, sha256: str) -> None:
        """Remove a picture, if it is there. Raises OSError."""
        path = self.path(sha256)
        if path is not None:
            path.unlink(missing_ok=True)
            sync_folder(path.parent)

    def tidy(self) -> None:
        """Remove what a power cut left half written."""
        for partial in self.root.glob("*/.*.part"):
            partial.unlink(missing_ok=True)


class LotPhotos:
    """A picture is in the folder before a row and an event tell of it."""

    def __init__(self, folder: PhotoFolder, store: Store, stamps: Callable[[], Stamp]) -> None:
        self._folder, self._store, self._stamps = folder, store, stamps

    def keep(self, lot: str, product: str, shot: Shot) -> None:
        """Keep the shot of a lot and tell it in an event. Raises OSError and StoreError; then neither is there."""
        new = self._folder.path(shot.sha256) is None
        self._folder.keep(shot)
        try:
            self._store.photos.add(
                NewPhoto(lot, product, shot.sha256, len(shot.jpeg), shot.width, shot.height), self._stamps()
            )
        except StoreError:
            # A picture that no row knows would lie on the card for ever.
            if new:
                self._folder.remove(shot.sha256)
            raise
