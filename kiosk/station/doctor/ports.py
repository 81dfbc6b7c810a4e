"""What the doctor needs of the running station."""

from __future__ import annotations

from typing import Protocol

from kiosk.station.desk.live import LiveBoard
from kiosk.station.papers.own_layouts import OwnLayouts
from kiosk.station.shared.settings import StationSettings
from kiosk.store import Stamp, Store


class ExaminedStation(Protocol):
    """The running station; ``StationService`` is one."""

    own_layouts: OwnLayouts
    settings: StationSettings
    store: Store
    board: LiveBoard
    software: str
    metrology: str

    def stamp(self) -> Stamp: ...
