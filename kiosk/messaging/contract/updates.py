"""How update bundles travel from the sorting center to stations: what both ends of the updates lane agree on.

The list and the bytes are asked for below ``/updates/{station}``, on the port of the photos lane.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final, Self

import msgspec

from kiosk.base.json_reader import Unreadable, reader
from kiosk.domain.identifiers import check_station

MAX_OFFERS: Final = 8
MAX_LIST_BYTES: Final = 16 * 1024  # Eight offers have some 3 KB
MAX_BUNDLE_BYTES: Final = 513 * 1024 * 1024  # A payload of 512 MB, its manifest and its head

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_RANGE: Final = re.compile(r"bytes=([0-9]{1,10})-([0-9]{1,10})")

Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class UpdateOffer(msgspec.Struct, frozen=True):
    """One bundle that the center has: what its signed manifest says, and size and SHA-256 of the whole file.

    ``libraries`` is the SHA-256 of the lock that the release needs; ``brings_libraries``: they are in it.
    """

    version: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,6}(?:\.[0-9]{1,6}){1,3}(?:\+[0-9a-z]{1,40})?\Z")]
    architecture: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]{1,16}\Z")]
    python: Annotated[str, msgspec.Meta(pattern=r"^3\.[0-9]{1,2}\Z")]
    libraries: Sha256
    brings_libraries: bool
    size_bytes: Annotated[int, msgspec.Meta(gt=0, le=MAX_BUNDLE_BYTES)]
    sha256: Sha256


class UpdateOffers(msgspec.Struct, frozen=True):
    """All that one station may take."""

    offers: Annotated[tuple[UpdateOffer, ...], msgspec.Meta(max_length=MAX_OFFERS)]


_offers: Final = reader(msgspec.json.Decoder(UpdateOffers))


def parse_offers(raw: bytes) -> tuple[UpdateOffer, ...]:
    """Raises ValueError for anything but such a list."""
    if len(raw) > MAX_LIST_BYTES:
        raise ValueError("a list of updates is not so long")
    try:
        return _offers(raw).offers
    except Unreadable as error:
        raise ValueError(f"this is no list of updates ({error})") from error


@dataclass(frozen=True, slots=True)
class UpdatesPath:
    """The list of a station, or one bundle of it; raises ValueError for parts that are none."""

    station: str
    sha256: str = ""

    def __post_init__(self) -> None:
        check_station(self.station)
        if self.sha256 and _SHA256.fullmatch(self.sha256) is None:
            raise ValueError(f"{self.sha256[:80]!r} is no SHA-256 in lower-case hexadecimal digits")

    @classmethod
    def parse(cls, path: str) -> Self:
        """Read ``/updates/{station}`` with or without ``/{sha256}``; raises ValueError."""
        root, _, rest = path.partition("/updates/")
        parts = rest.split("/")
        if root or len(parts) not in (1, 2) or not all(parts):
            raise ValueError(f"{path[:120]!r} is no path of updates")
        return cls(*parts)

    def __str__(self) -> str:
        return "/".join(filter(None, ("/updates", self.station, self.sha256)))


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
    """As it stands in the headers ``ETag`` and ``If-Range``."""
    return f'"{sha256}"'
