"""PINs cannot be guessed from the database alone, are slow to guess, and their memory is given back."""

from __future__ import annotations

import subprocess
import sys

import pytest
from argon2 import PasswordHasher
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from kiosk.station.clerk.pin_hash import NO_PIN_KEY, PinKey
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.parcels.pickup_key import PickupKey

PIN, OTHER_PIN = "482913", "482914"
MASTER = bytes(range(32))
KEY = PickupKey(MASTER, "a test").pins()
OTHER = PickupKey(bytes(range(1, 33)), "another card").pins()
PLAIN = PasswordHasher(time_cost=3, memory_cost=12 * 1024, parallelism=1).hash(PIN)
"""What the right PIN alone would be enough to make."""


def test_a_pin_matches_its_own_hash_alone() -> None:
    kept = KEY.hash(PIN)
    assert kept.startswith(f"$keyed${KEY.name}$argon2id$v=19$m=12288,t=3,p=1$")
    assert KEY.matches(PIN, kept)
    assert not KEY.matches(OTHER_PIN, kept)
    assert not KEY.matches("nobody has this one", None)
    assert KEY.hash(PIN) != kept, "each has a salt of its own"


def test_the_database_alone_is_nothing_to_guess_against() -> None:
    """Everything a thief can compute from what is kept, and from the right PIN, is none of it."""
    kept = KEY.hash(PIN)
    for thief in (NO_PIN_KEY, OTHER):
        assert not thief.matches(PIN, kept)
    argon = kept[kept.index("$argon2id$") :]
    head, _, last = argon.rpartition("$")
    with pytest.raises(Exception, match=r"(?i)not match|invalid"):
        PasswordHasher().verify(argon, PIN)
    salt = head.rpartition("$")[2]
    raw = hash_secret_raw(PIN.encode(), _bytes(salt), 3, 12 * 1024, 1, 32, Type.ID)
    assert raw.hex() not in kept
    assert raw != _bytes(last)


def _bytes(text: str) -> bytes:
    from base64 import b64decode

    return b64decode(text + "=" * (-len(text) % 4))


def test_another_key_is_told_from_a_wrong_pin() -> None:
    kept = KEY.hash(PIN)
    assert KEY.knows(kept)
    assert not OTHER.knows(kept)
    assert not NO_PIN_KEY.knows(kept)


def test_the_pins_have_a_key_of_their_own() -> None:
    """Made as the standard says: an independent library makes the same one, and codes of parcels use another."""
    info = b"station-kiosk: PINs of the counter, 1"
    made = HKDFExpand(SHA256(), 32, info).derive(MASTER)
    assert PinKey(made).name == KEY.name
    assert KEY.name != OTHER.name
    assert PinKey(MASTER).name != KEY.name
    assert MASTER.hex() not in repr(KEY)


def test_without_the_key_no_pin_is_given() -> None:
    key = PickupKey(None, "/var/lib/kiosk-keys/pickup-key").pins()
    with pytest.raises(CounterRefused, match="/var/lib/kiosk-keys/pickup-key") as refusal:
        key.hash(PIN)
    assert refusal.value.code == "no_pin_key"
    assert not key.matches(PIN, PLAIN)


STRANGE = (
    "x",
    "$argon2id$v=19$m=12288,t=3,p=1$",
    "$argon2id$",
    PIN,
    f"$keyed${KEY.name}$argon2id$",
    PLAIN,
    "$keyed$",
)


@pytest.mark.parametrize("kept", STRANGE, ids=range(len(STRANGE)))
def test_what_is_no_hash_under_the_key_matches_nothing(kept: str) -> None:
    assert not KEY.matches(PIN, kept)


def test_the_memory_is_given_back() -> None:
    """In a process of its own: the heap of a test run has room to hide twelve mebibytes."""
    program = """
import re
from pathlib import Path
from kiosk.station.parcels.pickup_key import PickupKey

def held():
    return int(re.search(r"VmRSS:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1])

key = PickupKey(bytes(32)).pins()
kept = key.hash("482913")
before = held()
for _ in range(4):
    assert key.matches("482913", kept)
print(held() - before)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 6_000, "kB"
