"""What taking pictures in needs of the listener: a connection, and the bytes that come over it."""

from __future__ import annotations

import socket
from typing import Protocol


class StationConnection(Protocol):
    """A connection of the server."""

    @property
    def address(self) -> str: ...

    @property
    def sock(self) -> socket.socket: ...

    def admit(self, station: str | None) -> None:
        """It has a place; ``station`` None: over plain HTTP anybody of this machine, the path says who."""

    def close(self) -> None: ...


class UploadBody(Protocol):
    """The bytes of one part, as they come."""

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; fewer, or none, when it breaks off. May raise BrokeOff."""
