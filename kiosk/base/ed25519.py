"""Ed25519 (RFC 8032), by libsodium: the one place that signs and checks slips, events and checkpoints of the log."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from nacl import bindings
from nacl.exceptions import CryptoError

SEED_BYTES: Final = 32
PUBLIC_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
KEY_ID_BYTES: Final = 4


def key_id_of(public: bytes) -> bytes:
    """Return the first four bytes of the key's SHA-256. Two keys may share them: try each."""
    return sha256(public).digest()[:KEY_ID_BYTES]


def is_signed_by(public: bytes, message: bytes, signature: bytes) -> bool:
    """Verify a signature; return False also for a malformed key or signature."""
    if len(public) != PUBLIC_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        bindings.crypto_sign_open(signature + message, public)
    except (CryptoError, ValueError):
        return False
    return True


class Ed25519Key:
    """The private half, of a seed of 32 random bytes. Raises ValueError for another length."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError(f"the seed of a key has {SEED_BYTES} bytes, not {len(seed)}")
        self.public, self._secret = bindings.crypto_sign_seed_keypair(seed)
        self.key_id = key_id_of(self.public)

    def sign(self, message: bytes) -> bytes:
        """Return the signature, 64 bytes, the same for the same message."""
        return bytes(bindings.crypto_sign(message, self._secret)[:SIGNATURE_BYTES])
