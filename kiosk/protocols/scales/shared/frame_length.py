"""An engine for frames that say themselves how long they are, or hold any byte: binary words, lengths, raw checks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kiosk.protocols.scales.shared.engines import slices
from kiosk.protocols.scales.shared.reading import Decoded, Rejected, RejectReason

_DAMAGE = frozenset({RejectReason.FRAMING, RejectReason.CHECKSUM, RejectReason.PARITY})


@dataclass(frozen=True, slots=True)
class FrameLengthProfile:
    """Frames that begin with one of the bytes ``start`` and are at most ``max_length`` bytes.

    ``frame_length`` gets the bytes from a start on (at most ``max_length``) and tells how long this frame is: None
    while that cannot be seen yet, 0 when no frame begins here. More bytes may never change an answer it has given.
    ``parse`` gets exactly so many bytes. ``head`` is for formats in which what follows a start byte can rule a frame
    out: it matches at every start byte that is not ruled out yet, so also where the following bytes are still missing.
    ``sealed``: a frame in which only the check is wrong holds no other and is taken whole; the check byte itself may
    look like a start. ``inside``: the start bytes looked for in a damaged frame, where some of ``start`` are frames of
    one byte that are as likely a part of it."""

    start: bytes
    max_length: int
    frame_length: Callable[[bytes], int | None]
    parse: Callable[[bytes], Decoded]
    head: re.Pattern[bytes] | None = None
    sealed: bool = False
    inside: bytes = b""


def fixed_length(length: int) -> Callable[[bytes], int | None]:
    return lambda _: length


class FrameLengthEngine:
    """Cuts a byte stream into measured frames.

    A damaged frame is refused up to the next byte in it that may begin one: the frame behind a lost byte is found.
    A frame that is whole and says something else than a weight is taken whole. Bytes outside frames are silence.
    """

    def __init__(self, profile: FrameLengthProfile) -> None:
        self._profile = profile
        self._start = profile.head or re.compile(b"[%b]" % re.escape(profile.start))
        self._inside = re.compile(b"[%b]" % re.escape(profile.inside)) if profile.inside else self._start
        self._damage = _DAMAGE - {RejectReason.CHECKSUM} if profile.sealed else _DAMAGE
        self._partial = b""

    def feed(self, data: bytes) -> list[Decoded]:
        return [decoded for part in slices(data) for decoded in self._take(part)]

    def _take(self, part: bytes) -> Iterator[Decoded]:
        data, at = self._partial + part, 0
        self._partial = b""
        while (match := self._start.search(data, at)) is not None:
            at = match.start()
            length = self._frame_length(data, at)
            if length is None:
                self._partial = data[at:]
                return
            if length == 0:
                at += 1
                continue
            decoded, consumed = self._judge(data[at : at + length])
            yield decoded
            at += consumed

    def _frame_length(self, data: bytes, at: int) -> int | None:
        """Of the frame at this place: None while it is incomplete, 0 when there is none."""
        seen = len(data) - at
        length = self._profile.frame_length(data[at : at + self._profile.max_length])
        if length is None:
            return None if seen < self._profile.max_length else 0
        if length > self._profile.max_length:
            return 0
        return length if length <= seen else None

    def _judge(self, frame: bytes) -> tuple[Decoded, int]:
        decoded = self._profile.parse(frame)
        if isinstance(decoded, Rejected) and decoded.reason in self._damage:
            inner = self._inside.search(frame, 1)
            if inner is not None:
                return Rejected(decoded.reason, frame[: inner.start()]), inner.start()
        return decoded, len(frame)
