"""Raw frames are kept bounded, read back as they came, and any changed byte shows."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.metrology.frames import (
    MAX_BYTES,
    MAX_FRAMES,
    BadFrames,
    frames_sha256,
    newest_that_fit,
    pack,
    unpack,
)

FRAMES = st.lists(st.binary(min_size=1, max_size=300), max_size=100)


@given(FRAMES)
def test_the_newest_are_kept_within_both_limits_and_read_back(frames: list[bytes]) -> None:
    kept = newest_that_fit(frames)
    packed = pack(kept)
    assert len(kept) <= MAX_FRAMES and len(packed) <= MAX_BYTES
    assert list(kept) == frames[len(frames) - len(kept) :]
    assert unpack(packed) == kept
    if len(kept) < min(len(frames), MAX_FRAMES):
        assert len(packed) + 2 + len(frames[-len(kept) - 1]) > MAX_BYTES, "no room is wasted"


def test_the_kept_form_is_length_and_frame() -> None:
    assert pack([b"\x02+00123\x03", b"x"]) == b"\x00\x08\x02+00123\x03\x00\x01x"
    assert frames_sha256([b"x"]) == hashlib.sha256(b"\x00\x01x").hexdigest()
    assert frames_sha256([]) is None
    assert newest_that_fit([b"", b"a", b""]) == (b"a",)


def test_what_is_too_much_goes_oldest_first() -> None:
    short = [b"%d" % number for number in range(MAX_FRAMES + 6)]
    assert newest_that_fit(short) == tuple(short[6:])
    long = [bytes([number]) * 510 for number in range(1, 10)]
    assert newest_that_fit(long) == tuple(long[1:]), "eight of 512 bytes fill the room to the last byte"
    assert newest_that_fit([*long, b"x"]) == (*long[2:], b"x")
    assert newest_that_fit([b"older", b"x" * MAX_BYTES]) == (), "no frame is cut, and none stands in for a newer one"


def test_a_refusal_says_where() -> None:
    with pytest.raises(BadFrames, match=r"^byte 3 of 5 begins no whole frame$"):
        unpack(b"\x00\x01x\x00\x07")


def test_what_is_no_kept_form_is_refused(subtests: pytest.Subtests) -> None:
    for damaged in [b"\x00", b"\x00\x00", b"\x00\x02x", b"\x00\x01xy", b"\x00\x01x\x00"]:
        with subtests.test(damaged=damaged), pytest.raises(BadFrames):
            unpack(damaged)
