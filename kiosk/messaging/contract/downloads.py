"""What stations fetch on the port of the photos lane: the paths, and the ranges of bytes, that both ends agree on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from kiosk.domain.identifiers import check_station

UPDATES, CONFIGURATION = "updates", "configuration"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_RANGE: Final = re.compile(r"bytes=([0-9]{1,10})-([0-9]{1,10})")


@dataclass(frozen=True, slots=True)
class DownloadPath:
    """For a station: the list of its updates or its newest document, or one bundle or part named there.

    ``kind``: UPDATES or CONFIGURATION, the first word of the path. Raises ValueError for invalid parts.
    """

    kind: str
    station: str
    sha256: str = ""

    def __post_init__(self) -> None:
        if self.kind not in (UPDATES, CONFIGURATION):
            raise ValueError(f"no path begins with {self.kind[:80]!r}")
        check_station(self.station)
        if self.sha256 and _SHA256.fullmatch(self.sha256) is None:
            raise ValueError(f"{self.sha256[:80]!r} is no SHA-256 in lower-case hexadecimal digits")

    @classmethod
    def parse(cls, path: str) -> Self:
        """Read ``/{kind}/{station}`` with or without ``/{sha256}``; raises ValueError."""
        before, *parts = path.split("/")
        if before or len(parts) not in (2, 3) or not all(parts):
            raise ValueError(f"{path[:120]!r} is no path of a download")
        return cls(*parts)

    def __str__(self) -> str:
        return "/".join(("", self.kind, self.station, *filter(None, (self.sha256,))))


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes ``first`` to ``last``, both included (RFC 9110, section 14.2)."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last:
            raise ValueError(f"bytes {self.first} to {self.last} are none")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``bytes=a-b``; raises ValueError."""
        match = _RANGE.fullmatch(text)
        if match is None:
            raise ValueError(f"{text[:80]!r} must look like bytes=0-4095")
        return cls(*map(int, match.groups()))

    def __str__(self) -> str:
        return f"bytes={self.first}-{self.last}"


def etag_of(sha256: str) -> str:
    """Return the hash as written in the headers ``ETag`` and ``If-Range``."""
    return f'"{sha256}"'
