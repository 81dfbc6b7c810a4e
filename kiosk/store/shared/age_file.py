"""What is sealed: an age file (age-encryption.org/v1) to one X25519 key, which pyrage makes and opens.

The key is that of a county, or one that a paper code gives by Argon2id (RFC 9106) under a fresh salt. age's own way
with a pass phrase is not used: it needs half a gigabyte. Why: docs/decisions/recovery-kit.md.

The libraries are imported where they are used: a station needs them once in its life, or once a night in a process of
its own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kiosk.domain.paper_code import PaperCode

if TYPE_CHECKING:
    from pyrage.x25519 import Identity

SALT_BYTES: Final = 16
_SECRET_BYTES: Final = 32
_BEGIN: Final = b"age-encryption.org/v1\n"
_END_OF_HEADER: Final = b"\n--- "
# One recipient and what age adds as grease are below 500 bytes. The library reads a header in a time that grows with
# the square of its length: 50 kB take seven seconds.
_MAX_HEADER_BYTES: Final = 2048
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


class NotOpened(ValueError):
    """The key is another one, or the file was changed or cut off: they cannot be told apart."""


class NotSealed(ValueError):
    """Nothing can be sealed to this key: its share with any other is the same (RFC 7748, section 6.1)."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of Argon2id: passes, KiB, lanes."""

    passes: int
    memory_kib: int
    lanes: int


# The second recommended option of RFC 9106, section 4: each guess at a stolen file costs as much. What was sealed at
# this cost opens at no other: another cost is another version of the file.
COST: Final = Cost(3, 64 * 1024, 4)


def seal(content: bytes, public: bytes) -> bytes:
    """To whoever has the private half of the X25519 key (RFC 7748). Raises NotSealed."""
    from pyrage import encrypt
    from pyrage.x25519 import Recipient

    try:
        sealed: bytes = encrypt(content, [Recipient.from_str(_bech32("age", public))])
    except BaseException as error:
        if not _is_panic(error):
            raise
        raise NotSealed("this public key is none to seal to") from None
    return sealed


def unseal(sealed: bytes, private: bytes) -> bytes:
    """Raises NotOpened."""
    return _unseal(sealed, _identity(private))


def seal_to_paper(content: bytes, code: PaperCode) -> bytes:
    """The salt of the code, and the age file."""
    from pyrage import encrypt

    salt = os.urandom(SALT_BYTES)
    sealed: bytes = encrypt(content, [_paper_identity(code, salt).to_public()])
    return salt + sealed


def unseal_with_paper(sealed: bytes, code: PaperCode) -> bytes:
    """Raises NotOpened."""
    return _unseal(sealed[SALT_BYTES:], _paper_identity(code, sealed[:SALT_BYTES].ljust(SALT_BYTES, b"\0")))


def _unseal(sealed: bytes, identity: Identity) -> bytes:
    from pyrage import DecryptError, decrypt

    if not sealed.startswith(_BEGIN) or _END_OF_HEADER not in sealed[:_MAX_HEADER_BYTES]:
        raise NotOpened("this is no age file to one key")
    try:
        content: bytes = decrypt(sealed, [identity])
    except BaseException as error:
        if not isinstance(error, DecryptError) and not _is_panic(error):
            raise
        raise NotOpened("the key does not open this age file, or it was changed") from None
    return content


def _is_panic(error: BaseException) -> bool:
    """Whether the library gave up: its exception for that is no Exception, and cannot be imported."""
    return type(error).__name__ == "PanicException"


def _paper_identity(code: PaperCode, salt: bytes) -> Identity:
    from argon2.low_level import Type, hash_secret_raw

    digits = code.digits.encode("ascii")
    return _identity(hash_secret_raw(digits, salt, COST.passes, COST.memory_kib, COST.lanes, _SECRET_BYTES, Type.ID))


def _identity(private: bytes) -> Identity:
    """X25519 clamps the number itself."""
    from pyrage.x25519 import Identity

    return Identity.from_str(_bech32("age-secret-key-", private).upper())


def _bech32(prefix: str, content: bytes) -> str:
    """Bech32 of BIP 173, as age writes keys: the only way to give one of 32 bytes to the library."""
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
