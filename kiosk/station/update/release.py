"""What a release says of itself in its ``release.json``: version, machine, libraries, schema."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import msgspec

RELEASE_FILE: Final = "release.json"
ALL: Final = "all"  # The architecture of a release that brings no compiled code

_VERSION: Final = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6}){1,3}(?:\+[0-9a-z]{1,40})?")
_PYTHON: Final = re.compile(r"3\.[0-9]{1,2}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_COMMIT: Final = re.compile(r"[0-9a-f]{0,40}")


@dataclass(frozen=True, slots=True)
class Release:
    """``version`` like ``0.9.0+g2d3aa88``; ``libraries`` is the SHA-256 of the lock they were installed from;
    ``schema`` that of the station's database."""

    version: str
    commit: str
    architecture: str
    python: str
    libraries: str
    schema: int

    def __post_init__(self) -> None:
        patterns = (
            (_VERSION, self.version),
            (_COMMIT, self.commit),
            (_PYTHON, self.python),
            (_HASH, self.libraries),
        )
        strange = [text for pattern, text in patterns if not pattern.fullmatch(text)]
        if strange or self.architecture not in ("amd64", "arm64", ALL) or not 0 < self.schema < 1_000_000:
            raise ValueError(f"this is no release: {strange or self.architecture}")

    @property
    def order(self) -> tuple[int, ...]:
        """Releases are compared by their numbers alone; a commit is older or newer than no other."""
        return order_of(self.version)


def order_of(version: str) -> tuple[int, ...]:
    numbers = [int(part) for part in version.partition("+")[0].split(".")]
    return (*numbers, *([0] * (4 - len(numbers))))


def is_version(text: str) -> bool:
    return _VERSION.fullmatch(text) is not None


_decode: Final = msgspec.json.Decoder(Release).decode


def parse_release(raw: bytes) -> Release:
    """Parse a release; unknown fields are ignored. Raises ValueError."""
    try:
        return _decode(raw)
    except msgspec.DecodeError as error:
        raise ValueError(f"this is no release ({error})") from error


MAX_KEYS: Final = 2  # The one in use and the one that follows
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class KeyRotation:
    """What a kept bundle left behind: it was this version, and from then on these keys, in hex, are accepted."""

    version: str
    accepted: tuple[str, ...]


_decode_rotation: Final = msgspec.json.Decoder(KeyRotation).decode


def parse_keys(text: str) -> tuple[bytes, ...]:
    """Parse ``vendor.pub``: one key per line, 64 hex digits, ``#`` begins a comment. Raises ValueError."""
    rows = [row.partition("#")[0].strip() for row in text.splitlines()]
    keys = tuple(bytes.fromhex(row) for row in rows if row)
    if len(keys) > MAX_KEYS or any(len(key) != _KEY_BYTES for key in keys):
        raise ValueError(f"a file of public keys has at most {MAX_KEYS} keys of 64 hex digits")
    return keys


def parse_rotation(raw: bytes) -> KeyRotation | None:
    """Parse a rotation; None when unreadable: then the keys of the package are valid."""
    try:
        return _decode_rotation(raw)
    except (msgspec.DecodeError, ValueError):
        return None


def accepted_keys(packaged: tuple[bytes, ...], package: Release, rotated: KeyRotation | None) -> tuple[bytes, ...]:
    """Return the keys valid now. A package newer than the rotation brings its own again."""
    if rotated is None or not packaged or order_of(rotated.version) < package.order:
        return packaged
    return parse_keys("\n".join(rotated.accepted))


def keys_after_keep(now: tuple[bytes, ...], signed_by: bytes, next_key: str) -> tuple[bytes, ...]:
    """Return the keys accepted after a bundle was kept: its own and the next that it names. A bundle signed by the
    second key ends the first, which may have been stolen by then.
    """
    if next_key:
        return (signed_by, bytes.fromhex(next_key)) if bytes.fromhex(next_key) != signed_by else (signed_by,)
    return now[now.index(signed_by) :] if signed_by in now else now
