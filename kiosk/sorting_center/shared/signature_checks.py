"""Signatures of events as they are checked many at a time: as packed bytes, here or in a process of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from kiosk.base.ed25519 import PUBLIC_BYTES, SIGNATURE_BYTES, is_signed_by
from kiosk.messaging.contract.event_signature import CONTEXT

# A public key, the hash of an event, and the signature.
_MESSAGE_BYTES: Final = 32
CHECK_BYTES: Final = PUBLIC_BYTES + _MESSAGE_BYTES + SIGNATURE_BYTES

# Begins to check, and gives what waits for the verdict: for each check a byte, 1 for a signature that fits.
BeginChecks = Callable[[Sequence[bytes]], Callable[[], bytes]]


def pack_check(public: str, sha256: str, signature: bytes) -> bytes:
    """Pack a check; ``public`` and ``sha256`` are in hex."""
    return bytes.fromhex(public + sha256) + signature


def verdicts(packed: bytes) -> bytes:
    """Return the verdicts of concatenated checks."""
    places = range(0, len(packed), CHECK_BYTES)
    return bytes(_fits(packed[place : place + CHECK_BYTES]) for place in places)


def _fits(check: bytes) -> bool:
    end = PUBLIC_BYTES + _MESSAGE_BYTES
    return is_signed_by(check[:PUBLIC_BYTES], CONTEXT + check[PUBLIC_BYTES:end], check[end:])


def check_inline(checks: Sequence[bytes]) -> Callable[[], bytes]:
    """Check in this thread, when the verdict is collected."""
    return lambda: verdicts(b"".join(checks))
