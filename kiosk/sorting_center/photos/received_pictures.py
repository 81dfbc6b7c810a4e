"""The pictures that are here: the moment from which one counts as received, and where it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kiosk.messaging.contract.photos import PictureName
from kiosk.sorting_center.ledger.database.times import utc_now
from kiosk.sorting_center.photos.folder import ANSWERS_FOLDER, PictureFolder
from kiosk.sorting_center.photos.photos import AnnouncedPicture, PhotoIndex, PictureStatus


class ReceivedPictures:
    """First the file, whole and on the disk, then its row: killed in between, the file is found and the row made."""

    def __init__(self, photos: PhotoIndex, folder: PictureFolder, now: Callable[[], str] = utc_now) -> None:
        """Take ``now`` as RFC 3339 in UTC."""
        self._photos, self._folder, self._now = photos, folder, now

    def path(self, region: str, station: str, sha256: str) -> Path | None:
        """Return its path; None while not received, or when the file is gone or a link. Raises a LedgerError."""
        if self._photos.status(region, station, sha256) is not PictureStatus.RECEIVED:
            return None
        path = self._folder.path(PictureName(region, station, sha256))
        return path if path.is_file() and not path.is_symlink() else None

    def folder_of(self, one: AnnouncedPicture) -> PictureFolder:
        return self._folder if one.is_picture else PictureFolder(self._folder.root / ANSWERS_FOLDER, "")

    def record(self, one: AnnouncedPicture) -> None:
        """Record a file that was just put in place; for what is no picture the file itself is the record."""
        if one.is_picture:
            self._photos.receive(one, self._now())

    def adopt(self, one: AnnouncedPicture) -> bool:
        """Record it if its file is in place, however old; return whether it is. Raises OSError and LedgerError."""
        if not self.folder_of(one).holds(one.name):
            return False
        self.record(one)
        return True
