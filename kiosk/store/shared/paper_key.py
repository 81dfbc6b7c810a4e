"""The key that a paper code gives, for whatever it seals. Costly on purpose: each guess at a stolen file costs as much.

The libraries are imported where they are used: a station needs them once in its life.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kiosk.domain.paper_code import PaperCode

SALT_BYTES: Final = 16
KEY_BYTES: Final = 32  # Of ChaCha20-Poly1305


@dataclass(frozen=True, slots=True)
class Cost:
    """Of Argon2id: passes, KiB, lanes."""

    passes: int
    memory_kib: int
    lanes: int


# The second recommended option of RFC 9106, section 4. What was sealed at this cost opens at no other: another cost is
# another version of the file.
COST: Final = Cost(3, 64 * 1024, 4)


def paper_key(code: PaperCode, salt: bytes) -> bytes:
    """``salt`` is fresh for each file that is sealed."""
    from argon2.low_level import Type, hash_secret_raw

    return hash_secret_raw(
        code.digits.encode("ascii"), salt, COST.passes, COST.memory_kib, COST.lanes, KEY_BYTES, Type.ID
    )
