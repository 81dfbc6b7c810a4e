"""The moment from which a picture counts as received."""

from __future__ import annotations

from collections.abc import Callable

from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.photos.photos import AnnouncedPicture, PhotoIndex


class PictureRecorder:
    """First the file, whole and on the disk, then its row: killed in between, the file is found and the row made."""

    def __init__(self, photos: PhotoIndex, folder: PictureFolder, now: Callable[[], str]) -> None:
        """``now``: RFC 3339 in UTC."""
        self._photos, self._folder, self._now = photos, folder, now

    def record(self, one: AnnouncedPicture) -> None:
        """Its file has just been put in place."""
        self._photos.receive(one, self._now())

    def adopt(self, one: AnnouncedPicture) -> bool:
        """Whether its file is in place, of whatever time; then it is received. Raises OSError and LedgerError."""
        if not self._folder.holds(one.name):
            return False
        self.record(one)
        return True
