"""The key of the pickup codes: outside the database, so that a stolen copy of it opens no parcel.

Six digits are a million guesses: a plain hash of them is as good as the digits themselves. The database holds only
HMAC-SHA-256 under this key, and a pickup slip that waits for its printer holds a random seed, from which the code is
made again under this key when it is drawn, by the truncation of one-time passwords (RFC 4226 section 5.3). So the code
stands nowhere and nothing has to be encrypted.
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

from kiosk.domain.pickup import PICKUP_DIGITS
from kiosk.station.counter_view import CounterRefused
from kiosk.station.parcel_settings import ParcelSettings

logger = logging.getLogger(__name__)

FILE_NAME: Final = "pickup-key"
CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"
"""Where systemd puts the credentials of a service (systemd.exec(5), Credentials)."""

_SEED_BYTES = 16
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class PickupCode:
    """Six digits and the seed they come from; the seed tells nothing without the key."""

    seed: str
    code: str = field(repr=False)


class PickupKey:
    """Makes and checks pickup codes; without a key every use raises CounterRefused ``no_key``."""

    def __init__(self, key: bytes | None, source: str = "") -> None:
        self._key = key
        self._source = source

    def __repr__(self) -> str:
        return f"PickupKey({'present' if self.present else 'missing'}: {self._source})"

    @property
    def present(self) -> bool:
        """Whether parcels can be given codes."""
        return self._key is not None

    @classmethod
    def load(cls, settings: ParcelSettings, data_folder: Path, environ: Mapping[str, str]) -> Self:
        """The named file, else the service's credential, else a file of the data folder, made when there is none.

        A file that is named or given by the service is never made here: a new key would turn every code that is out
        there into a wrong one. It is missed in the log, parcels are refused new codes, and all else works.
        """
        if settings.key_file is not None:
            return cls._from(settings.key_file)
        if environ.get(CREDENTIALS):
            return cls._from(Path(environ[CREDENTIALS]) / FILE_NAME)
        path = data_folder / FILE_NAME
        try:
            _make_once(path)
        except OSError as error:
            logger.error("the key of the pickup codes cannot be made at %s: %s", path, error.strerror)
        return cls._from(path)

    @classmethod
    def _from(cls, path: Path) -> Self:
        try:
            text = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            text = ""
        if _HEX.fullmatch(text):
            return cls(bytes.fromhex(text), str(path))
        logger.error("%s is not a key of pickup codes (64 hex digits): parcels get no new code until it is", path)
        return cls(None, str(path))

    def new_code(self) -> PickupCode:
        """Six digits nobody can foresee."""
        seed = secrets.token_hex(_SEED_BYTES)
        return PickupCode(seed, self.code_of(seed))

    def code_of(self, seed: str) -> str:
        """The digits of a seed: RFC 4226 section 5.3 with SHA-256. 2**31 numbers on a million leave no bias to use."""
        digest = hmac.digest(self._need(), b"seed:" + seed.encode("ascii"), "sha256")
        start = digest[-1] & 0x0F
        number = int.from_bytes(digest[start : start + 4]) & 0x7FFF_FFFF
        return f"{number % 10**PICKUP_DIGITS:0{PICKUP_DIGITS}d}"

    def mac(self, code: str) -> bytes:
        """What the database keeps of a code."""
        return hmac.digest(self._need(), b"pickup:" + code.encode("ascii"), "sha256")

    def _need(self) -> bytes:
        if self._key is None:
            raise CounterRefused("no_key", f"the key of the pickup codes is missing at {self._source}")
        return self._key


def _make_once(path: Path) -> None:
    """Write a new key that only this user can read, whole or not at all."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(32).encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(partial, path)  # of two processes that start together one wins, and both use its key
    except FileExistsError:
        return
    finally:
        partial.unlink(missing_ok=True)
