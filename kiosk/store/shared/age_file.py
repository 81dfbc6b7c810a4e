"""What is sealed: an age file (age-encryption.org/v1) to one or two X25519 keys, which pyrage makes and opens.

The key is that of a county, or one that a paper code gives by Argon2id (RFC 9106) under a fresh salt. age's own way
with a pass phrase is not used: it needs half a gigabyte. Why: docs/decisions/recovery-kit.md.

The libraries are imported where they are used: a station needs them once in its life, or once a night in a process of
its own.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from kiosk.domain.paper_code import PaperCode

if TYPE_CHECKING:
    from pyrage.x25519 import Identity

SEALED: Final = ".age"  # Ends the names of such files

SALT_BYTES: Final = 16
_SECRET_BYTES: Final = 32
_BEGIN: Final = b"age-encryption.org/v1\n"
_END_OF_HEADER: Final = b"\n--- "
# Two recipients and what age adds as grease are below 700 bytes. The library reads a header in a time that grows with
# the square of its length: 50 kB take seven seconds.
_MAX_HEADER_BYTES: Final = 2048
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


class NotOpened(ValueError):
    """The key is another one, or the file was changed or cut off: the causes cannot be distinguished."""


class NotSealed(ValueError):
    """Nothing can be sealed to this key: its share with any other is the same (RFC 7748, section 6.1)."""


class Digests(NamedTuple):
    """SHA-256 of what was read, and of what was written."""

    read: str
    written: str


Convert = Callable[[BinaryIO, BinaryIO], Digests]  # From one file into another


@dataclass(frozen=True, slots=True)
class Cost:
    """Of Argon2id: passes, KiB, lanes."""

    passes: int
    memory_kib: int
    lanes: int


# The second recommended option of RFC 9106, section 4: each guess at a stolen file costs as much. What was sealed at
# this cost opens at no other: another cost is another version of the file.
COST: Final = Cost(3, 64 * 1024, 4)


def seal(content: bytes, public: bytes, own: bytes = b"") -> bytes:
    """Encrypt as ``seal_stream`` does. Raises NotSealed."""
    sealed = BytesIO()
    seal_stream(BytesIO(content), sealed, public, own)
    return sealed.getvalue()


def unseal(sealed: bytes, private: bytes) -> bytes:
    """Decrypt with the private key. Raises NotOpened."""
    return _unseal(sealed, _identity(private))


def seal_stream(source: BinaryIO, target: BinaryIO, public: bytes, own: bytes = b"") -> Digests:
    """Encrypt to an X25519 key (RFC 7748), and to that of the private key ``own``, in 64 KB of memory.

    Raises NotSealed, OSError.
    """
    from pyrage import encrypt_io
    from pyrage.x25519 import Recipient

    def work(read: _HashedFile, written: _HashedFile) -> None:
        others = [_identity(own).to_public()] if own else []
        encrypt_io(read, written, [Recipient.from_str(_bech32("age", public)), *others])

    return _convert(work, source, target, NotSealed("this public key is none to seal to"))


def unseal_stream(source: BinaryIO, target: BinaryIO, private: bytes) -> Digests:
    """Decrypt. Raises NotOpened, OSError: discard what was written then."""
    return _unseal_stream(source, target, _identity(private))


def seal_to_paper(content: bytes, code: PaperCode) -> bytes:
    """Return the salt of the code, and the age file."""
    from pyrage import encrypt

    salt = os.urandom(SALT_BYTES)
    sealed: bytes = encrypt(content, [_paper_identity(code, salt).to_public()])
    return salt + sealed


def unseal_with_paper(sealed: bytes, code: PaperCode) -> bytes:
    """Decrypt with the code. Raises NotOpened."""
    return _unseal(sealed[SALT_BYTES:], _paper_identity(code, sealed[:SALT_BYTES].ljust(SALT_BYTES, b"\0")))


def _unseal(sealed: bytes, identity: Identity) -> bytes:
    opened = BytesIO()
    _unseal_stream(BytesIO(sealed), opened, identity)
    return opened.getvalue()


def _unseal_stream(source: BinaryIO, target: BinaryIO, identity: Identity) -> Digests:
    from pyrage import decrypt_io

    start = source.read(_MAX_HEADER_BYTES)
    if not start.startswith(_BEGIN) or _END_OF_HEADER not in start:
        raise NotOpened("this is no age file to one key")
    source.seek(0)
    fault = NotOpened("the key does not open this age file, or it was changed")
    return _convert(lambda read, written: decrypt_io(read, written, [identity]), source, target, fault)


class _HashedFile:
    """What goes through it has the SHA-256 ``digest``; ``error`` ended it, of which the library hands on the text."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.digest = file, hashlib.sha256()
        self.error: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        return self._hash(lambda: self._file.read(size))

    def write(self, piece: bytes) -> int:
        return len(self._hash(lambda: piece[: self._file.write(piece)]))

    def flush(self) -> None:
        """Do nothing: the caller flushes to disk."""

    def _hash(self, act: Callable[[], bytes]) -> bytes:
        try:
            piece = act()
        except BaseException as error:
            self.error = error
            raise
        self.digest.update(piece)
        return piece


def _convert(
    work: Callable[[_HashedFile, _HashedFile], None], source: BinaryIO, target: BinaryIO, fault: Exception
) -> Digests:
    from pyrage import DecryptError, EncryptError

    read, written = _HashedFile(source), _HashedFile(target)
    try:
        work(read, written)
    except BaseException as error:
        if read.error is written.error is None:
            if not isinstance(error, (DecryptError, EncryptError, OSError)) and not _is_panic(error):
                raise
            raise fault from None
    if (cause := read.error or written.error) is not None:  # Of the last write the library says nothing
        raise cause
    return Digests(read.digest.hexdigest(), written.digest.hexdigest())


def _is_panic(error: BaseException) -> bool:
    """Return whether the library panicked: that exception is no Exception, and cannot be imported."""
    return type(error).__name__ == "PanicException"


def _paper_identity(code: PaperCode, salt: bytes) -> Identity:
    from argon2.low_level import Type, hash_secret_raw

    digits = code.digits.encode("ascii")
    return _identity(hash_secret_raw(digits, salt, COST.passes, COST.memory_kib, COST.lanes, _SECRET_BYTES, Type.ID))


def _identity(private: bytes) -> Identity:
    """Make an identity; X25519 clamps the number itself."""
    from pyrage.x25519 import Identity

    return Identity.from_str(_bech32("age-secret-key-", private).upper())


def _bech32(prefix: str, content: bytes) -> str:
    """Encode in Bech32 of BIP 173, as age writes keys: the only way to give one of 32 bytes to the library."""
    number = int.from_bytes(content, "big") << 4  # 256 bits and four zeros are 52 digits
    digits = [number >> 5 * at & 31 for at in reversed(range(52))]
    spread = [*(ord(letter) >> 5 for letter in prefix), 0, *(ord(letter) & 31 for letter in prefix)]
    checksum = 1
    for digit in (*spread, *digits, *[0] * 6):
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ digit
        for at, generator in enumerate(_BECH32_GENERATORS):
            checksum ^= generator if top >> at & 1 else 0
    checksum ^= 1
    digits += [checksum >> 5 * at & 31 for at in reversed(range(6))]
    return f"{prefix}1{''.join(_BECH32[digit] for digit in digits)}"
