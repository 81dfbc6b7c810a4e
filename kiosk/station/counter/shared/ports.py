"""What is needed of the desk and of the camera: by the counter, and by the scanner."""

from __future__ import annotations

from typing import Protocol

from kiosk.devices.ports import GoodsShot
from kiosk.station.desk.unfinished import UnfinishedIntake
from kiosk.station.desk.view import DeskView, PhotoRequest


class UnfinishedDesk(Protocol):
    """Keeps the intake that a villager left with bags on it."""

    def unfinished(self) -> UnfinishedIntake | None: ...
    def take_up(self, receipt: str) -> object:
        """Continue it; raises DeskRefused."""


class LotCamera(Protocol):
    """Shots of the goods of a lot; the state hears of what becomes of them."""

    def shoot(self, photo_request: PhotoRequest, product: str) -> None: ...

    def keep(self, photo_request: PhotoRequest, product: str, shot: GoodsShot, actor: str) -> None:
        """Keep one that ``actor`` overrules. Raises StoreError and CounterRefused; then nothing is kept."""


class CardDesk(Protocol):
    """What the public screen does with a scan."""

    def scan(self, text: str) -> DeskView: ...
    def show_certificate(self, text: str) -> DeskView: ...
