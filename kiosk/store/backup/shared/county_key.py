"""The public key of the county that recovery kits are encrypted to, as it is written into a settings file.

``kit1-<64 hex digits>-<8 hex digits>``: the X25519 key (RFC 7748) and the beginning of its SHA-256, so that a wrongly
copied digit is refused, and no kit is made that cannot be opened.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final, Self

_TEXT: Final = re.compile(r"kit1-([0-9a-f]{64})-([0-9a-f]{8})")
_NAME_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class CountyKey:
    public: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a key. Raises ValueError for anything but the whole text."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError(
                f"{text!r} must be the line that sorting-center kit new-key prints: kit1-, 64 hexadecimal digits, "
                "a dash, 8 digits"
            )
        key = cls(bytes.fromhex(match[1]))
        if key.text != text:
            raise ValueError(f"{text!r} has a digit that was copied wrongly: its last 8 digits do not go with it")
        return key

    @property
    def text(self) -> str:
        """As ``parse`` reads it."""
        return f"kit1-{self.public.hex()}-{hashlib.sha256(self.public).hexdigest()[:8]}"

    @property
    def name(self) -> str:
        """Stands in a kit, so that the county finds the key that opens it: 64 bits of its SHA-256."""
        return hashlib.sha256(self.public).hexdigest()[:_NAME_LENGTH]
