"""The file an update comes in. Bytes in, frozen values out: nothing here opens a file.

0    8  KIOSKUPD
8    1  version of the format
9    4  length of the manifest, big endian, at most 65,536
13  32  the Ed25519 public key that signed
45  64  signature over DOMAIN, the version byte and the manifest
109  n  the manifest, JSON
109+n   the payload: a tar, compressed with xz, as long as the manifest says, and then the file ends
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from kiosk.station.update.refusals import UpdateRefusalReason, UpdateRefused
from kiosk.station.update.release import Release

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MAGIC: Final = b"KIOSKUPD"
FORMAT: Final = 1
# A signature made with the same key for anything else is none for a bundle.
DOMAIN: Final = b"station-kiosk update bundle\0"
MAX_MANIFEST: Final = 64 * 1024
MAX_PAYLOAD: Final = 512 * 1024 * 1024
MAX_UNPACKED: Final = 1024 * 1024 * 1024
MAX_MEMBERS: Final = 40_000  # All wheels of the lock together have 9,000 files and 400 MB
_HEAD: Final = struct.Struct(">8sBI32s64s")
HEAD_BYTES: Final = _HEAD.size


@dataclass(frozen=True, slots=True)
class UpdateManifest:
    """What is signed. ``sha256`` and ``payload_bytes`` are of the payload as it lies in the file; ``members`` and
    ``unpacked_bytes`` of what comes out of it. ``brings_libraries``: a folder ``libraries`` is in it.

    ``next_key`` is a public key in hex that is accepted as well once this release was kept; "" names none.
    """

    release: Release
    sha256: str
    payload_bytes: int
    members: int
    unpacked_bytes: int
    brings_libraries: bool
    next_key: str = ""

    def __post_init__(self) -> None:
        if not (
            0 < self.payload_bytes <= MAX_PAYLOAD
            and 0 < self.members <= MAX_MEMBERS
            and 0 <= self.unpacked_bytes <= MAX_UNPACKED
            and _is_hex(self.sha256, 32)
            and (not self.next_key or _is_hex(self.next_key, 32))
        ):
            raise ValueError("a figure of the manifest is out of its bounds")


@dataclass(frozen=True, slots=True)
class Head:
    """The fixed part, not believed yet."""

    manifest_bytes: int
    key: bytes
    signature: bytes = field(repr=False)


_decode: Final = msgspec.json.Decoder(UpdateManifest).decode


def parse_head(raw: bytes) -> Head:
    """The first HEAD_BYTES of a file. Raises UpdateRefused."""
    if len(raw) < HEAD_BYTES or not raw.startswith(MAGIC):
        raise UpdateRefused(UpdateRefusalReason.NO_BUNDLE)
    _, version, length, key, signature = _HEAD.unpack(raw[:HEAD_BYTES])
    if version != FORMAT:
        raise UpdateRefused(UpdateRefusalReason.FORMAT, f"format {version}")
    if not 0 < length <= MAX_MANIFEST:
        raise UpdateRefused(UpdateRefusalReason.DAMAGED, "the manifest has no possible length")
    return Head(length, key, signature)


def verify_manifest(head: Head, raw: bytes, accepted: Collection[bytes]) -> UpdateManifest:
    """The manifest, after its signature by one of the accepted keys was found good. Raises UpdateRefused."""
    if not accepted:
        raise UpdateRefused(UpdateRefusalReason.NO_KEY)
    if len(raw) != head.manifest_bytes:
        raise UpdateRefused(UpdateRefusalReason.DAMAGED, "the file ends inside its manifest")
    if head.key not in accepted:
        raise UpdateRefused(UpdateRefusalReason.SIGNATURE, f"key {head.key.hex()[:16]} is not accepted here")
    from cryptography.exceptions import InvalidSignature  # 9 MB: a station needs it for an update, and never otherwise
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(head.key).verify(head.signature, _signed_bytes(raw))
    except (InvalidSignature, ValueError):
        raise UpdateRefused(UpdateRefusalReason.SIGNATURE) from None
    try:
        return _decode(raw)
    except msgspec.DecodeError as error:
        raise UpdateRefused(UpdateRefusalReason.FORMAT, str(error)) from error


def sign_manifest(manifest: UpdateManifest, key: Ed25519PrivateKey) -> bytes:
    """Head and manifest, signed: the payload follows. For the vendor, and for tests."""
    raw = msgspec.json.encode(manifest)
    if len(raw) > MAX_MANIFEST:
        raise ValueError(f"a manifest has at most {MAX_MANIFEST} bytes")
    public = key.public_key().public_bytes_raw()
    return _HEAD.pack(MAGIC, FORMAT, len(raw), public, key.sign(_signed_bytes(raw))) + raw


def _signed_bytes(manifest: bytes) -> bytes:
    return DOMAIN + bytes([FORMAT]) + manifest


def _is_hex(text: str, size: int) -> bool:
    return len(text) == 2 * size and set(text) <= set("0123456789abcdef")
