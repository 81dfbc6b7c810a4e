"""Corners of the engines that no real format reaches: what a small change in their code would turn."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from kiosk.protocols.scales.formats.xk3190.equals import EqualsEngine
from kiosk.protocols.scales.shared.engines import (
    FixedEngine,
    FixedProfile,
    FrameLengthEngine,
    FrameLengthProfile,
    LineEngine,
    LineProfile,
    fixed_length,
)
from kiosk.protocols.scales.shared.numbers import from_digits, from_text, signed, to_digits, to_text
from kiosk.protocols.scales.shared.params import BadParameter, Parameter, validated
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason
from kiosk.protocols.scales.shared.text_format import TextFormat, with_width


def _taken(frame: bytes) -> Decoded:
    return Record("frame", "", frame)


# --- engines ----------------------------------------------------------------------------------------------------------


def test_a_decoder_begins_with_nothing_kept() -> None:
    """Also where the start byte is a letter."""
    assert FixedEngine(FixedProfile(ord("X"), ord("."), 4, _taken)).feed(b"12.") == []
    assert FrameLengthEngine(FrameLengthProfile(b"X", 4, fixed_length(4), _taken)).feed(b"123") == []


def test_nothing_is_kept_of_bytes_outside_frames() -> None:
    fixed = FixedEngine(FixedProfile(ord("X"), ord("."), 4, _taken))
    assert fixed.feed(b"zz") + fixed.feed(b"12.") == []
    measured = FrameLengthEngine(FrameLengthProfile(b"X", 4, fixed_length(4), _taken))
    assert measured.feed(b"zz") + measured.feed(b"123") == []


def test_a_call_of_more_than_a_slice_is_the_same_as_many_calls() -> None:
    stream = b"\x0212\x03" * 3000
    decoder = FixedEngine(FixedProfile(0x02, 0x03, 4, _taken))
    assert decoder.feed(stream) == [_taken(b"\x0212\x03")] * 3000


def test_a_line_that_is_exactly_as_long_as_it_may_be_is_read_and_one_more_is_not() -> None:
    profile = LineProfile(8, re.compile(b"!"), _taken)
    assert LineEngine(profile).feed(b"12345678\r") == [_taken(b"12345678")]
    assert LineEngine(profile).feed(b"123456789\r") == [Rejected(RejectReason.FRAMING, b"12345678")]


def test_a_line_too_long_is_refused_once_and_its_last_frame_is_read() -> None:
    decoder = LineEngine(LineProfile(8, re.compile(b"!"), _taken))
    assert decoder.feed(b"x" * 30) == [Rejected(RejectReason.FRAMING, b"x" * 8)]
    assert decoder.feed(b"x" * 30) == []
    assert decoder.feed(b"!234\r") == [_taken(b"!234")]
    assert decoder.feed(b"y" * 9) == [Rejected(RejectReason.FRAMING, b"y" * 8)]


def test_a_measured_frame_as_long_as_the_longest_is_read_and_one_that_says_more_is_none() -> None:
    def measure(seen: bytes) -> int | None:
        return None if len(seen) < 2 else seen[1]

    profile = FrameLengthProfile(b"#", 5, measure, _taken)
    assert FrameLengthEngine(profile).feed(b"#\x05abc") == [_taken(b"#\x05abc")]
    assert FrameLengthEngine(profile).feed(b"#\x06abcd") == []
    assert FrameLengthEngine(profile).feed(b"#\x00#\x03a") == [_taken(b"#\x03a")]


def test_a_measure_that_never_knows_gives_up_at_the_longest() -> None:
    profile = FrameLengthProfile(b"#", 4, lambda seen: 4 if seen[1:2] == b"#" else None, _taken)
    assert FrameLengthEngine(profile).feed(b"#abc") == []
    assert FrameLengthEngine(profile).feed(b"#abc##yz") == [_taken(b"##yz")]


def test_a_doubled_start_is_refused_alone_and_the_frame_behind_it_is_read() -> None:
    def parse(frame: bytes) -> Decoded:
        return Rejected(RejectReason.FRAMING, frame) if frame[1:2] == b"#" else _taken(frame)

    decoder = FrameLengthEngine(FrameLengthProfile(b"#", 4, fixed_length(4), parse))
    assert decoder.feed(b"##abc") == [Rejected(RejectReason.FRAMING, b"#"), _taken(b"#abc")]


# --- equals signs -----------------------------------------------------------------------------------------------------


def _equals() -> EqualsEngine:
    return EqualsEngine(_taken)


def test_what_is_refused_behind_a_whole_weight_is_the_weight_and_the_byte_behind_it() -> None:
    assert _equals().feed(b"=0007.385x") == [Rejected(RejectReason.FRAMING, b"=0007.385x")]


def test_a_letter_behind_a_priced_frame_is_refused() -> None:
    priced = b"=0007.385kg 0012.34 0091.12"
    assert _equals().feed(priced + b"k") == [Rejected(RejectReason.FRAMING, priced + b"k")]


def test_frames_with_and_without_prices_are_each_told_once() -> None:
    engine = _equals()
    priced = b"=0007.385kg 0012.34 0091.12"
    assert engine.feed(priced + priced + b"=") == [_taken(priced), _taken(priced)]
    assert engine.feed(b"0007.385=") == [_taken(b"=0007.385")]
    assert engine.feed(b"0007.385") == []
    assert engine.settle() == [_taken(b"=0007.385")]


def test_ten_characters_are_no_plain_weight() -> None:
    engine = _equals()
    assert engine.feed(b"=0007.385k=") == [_taken(b"=0007.385k")]
    assert engine.feed(b"0007.385k") == []
    assert engine.settle() == [], "neither length is whole"


def test_a_text_of_full_length_is_settled_once_and_nothing_of_it_is_left(subtests: pytest.Subtests) -> None:
    for text in [b"=0007.385", b"=0007.385kg 0012.34 0091.12"]:
        with subtests.test(text=text):
            engine = _equals()
            assert engine.feed(text) == []
            assert engine.settle() == [_taken(text)]
            assert engine.settle() == []
            assert engine.feed(b"0=") == []


def test_a_text_of_another_length_is_not_settled(subtests: pytest.Subtests) -> None:
    for text in [b"", b"=", b"=0007.38", b"=0007.385kg 0012.34 0091.1"]:
        with subtests.test(text=text):
            engine = _equals()
            assert engine.feed(text) + engine.settle() == []


# --- text formats -----------------------------------------------------------------------------------------------------

_WORDS = re.compile(rb"(?P<number>[^a-z]*)(?P<unit>[a-z ]*)")


def _row(**changes: object) -> TextFormat:
    return TextFormat(_WORDS, **changes)  # type: ignore[arg-type]


def _reading(row: TextFormat, line: bytes) -> Reading:
    told = row.parse(line)
    assert isinstance(told, Reading)
    return told


def test_a_group_that_a_pattern_does_not_have_counts_as_one_that_caught_nothing() -> None:
    assert _reading(_row(stable={b"": True}), b"1.0kg").stable is True
    assert _reading(_row(net={b"": False}), b"1.0kg").net is False
    assert _row(records={b"": "tare"}).parse(b"1.0kg") == Record("tare", "1.0 kg", b"1.0kg")
    assert _row(over=frozenset({b""}), says_over=True, net={b"": False}).parse(b"1.0kg") == Reading(
        None, None, stable=None, net=False, overload=True, underload=None, raw=b"1.0kg"
    )


def test_without_tables_nothing_is_said() -> None:
    assert _reading(_row(), b"1.0kg") == Reading(Decimal("1.0"), "kg", None, None, None, None, raw=b"1.0kg")
    out = TextFormat(re.compile(rb"(?P<range>O|U)"), over=frozenset({b"O"}), under=frozenset({b"U"}))
    assert out.parse(b"O") == Reading(None, None, None, None, None, None, raw=b"O")
    assert out.parse(b"U") == Reading(None, None, None, None, None, None, raw=b"U")


def test_a_pattern_without_a_number_gives_no_weight() -> None:
    assert TextFormat(re.compile(b"x")).parse(b"x") == Rejected(RejectReason.NO_WEIGHT, b"x")


def test_only_blanks_are_no_number(subtests: pytest.Subtests) -> None:
    for number in [b"\t", b"X", b"\n"]:
        with subtests.test(number=number):
            assert _row().parse(number + b"kg") == Rejected(RejectReason.FRAMING, number + b"kg")
            assert _row().parse(b"   kg") == Rejected(RejectReason.NO_WEIGHT, b"   kg")


def test_only_blanks_are_taken_off_a_word() -> None:
    row = TextFormat(re.compile(rb"(?P<number>[0-9]+)(?P<unit>.*)", re.DOTALL), units={b"kg": "kg"})
    assert row.parse(b"1  kg ") == Reading(Decimal(1), "kg", None, None, None, None, raw=b"1  kg ")
    assert row.parse(b"1\tkg") == Rejected(RejectReason.FRAMING, b"1\tkg")
    assert row.parse(b"1Xkg") == Rejected(RejectReason.FRAMING, b"1Xkg")


def test_any_width_is_one_to_twelve() -> None:
    widths = with_width(_row(), {"width": "any"}).widths
    assert widths is not None
    assert [width for width in range(20) if width in widths] == list(range(1, 13))
    assert with_width(_row(), {"width": "8"}).widths == (8,)


# --- numbers and parameters -------------------------------------------------------------------------------------------


def test_numbers_to_the_last_digit() -> None:
    assert to_text(from_digits(True, b"000385", 3)) == "-0.385"
    assert to_text(from_digits(True, b"000000", 3)) == "0.000"
    assert to_text(from_digits(False, b"120000", 0)) == "120000"
    assert to_text(signed(True, "12.50")) == "-12.50"
    assert to_text(Decimal("1E+3")) == "1000"
    assert from_text(b"-") is None
    assert from_text(b"+ 1") == 1
    assert from_text(b"- 1") == -1


def test_a_number_taken_apart_for_a_frame(subtests: pytest.Subtests) -> None:
    for value, parts in [
        ("-0.385", (True, "385", 3)),
        ("0.385", (False, "385", 3)),
        ("12.450", (False, "12450", 3)),
        ("0.00", (False, "0", 2)),
        ("-0.0", (False, "0", 1)),
        ("1200", (False, "1200", 0)),
        ("1E+3", (False, "1000", 0)),
    ]:
        with subtests.test(value=value, parts=parts):
            assert to_digits(Decimal(value)) == parts


def test_digits_of_a_pattern_are_those_of_ascii() -> None:
    address = Parameter("address", "1", (), "1 to 99", r"\d{1,2}")
    assert address.allows("42")
    assert not address.allows("٤٢")
    assert not address.allows("")
    assert not Parameter("x", "a", ("a",), "letters").allows("")
    assert address.allowed == r"1 to 99 (\d{1,2})"


def test_what_is_wrong_with_a_parameter_is_said_in_full() -> None:
    rows = (Parameter("a", "1", ("1", "2"), "first"), Parameter("b", "x", (), "a letter", "[a-z]"))
    assert validated("p", rows, {}) == {"a": "1", "b": "x"}
    assert validated("p", rows, {"b": "y"}) == {"a": "1", "b": "y"}
    for given, text in [
        ({"c": "1"}, "p has no parameter 'c'; it has: a, b"),
        ({"a": "3"}, "p: parameter 'a' is '3' but must be one of: 1, 2"),
        ({"b": "yy"}, "p: parameter 'b' is 'yy' but must be a letter ([a-z])"),
    ]:
        with pytest.raises(BadParameter) as caught:
            validated("p", rows, given)
        assert str(caught.value) == text
