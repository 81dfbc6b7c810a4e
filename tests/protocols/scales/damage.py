"""The damage table: what happens to bytes on a wire, each kind as a function from good frames to damaged streams.

A case is the byte that was hit (b"" when it was no single one) and the stream a receiver gets. A second good frame
stands behind the damage, as it does on a real line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

NOISE = (b"\xff\x00\x80", b"U" * 200, b",,,", b"\x1b[2J", b"\x7f\x01", b"\xfe" * 300)
"""What a switched-on line, a wrong speed and other programs put on a wire: nothing that a scale sends as a digit."""
SPEEDS = (8, 4, 2, 0.5, 0.25)
"""Receiver's speed over the sender's."""
Case = tuple[bytes, bytes]


@dataclass(frozen=True)
class Kind:
    """One row of the table; ``make(frame, other)`` gives its cases."""

    id: str
    text: str
    make: Callable[[bytes, bytes], Iterator[Case]]


def _before(frame: bytes, other: bytes) -> Iterator[Case]:
    yield from ((b"", noise + frame + other) for noise in NOISE)


def _inside(frame: bytes, other: bytes) -> Iterator[Case]:
    for at in range(1, len(frame)):
        yield from ((b"", frame[:at] + noise + frame[at:] + other) for noise in NOISE)


def _after(frame: bytes, other: bytes) -> Iterator[Case]:
    yield from ((b"", frame + noise + other) for noise in NOISE)


def _lost(frame: bytes, other: bytes) -> Iterator[Case]:
    for at in range(len(frame)):
        yield frame[at : at + 1], frame[:at] + frame[at + 1 :] + other


def _doubled(frame: bytes, other: bytes) -> Iterator[Case]:
    for at in range(len(frame)):
        yield frame[at : at + 1], frame[: at + 1] + frame[at:] + other


def _bit(frame: bytes, other: bytes) -> Iterator[Case]:
    for at in range(len(frame)):
        for bit in range(8):
            yield frame[at : at + 1], frame[:at] + bytes((frame[at] ^ 1 << bit,)) + frame[at + 1 :] + other


def _glued(frame: bytes, other: bytes) -> Iterator[Case]:
    yield from ((b"", frame[:at] + other) for at in range(1, len(frame)))


def _broken_off(frame: bytes, _: bytes) -> Iterator[Case]:
    yield from ((b"", frame[:at]) for at in range(len(frame)))


def _endless(frame: bytes, other: bytes) -> Iterator[Case]:
    for end in range(1, 4):
        yield from ((b"", frame[:-end] + bytes((byte,)) * 200 + other) for byte in (*frame[-end:], *b"0 U\xf0"))


def _parity(frame: bytes, other: bytes) -> Iterator[Case]:
    for odd in (False, True):
        yield b"", with_parity(frame, odd) + with_parity(other, odd)


def _speed(frame: bytes, other: bytes) -> Iterator[Case]:
    yield from ((b"", resampled(frame + other, ratio)) for ratio in SPEEDS)


def with_parity(data: bytes, odd: bool) -> bytes:
    """Seven-bit characters as an eight-bit receiver reads them: the parity bit on top."""
    return bytes((byte & 0x7F) | ((byte & 0x7F).bit_count() + odd) % 2 << 7 for byte in data)


def resampled(data: bytes, ratio: float) -> bytes:
    """What a receiver at ``ratio`` times the sender's speed makes of 8N1 characters.

    It waits for a start bit, looks at the line in the middle of each of its own bit times, and takes what it sees;
    a character whose stop bit is missing is taken as well, as a UART without its framing error looked at does.
    """
    bits = [bit for byte in data for bit in (0, *(byte >> n & 1 for n in range(8)), 1)]
    line = [1, *bits, 1, 1]
    at, seen = 0.0, bytearray()

    def level(moment: float) -> int:
        return line[int(moment)] if moment < len(line) else 1

    step = 1 / ratio
    while at < len(line):
        if level(at):
            at = float(int(at) + 1)
            continue
        seen.append(sum(level(at + step * (n + 1.5)) << n for n in range(8)))
        at += step * 9.5
    return bytes(seen)


KINDS = (
    Kind("garbage_before", "garbage before a frame", _before),
    Kind("garbage_inside", "garbage inside a frame", _inside),
    Kind("garbage_after", "garbage after a frame", _after),
    Kind("lost", "a lost byte", _lost),
    Kind("doubled", "a doubled byte", _doubled),
    Kind("bit", "one bit turned over", _bit),
    Kind("speed", "a wrong baud rate", _speed),
    Kind("parity", "the parity bit left on", _parity),
    Kind("glued", "a frame broken off and the next one glued to it", _glued),
    Kind("broken_off", "the line goes dead inside a frame", _broken_off),
    Kind("endless", "200 bytes without an end", _endless),
)
"""A wrong checksum is a kind of its own only for formats that have one: ``wrong_checks``."""


def wrong_checks(frame: bytes, first: int, end: int) -> Iterator[bytes]:
    """The frame with every other value of every byte of its check."""
    for at in range(len(frame))[first:end]:
        for value in range(256):
            if value != frame[at]:
                yield frame[:at] + bytes((value,)) + frame[at + 1 :]
