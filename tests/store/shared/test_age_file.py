"""A sealed file opens for its one key; whatever else it holds is refused soon and within a station's memory."""

from __future__ import annotations

import base64
import errno
import hashlib
import subprocess
import sys
from io import BytesIO

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from kiosk.domain.paper_code import PaperCode
from kiosk.store.shared import age_file
from kiosk.store.shared.age_file import (
    COST,
    NotOpened,
    NotSealed,
    seal,
    seal_stream,
    seal_to_paper,
    unseal,
    unseal_stream,
    unseal_with_paper,
)

PRIVATE = X25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC, SECRET = PRIVATE.public_key().public_bytes_raw(), PRIVATE.private_bytes_raw()
CODE, OTHER = PaperCode("4821093755602182"), PaperCode.generate(lambda below: 7)
MAX_MB = 200  # A Pi with 1 GB runs a station beside it


def test_age_s_own_key_opens_what_was_sealed_and_the_other_way_round() -> None:
    """The letters of a key are those of Bech32, with their checksum."""
    for private in (PRIVATE, *(X25519PrivateKey.generate() for _ in range(20))):
        raw = private.private_bytes_raw()
        identity = age_file._identity(raw)
        public = private.public_key().public_bytes_raw()
        assert pyrage.decrypt(seal(b"goods", public), [identity]) == b"goods"
        assert unseal(pyrage.encrypt(b"goods", [identity.to_public()]), raw) == b"goods"


def test_another_key_each_changed_bit_and_each_piece_open_nothing() -> None:
    sealed = seal(b"goods", PUBLIC)
    assert unseal(sealed, SECRET) == b"goods"
    assert seal(b"goods", PUBLIC) != sealed
    with pytest.raises(NotOpened):
        unseal(sealed, bytes(range(1, 33)))
    for at in range(len(sealed)):
        for bent in (sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], sealed[:at]):
            with pytest.raises(NotOpened):
                unseal(bent, SECRET)
    with pytest.raises(NotOpened):
        unseal(sealed + b"\0", SECRET)


def test_a_key_that_shares_the_same_with_everybody_is_refused() -> None:
    """The library gives up at it by an exception that no `except Exception` would catch."""
    for point in (bytes(32), b"\x01" + bytes(31)):
        with pytest.raises(NotSealed):
            seal(b"goods", point)


def test_what_ends_the_program_is_not_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(*_: object) -> None:
        raise SystemExit(3)

    sealed = seal(b"goods", PUBLIC)
    monkeypatch.setattr(pyrage, "decrypt_io", end)
    monkeypatch.setattr(pyrage, "encrypt_io", end)
    for act in (lambda: unseal(sealed, SECRET), lambda: seal(b"goods", PUBLIC)):
        with pytest.raises(SystemExit):
            act()


def test_what_is_no_age_file_to_one_key() -> None:
    identity = age_file._identity(SECRET)
    armored = pyrage.encrypt(b"goods", [identity.to_public()], armored=True)
    scrypt = b"age-encryption.org/v1\n-> scrypt " + base64.b64encode(b"s" * 16).rstrip(b"=") + b" 30\n"
    for content in (b"", b"x" * 500, bytes(4_000_000), armored, scrypt + b"A" * 43 + b"\n--- " + b"A" * 43 + b"\n"):
        with pytest.raises(NotOpened):
            unseal(content, SECRET)


def test_a_header_without_an_end_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library takes seconds for one of 50 kB and hours for one of 4 MB."""
    others = [pyrage.x25519.Identity.generate().to_public() for _ in range(40)]
    crowded = pyrage.encrypt(b"goods", [age_file._identity(SECRET).to_public(), *others])
    monkeypatch.setattr(pyrage, "decrypt_io", lambda *_: pytest.fail("the library gets it"))
    for content in (crowded, b"age-encryption.org/v1\n" + b"-> X25519 A\n" * 300_000):
        with pytest.raises(NotOpened):
            unseal(content, SECRET)


def test_a_paper_opens_it_and_another_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(age_file, "COST", age_file.Cost(1, 8, 1))
    sealed = seal_to_paper(b"goods", CODE)
    assert unseal_with_paper(sealed, CODE) == b"goods"
    with pytest.raises(NotOpened):
        unseal_with_paper(sealed, OTHER)
    for at in range(len(sealed)):
        for bent in (sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], sealed[:at]):
            with pytest.raises(NotOpened) as refused:
                unseal_with_paper(bent, CODE)
            assert CODE.digits not in f"{refused.value!r}{refused.value.__context__!r}"


def test_the_real_cost_stays_within_the_memory_of_a_station() -> None:
    """In a process of its own: what else the tests have loaded does not count."""
    assert (COST.passes, COST.memory_kib, COST.lanes) == (3, 64 * 1024, 4)
    code = """
from kiosk.domain.paper_code import PaperCode
from kiosk.store.shared.age_file import seal_to_paper, unseal_with_paper
code = PaperCode("4821093755602182")
assert unseal_with_paper(seal_to_paper(bytes(2_000_000), code), code) == bytes(2_000_000)
print(int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert int(done.stdout) < MAX_MB


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 1_000_000])
def test_a_stream_of_any_length_comes_back_and_is_measured(size: int) -> None:
    content, sealed, own = bytes(range(256)) * (size // 256 + 1), BytesIO(), bytes(range(9, 41))
    content = content[:size]
    made = seal_stream(BytesIO(content), sealed, PUBLIC, own)
    assert made == tuple(hashlib.sha256(each).hexdigest() for each in (content, sealed.getvalue()))
    for private in (SECRET, own):
        opened = BytesIO()
        assert unseal_stream(BytesIO(sealed.getvalue()), opened, private) == made[::-1]
        assert opened.getvalue() == content
    assert sealed.getvalue().index(b"\n--- ") < 700


class FullDisk(BytesIO):
    def write(self, piece: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


class BadDisk(BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        if size != 2048:
            raise OSError(errno.EIO, "Input/output error")
        return super().read(size)


def test_what_a_disk_says_is_handed_on() -> None:
    """The library has its text alone, and a full disk is told from a bad one by its number."""
    sealed = seal(bytes(200_000), PUBLIC)
    for number, act in (
        (errno.ENOSPC, lambda: seal_stream(BytesIO(b"x"), FullDisk(), PUBLIC)),
        (errno.EIO, lambda: seal_stream(BadDisk(b"x"), BytesIO(), PUBLIC)),
        (errno.ENOSPC, lambda: unseal_stream(BytesIO(sealed), FullDisk(), SECRET)),
        (errno.EIO, lambda: unseal_stream(BadDisk(sealed), BytesIO(), SECRET)),
    ):
        with pytest.raises(OSError, match="Errno") as failed:
            act()
        assert failed.value.errno == number


def test_a_long_stream_stays_within_the_memory_of_a_station() -> None:
    code = """
import io, os
from kiosk.store.shared.age_file import seal_stream, unseal_stream
class Zeros:
    left = 300_000_000
    def read(self, size=-1):
        size = min(size, self.left)
        self.left -= size
        return bytes(size)
def peak():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) // 1024
before = peak()
with open(os.devnull, "wb") as nowhere:
    seal_stream(Zeros(), nowhere, bytes(range(1, 33)))
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert int(done.stdout) < 20
