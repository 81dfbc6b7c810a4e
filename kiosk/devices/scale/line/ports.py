"""The line to a scale as its supervisor uses it, and the two pins of a converter."""

from __future__ import annotations

from typing import Protocol


class PortDisconnected(Exception):
    """The open port no longer leads to a device; the text says how that was noticed."""


class BacklogDiscarded(Exception):
    """What waited was a backlog; it has been thrown away."""


class LinePort(Protocol):
    """An open line to a scale. No call waits; all are made from one thread.

    ``poll_interval_s`` is for a line that has no descriptor to wait on: the interval at which it is polled.
    """

    @property
    def poll_interval_s(self) -> float | None: ...

    def fileno(self) -> int:
        """Return the descriptor to wait on; -1 when there is none."""

    @property
    def opening(self) -> bool:
        """True while the far side has still to answer: nothing may be sent, nothing that comes is a weight."""

    @property
    def wants_write(self) -> bool:
        """True when it has to be served as soon as the descriptor can be written."""

    def drain(self) -> list[bytes]:
        """Read all bytes of a port that was reported ready; a report of a packet device is one item.

        Continues the opening, too. Raises PortDisconnected, BacklogDiscarded, and while opening OSError.
        """

    def write(self, data: bytes) -> None:
        """Send a short command as a whole; raises PortDisconnected."""

    def discard(self) -> None:
        """Throw away what has been received and not yet read; raises PortDisconnected."""

    def is_present(self) -> bool:
        """Return False when the address leads to nothing or to another device than the one opened."""

    def close(self) -> None:
        """Close the port; never raises, for the device may be gone."""


class Pins(Protocol):
    """DOUT and SCK. Any error a pin library raises counts as lost pins."""

    def data(self) -> bool:
        """Return the level of DOUT; high means that no conversion is ready."""

    def clock(self, high: bool) -> None: ...

    def now_ns(self) -> int:
        """Return the nanosecond of the clock by which pulses are judged."""

    def close(self) -> None: ...
