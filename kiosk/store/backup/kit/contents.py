"""What a recovery kit holds: all that makes a new card the same station, beside its database."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

import msgspec

from kiosk.base.json_reader import Unreadable, reader
from kiosk.domain.identifiers import check_region, check_station
from kiosk.store.shared.errors import StoreError

MAX_CREDENTIALS: Final = 8
MAX_FILE_BYTES: Final = 256 * 1024  # Settings of a station have 4 KB, a chain of certificates 10
_KEY: Final = re.compile(r"[0-9a-f]{64}")


class KitRefused(StoreError):
    """No kit was made, or this one cannot be used. Nothing was changed; the text holds no secret."""


class CountyKeyRequired(KitRefused):
    """Nothing on a paper opens it: the county opens it first."""


class WrongPaperCode(KitRefused):
    """The code typed opens another kit, or this kit was changed: the two cannot be distinguished."""


class UnsupportedKitVersion(KitRefused):
    """It was made for other software."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A file that the settings name: ``path`` as written there."""

    path: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Kit:
    """``pickup_key`` is the station's only key, 64 hex digits: that of the PINs is made from it. ``made_at`` is the
    clock's time.
    """

    station: str
    region: str
    software: str
    made_at: str
    settings: bytes = field(repr=False)
    pickup_key: str = field(repr=False)
    credentials: tuple[Credential, ...] = ()

    def __post_init__(self) -> None:
        check_station(self.station)
        check_region(self.region)
        if _KEY.fullmatch(self.pickup_key) is None:
            raise ValueError("the key of the pickup codes and PINs must be 64 hexadecimal digits")
        if len(self.credentials) > MAX_CREDENTIALS:
            raise ValueError(f"{len(self.credentials)} certificates and keys: {MAX_CREDENTIALS} are the most")
        for name, content in (("settings", self.settings), *((one.path, one.content) for one in self.credentials)):
            if not 0 < len(content) <= MAX_FILE_BYTES:
                raise ValueError(f"{name} has {len(content)} bytes: 1 to {MAX_FILE_BYTES} are allowed")


_decode: Final = reader(msgspec.json.Decoder(Kit))


def to_bytes(kit: Kit) -> bytes:
    """Encode the kit unencrypted: use it only inside an encrypted kit."""
    return msgspec.json.encode(kit)


def from_bytes(content: bytes) -> Kit:
    """Decode a kit. Raises KitRefused, whose text repeats nothing of the content."""
    try:
        return _decode(content)
    except Unreadable:
        raise UnsupportedKitVersion(
            "The recovery kit holds something else than a kit: it is of other software."
        ) from None
