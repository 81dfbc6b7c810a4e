"""What the bench needs of a village: fault words to say, pictures to show, addresses to look at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from kiosk.simulators.shared.center_access import CenterAccess
from kiosk.simulators.shared.counter_stock import CounterStock


class PaperPictures(Protocol):
    """A printer that has drawn something."""

    @property
    def printed(self) -> tuple[Path, ...]:
        """The pictures that have come out, oldest first."""


class CameraView(Protocol):
    """A camera that looks at something."""

    @property
    def path(self) -> Path: ...

    @property
    def state(self) -> str:
        """The scene, then whatever is wrong."""


class BrokerProcess(Protocol):
    @property
    def running(self) -> bool: ...


class PanelLamps(Protocol):
    def lamps(self) -> Mapping[str, str] | None:
        """Each lamp as "on", "off" or "blinks"; None while no station drives them."""


class VillageParts(Protocol):
    """``kiosk.simulators.village.Village``, as far as the bench looks into it."""

    @property
    def station_url(self) -> str: ...
    @property
    def center_url(self) -> str: ...
    @property
    def storefront_url(self) -> str | None: ...
    @property
    def center_access(self) -> CenterAccess: ...
    @property
    def county_news(self) -> str:
        """What the county behind it said last, "" without one."""

    @property
    def catalog(self) -> Path: ...
    @property
    def label_printer(self) -> PaperPictures: ...
    @property
    def receipt_printer(self) -> PaperPictures: ...
    @property
    def camera(self) -> CameraView: ...
    @property
    def broker(self) -> BrokerProcess: ...
    @property
    def panel(self) -> PanelLamps: ...
    @property
    def counter_stock(self) -> CounterStock | None: ...

    def command(self, device: str, text: str) -> None:
        """Apply a fault word; raises BadFaultWord."""
