"""What the pages and their server need."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeVar

from kiosk.domain.metrology.legal_status import ScaleLegalStatus
from kiosk.station.clerk.access import Access
from kiosk.station.counter.counter import ClerkCounter
from kiosk.station.counter.state import CounterBoard
from kiosk.station.desk.desk import Desk
from kiosk.station.desk.live import LiveBoard
from kiosk.station.photos.live_view import LiveView
from kiosk.station.scale.check_weight import CheckWeight
from kiosk.station.shared.settings import StationSettings
from kiosk.store.shared.records import Stamp
from kiosk.store.store import Store

S_co = TypeVar("S_co", covariant=True)


class SnapshotBoard(Protocol[S_co]):
    def snapshot(self) -> S_co: ...
    def wait(self, after: int, timeout_s: float) -> S_co | None: ...
    def wake(self) -> None: ...


class Endable(Protocol):
    """Streams that the server would otherwise wait for."""

    def stop(self) -> None: ...


class PictureFiles(Protocol):
    def path(self, sha256: str) -> Path | None:
        """The file of a kept picture."""


class Station(Protocol):
    """The running station as the web sees it."""

    @property
    def desk(self) -> Desk: ...
    @property
    def board(self) -> LiveBoard: ...
    @property
    def access(self) -> Access: ...
    @property
    def counter(self) -> ClerkCounter: ...
    @property
    def counter_board(self) -> CounterBoard: ...
    @property
    def settings(self) -> StationSettings: ...
    @property
    def software(self) -> str: ...
    @property
    def metrology(self) -> str: ...
    @property
    def store(self) -> Store: ...
    @property
    def check_weight(self) -> CheckWeight: ...
    def standing(self) -> ScaleLegalStatus: ...
    def stamp(self) -> Stamp: ...
    @property
    def live_view(self) -> LiveView: ...
    @property
    def photo_folder(self) -> PictureFiles: ...
    @property
    def parcel_photos(self) -> PictureFiles:
        """For clerks alone: the label of a damaged parcel may hold a name."""
