"""Framing engines; a profile row makes an indicator's decoder out of one.

All give the same results however the bytes are cut into calls, and keep less than one frame.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kiosk.protocols.scales.shared.ports import Decoder, settled
from kiosk.protocols.scales.shared.reading import Decoded, Rejected, RejectReason

_SLICE = 4096
_CLEAR_BIT_7 = bytes(byte & 0x7F for byte in range(256))


def slices(data: bytes) -> Iterator[bytes]:
    """Yield small copies only, so that a call with megabytes does not double them."""
    return (data[at : at + _SLICE] for at in range(0, len(data), _SLICE))


class StripParity:
    """A 7-bit line read as 8 bits: clears bit 7 before the format's own decoder sees the byte."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    def feed(self, data: bytes) -> list[Decoded]:
        return self._decoder.feed(data.translate(_CLEAR_BIT_7))

    def settle(self) -> list[Decoded]:
        return settled(self._decoder)


@dataclass(frozen=True, slots=True)
class FixedProfile:
    """Frames of ``length`` bytes from ``start`` to ``end``, neither of which occurs elsewhere in a frame.

    ``min_length`` is for formats with frames of several lengths; ``length`` is then the longest.
    """

    start: int
    end: int
    length: int
    parse: Callable[[bytes], Decoded]
    min_length: int = 0


class FixedEngine:
    """Cuts a byte stream into frames between two bytes that mark nothing else.

    An inner start byte ends the fragment before it (framing) and begins a new frame; an end byte too early
    or missing at its place is framing; bytes outside frames are silence, for a port is opened mid-stream.
    """

    def __init__(self, profile: FixedProfile) -> None:
        self._profile = profile
        self._partial = b""
        edge = re.escape(bytes((profile.start, profile.end)))
        body = b"[^%b]{0,%d}" % (edge, profile.length - 2)
        self._body = re.compile(re.escape(bytes((profile.start,))) + body, re.DOTALL)

    def feed(self, data: bytes) -> list[Decoded]:
        return [decoded for part in slices(data) for decoded in self._take(part)]

    def _take(self, part: bytes) -> Iterator[Decoded]:
        data, at = self._partial + part, 0
        self._partial = b""
        while (at := data.find(self._profile.start, at)) >= 0:
            match = self._body.match(data, at)
            assert match is not None  # a start byte alone matches
            if match.end() == len(data):
                self._partial = data[at:]
                return
            stop = match.end() + (data[match.end()] != self._profile.start)
            yield self._judge(data[at:stop])
            at = stop

    def _judge(self, fragment: bytes) -> Decoded:
        profile = self._profile
        min_length = profile.min_length or profile.length
        if min_length <= len(fragment) <= profile.length and fragment[-1] == profile.end:
            return profile.parse(fragment)
        return Rejected(RejectReason.FRAMING, fragment)


@dataclass(frozen=True, slots=True)
class LineProfile:
    """Lines of at most ``max_length`` bytes.

    ``head`` matches where a frame may begin and serves to find a whole frame behind the rest of a broken one.
    ``ends`` are the bytes of which any run ends a line; a format whose messages hold CR and LF ends with another.
    """

    max_length: int
    head: re.Pattern[bytes]
    parse: Callable[[bytes], Decoded]
    ends: bytes = b"\r\n"


class LineEngine:
    """Cuts a byte stream into text lines ended by CR, LF or any run of them, or by other bytes of the profile.

    Raw bytes of a result are the line without its end. A line that grows too long is refused once, as soon as
    it is too long; a whole frame at its end is still read.
    """

    def __init__(self, profile: LineProfile) -> None:
        self._profile = profile
        self._end = profile.ends[:1]
        self._one_end = bytes.maketrans(profile.ends, self._end * len(profile.ends))
        self._line = b""
        self._overrun = False

    def feed(self, data: bytes) -> list[Decoded]:
        return [decoded for part in slices(data) for decoded in self._take(part)]

    def _take(self, part: bytes) -> Iterator[Decoded]:
        *ended, rest = part.translate(self._one_end).split(self._end)
        for piece in ended:
            yield from self._grow(piece)
            line, overrun = self._line, self._overrun
            self._line, self._overrun = b"", False
            if overrun:
                yield from self._last_frame(line)
            elif line:
                yield from self._judge(line)
        yield from self._grow(rest)

    def _grow(self, piece: bytes) -> Iterator[Decoded]:
        max_length = self._profile.max_length
        self._line += piece
        if len(self._line) <= max_length:
            return
        if not self._overrun:
            self._overrun = True
            yield Rejected(RejectReason.FRAMING, self._line[:max_length])
        self._line = self._line[-max_length:]

    def _judge(self, line: bytes) -> Iterator[Decoded]:
        whole = self._profile.parse(line)
        inner = self._last_frame(line) if isinstance(whole, Rejected) else []
        if not inner:
            yield whole
            return
        yield Rejected(RejectReason.FRAMING, line[: len(line) - len(inner[0].raw)])
        yield from inner

    def _last_frame(self, line: bytes) -> list[Decoded]:
        """Decode the whole frame that begins at the last head in the line, if there is one."""
        heads = [match.start() for match in self._profile.head.finditer(line)]
        if not heads:
            return []
        decoded = self._profile.parse(line[heads[-1] :])
        return [] if isinstance(decoded, Rejected) else [decoded]


_DAMAGE = frozenset({RejectReason.FRAMING, RejectReason.CHECKSUM, RejectReason.PARITY})


@dataclass(frozen=True, slots=True)
class FrameLengthProfile:
    """Frames that begin with one of the bytes ``start`` and are at most ``max_length`` bytes.

    ``frame_length`` gets the bytes from a start on (at most ``max_length``) and returns the length of this frame: None
    while it is not known yet, 0 when no frame begins here. More bytes may never change an answer it has given.
    ``parse`` gets exactly so many bytes. ``head`` is for formats in which what follows a start byte can rule a frame
    out: it matches at every start byte not ruled out yet, also while the bytes after it are missing. ``sealed``: a
    frame in which only the check is wrong holds no other and is taken whole; the check byte may look like a start.
    ``inside``: the start bytes looked for in a damaged frame, if some of ``start`` are one-byte frames as likely in it.
    """

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

    A damaged frame is refused up to the next byte in it that may begin one: the frame behind a lost byte is found. A
    whole frame that carries something else than a weight is taken whole. Bytes outside frames are ignored.
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
        """Return the length of the frame at this place: None while it is incomplete, 0 when there is none."""
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
