"""Massa-K: the check against long division of polynomials, and what the terminal answers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.formats import massak
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Reading, Record


def _remainder(body: bytes) -> int:
    """The body as a polynomial over two elements, divided by x16 + x12 + x5 + 1."""
    left = int.from_bytes(body, "big")
    while left.bit_length() > 16:
        left ^= 0x11021 << (left.bit_length() - 17)
    return left


def test_the_check_of_one_byte_is_that_byte(subtests: pytest.Subtests) -> None:
    for byte in range(256):
        with subtests.test(byte=byte):
            assert massak.check(bytes((byte,))) == byte


@given(st.binary(min_size=1, max_size=40))
def test_the_check_is_the_remainder_of_the_body(body: bytes) -> None:
    assert massak.check(body) == _remainder(body)


def test_every_value_of_a_count_keeps_its_decimals(subtests: pytest.Subtests) -> None:
    for decimals, text in [(0, "7"), (1, "7.4"), (2, "7.39"), (3, "7.385"), (4, "7.3852")]:
        with subtests.test(decimals=decimals, text=text):
            shown = DisplayState(Decimal(text), net=True)
            (reading,) = registry.decoder("massak_100", {}).feed(massak.encode_frame(shown, {}))
            assert isinstance(reading, Reading)
            assert (str(reading.weight), reading.unit, reading.net) == (text, "kg", True)


def test_the_tare_comes_with_the_weight() -> None:
    body = bytes.fromhex("24 06FFFFFF 01 01 01 00 80020000")
    frame = b"\xf8\x55\xce\x0d\x00" + body + _remainder(body).to_bytes(2, "little")
    (reading,) = registry.decoder("massak_100", {}).feed(frame)
    assert isinstance(reading, Reading)
    assert (reading.weight, reading.tare) == (Decimal("-0.250"), Decimal("0.640"))


def test_what_the_frame_cannot_carry_is_refused_by_the_builder(subtests: pytest.Subtests) -> None:
    for shown in [DisplayState(Decimal("7.385"), unit="lb"), DisplayState(Decimal("7.38512"))]:
        with subtests.test(shown=shown), pytest.raises(ValueError, match="kg with 0 to 4 decimals"):
            massak.encode_frame(shown, {})


def test_zero_is_acknowledged() -> None:
    row = registry.get("massak_100")
    assert row.respond is not None
    (answer,) = registry.decoder("massak_100", {}).feed(row.respond("zero", DisplayState(Decimal("0.000")), {}))
    assert isinstance(answer, Record)


def test_a_length_that_no_frame_has_does_not_hold_up_the_next_one() -> None:
    good = massak.encode_frame(DisplayState(Decimal("7.385")), {})
    decoded = registry.decoder("massak_100", {}).feed(b"\xf8\x55\xce\xff\xff" + good)
    assert [item.weight for item in decoded if isinstance(item, Reading)] == [Decimal("7.385")]


def test_grams_of_the_answer_to_j(subtests: pytest.Subtests) -> None:
    for grams in [0, 7385, -250, 32767, -32768]:
        with subtests.test(grams=grams):
            shown = DisplayState(Decimal(grams), unit="g", stable=False)
            (reading,) = registry.decoder("massak_j", {}).feed(massak.encode_j(shown, {}))
            assert isinstance(reading, Reading)
            assert (reading.weight, reading.unit, reading.stable) == (Decimal(grams), "g", False)


def test_more_than_two_bytes_of_grams_are_never_sent_shortened() -> None:
    assert massak.encode_j(DisplayState(Decimal(32768), unit="g"), {}) == b""
