"""Numbers of carriers: how one is written, and what is told of it where the number itself is nobody's business."""

from __future__ import annotations

import hashlib
import re
from typing import Final

_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0xFEFF: None}
_AIM: Final = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_DIGEST_CHARACTERS: Final = 8


def to_half_width(text: str) -> str:
    """Full-width forms of a Chinese input method as ASCII, without byte order mark and AIM identifier."""
    plain = text.translate(_FULL_WIDTH).strip()
    aim = _AIM.match(plain)
    return plain[aim.end() :] if aim else plain


def normalize(text: str) -> str:
    """Upper-case ASCII where it has one, without spaces, line ends, byte order mark and AIM identifier."""
    joined = "".join(to_half_width(text).split(" ")).strip("\r\n\t")
    return joined.upper() if joined.isascii() else joined


def waybill_hash(normalized: str) -> bytes:
    """SHA-256: the key a waybill is found by, before and after the number itself is erased."""
    return hashlib.sha256(normalized.encode()).digest()


def waybill_digest(normalized: str) -> str:
    """What a station tells of a waybill: the first eight hexadecimal digits of its hash."""
    return waybill_hash(normalized).hex()[:_DIGEST_CHARACTERS]
