"""Recorded key events as text: the US map, and whole scans refused for one key that could steer something."""

from __future__ import annotations

import string
from struct import Struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.devices.scanner.keys import LAYOUT_32, LAYOUT_64, MAX_GAP_S, NATIVE, PLAIN, SHIFTED, KeyDecoder, TypedScan
from kiosk.protocols.barcodes.refusal import RefusedScan, ScanRefusal
from kiosk.protocols.barcodes.scan import MAX_NAMED_LENGTH
from kiosk.simulators.scanner.typing import typed

A, B, ENTER, TAB, KP_ENTER, SHIFT, R_SHIFT, CTRL, ALT, META = 30, 48, 28, 15, 96, 42, 54, 29, 56, 125
F1, ESC, BACKSPACE, CAPS, DELETE, NUM_LOCK, RIGHT_BRACKET, J = 59, 1, 14, 58, 111, 69, 27, 36

RECORDED_64 = bytes.fromhex(
    # A Code 128 scanner typing "Y1" and Enter, as read from an event node of a 64-bit kernel.
    "0c5f2f65000000005b3c0600000000000400040002000000" + "0c5f2f65000000005b3c06000000000001002a0001000000"
    "0c5f2f65000000005b3c0600000000000000000000000000" + "0c5f2f6500000000a13d0600000000000100150001000000"
    "0c5f2f6500000000a13d0600000000000000000000000000" + "0c5f2f6500000000e83e0600000000000100150000000000"
    "0c5f2f6500000000e83e06000000000001002a0000000000" + "0c5f2f6500000000e83e0600000000000000000000000000"
    "0c5f2f650000000030400600000000000100020001000000" + "0c5f2f650000000030400600000000000000000000000000"
    "0c5f2f650000000077410600000000000100020000000000" + "0c5f2f6500000000774106000000000001001c0001000000"
    "0c5f2f650000000077410600000000000000000000000000" + "0c5f2f6500000000be4206000000000001001c0000000000"
)


def press(*codes: int, layout: Struct = NATIVE) -> bytes:
    """Each key pressed and released in turn."""
    return b"".join(
        layout.pack(0, 0, 1, code, value) + layout.pack(0, 0, 0, 0, 0) for code in codes for value in (1, 0)
    )


def held(holding: int, *codes: int) -> bytes:
    return NATIVE.pack(0, 0, 1, holding, 1) + press(*codes) + NATIVE.pack(0, 0, 1, holding, 0)


def decoded(*pieces: bytes) -> list[TypedScan]:
    decoder = KeyDecoder()
    return [found for piece in pieces for found in decoder.feed(piece, 0.0)]


def texts(data: bytes) -> list[str]:
    return [found.text for found in decoded(data)]


def test_the_layouts_are_those_of_the_kernel() -> None:
    assert (LAYOUT_64.size, LAYOUT_32.size) == (24, 16)
    assert NATIVE in (LAYOUT_64, LAYOUT_32)


def test_a_recorded_scan() -> None:
    assert KeyDecoder(LAYOUT_64).feed(RECORDED_64, 0.0) == [TypedScan("Y1")]


def test_the_same_from_a_32_bit_kernel() -> None:
    events = [LAYOUT_64.unpack_from(RECORDED_64, at) for at in range(0, len(RECORDED_64), 24)]
    assert KeyDecoder(LAYOUT_32).feed(b"".join(LAYOUT_32.pack(*event) for event in events), 0.0) == [TypedScan("Y1")]


@pytest.mark.parametrize("size", [1, 5, 23, 24, 25, 100])
def test_a_cut_at_any_byte_changes_nothing(size: int) -> None:
    data = typed("SF1385123456789") + typed("]C1010690123456789210A\x1d21b")
    decoder = KeyDecoder()
    found = [one for at in range(0, len(data), size) for one in decoder.feed(data[at : at + size], 0.0)]
    assert found == [TypedScan("SF1385123456789"), TypedScan("]C1010690123456789210A\x1d21b")]


def test_every_printable_character_has_a_key() -> None:
    assert {*PLAIN.values(), *SHIFTED.values()} == set(string.printable[:95])
    (found,) = decoded(typed(string.printable[:95]))
    assert found.text == string.printable[:95]


def test_the_keypad_is_digits_whether_num_lock_is_on_or_not() -> None:
    assert texts(press(NUM_LOCK, 82, 79, 80, 81, 75, 76, 77, 71, 72, 73, NUM_LOCK, KP_ENTER)) == ["0123456789"]


@pytest.mark.parametrize("end", [ENTER, TAB, KP_ENTER])
def test_three_keys_end_a_scan(end: int) -> None:
    assert texts(press(A, end, B, end)) == ["a", "b"]


def test_an_end_without_a_scan_is_nothing() -> None:
    assert decoded(press(ENTER, TAB, KP_ENTER)) == []
    assert texts(press(A, ENTER, ENTER)) == ["a"]


def test_either_shift_held_for_several_keys() -> None:
    assert texts(held(SHIFT, A, B) + press(A) + held(R_SHIFT, B) + press(ENTER)) == ["ABaB"]


def test_a_key_that_repeats_itself_was_pressed_once() -> None:
    repeat = NATIVE.pack(0, 0, 1, A, 2)
    assert texts(NATIVE.pack(0, 0, 1, A, 1) + repeat * 5 + NATIVE.pack(0, 0, 1, A, 0) + press(ENTER)) == ["a"]


def test_ctrl_with_the_right_bracket_is_gs() -> None:
    assert texts(press(A) + held(CTRL, RIGHT_BRACKET) + press(B, ENTER)) == ["a\x1db"]


@pytest.mark.parametrize(
    "steering",
    [
        held(CTRL, J),
        held(CTRL, A),
        held(97, J),
        held(CTRL, ENTER),
        held(SHIFT) + NATIVE.pack(0, 0, 1, SHIFT, 1) + held(CTRL, RIGHT_BRACKET) + NATIVE.pack(0, 0, 1, SHIFT, 0),
        held(ALT, A),
        held(100, A),
        held(META, A),
        press(F1),
        press(ESC),
        press(BACKSPACE),
        press(DELETE),
        press(CAPS),
        press(86),
        press(600),
        held(CTRL, 11, 46, 28),
    ],
)
def test_whatever_steers_refuses_the_whole_scan_and_not_the_next(steering: bytes) -> None:
    first, *rest = decoded(press(A, B) + steering + press(A, ENTER) + press(B, ENTER))
    assert first.refused
    assert first.text == ""
    assert rest[-1] == TypedScan("b")
    assert all(one.refused or one.text in ("a", "b") for one in rest)


def test_at_most_256_characters() -> None:
    fit, too_many, after = decoded(
        press(*[A] * MAX_NAMED_LENGTH, ENTER), press(*[A] * (MAX_NAMED_LENGTH + 1), B, ENTER), press(B, ENTER)
    )
    assert (fit, after) == (TypedScan("a" * MAX_NAMED_LENGTH), TypedScan("b"))
    assert too_many.refused is not None
    assert too_many.refused.word is ScanRefusal.TOO_LONG


def test_a_key_held_for_ever_does_not_fill_the_memory_and_is_told_once() -> None:
    decoder = KeyDecoder()
    (told,) = [found for _ in range(200) for found in decoder.feed(press(*[A] * 100), 0.0)]
    assert told.refused is not None
    assert told.refused.word is ScanRefusal.TOO_LONG
    assert len(decoder._text) <= MAX_NAMED_LENGTH


def test_a_gap_drops_the_scan_up_to_its_end() -> None:
    decoder = KeyDecoder()
    assert decoder.feed(press(A), 10.0) == []
    assert decoder.feed(press(B), 10.0 + MAX_GAP_S) == []
    assert decoder.feed(press(ENTER), 10.1 + MAX_GAP_S) == [TypedScan("ab")]
    decoder.feed(press(A), 20.0)
    assert decoder.feed(press(B), 21.01 + MAX_GAP_S) == []
    (dropped,) = decoder.feed(press(ENTER), 21.02 + MAX_GAP_S)
    assert dropped.text == ""
    assert dropped.refused is not None
    assert dropped.refused.word is ScanRefusal.HALF
    assert decoder.feed(press(A, ENTER), 500.0) == [TypedScan("a")]


def test_a_pause_between_two_scans_is_no_gap() -> None:
    decoder = KeyDecoder()
    assert decoder.feed(press(A, ENTER), 0.0) == [TypedScan("a")]
    assert decoder.feed(press(SHIFT), 100.0) == []
    assert decoder.feed(press(B, ENTER), 200.0) == [TypedScan("b")]


def test_keys_the_kernel_lost_refuse_the_scan_and_leave_no_shift_behind() -> None:
    dropped = NATIVE.pack(0, 0, 0, 3, 0)
    found = decoded(NATIVE.pack(0, 0, 1, SHIFT, 1) + press(A) + dropped + press(B, ENTER) + press(B, ENTER))
    assert found == [TypedScan("", RefusedScan(ScanRefusal.HALF, "keys were lost")), TypedScan("b")]


def test_other_events_are_not_keys() -> None:
    noise = NATIVE.pack(1, 2, 4, 4, 458756) + NATIVE.pack(1, 2, 17, 0, 1) + NATIVE.pack(1, 2, 2, A, 1)
    assert texts(noise + press(A) + noise + press(ENTER)) == ["a"]


@settings(deadline=None)
@given(st.binary(max_size=500), st.lists(st.floats(0, 100), max_size=4))
def test_no_bytes_ever_make_more_than_printable_text(data: bytes, times: list[float]) -> None:
    decoder = KeyDecoder()
    for at in [0.0, *sorted(times)]:
        for found in decoder.feed(data, at):
            assert not (found.text and found.refused)
            assert set(found.text) <= {*string.printable[:95], "\x1d"}
            assert len(found.text) <= MAX_NAMED_LENGTH


@settings(deadline=None)
@given(st.text(string.printable[:95] + "\x1d", min_size=1, max_size=60))
def test_what_is_typed_is_read(text: str) -> None:
    assert decoded(typed(text)) == [TypedScan(text)]
