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
        """Return what to wait on for the station's bytes."""

    def read(self) -> bytes:
        """Read what the station has sent, as the indicator receives it."""

    def write(self, data: bytes) -> None:
        """Send; if the line is not read, the oldest data is dropped."""

    def damaged(self, frame: bytes) -> bytes:
        """Return the frame after a bad contact."""
