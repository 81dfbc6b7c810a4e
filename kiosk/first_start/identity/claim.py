"""The claim mark: it stays where an identity was taken, and says which machine has it. Bytes to values, no I/O."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from kiosk.base.json_reader import Unreadable, reader
from kiosk.domain.identifiers import check_station

MAX_BYTES: Final = 4096
_MACHINE: Final = re.compile(r"[0-9a-f]{64}")


class BadClaim(ValueError):
    """The mark cannot be read: somebody has taken the identity, and nobody can tell who."""


class ClaimMark(msgspec.Struct, frozen=True):
    """``machine`` is the SHA-256 of the machine's own random number; ``claimed_at`` what its clock said, which may be
    wrong on a new box. Fields of later versions are passed over. Raises ValueError.
    """

    station: str
    machine: str
    claimed_at: str

    def __post_init__(self) -> None:
        check_station(self.station)
        if not _MACHINE.fullmatch(self.machine):
            raise ValueError("machine must be 64 hexadecimal digits")


_claim: Final = reader(msgspec.json.Decoder(ClaimMark))


def claim_name(station: str) -> str:
    return f"identity-{station}.claimed.json"


def read_claim(content: bytes) -> ClaimMark:
    try:
        return _claim(content[:MAX_BYTES])
    except Unreadable as error:
        raise BadClaim(str(error)) from error


def write_claim(claim: ClaimMark) -> bytes:
    return msgspec.json.format(msgspec.json.encode(claim), indent=1) + b"\n"
