"""What a simulated indicator needs of its cable."""

from __future__ import annotations

from typing import Protocol


class SimulatedLine(Protocol):
    """A cable to one reader that may be pulled. Used under one lock; no call waits."""

    slow: bool  # The indicator's line has an eighth of the speed the station expects: "low-baud"

    @property
    def plugged(self) -> bool: ...

    @property
    def path(self) -> str:
        """What the station opens, "" while there is nothing to open."""

    def plug(self) -> None: ...

    def unplug(self) -> None: ...

    def close(self) -> None: ...

    def descriptors(self) -> tuple[int, ...]:
        """What to wait on for the station's bytes."""

    def read(self) -> bytes:
        """What the station has sent, as the indicator hears it."""

    def write(self, data: bytes) -> None:
        """Send; when nobody reads, the oldest is dropped."""

    def damaged(self, frame: bytes) -> bytes:
        """The frame after a bad contact."""
