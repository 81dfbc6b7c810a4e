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
from collections.abc import Iterator
from pathlib import PurePosixPath

from kiosk.station.update.release import RELEASE_FILE

if TYPE_CHECKING:
    import tarfile


MAGIC: Final = b"KIOSKUPD"
FORMAT: Final = 1
# A signature made with the same key for anything else is invalid for a bundle.
DOMAIN: Final = b"station-kiosk update bundle\0"
MAX_MANIFEST: Final = 64 * 1024
MAX_PAYLOAD: Final = 512 * 1024 * 1024
MAX_UNPACKED: Final = 1024 * 1024 * 1024
MAX_MEMBERS: Final = 40_000  # All wheels of the lock together have 9,000 files and 400 MB
_HEAD: Final = struct.Struct(">8sBI32s64s")
HEAD_BYTES: Final = _HEAD.size


@dataclass(frozen=True, slots=True)
class UpdateManifest:
    """What is signed. ``sha256`` and ``payload_bytes`` are of the payload as stored in the file; ``members`` and
    ``unpacked_bytes`` of its unpacked content. ``brings_libraries``: a folder ``libraries`` is in it. ``next_key`` is a
    public key in hex that is accepted as well once this release was kept; "" names none.
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
    manifest_bytes: int
    key: bytes
    signature: bytes = field(repr=False)


_decode: Final = msgspec.json.Decoder(UpdateManifest).decode


def parse_head(raw: bytes) -> Head:
    if len(raw) < HEAD_BYTES or not raw.startswith(MAGIC):
        raise UpdateRefused(UpdateRefusalReason.NO_BUNDLE)
    _, version, length, key, signature = _HEAD.unpack(raw[:HEAD_BYTES])
    if version != FORMAT:
        raise UpdateRefused(UpdateRefusalReason.FORMAT, f"format {version}")
    if not 0 < length <= MAX_MANIFEST:
        raise UpdateRefused(UpdateRefusalReason.DAMAGED, "the manifest has no possible length")
    return Head(length, key, signature)


def verify_manifest(head: Head, raw: bytes, accepted: Collection[bytes]) -> UpdateManifest:
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
    """Build head and manifest, signed; the payload follows. For the vendor, and for tests."""
    raw = msgspec.json.encode(manifest)
    if len(raw) > MAX_MANIFEST:
        raise ValueError(f"a manifest has at most {MAX_MANIFEST} bytes")
    public = key.public_key().public_bytes_raw()
    return _HEAD.pack(MAGIC, FORMAT, len(raw), public, key.sign(_signed_bytes(raw))) + raw


def _signed_bytes(manifest: bytes) -> bytes:
    return DOMAIN + bytes([FORMAT]) + manifest


def _is_hex(text: str, size: int) -> bool:
    return len(text) == 2 * size and set(text) <= set("0123456789abcdef")


CODE: Final = "code"
LIBRARIES: Final = "libraries"
_MAX_DEPTH: Final = 16
_MAX_NAME_LENGTH: Final = 255
_MAX_RELEASE_BYTES: Final = 16 * 1024


class MemberRules:
    """What a payload may hold: regular files and folders below ``code``, ``libraries`` and ``release.json``; no more.
    Judges one member after the other, in the order of the tar, before anything of it is written.
    """

    def __init__(self, manifest: UpdateManifest) -> None:
        self.manifest = manifest
        self.members = self.unpacked = 0
        self._seen: dict[str, bool] = {}

    def judge(self, member: tarfile.TarInfo) -> PurePosixPath:
        self.members += 1
        if self.members > self.manifest.members:
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "more members than its manifest says")
        if not (member.isreg() or member.isdir()) or member.issparse():
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "a member is no file and no folder")
        size = member.size if member.isreg() else 0
        self.unpacked += size
        if size < 0 or self.unpacked > self.manifest.unpacked_bytes:
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "larger than its manifest says")
        path = _member_path(member.name)
        self._require_own_place(path, folder=member.isdir())
        if path.name == RELEASE_FILE and size > _MAX_RELEASE_BYTES:
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "release.json is too large")
        return path

    def finish(self) -> None:
        if self.members != self.manifest.members or self.unpacked != self.manifest.unpacked_bytes:
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "less than its manifest says")
        if RELEASE_FILE not in self._seen or f"{CODE}/kiosk/__init__.py" not in self._seen:
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "no program is in it")

    def _require_own_place(self, path: PurePosixPath, *, folder: bool) -> None:
        """Require a new path, not below a file, and after the folder that it is in. Raises UpdateRefused."""
        name, parent = str(path), str(path.parent)
        if name in self._seen or (parent != "." and self._seen.get(parent) is not True):
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "a member has no place of its own")
        self._seen[name] = folder
        top = path.parts[0]
        allowed = {CODE, *([LIBRARIES] if self.manifest.brings_libraries else [])}
        if len(path.parts) == 1 and (top in allowed) != folder:
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "a member at a place that is none of an update")
        if top not in allowed and name != RELEASE_FILE:
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "a member at a place that is none of an update")


def _member_path(name: str) -> PurePosixPath:
    parts = name.split("/")
    plain = name.isascii() and name.isprintable() and "\\" not in name and len(parts) <= _MAX_DEPTH
    if not plain or any(part in ("", ".", "..") or len(part) > _MAX_NAME_LENGTH for part in parts):
        raise UpdateRefused(UpdateRefusalReason.CONTENT, "a member's name is no relative path")
    return PurePosixPath(*parts)


def members_of(tar: tarfile.TarFile, rules: MemberRules) -> Iterator[tuple[tarfile.TarInfo, PurePosixPath]]:
    """Yield each member after its check; check at the end that none is missing. Raises UpdateRefused."""
    for member in tar:
        yield member, rules.judge(member)
    rules.finish()
