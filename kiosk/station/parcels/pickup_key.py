"""The station's key, for pickup codes and PINs: outside the database, so that a stolen copy of it opens nothing.

Six digits are a million guesses: a plain hash of them is as good as the digits themselves. The database holds only
HMAC-SHA-256 under this key, and a pickup slip that waits for its printer holds a random seed, from which the code is
made again under this key when it is drawn, by the truncation of one-time passwords (RFC 4226 section 5.3). So the code
is stored nowhere and nothing has to be encrypted.

PINs are kept under their own key, made from this one by HKDF-Expand (RFC 5869 section 2.3): the key of PINs reveals
nothing of this one; this one gives both. The key that opens the station's own backups is made in the same manner.
"""

from __future__ import annotations

import hmac
import logging
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from kiosk.base.files import chown_to_folder_owner, stage, sync_folder
from kiosk.domain.parcel import PICKUP_DIGITS
from kiosk.station.clerk.pin_hash import PinKey
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.parcels.settings import ParcelSettings

logger = logging.getLogger(__name__)

FILE_NAME: Final = "pickup-key"
# Where systemd puts the credentials of a service (systemd.exec(5), Credentials).
CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"

# The info of HKDF-Expand. A key is 32 bytes, the length of the hash: one block, numbered 1, is the whole output.
_PINS: Final = b"station-kiosk: PINs of the counter, 1"
_BACKUPS: Final = b"station-kiosk: backups, 1"

_SEED_BYTES = 16
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class PickupCode:
    """Six digits and the seed they come from; the seed reveals nothing without the key."""

    seed: str
    code: str = field(repr=False)


class PickupKey:
    def __init__(self, key: bytes | None, source: str = "") -> None:
        self._key, self._source = key, source

    def __repr__(self) -> str:
        return f"PickupKey({'present' if self.present else 'missing'}: {self._source})"

    @property
    def present(self) -> bool:
        return self._key is not None

    @classmethod
    def load(cls, settings: ParcelSettings, data_folder: Path, environ: Mapping[str, str]) -> Self:
        """Load the key at ``key_path``; make one only in the data folder, when there is none. A file that is named, of
        the box or given by the service is never made: a new key would invalidate every issued code and every PIN. A
        missing one is logged, parcels are refused new codes, and all else works.
        """
        path = key_path(settings, data_folder, environ)
        try:
            if path == data_folder / FILE_NAME:
                _make_once(path)
        except OSError as error:
            logger.error("the station's key cannot be made at %s: %s", path, error.strerror)
        return cls._from(path)

    @classmethod
    def from_existing(cls, settings: ParcelSettings, data_folder: Path, environ: Mapping[str, str]) -> Self:
        """Load the key without making anything."""
        return cls._from(key_path(settings, data_folder, environ))

    @classmethod
    def _from(cls, path: Path) -> Self:
        try:
            text = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            text = ""
        if _HEX.fullmatch(text):
            return cls(bytes.fromhex(text), str(path))
        logger.error("%s is no key (64 hex digits): no PIN can be checked and no parcel gets a code until it is", path)
        return cls(None, str(path))

    def pins(self) -> PinKey:
        """Return the key of the PINs; one that can make none when this one is missing."""
        if self._key is None:
            return PinKey(None, self._source)
        return PinKey(hmac.digest(self._key, _PINS + b"\x01", "sha256"), self._source)

    def backups(self) -> bytes:
        """Return the private X25519 key that opens the station's own backups; empty when this one is missing."""
        return b"" if self._key is None else hmac.digest(self._key, _BACKUPS + b"\x01", "sha256")

    def new_code(self) -> PickupCode:
        seed = secrets.token_hex(_SEED_BYTES)
        return PickupCode(seed, self.code_of(seed))

    def code_of(self, seed: str) -> str:
        """Compute the digits of a seed: RFC 4226 section 5.3 with SHA-256. 2**31 over a million has no usable bias."""
        digest = hmac.digest(self._require_key(), b"seed:" + seed.encode("ascii"), "sha256")
        start = digest[-1] & 0x0F
        number = int.from_bytes(digest[start : start + 4]) & 0x7FFF_FFFF
        return f"{number % 10**PICKUP_DIGITS:0{PICKUP_DIGITS}d}"

    def mac(self, code: str) -> bytes:
        return hmac.digest(self._require_key(), b"pickup:" + code.encode("ascii"), "sha256")

    def _require_key(self) -> bytes:
        if self._key is None:
            raise CounterRefused("no_key", f"the key of the pickup codes is missing at {self._source}")
        return self._key


def key_path(settings: ParcelSettings, data_folder: Path, environ: Mapping[str, str]) -> Path:
    """Return the key's path: the named file, else the service's credential, else that of a box, else the data folder.
    In a box the key is beside the data folder, in ``/var/lib/kiosk-keys`` (docs/box.md), and a command of the
    administrator has no credential: it must not make another key in the data folder.
    """
    if settings.key_file is not None:
        return settings.key_file
    if environ.get(CREDENTIALS):
        return Path(environ[CREDENTIALS]) / FILE_NAME
    box = data_folder.with_name(f"{data_folder.name}-keys")
    return (box if box.is_dir() else data_folder) / FILE_NAME


def _make_once(path: Path) -> None:
    """Write a new key that only this user can read, whole or not at all; durable before anything depends on it. One
    that root makes belongs to the owner of the folder.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = stage(path.with_name(f"{path.name}.{os.getpid()}"), secrets.token_hex(32).encode("ascii") + b"\n", 0o600)
    try:
        chown_to_folder_owner(partial)
        os.link(partial, path)  # of two processes that start together one wins, and both use its key
        sync_folder(path.parent)
    except FileExistsError:
        return
    finally:
        partial.unlink(missing_ok=True)
