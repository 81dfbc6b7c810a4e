"""The photos lane of a relay: its parts put together over the station's own database and folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from kiosk.base.files import open_regular
from kiosk.config.relay import RelayConfig
from kiosk.messaging.contract.photos import UnsentPicture
from kiosk.messaging.contract.station_request import ANSWERS, REQUESTS
from kiosk.messaging.relay.photos.lane import PhotosClient, PhotosWork, StationPhotos
from kiosk.messaging.relay.photos.ports import Backlog
from kiosk.messaging.relay.shared.lane import Lane, random_share
from kiosk.station.doctor.status_files import PhotosStatusFile
from kiosk.store.store import Store

_MAX_COUNTED: Final = 100_000


def photos_lane(config: RelayConfig, store: Store) -> Lane:
    data = config.station.data
    station = StationPhotos(StoredPictures(store, data), StoredEvents(store), PhotosStatusFile(data).report)
    center = PhotosClient(config.relay)
    work = PhotosWork(config.relay, center, station)
    return Lane(work, center, first_s=config.relay.reconnect_s * random_share()())


class StoredPictures:
    """Those of the database, in the folder of the station's process; and files that answer requests of the county."""

    def __init__(self, store: Store, data: Path) -> None:
        self._photos, self._folder, self._answers = store.photos, data / "photos", data / REQUESTS / ANSWERS

    def waiting(self, limit: int) -> Sequence[UnsentPicture]:
        """Return the pictures and files to send, the smallest first."""
        answers = self._answers.iterdir() if self._answers.is_dir() else ()
        files = [UnsentPicture(path.name, path.stat().st_size) for path in answers if len(path.name) == 64]
        return sorted([*self._photos.unsent(limit), *files], key=lambda one: one.size_bytes)[:limit]

    def backlog(self) -> Backlog:
        waiting = self._photos.unsent(_MAX_COUNTED)
        return Backlog(len(waiting), sum(row.size_bytes for row in waiting))

    def open(self, sha256: str) -> BinaryIO:
        if (answer := self._answers / sha256).exists():
            return open_regular(answer)
        return (self._folder / sha256[:2] / f"{sha256}.jpg").open("rb")

    def sent(self, sha256: str) -> None:
        """Record that it was sent. Raises StoreError; then the center is asked once more."""
        self._photos.mark_sent(sha256)
        (self._answers / sha256).unlink(missing_ok=True)


class StoredEvents:
    def __init__(self, store: Store) -> None:
        self._outbox = store.outbox

    def any_waiting(self) -> bool:
        return self._outbox.counts().pending > 0
