"""The raw frames of a booked weighing, as they are kept: whoever doubts a weight can read what the indicator sent.

    2 bytes   length of the frame, most significant first
    n bytes   the frame, byte for byte as the indicator sent it, without the line end that closed it
    ...       the next one; oldest first

Kept are the frames of the rest that the booked weight was taken from: at most 64, and at most 4,096 bytes in this form.
When there are more, the oldest are left out. The SHA-256 in the event is over exactly these bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

MAX_FRAMES: Final = 64
MAX_BYTES: Final = 4096
_LENGTH: Final = 2


class BadFrames(ValueError):
    """These bytes are no packed frames."""


def newest_that_fit(frames: Iterable[bytes]) -> tuple[bytes, ...]:
    """Return the newest frames, oldest first, as many as may be stored; empty ones are left out."""
    retained: list[bytes] = []
    room = MAX_BYTES
    for frame in reversed([frame for frame in frames if frame]):
        room -= _LENGTH + len(frame)
        if room < 0 or len(retained) == MAX_FRAMES:
            break
        retained.append(bytes(frame))
    return tuple(reversed(retained))


def pack(frames: Iterable[bytes]) -> bytes:
    """Return the stored form of frames."""
    return b"".join(len(frame).to_bytes(_LENGTH, "big") + frame for frame in frames)


def unpack(packed: bytes) -> tuple[bytes, ...]:
    """Return the frames of a stored form, oldest first. Raises BadFrames."""
    frames: list[bytes] = []
    start = 0
    while start < len(packed):
        end = start + _LENGTH + int.from_bytes(packed[start : start + _LENGTH], "big")
        if start + _LENGTH >= end or end > len(packed):
            raise BadFrames(f"byte {start} of {len(packed)} begins no whole frame")
        frames.append(packed[start + _LENGTH : end])
        start = end
    return tuple(frames)


def frames_sha256(frames: Iterable[bytes]) -> str | None:
    """Hash the stored form, as lower-case hex; None when there is no frame."""
    packed = pack(frames)
    return hashlib.sha256(packed).hexdigest() if packed else None
