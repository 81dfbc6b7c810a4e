"""The staff of the station, and PINs under its key: the database alone gives nothing to guess against.

Six digits are a million guesses, and Argon2id (RFC 9106) only makes each of them expensive: nine hours of one processor
for all of them. So a PIN is kept in a form that cannot be checked without a key that is outside the database and
outside every backup (see pickup_key.py): ``$keyed$KEY$argon2id$…``, which is Argon2id(HMAC(key, PIN)).

KEY names the key (a hash of it), which distinguishes a PIN of another machine from a wrong one.
"""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Final

from kiosk.base import memory
from kiosk.station.clerk.refusals import CounterRefused

if TYPE_CHECKING:
    from argon2 import PasswordHasher
import unicodedata
from dataclasses import dataclass

from kiosk.domain.clerk import MAX_NAME, BadClerk, Role, check_pin
from kiosk.store.clerks import Clerks
from kiosk.store.shared.records import ClerkRow, Stamp

logger = logging.getLogger(__name__)


# OWASP's equivalent of 19 MiB and two passes: 12 MiB and three, one lane (Password Storage Cheat Sheet).
TIME_COST, MEMORY_KIB, PARALLELISM = 3, 12 * 1024, 1

_KEYED: Final = re.compile(r"\$keyed\$(?P<key>[0-9a-f]{16})(?P<argon>\$argon2id\$.+)")


class PinKey:
    """Makes and checks what the database keeps of PINs; without a secret none can be checked."""

    def __init__(self, secret: bytes | None, source: str = "") -> None:
        self._secret, self._source = secret, source

    def __repr__(self) -> str:
        return f"PinKey({'present' if self.present else 'missing'}: {self._source})"

    @property
    def present(self) -> bool:
        return self._secret is not None

    @property
    def name(self) -> str:
        """Names the key and tells nothing of it; "" without one."""
        return self._mac(b"name").hex()[:16] if self._secret is not None else ""

    def hash(self, pin: str) -> str:
        if self._secret is None:
            raise CounterRefused(
                "no_pin_key",
                f"The station's key cannot be read at {self._source}: bring it back, or type this as administrator.",
            )
        with _releasing_memory():
            return f"$keyed${self.name}{_hasher().hash(self._mac(b'pin:' + pin.encode()))}"

    def knows(self, pin_hash: str) -> bool:
        """Return whether a PIN can be checked against this hash: one made under another key cannot be checked."""
        found = _KEYED.fullmatch(pin_hash)
        return found is None or found["key"] == self.name

    def matches(self, pin: str, pin_hash: str | None) -> bool:
        """Return whether the PIN belongs to the hash; None (an unknown number) takes the same time and is False."""
        keyed = _KEYED.fullmatch(pin_hash or "")
        if keyed is not None and self.knows(keyed[0]):
            return _argon_matches(self._mac(b"pin:" + pin.encode()), keyed["argon"])
        return _argon_matches(pin, _UNREADABLE if pin_hash else None)

    def _mac(self, message: bytes) -> bytes:
        assert self._secret is not None
        return hmac.digest(self._secret, message, "sha256")


# In the place of what is under no key, or under another: also of a plain Argon2id hash, which anybody could write.
_UNREADABLE: Final = "no hash"
NO_PIN_KEY: Final = PinKey(None, "nowhere")


def _argon_matches(secret: str | bytes, pin_hash: str | None) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    dummy_hash = _dummy_hash()  # made with the very first PIN, of a known or an unknown number
    try:
        with _releasing_memory():
            matches = _hasher().verify(pin_hash or dummy_hash, secret)
    except InvalidHashError:
        logger.error("a stored PIN cannot be read: a technician has to set it anew")  # without the hash itself
        return False
    except VerificationError:
        return False
    return matches and pin_hash is not None


@cache
def _hasher() -> PasswordHasher:
    # Loaded with the first PIN: a station where no PIN is used does not load it.
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=PARALLELISM)


@cache
def _dummy_hash() -> str:
    """Return the hash of something that is no PIN: checking it takes as long as checking a person's."""
    with _releasing_memory():
        return _hasher().hash("nobody has this one")


@contextmanager
def _releasing_memory() -> Iterator[None]:
    """Release memory at the end: glibc keeps a freed block of 12 MiB from the second time on, 1/7 of the allowance."""
    try:
        yield
    finally:
        memory.release_free_memory()


_MAX_NAME_DIGITS = 4  # In a name: "Aygul 2" is a name, a telephone number is not


@dataclass(frozen=True, slots=True)
class Person:
    """A member of the staff; ``name`` never leaves the station, events contain only the number."""

    number: str
    name: str
    role: Role

    @property
    def actor(self) -> str:
        """How events name this person: ``clerk:07``."""
        return f"clerk:{self.number}"

    @property
    def witness(self) -> str:
        """How the event of a void names this person when it is the second one: ``witness:07``."""
        return f"witness:{self.number}"


def add_person(clerks: Clerks, name: str, role: Role, pin_hash: str, stamp: Stamp) -> ClerkRow:
    return clerks.add(clean_person_name(name), role, pin_hash, stamp)


def hash_pin(key: PinKey, pin: str) -> str:
    """Hash a PIN for storage. Raises BadPin, and CounterRefused ``no_pin_key`` when the station's key is missing."""
    return key.hash(check_pin(pin))


def clean_person_name(text: str) -> str:
    """Return a short name fit for display; raises BadClerk, which does not repeat it. A telephone or ID number is
    refused: neither is kept at the station.
    """
    name = unicodedata.normalize("NFC", text).strip()
    if not 1 <= len(name) <= MAX_NAME or not all(_fits(character) for character in name):
        raise BadClerk(f"a name has 1 to {MAX_NAME} letters, digits and spaces, and no invisible characters")
    if not any(character.isalpha() for character in name) or sum(map(str.isdecimal, name)) > _MAX_NAME_DIGITS:
        raise BadClerk("a name is no number: telephone and ID numbers are not kept here")
    return name


def _fits(character: str) -> bool:
    return character == " " or unicodedata.category(character)[0] not in "CZ"
