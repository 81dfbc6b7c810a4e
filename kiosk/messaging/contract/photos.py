"""How the pictures of accepted shots travel beside the events: what both ends of the photos lane agree on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from kiosk.domain.identifiers import check_region, check_station

# Of one request: what a connection that breaks can cost, and for how long one station holds a place.
MAX_PART_BYTES: Final = 256 * 1024
OFFSET: Final = "Upload-Offset"  # Header: how many bytes of the picture are there; the next part begins at this byte
# Header: `?1` when the picture is there as a whole, else `?0` (RFC 9651, a boolean).
COMPLETE: Final = "Upload-Complete"
REFUSED: Final = "Picture-Refused"  # Header: the word for why a picture was refused

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_RANGE: Final = re.compile(r"bytes ([0-9]{1,10})-([0-9]{1,10})/([0-9]{1,10})")


@dataclass(frozen=True, slots=True)
class PictureName:
    """Which picture of which station; raises ValueError for invalid parts."""

    region: str
    station: str
    sha256: str

    def __post_init__(self) -> None:
        check_region(self.region)
        check_station(self.station)
        if _SHA256.fullmatch(self.sha256) is None:
            raise ValueError(f"{self.sha256[:80]!r} is no SHA-256 in lower-case hexadecimal digits")

    @classmethod
    def parse(cls, path: str) -> Self:
        """Read ``/photos/{region}/{station}/{sha256}`` without escapes. Raises ValueError."""
        root, _, rest = path.partition("/photos/")
        parts = rest.split("/")
        if root or len(parts) != 3:
            raise ValueError(f"{path[:120]!r} is no picture's path")
        return cls(*parts)

    def __str__(self) -> str:
        return f"/photos/{self.region}/{self.station}/{self.sha256}"


@dataclass(frozen=True, slots=True)
class UnsentPicture:
    """One that an event has announced and the sorting center does not have."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ContentRange:
    """Bytes ``first`` to ``last``, both included, of ``total`` (RFC 9110, section 14.4)."""

    first: int
    last: int
    total: int

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last < self.total:
            raise ValueError(f"bytes {self.first} to {self.last} are no part of {self.total}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``bytes a-b/total``; raises ValueError."""
        match = _RANGE.fullmatch(text)
        if match is None:
            raise ValueError(f"{text[:80]!r} must look like bytes 0-4095/180000")
        return cls(*map(int, match.groups()))

    @property
    def size(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"bytes {self.first}-{self.last}/{self.total}"
