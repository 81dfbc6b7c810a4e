"""PINs under the station's key: the database alone gives nothing to guess against.

Six digits are a million guesses, and Argon2id (RFC 9106) only makes each of them dear: nine hours of one processor for
all of them. So a PIN is kept in a form that cannot be checked without a key that lies outside the database and outside
every backup (see pickup_key.py):

    keyed      $keyed$KEY$argon2id$…                       Argon2id(HMAC(key, PIN))
    wrapped    $wrapped$KEY$argon2id$v=…$m=…$SALT$TAG      HMAC(key, Argon2id(PIN)): what was kept before there was a
                                                           key, changed at the start of the station and without the PIN
    plain      $argon2id$…                                 kept before there was a key, and not wrapped yet

KEY names the key (a hash of it), so that a PIN of another machine is told from a wrong one.
"""

from __future__ import annotations

import hmac
import logging
import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Final

from kiosk.base import memory
from kiosk.station.clerk.refusals import CounterRefused

if TYPE_CHECKING:
    from argon2 import PasswordHasher

logger = logging.getLogger(__name__)

TIME_COST, MEMORY_KIB, PARALLELISM = 3, 12 * 1024, 1
"""OWASP's equivalent of 19 MiB and two passes: 12 MiB and three, one lane (Password Storage Cheat Sheet)."""

_KEYED: Final = re.compile(r"\$keyed\$(?P<key>[0-9a-f]{16})(?P<argon>\$argon2id\$.+)")
_WRAPPED: Final = re.compile(r"\$wrapped\$(?P<key>[0-9a-f]{16})(?P<head>\$argon2id\$.+)\$(?P<tag>[0-9a-f]{64})")
_PLAIN: Final = re.compile(
    r"(?P<head>\$argon2id\$v=19\$m=\d{1,7},t=\d{1,3},p=\d{1,2}\$[A-Za-z0-9+/]{8,88})\$(?P<raw>\S+)"
)
_HEAD: Final = re.compile(r"\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]{8,88})")
_RAW_BYTES: Final = 32
"""What argon2-cffi's PasswordHasher makes, and all that was ever kept."""


class PinKey:
    """Makes and checks what the database keeps of PINs; without a secret only plain ones can be checked."""

    def __init__(self, secret: bytes | None, source: str = "") -> None:
        self._secret = secret
        self._source = source

    def __repr__(self) -> str:
        return f"PinKey({'present' if self.present else 'missing'}: {self._source})"

    @property
    def present(self) -> bool:
        """Whether PINs can be given."""
        return self._secret is not None

    @property
    def name(self) -> str:
        """Names the key and tells nothing of it; "" without one."""
        return self._mac(b"name").hex()[:16] if self._secret is not None else ""

    def hash(self, pin: str) -> str:
        """What is kept of a PIN, with a salt of its own. Raises CounterRefused ``no_pin_key``."""
        if self._secret is None:
            raise CounterRefused(
                "no_pin_key",
                f"The station's key cannot be read at {self._source}: bring it back, or type this as administrator.",
            )
        with _memory_given_back():
            return f"$keyed${self.name}{_hasher().hash(self._mac(b'pin:' + pin.encode()))}"

    def knows(self, pin_hash: str) -> bool:
        """Whether a PIN can be checked against this at all: under another key nobody can tell right from wrong."""
        found = _KEYED.fullmatch(pin_hash) or _WRAPPED.fullmatch(pin_hash)
        return found is None or found["key"] == self.name

    def matches(self, pin: str, pin_hash: str | None) -> bool:
        """Whether the PIN belongs to the hash; None (nobody has that number) takes the same time and is False."""
        wrapped = _WRAPPED.fullmatch(pin_hash or "")
        if wrapped is not None and self.knows(pin_hash or ""):
            return self._unwraps(pin, wrapped["head"], bytes.fromhex(wrapped["tag"]))
        keyed = _KEYED.fullmatch(pin_hash or "")
        secret: str | bytes = pin
        if keyed is not None and self.knows(pin_hash or ""):
            pin_hash, secret = keyed["argon"], self._mac(b"pin:" + pin.encode())
        return _argon_matches(secret, pin_hash)

    def wrap(self, pin_hash: str) -> str | None:
        """The same PIN under the key; None when it is under one already, or is nothing that can be wrapped."""
        plain = _PLAIN.fullmatch(pin_hash)
        if plain is None or self._secret is None:
            return None
        raw = b64decode(plain["raw"] + "=" * (-len(plain["raw"]) % 4))
        if len(raw) != _RAW_BYTES:
            return None
        return f"$wrapped${self.name}{plain['head']}${self._tag(plain['head'], raw).hex()}"

    def _unwraps(self, pin: str, head: str, tag: bytes) -> bool:
        from argon2.low_level import Type, hash_secret_raw

        costs = _HEAD.fullmatch(head)
        if costs is None:
            return False
        memory, time, lanes = (int(number) for number in costs.groups()[:3])
        salt = b64decode(costs[4] + "=" * (-len(costs[4]) % 4))
        with _memory_given_back():
            raw = hash_secret_raw(pin.encode(), salt, time, memory, lanes, _RAW_BYTES, Type.ID)
        return hmac.compare_digest(self._tag(head, raw), tag)

    def _tag(self, head: str, raw: bytes) -> bytes:
        return self._mac(b"wrapped:" + head.encode("ascii") + b"$" + raw)

    def _mac(self, message: bytes) -> bytes:
        assert self._secret is not None
        return hmac.digest(self._secret, message, "sha256")


NO_PIN_KEY: Final = PinKey(None, "nowhere")


def is_plain(pin_hash: str) -> bool:
    """Whether the database alone is enough to try PINs against this."""
    return _PLAIN.fullmatch(pin_hash) is not None


def _argon_matches(secret: str | bytes, pin_hash: str | None) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    nobody = _nobody()  # made with the very first PIN, whoever's it is
    try:
        with _memory_given_back():
            matches = _hasher().verify(pin_hash or nobody, secret)
    except InvalidHashError:
        logger.error("a stored PIN cannot be read: a technician has to set it anew")  # without the hash itself
        return False
    except VerificationError:
        return False
    return matches and pin_hash is not None


@cache
def _hasher() -> PasswordHasher:
    # Loaded with the first PIN: a station that nobody unlocks does without it.
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=PARALLELISM)


@cache
def _nobody() -> str:
    """The hash of something that is no PIN: checking it takes as long as checking a person's."""
    with _memory_given_back():
        return _hasher().hash("nobody has this one")


@contextmanager
def _memory_given_back() -> Iterator[None]:
    """glibc keeps a freed block of 12 MiB from the second time on: a seventh of what the station may use."""
    try:
        yield
    finally:
        memory.give_back()
