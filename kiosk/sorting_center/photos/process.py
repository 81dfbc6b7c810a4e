"""Serves stations: takes their pictures in, offers updates, and follows the ledger for pictures it announces."""

from __future__ import annotations

import logging
import socket
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.sorting_center.desk.certificates import MachineCertificates
from kiosk.sorting_center.desk.documents import StationDocuments
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.followers.feed_follower import follower_worker
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.times import utc_now
from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.photos.follower import PhotoFollower
from kiosk.sorting_center.photos.photos import PhotoIndex
from kiosk.sorting_center.photos.received_pictures import ReceivedPictures
from kiosk.sorting_center.photos.refusals import RefusalCounter
from kiosk.sorting_center.photos.server import station_server
from kiosk.sorting_center.photos.uploads import Allowance, Uploads
from kiosk.sorting_center.updates.configurations import ConfigurationDownloads
from kiosk.sorting_center.updates.downloads import Downloads
from kiosk.sorting_center.updates.folder import OfferFolder

_KEEP_S: Final = 5.0
_PART_END_S: Final = 1.0
_LOG_PERIOD_S: Final = 300.0

log = logging.getLogger(__name__)


def serve(
    ledger_url: str, photos_dir: Path, updates_dir: Path | None, listening: socket.socket, ending: threading.Event
) -> None:
    """Serve until ``ending``; raises LedgerError when the ledger or the list of photos cannot be opened, and DeskError
    when that of certificates cannot. Closes ``listening``. ``updates_dir`` None: there are no updates here.
    """
    folder = PictureFolder(photos_dir)
    with (
        listening,
        Ledger.open_readonly(ledger_url) as ledger,
        PhotoIndex(ledger_url) as photos,
        closing(DeskDatabase(ledger_url)) as desk,
    ):
        received, refusals = ReceivedPictures(photos, folder), RefusalCounter(photos, utc_now)
        lines = RateLimitedLog(log, time.monotonic, _LOG_PERIOD_S)
        uploads = Uploads(photos, folder, received, Allowance(lambda: datetime.now(UTC)), refusals, lines)
        downloads = Downloads(OfferFolder(updates_dir), lines) if updates_dir is not None else None
        configurations = ConfigurationDownloads(StationDocuments(desk), lines)
        server = station_server(uploads, downloads, configurations, MachineCertificates(desk).admits, listening)
        follower = follower_worker("photos follower", PhotoFollower(ledger, photos, received).step)
        server.start()
        follower.start()
        while not ending.wait(_KEEP_S):
            refusals.flush()
        server.stop(_PART_END_S)
        refusals.flush()
        follower.stop()
