"""The channel to a printer as a job uses it."""

from __future__ import annotations

from typing import Protocol


class ChannelBroken(Exception):
    """The connection to the printer is lost; the text is the system's reason."""


class ChannelTimeout(Exception):
    """The printer took or gave nothing until the deadline."""


class PrinterChannel(Protocol):
    """One open way to a printer. ``until`` is a monotonic second."""

    def send(self, data: memoryview, until: float) -> int:
        """Send at least one byte and return how many were taken. Raises ChannelBroken or ChannelTimeout."""

    def flush(self, until: float) -> None:
        """Wait until all bytes have left this machine. Raises ChannelBroken or ChannelTimeout."""

    def receive(self, until: float) -> bytes:
        """Return at least one byte. Raises ChannelBroken or ChannelTimeout."""

    def discard_input(self) -> None:
        """Discard what the printer sent unasked. Raises ChannelBroken."""

    def close(self) -> None: ...


class SerialLines(Protocol):
    """Of pyserial's port: the lines and the queue of the kernel."""

    @property
    def dsr(self) -> bool: ...

    @property
    def out_waiting(self) -> int: ...

    def fileno(self) -> int: ...

    def reset_output_buffer(self) -> None: ...

    def close(self) -> None: ...
