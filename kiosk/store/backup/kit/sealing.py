"""The file of a recovery kit: one line that anybody may read, and what is sealed. Bytes <-> value, no I/O.

    station-kiosk-kit 1 S0147 yarkant county 0123456789abcdef    then an age file to the county's key of this name
    station-kiosk-kit 1 S0147 yarkant paper                      then what a paper code opens

What the line says is compared with what is inside: no kit passes for that of another station. Why, and what it does not
do: docs/decisions/recovery-kit.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Self

from kiosk.domain.identifiers import BadIdentifier, check_region, check_station
from kiosk.domain.paper_code import BadCode, PaperCode
from kiosk.store.backup.kit.contents import (
    CountyKeyRequired,
    Kit,
    KitRefused,
    UnsupportedKitVersion,
    WrongPaperCode,
    from_bytes,
    to_bytes,
)
from kiosk.store.backup.shared.county_key import CountyKey
from kiosk.store.shared.age_file import NotOpened, NotSealed, seal, seal_to_paper, unseal, unseal_with_paper

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

MAX_KIT_BYTES: Final = 4 * 1024 * 1024
MAX_LINE_BYTES: Final = 128
_MAGIC: Final = b"station-kiosk-kit "
_LINE: Final = re.compile(r"(?P<station>\S+) (?P<region>\S+) (?:paper|county (?P<county>[0-9a-f]{16}))")


@dataclass(frozen=True, slots=True)
class KitFile:
    """``county`` names the key of the county that opens it; "" for one that a paper code opens."""

    station: str
    region: str
    county: str
    sealed: bytes = b""

    @property
    def kind(self) -> Literal["county", "paper"]:
        return "county" if self.county else "paper"

    def to_bytes(self) -> bytes:
        words = (self.station, self.region, self.kind, *([self.county] if self.county else []))
        return _MAGIC + f"1 {' '.join(words)}\n".encode("ascii") + self.sealed

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Parse a kit file. Raises KitRefused for anything else, and for another version."""
        if not content.startswith(_MAGIC) or len(content) > MAX_KIT_BYTES:
            raise KitRefused("This is no recovery kit: name a file that ends in .kit.")
        line, end, _ = content[:MAX_LINE_BYTES].partition(b"\n")
        if not end:
            raise KitRefused("The recovery kit is cut off, or is none: take that of another backup.")
        version, _, words = line.removeprefix(_MAGIC).decode("ascii", "replace").partition(" ")
        if version != "1":
            raise UnsupportedKitVersion(
                "The recovery kit is of other software: open it with a version as new as the station's."
            )
        match = _LINE.fullmatch(words)
        try:
            if match is None:
                raise BadIdentifier(words)
            station, region = check_station(match["station"]), check_region(match["region"])
        except BadIdentifier:
            raise KitRefused("The recovery kit is damaged: take that of another backup.") from None
        return cls(station, region, match["county"] or "", content[len(line) + 1 :])


def seal_to_county(kit: Kit, county: CountyKey) -> bytes:
    """Encrypt the kit to the county, as stored beside a backup. Only its private key opens it. Raises KitRefused."""
    try:
        sealed = seal(to_bytes(kit), county.public)
    except NotSealed:
        raise KitRefused(f"Nothing can be encrypted to the county's key {county.name}: make another one.") from None
    return KitFile(kit.station, kit.region, county.name, sealed).to_bytes()


def open_as_county(content: bytes, private: X25519PrivateKey) -> Kit:
    """Open a kit. Raises KitRefused for another county's, another kind, and one that was changed anywhere."""
    file = KitFile.parse(content)
    if not file.county:
        raise KitRefused(
            f"The recovery kit of {file.station} is not for this: it was made for a technician's paper: "
            "kiosk restore --kit takes it."
        )
    county = CountyKey(private.public_key().public_bytes_raw())
    if file.county != county.name:
        raise KitRefused(
            f"The recovery kit of {file.station} is encrypted to another key ({file.county}), not to this one "
            f"({county.name}): take that key."
        )
    try:
        opened = unseal(file.sealed, private.private_bytes_raw())
    except NotOpened:
        raise KitRefused(f"The recovery kit of {file.station} does not open: it was changed.") from None
    return _checked(opened, file)


def seal_to_code(kit: Kit, code: PaperCode) -> bytes:
    """Encrypt the kit for the technician who makes the new card; without the code on paper the file is useless."""
    return KitFile(kit.station, kit.region, "", seal_to_paper(to_bytes(kit), code)).to_bytes()


def require_paper(content: bytes) -> KitFile:
    """Check, before the digits are asked for, that a code on paper can open this kit. Raises KitRefused."""
    file = KitFile.parse(content)
    if file.county:
        raise CountyKeyRequired(
            f"The recovery kit of {file.station} is not for this: it lies as the station wrote it. The county opens it "
            "first: sorting-center kit open."
        )
    return file


def open_with_paper(content: bytes, typed: str) -> Kit:
    """Open a kit. Raises KitRefused for a typing error, a wrong code, another kind, and a kit changed anywhere."""
    file = require_paper(content)
    try:
        code = PaperCode.parse(typed)
    except BadCode as error:
        raise KitRefused(f"These are not the digits on the paper: {error}. Nothing was changed.") from None
    try:
        opened = unseal_with_paper(file.sealed, code)
    except NotOpened:
        raise WrongPaperCode(
            f"The recovery kit of {file.station} does not open: another paper belongs to it, or it was changed."
        ) from None
    return _checked(opened, file)


def _checked(content: bytes, file: KitFile) -> Kit:
    kit = from_bytes(content)
    if (kit.station, kit.region) != (file.station, file.region):
        raise KitRefused(f"The recovery kit of {file.station} holds another station: it was made by a mistake.")
    return kit
