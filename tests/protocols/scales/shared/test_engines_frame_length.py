"""The engine for measured frames, with a format of its own: '#', a digit that says how many letters follow, '!'."""

from __future__ import annotations

import re

import pytest

from kiosk.protocols.scales.shared.engines import FrameLengthEngine, FrameLengthProfile, fixed_length
from kiosk.protocols.scales.shared.reading import Decoded, Record, Rejected, RejectReason

_FRAME = re.compile(rb"#[0-9]([a-z]*)!")


def _measure(seen: bytes) -> int | None:
    if len(seen) < 2:
        return None
    return int(seen[1:2]) + 3 if seen[1:2].isdigit() else 0


def _parse(frame: bytes) -> Decoded:
    if frame.startswith(b"#3nak"):
        return Rejected(RejectReason.NAK, frame)
    match = _FRAME.fullmatch(frame)
    return Record("text", match[1].decode("ascii"), frame) if match else Rejected(RejectReason.FRAMING, frame)


def _fed(data: bytes, longest: int = 8, head: re.Pattern[bytes] | None = None) -> list[Decoded]:
    profile = FrameLengthProfile(b"#", longest, _measure, _parse, head)
    whole = FrameLengthEngine(profile).feed(data)
    by_byte = FrameLengthEngine(profile)
    assert [item for at in range(len(data)) for item in by_byte.feed(data[at : at + 1])] == whole
    return whole


def _text(value: str) -> Record:
    return Record("text", value, b"#%d%b!" % (len(value), value.encode("ascii")))


def _damaged(raw: bytes) -> Rejected:
    return Rejected(RejectReason.FRAMING, raw)


def test_frames(subtests: pytest.Subtests) -> None:
    for name, data, decoded in [
        ("two frames", b"#3abc!#0!", [_text("abc"), _text("")]),
        ("noise around", b"xyz!#3abc!xyz", [_text("abc")]),
        ("a lost end: the next frame is found", b"#3ab#1a!", [_damaged(b"#3ab"), _text("a")]),
        ("two broken frames", b"#3a#2#0!", [_damaged(b"#3a"), _damaged(b"#2"), _text("")]),
        ("a frame too long", b"#3abcd#1a!", [_damaged(b"#3abcd"), _text("a")]),
        ("no frame begins here", b"#x#1a!", [_text("a")]),
        ("refused as a whole", b"#3nak!#1a!", [Rejected(RejectReason.NAK, b"#3nak!"), _text("a")]),
        ("longer than any frame", b"#9abcdefghi!#1a!", [_text("a")]),
        ("incomplete", b"#3ab", []),
        ("a start alone", b"#", []),
    ]:
        with subtests.test(name):
            assert _fed(data) == decoded


def test_a_refused_frame_that_is_whole_is_not_searched_for_another() -> None:
    profile = FrameLengthProfile(b"#", 6, fixed_length(6), lambda frame: Rejected(RejectReason.NAK, frame))
    assert FrameLengthEngine(profile).feed(b"#a#b#c#d") == [Rejected(RejectReason.NAK, b"#a#b#c")]


def test_a_head_rules_starts_out_without_a_word() -> None:
    head = re.compile(rb"#(?!#)")
    assert _fed(b"####3abc!##1a!##", head=head) == [_text("abc"), _text("a")]


def test_what_is_kept_is_less_than_a_frame() -> None:
    engine = FrameLengthEngine(FrameLengthProfile(b"#", 8, lambda _: None, _parse))
    engine.feed(b"#a" * 100_000)
    assert len(engine._partial) < 8
