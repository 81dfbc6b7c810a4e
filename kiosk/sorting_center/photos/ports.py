"""What taking pictures in needs of the server: the bytes of a part."""

from __future__ import annotations

from typing import Protocol


class UploadBody(Protocol):
    """The bytes of one part, as they come."""

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; fewer, or none, when it breaks off."""
