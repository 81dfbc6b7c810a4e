"""A forgotten PIN by telephone: the station shows a challenge, the county answers with digits that fit it alone.

Both know the same secret of this station. No clock is needed, and an overheard answer is useless once its challenge is
used up.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from typing import Final

SECRET_BYTES: Final = 32
DIGITS: Final = 8  # Of a challenge and of an answer

_CHALLENGE: Final = re.compile(rf"[0-9]{{{DIGITS}}}")
_SECRET: Final = re.compile(rf"[0-9a-f]{{{2 * SECRET_BYTES}}}")
_MARGIN: Final = 8  # Bytes of the digest: 2**64 modulo 10**8 favors no answer that anybody could see


def answer(secret: bytes, station: str, clerk: str, challenge: str) -> str:
    """Compute the eight digits; compare them in constant time. Raises ValueError for a malformed challenge."""
    message = f"station-kiosk pin 1|{station}|{clerk}|{check_challenge(challenge)}"
    digest = hmac.digest(secret, message.encode(), "sha256")
    return f"{int.from_bytes(digest[:_MARGIN], 'big') % 10**DIGITS:0{DIGITS}d}"


def challenge_text(below: Callable[[int], int]) -> str:
    """Make a new challenge; ``below`` gives a random number below its argument, as ``secrets.randbelow``."""
    return f"{below(10**DIGITS):0{DIGITS}d}"


def check_challenge(text: str) -> str:
    """Return the challenge unchanged; raises ValueError."""
    if not _CHALLENGE.fullmatch(text):
        raise ValueError(f"a challenge has {DIGITS} digits")
    return text


def read_secret(text: str) -> bytes:
    """Read a secret from its file form, 64 hexadecimal digits. Raises ValueError, whose text does not hold it."""
    if not _SECRET.fullmatch(text):
        raise ValueError(f"pin_secret must be {2 * SECRET_BYTES} hexadecimal digits")
    return bytes.fromhex(text)
