"""The vendor's public keys that bundles are judged by: those of the package, and the next one a kept bundle named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from kiosk.station.update.release import Release, order_of

MAX_KEYS: Final = 2  # The one in use and the one that follows
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class KeyRotation:
    """What a kept bundle left behind: it was this version, and from then on these keys, in hex, are accepted."""

    version: str
    accepted: tuple[str, ...]


_decode: Final = msgspec.json.Decoder(KeyRotation).decode


def parse_keys(text: str) -> tuple[bytes, ...]:
    """``vendor.pub``: a key a line, 64 hex digits, ``#`` begins a comment. Raises ValueError."""
    rows = [row.partition("#")[0].strip() for row in text.splitlines()]
    keys = tuple(bytes.fromhex(row) for row in rows if row)
    if len(keys) > MAX_KEYS or any(len(key) != _KEY_BYTES for key in keys):
        raise ValueError(f"a file of public keys has at most {MAX_KEYS} keys of 64 hex digits")
    return keys


def parse_rotation(raw: bytes) -> KeyRotation | None:
    """None for what nobody can read: then the keys of the package hold."""
    try:
        return _decode(raw)
    except (msgspec.DecodeError, ValueError):
        return None


def accepted_keys(packaged: tuple[bytes, ...], package: Release, rotated: KeyRotation | None) -> tuple[bytes, ...]:
    """Those that hold now. A package that is newer than the rotation brings its own again."""
    if rotated is None or not packaged or order_of(rotated.version) < package.order:
        return packaged
    return parse_keys("\n".join(rotated.accepted))


def keys_after_keep(now: tuple[bytes, ...], signed_by: bytes, next_key: str) -> tuple[bytes, ...]:
    """What is accepted after a bundle was kept: its own key, and the next it named.

    A bundle by the second key ends the first, which may be in strange hands by now.
    """
    if next_key:
        return (signed_by, bytes.fromhex(next_key)) if bytes.fromhex(next_key) != signed_by else (signed_by,)
    return now[now.index(signed_by) :] if signed_by in now else now
