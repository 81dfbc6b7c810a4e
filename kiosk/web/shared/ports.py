"""What the pages and their server need."""

from __future__ import annotations

from typing import Protocol, TypeVar

from kiosk.domain.metrology.legal_status import ScaleLegalStatus
from kiosk.station.clerk.access import Access
from kiosk.station.counter.counter import ClerkCounter
from kiosk.station.counter.state import CounterBoard
from kiosk.station.desk.desk import Desk
from kiosk.station.desk.live import LiveBoard
from kiosk.station.parcels.photos import ParcelPhotos
from kiosk.station.photos.folder import PhotoFolder
from kiosk.station.photos.photographer import LiveView
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


class Station(Protocol):
    """The running station as the web sees it."""

    desk: Desk
    board: LiveBoard
    access: Access
    counter: ClerkCounter
    counter_board: CounterBoard
    settings: StationSettings
    software: str
    metrology: str
    store: Store
    check_weight: CheckWeight
    live_view: LiveView
    photo_folder: PhotoFolder
    parcel_photos: ParcelPhotos  # For clerks alone: the label of a damaged parcel may hold a name

    def standing(self) -> ScaleLegalStatus: ...
    def stamp(self) -> Stamp: ...
