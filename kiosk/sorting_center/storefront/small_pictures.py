"""Small pictures for cards and pages: made once of each published master, and kept beside the masters.

A separate process decodes the masters, as for the pictures of channels; this one only writes the files it gets.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final
from zipfile import ZipFile

from kiosk.base.files import exclusive_folder, write_durably
from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.messaging.contract.photos import PictureName
from kiosk.photo.channels.rules import ChannelRule
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.listings.exports.pictures import ListingPhotos, Master, PictureOrder, make_in_subprocess
from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.storefront.published import PublishedListings

# Each width with its most bytes. A card has one of the first two, as the screen needs it: 24 cards and their page stay
# below 600 KB.
MAX_BYTES: Final[Mapping[int, int]] = {320: 20_000, 480: 22_500, 1000: 90_000}
CARD_PX: Final = (320, 480)
PAGE_PX: Final = (480, 1000)
# Of the width, tried in turn: a very busy picture needs more bytes, and noise alone fits at the last.
_PARTS: Final = (1.0, 0.72, 0.5, 0.36)
_BATCH_SIZE: Final = 8  # Pictures of one errand, about a second and a half: the storefront does not end before it has
_POLL_INTERVAL_S: Final = 2.0
RETRY_S: Final = 300.0  # After a disk that takes no file

_log = RateLimitedLog(logging.getLogger(__name__), time.monotonic, RETRY_S)


def small_path(folder: PictureFolder, sha256: str, width_px: int) -> Path:
    """Return the path of this master's picture with this width, existing or not; no region has the folder's name."""
    return folder.root / ".small" / f"{sha256}-{width_px}.jpg"


class SmallPictures:
    """Makes them. One that cannot be made is not tried again before the next start: buyers get its master."""

    def __init__(self, listings: PublishedListings, folder: PictureFolder) -> None:
        self._listings, self._folder = listings, folder
        self._failed: set[str] = set()
        self._processed_revision: tuple[int, str] | None = None

    def next_step(self) -> float:
        """Make the next pictures; return seconds to wait. Raises OSError, and buyers get the large ones meanwhile."""
        try:
            return 0.0 if self.step() else _POLL_INTERVAL_S
        except (DeskError, BlockingIOError):
            return _POLL_INTERVAL_S  # the pages say it; another process that shares the folder makes them

    def step(self) -> int:
        """Make the next ones and return how many were tried; 0 when all are there. Raises DeskError and OSError."""
        seen = self._listings.revision()
        if seen == self._processed_revision:
            return 0
        for width_px in MAX_BYTES:
            if missing := self._missing_pictures(width_px):
                self._make(missing, width_px)
                return len(missing)
        self._processed_revision = seen
        return 0

    def _make(self, missing: dict[str, Path], width_px: int) -> None:
        left, small = dict(missing), small_path(self._folder, "", width_px).parent
        small.mkdir(mode=0o750, exist_ok=True)
        with exclusive_folder(small):
            for part in _PARTS:
                for sha256, content in _scale_all(left, int(width_px * part), MAX_BYTES[width_px]) if left else ():
                    write_durably(small_path(self._folder, sha256, width_px), content, 0o640)
                    del left[sha256]
        self._failed |= left.keys()

    def _missing_pictures(self, width_px: int) -> dict[str, Path]:
        """Find masters, by hash, that need a picture of this width and have none."""
        found: dict[str, Path] = {}
        for sha256, region, station in self._listings.pictures():
            path = self._folder.path(PictureName(region, station, sha256))
            is_there = sha256 in self._failed or small_path(self._folder, sha256, width_px).exists()
            if not is_there and _is_larger(path, MAX_BYTES[width_px]):
                found[sha256] = path
                if len(found) == _BATCH_SIZE:
                    break
        return found


def _is_larger(path: Path, size_bytes: int) -> bool:
    try:
        return path.stat().st_size > size_bytes
    except FileNotFoundError:
        return False


def _scale_all(masters: dict[str, Path], side_px: int, max_bytes: int) -> list[tuple[str, bytes]]:
    """Scale those that can be; after one that ends the decoding process, each is tried again alone."""
    try:
        return _scale_batch(masters, side_px, max_bytes)
    except OSError as error:
        if len(masters) > 1:
            return [made for one in masters.items() for made in _scale_all(dict([one]), side_px, max_bytes)]
        _log.write(f"The small picture of {', '.join(masters)} cannot be made: {error}", kind="one")
        return []


def _scale_batch(masters: dict[str, Path], side_px: int, max_bytes: int) -> list[tuple[str, bytes]]:
    rule = ChannelRule(
        channel="storefront",
        size_px=(side_px, side_px),
        format="jpeg",
        least_bytes=0,
        most_bytes=max_bytes,
        cut="natural",
        background="free",
        source="",
        as_of=date.min,
        confirmed=True,
    )
    listings = tuple(ListingPhotos(sha256, (Master(sha256, str(path)),)) for sha256, path in masters.items())
    with TemporaryFile() as file:
        make_in_subprocess(PictureOrder(rule, listings, {}), file)
        with ZipFile(file) as archive:
            names = {name.partition("/")[0]: name for name in archive.namelist()}
            return [(sha256, archive.read(names[sha256])) for sha256 in masters if sha256 in names]
