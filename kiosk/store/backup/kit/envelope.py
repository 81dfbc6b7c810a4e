"""The outside of a kit file, which anybody may read: whose kit it is and what opens it. Bytes <-> value, no I/O.

    "KIOSKKIT"  8      1  version  1    kind  1
    station     1 + n     length, ASCII
    region      1 + n     length, ASCII
    parameters  40 or 16  by kind
    sealed      the rest  ChaCha20Poly1305, tag of 16 at the end

Everything before ``sealed`` is its associated data: a byte that was changed anywhere is noticed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from kiosk.domain.identifiers import BadIdentifier, check_region, check_station
from kiosk.store.backup.kit.contents import KitRefused, UnsupportedKitVersion
from kiosk.store.backup.shared.county_key import KEY_BYTES, NAME_BYTES
from kiosk.store.shared.paper_key import SALT_BYTES

MAGIC: Final = b"KIOSKKIT"
VERSION: Final = 1
MAX_KIT_BYTES: Final = 4 * 1024 * 1024


class KitKind(IntEnum):
    """What opens it: the county's private key, or a paper code."""

    COUNTY = 1
    CODE = 3


_PARAMETERS: Final = {KitKind.COUNTY: NAME_BYTES + KEY_BYTES, KitKind.CODE: SALT_BYTES}


@dataclass(frozen=True, slots=True)
class KitEnvelope:
    """``parameters``: the name of the county's key and the ephemeral key, or the salt of the paper code."""

    kind: KitKind
    station: str
    region: str
    parameters: bytes
    sealed: bytes = b""

    @property
    def header(self) -> bytes:
        """All but ``sealed``: the associated data."""
        names = (name.encode("ascii") for name in (self.station, self.region))
        lettered = b"".join(bytes([len(name)]) + name for name in names)
        return MAGIC + bytes([VERSION, self.kind]) + lettered + self.parameters

    @property
    def county_name(self) -> bytes:
        """Names the county's key; empty for a paper code."""
        return self.parameters[:NAME_BYTES] if self.kind is KitKind.COUNTY else b""

    def to_bytes(self) -> bytes:
        return self.header + self.sealed

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Raises KitRefused for what is no kit, or of another version."""
        rest = _ByteReader(content)
        if rest.read(len(MAGIC)) != MAGIC or len(content) > MAX_KIT_BYTES:
            raise KitRefused("This is no recovery kit: name a file that ends in .kit.")
        version, kind = rest.read(2)
        if version != VERSION or kind not in _PARAMETERS:
            raise UnsupportedKitVersion(
                "The recovery kit is of other software: open it with a version as new as the station's."
            )
        try:
            station = check_station(rest.read_text())
            region = check_region(rest.read_text())
        except (BadIdentifier, UnicodeDecodeError):
            raise KitRefused("The recovery kit is damaged: take that of another backup.") from None
        parameters = rest.read(_PARAMETERS[KitKind(kind)])
        return cls(KitKind(kind), station, region, parameters, rest.read_rest())


class _ByteReader:
    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def read(self, size: int) -> bytes:
        chunk = self._content[self._at : self._at + size]
        if len(chunk) < size:
            raise KitRefused("The recovery kit is cut off, or is none: take that of another backup.")
        self._at += size
        return chunk

    def read_text(self) -> str:
        (size,) = self.read(1)
        return self.read(size).decode("ascii")

    def read_rest(self) -> bytes:
        return self._content[self._at :]
