"""The pictures that are here, for those who show them."""

from __future__ import annotations

from pathlib import Path

from kiosk.messaging.contract.photos import PictureName
from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.photos.photos import PhotoIndex, PictureStatus


class ReceivedPictures:
    """Read beside the process that receives them."""

    def __init__(self, photos: PhotoIndex, folder: PictureFolder) -> None:
        self._photos, self._folder = photos, folder

    def path(self, region: str, station: str, sha256: str) -> Path | None:
        """None while it is not here, and when its file is gone or only leads elsewhere. Raises a LedgerError."""
        if self._photos.status(region, station, sha256) is not PictureStatus.RECEIVED:
            return None
        path = self._folder.path(PictureName(region, station, sha256))
        return path if path.is_file() and not path.is_symlink() else None
