"""Ohaus: the errors that mean out of range, each layout of the simulated balance."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Reading, Rejected, RejectReason
from tests.protocols.scales.golden import decode


def test_the_error_that_says_over_or_under(subtests: pytest.Subtests) -> None:
    for line, over in [(b"Err8.3\r\n", True), (b"Err8.4\r\n", False), (b"Err 8.3\r\n", True)]:
        with subtests.test(line=line, over=over):
            (told,) = decode("ohaus_print", {}, line)
            assert isinstance(told, Reading)
            assert (told.weight, told.overload, told.underload) == (None, over, not over)


def test_any_other_error_is_one(subtests: pytest.Subtests) -> None:
    for line in [b"Err8.5", b"Err8.33", b"[Err 0]"]:
        with subtests.test(line=line):
            assert decode("ohaus_print", {}, line + b"\r\n") == [Rejected(RejectReason.DEVICE_ERROR, line)]


def test_each_layout_of_the_simulated_balance(subtests: pytest.Subtests) -> None:
    for layout, shown, line in [
        ("any", DisplayState(Decimal("7.385")), b"    7.385 kg    G  \r\n"),
        ("any", DisplayState(Decimal("-0.25"), stable=False, net=True), b"-    0.25 kg   ?NET\r\n"),
        ("defender", DisplayState(Decimal(1234), unit="g"), b"     1234 g     G  \r\n"),
        ("11", DisplayState(Decimal("-7.385"), stable=False), b"     -7.385 kg ? G\r\n"),
        ("12", DisplayState(Decimal("7.385"), net=True), b"       7.385 kg   NET\r\n"),
        ("10", DisplayState(Decimal("7.385")), b"     7.385 kg   G\r\n"),
        ("defender_3000", DisplayState(Decimal("7.385")), b"   7.385 kg    G\r\n"),
        ("defender_3000", DisplayState(Decimal("-1.64"), stable=False, net=True), b"-   1.64 kg   ?N\r\n"),
        ("ranger", DisplayState(Decimal("7.385")), b"     7.385 kg   B/G\r\n"),
        ("ranger", DisplayState(Decimal("-1234"), unit="g", stable=False, net=True), b"-     1234 g  ? NET\r\n"),
    ]:
        with subtests.test(layout=layout, shown=shown, line=line):
            params = registry.defaults("ohaus_print") | {"layout": layout}
            assert registry.get("ohaus_print").encode_frame(shown, params) == line
            (told,) = decode("ohaus_print", {"layout": layout}, line)
            assert isinstance(told, Reading)
            assert (told.weight, told.unit, told.stable, told.net) == (
                shown.weight,
                shown.unit,
                shown.stable,
                shown.net,
            )


_LINES = (
    b"   7.385 kg    G",
    b"-  1.640 kg   ?G",
    b" 150.000 kg    G",
    b"     7.385 kg   B/G",
    b"-   12.450 kg ? B/G",
    b"    7.385 kg    G  ",
)


def _weights(line: bytes) -> set[str]:
    told = decode("ohaus_print", {}, line + b"\r\n")
    return {str(item.weight) for item in told if isinstance(item, Reading)}


def test_a_gross_number_whose_head_was_cut_off_is_no_weight(subtests: pytest.Subtests) -> None:
    """Whatever stands in the place of the head, unless it is as long: then bytes were changed, and nothing was cut."""
    for line in _LINES:
        with subtests.test(line=line):
            (right,) = _weights(line)
            for cut in range(1, len(line)):
                for head in (b"", b"\xff", b"\x00\xfe", b"-", b" ", b"  ", b"1", b"0", b" 1", b"-1", b"1 ", b"kg    G"):
                    if len(head) != cut:
                        assert _weights(head + line[cut:]) <= {right}, head + line[cut:]


def test_one_byte_more_or_less_in_a_gross_line_is_no_other_weight(subtests: pytest.Subtests) -> None:
    for line in _LINES:
        with subtests.test(line=line):
            (right,) = _weights(line)
            for at in range(len(line)):
                assert _weights(line[:at] + line[at + 1 :]) <= {right}
                for byte in b"0123456789 -.GNTBk?\xff":
                    assert _weights(line[:at] + bytes((byte,)) + line[at:]) <= {right}, (at, byte)


def test_gross_lines_of_one_indicator_run_into_each_other_are_no_third_weight(subtests: pytest.Subtests) -> None:
    """Unless exactly a line's length is lost: then digits have changed, and nothing else."""
    for lines in [_LINES[:3], _LINES[3:5], _LINES[5:]]:
        with subtests.test(lines=lines):
            for line, other in product(lines, lines):
                sent = _weights(line) | _weights(other)
                for end, begin in product(range(len(line) + 1), range(len(other))):
                    if end != begin:
                        assert _weights(line[:end] + other[begin:]) <= sent, (line[:end], other[begin:])


def test_noise_before_the_first_line_of_a_defender_3000() -> None:
    for noise in (b"\xff", b"\x00\x00", b"U\xfe\x80", b"\x1b[", b"kg    G\r\n"):
        (*_, told) = decode("ohaus_print", {}, noise + b"   7.385 kg    G\r\n")
        assert isinstance(told, Reading)
        assert (str(told.weight), told.stable, told.net) == ("7.385", True, False)


def test_out_of_range_nothing_is_printed() -> None:
    for shown in (DisplayState(Decimal(1), overload=True), DisplayState(Decimal(-1), underload=True)):
        assert registry.get("ohaus_print").encode_frame(shown, registry.defaults("ohaus_print")) == b""


def test_what_does_not_fit_cannot_be_sent(subtests: pytest.Subtests) -> None:
    for layout, weight, unit in [
        ("any", "123456.78", "kg"),
        ("any", "1", "st"),
        ("defender_3000", "12345.678", "kg"),
        ("ranger", "12345.678", "kg"),
        ("ranger", "1", "ozt"),
        ("11", "1234567.890", "kg"),
    ]:
        with subtests.test(layout=layout, weight=weight, unit=unit):
            params = registry.defaults("ohaus_print") | {"layout": layout}
            with pytest.raises(ValueError, match="ohaus_print"):
                registry.get("ohaus_print").encode_frame(DisplayState(Decimal(weight), unit=unit), params)
