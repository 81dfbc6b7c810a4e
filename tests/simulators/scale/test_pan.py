"""The load on a simulated pan, at moments chosen by the test."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kiosk.simulators.scale.line import at_an_eighth_of_the_speed, garbled
from kiosk.simulators.scale.pan import SimulatedPan, grams
from kiosk.simulators.shared.faults import BadFaultWord


def _settling(pan: SimulatedPan) -> list[tuple[Decimal, bool]]:
    pan.put(5000, now=100.0)
    shown = [pan.shown(100 + hundredth / 100) for hundredth in range(60)]
    return [(display.weight, display.stable) for display in shown]


def test_a_load_swings_beyond_once_and_settles_the_same_way_every_time() -> None:
    first, second = (_settling(SimulatedPan("kg", 3, step_g=1, settle_s=0.4)) for _ in range(2))
    assert first == second
    assert first[0] == (Decimal("0.000"), False)
    assert [stable for _, stable in first] == [False] * 40 + [True] * 20
    assert Decimal(5) < max(weight for weight, _ in first) < Decimal(7)
    assert {weight for weight, stable in first if stable} == {Decimal("5.000")}


def test_goods_put_on_while_it_still_swings_go_on_from_there() -> None:
    pan = SimulatedPan("kg", 3, step_g=1, settle_s=0.4)
    pan.put(5000, now=10.0)
    before = pan.shown(10.05).weight
    pan.put(1000, now=10.05)
    assert pan.shown(10.05).weight == before
    assert pan.shown(10.46).weight == 1


def test_the_display_rounds_to_the_step_and_to_its_decimals() -> None:
    pan = SimulatedPan("kg", 2, step_g=20, settle_s=0)
    for load_g, shown in ((2489, "2.48"), (2490, "2.50"), (-30, "-0.04"), (-9, "0.00")):
        pan.put(load_g, now=1.0)
        assert str(pan.shown(2.0).weight + 0) == shown


def test_masses_of_fault_words(subtests: pytest.Subtests) -> None:
    for text, mass_g in [("2.480kg", 2480), ("640g", 640), ("-0.05 kg", -50), (" 0kg ", 0)]:
        with subtests.test(text=text, mass_g=mass_g):
            assert grams(text) == mass_g


def test_what_is_not_a_mass_is_named(subtests: pytest.Subtests) -> None:
    for text in ["", "kg", "1", "1lb", "0.5g", "1.2345kg", "1e3kg", "9999999kg", "--1kg", "1kg;2kg"]:
        with subtests.test(text=text), pytest.raises(BadFaultWord, match="not a mass in whole grams"):
            grams(text)


def test_a_garbled_frame_keeps_no_digit_even_without_bit_7() -> None:
    frame = b"0123456789+-. "
    for offset in range(3):
        damaged = garbled(frame[offset:])
        touched = damaged[1::3]
        assert all(byte > 0x7F for byte in touched)
        assert not any(chr(byte & 0x7F) in "0123456789+-. " for byte in touched)


def test_an_eighth_of_the_speed_as_a_receiver_samples_it() -> None:
    # 0x00 sent slowly is low for 72 fast bits (start and data), then high for 8 (stop): seven bytes of ten low bits,
    # then the last two low bits are a start bit and one data bit.
    assert at_an_eighth_of_the_speed(b"\x00") == b"\x00" * 7 + b"\xfe"
    # 0xFF sent slowly is low for its start bit alone, 8 fast bits: a start bit and seven data bits.
    assert at_an_eighth_of_the_speed(b"\xff") == b"\x80"
