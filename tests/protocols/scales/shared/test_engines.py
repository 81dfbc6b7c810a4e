"""The engines by themselves: cuts at every index, inner starts, bounded memory; and the fields of a text format."""

from __future__ import annotations

import gc
import re
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from functools import partial

import pytest

from kiosk.protocols.scales.shared.engines import (
    FixedEngine,
    FixedProfile,
    FrameLengthEngine,
    FrameLengthProfile,
    LineEngine,
    LineProfile,
    StripParity,
    fixed_length,
)
from kiosk.protocols.scales.shared.ports import Decoder
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason
from kiosk.protocols.scales.shared.text_format import ANY_CASE, UNITS, WIDTH, TextFormat, with_width
from tests.depth import many

Make = Callable[[], Decoder]


def _taken(frame: bytes) -> Decoded:
    return Record("frame", "", frame)


def _told(decoded: list[Decoded]) -> list[tuple[str, bytes]]:
    """What came out, in a form short enough to write down: the kind or the reason, and the bytes."""
    return [(item.reason if isinstance(item, Rejected) else type(item).__name__.lower(), item.raw) for item in decoded]


def _however_cut(make: Make, data: bytes) -> list[tuple[str, bytes]]:
    """The results of one call, which must be those of two calls cut anywhere and of a call for every byte."""
    whole = make().feed(data)
    for cut in range(len(data) + 1):
        decoder = make()
        assert decoder.feed(data[:cut]) + decoder.feed(b"") + decoder.feed(data[cut:]) == whole, cut
    decoder = make()
    assert [item for byte in data for item in decoder.feed(bytes((byte,)))] == whole
    return _told(whole)


# --- frames between two bytes -----------------------------------------------------------------------------------------


def _fixed(length: int = 8, shortest: int = 0) -> Make:
    return lambda: FixedEngine(FixedProfile(0x02, 0x03, length, _taken, shortest))


def test_frames_of_several_lengths_between_two_bytes(subtests: pytest.Subtests) -> None:
    for data, told in [
        (b"\x02123456\x03", [("record", b"\x02123456\x03")]),
        (b"\x021234\x03", [("record", b"\x021234\x03")]),
        (b"\x02123\x03", [("framing", b"\x02123\x03")]),
        (b"\x021234567\x03", [("framing", b"\x021234567")]),
        (b"\x02\x03\x021234\x03", [("framing", b"\x02\x03"), ("record", b"\x021234\x03")]),
        (b"\x0212\x02\x021234\x03", [("framing", b"\x0212"), ("framing", b"\x02"), ("record", b"\x021234\x03")]),
        (b"34\x03\x02123456\x03\x03", [("record", b"\x02123456\x03")]),
        (b"\x02123456", []),
    ]:
        with subtests.test(data=data, told=told):
            assert _however_cut(_fixed(shortest=6), data) == told


def test_without_a_shortest_length_there_is_one() -> None:
    assert _however_cut(_fixed(), b"\x0212345\x03\x02123456\x03") == [
        ("framing", b"\x0212345\x03"),
        ("record", b"\x02123456\x03"),
    ]


def test_a_start_byte_that_means_something_to_a_pattern_is_a_byte() -> None:
    for start, end in [(b"^", b"]"), (b"-", b"\\"), (b"[", b"-"), (b"]", b"^")]:
        make = partial(FixedEngine, FixedProfile(start[0], end[0], 4, _taken))
        frame = start + b"12" + end
        assert _however_cut(make, b"zz" + frame + start + frame) == [
            ("record", frame),
            ("framing", start),
            ("record", frame),
        ]


# --- lines ------------------------------------------------------------------------------------------------------------


def _weight_line(line: bytes) -> Decoded:
    return Record("line", "", line) if re.fullmatch(rb"W[0-9]{2}", line) else Rejected(RejectReason.SYNTAX, line)


def _lines(ends: bytes = b"\r\n") -> Make:
    return lambda: LineEngine(LineProfile(8, re.compile(b"W"), _weight_line, ends))


def test_lines_end_with_any_run_of_their_ends(subtests: pytest.Subtests) -> None:
    for ends, data, told in [
        (b"\r\n", b"W12\rW34\nW56\r\n\r\nW78", [("record", b"W12"), ("record", b"W34"), ("record", b"W56")]),
        (b"\x03", b"W12\x03W34\x03\x03", [("record", b"W12"), ("record", b"W34")]),
        (b"\x03", b"W12\r\nW34\x03", [("framing", b"W12\r\n"), ("record", b"W34")]),
        (b"\x03\x0d", b"W12\x03\x0dW34\x0d", [("record", b"W12"), ("record", b"W34")]),
        (b"]^-", b"W12-W34^W56]", [("record", b"W12"), ("record", b"W34"), ("record", b"W56")]),
    ]:
        with subtests.test(ends=ends, data=data, told=told):
            assert _however_cut(_lines(ends), data) == told


def test_a_whole_line_behind_a_broken_one_is_found(subtests: pytest.Subtests) -> None:
    for data, told in [
        (b"W1W34\n", [("framing", b"W1"), ("record", b"W34")]),
        (b"xW34\n", [("framing", b"x"), ("record", b"W34")]),
        (b"W12x\n", [("syntax", b"W12x")]),
        (b"x23456789W34\n", [("framing", b"x2345678"), ("record", b"W34")]),
        (b"x23456789\nW34\n", [("framing", b"x2345678"), ("record", b"W34")]),
        (b"x" * 30, [("framing", b"x" * 8)]),
        (b"\n\n\r", []),
    ]:
        with subtests.test(data=data, told=told):
            assert _however_cut(_lines(), data) == told


# --- measured frames --------------------------------------------------------------------------------------------------


def _length(begun: bytes) -> int | None:
    """A frame is its start, the count of its bytes, they, and their sum; a count of nothing begins no frame."""
    if len(begun) < 2:
        return None
    return 3 + begun[1] if begun[1] else 0


def _summed(frame: bytes) -> Decoded:
    if sum(frame[2:-1]) % 256 != frame[-1]:
        return Rejected(RejectReason.CHECKSUM, frame)
    return Rejected(RejectReason.BUSY, frame) if frame[2:-1] == b"\x01\x01" else Record("frame", "", frame)


def _counted() -> FrameLengthEngine:
    return FrameLengthEngine(FrameLengthProfile(b"\x01\x81", 8, _length, _summed))


_GOOD = b"\x81\x03\x01\x81\x05\x87"
"""Both start bytes stand inside it."""


def test_measured_frames(subtests: pytest.Subtests) -> None:
    for data, told in [
        (_GOOD, [("record", _GOOD)]),
        (b"\x00\xff" + _GOOD + b"\x00" + _GOOD, [("record", _GOOD), ("record", _GOOD)]),
        (_GOOD[:-1], []),
        (b"\x81", []),
        (b"\x81\x00" + _GOOD, [("record", _GOOD)]),
        (b"\x81\x09" + _GOOD, [("record", _GOOD)]),
        (b"\x01\x02\x01\x01\x02" + _GOOD, [("busy", b"\x01\x02\x01\x01\x02"), ("record", _GOOD)]),
        (b"\x81\x02\x05\x05\x0b" + _GOOD, [("checksum", b"\x81\x02\x05\x05\x0b"), ("record", _GOOD)]),
    ]:
        with subtests.test(data=data, told=told):
            assert _however_cut(_counted, data) == told


def test_the_frame_behind_a_lost_byte_is_found() -> None:
    lost = b"\x81\x03\x05\x06\x0b"
    told = _however_cut(_counted, lost + _GOOD)
    assert told[-1] == ("record", _GOOD)
    assert told[0] == ("checksum", lost)


def test_a_frame_that_is_whole_is_not_searched_for_another() -> None:
    """A busy answer that holds a start byte says nothing about a second frame inside it."""
    busy = b"\x01\x02\x01\x01\x02"
    assert _however_cut(_counted, busy) == [("busy", busy)]


def test_frames_of_one_length() -> None:
    make = partial(FrameLengthEngine, FrameLengthProfile(b"\xff", 3, fixed_length(3), _taken))
    assert _however_cut(make, b"\x00\xff\x01\xff\xff\xff\x02\xff") == [
        ("record", b"\xff\x01\xff"),
        ("record", b"\xff\xff\x02"),
    ]


def test_a_measure_that_cannot_make_up_its_mind_begins_no_frame() -> None:
    make = partial(FrameLengthEngine, FrameLengthProfile(b"\x01", 4, lambda _: None, _taken))
    assert _however_cut(make, b"\x01\x01\x01\x01\x01\x01\x01") == []


# --- memory -----------------------------------------------------------------------------------------------------------


_ENDLESS = [
    ("fixed: starts without an end", _fixed(14, 6), b"\x0212"),
    ("fixed: long ones", _fixed(14, 6), b"\x02" + b"1" * 200),
    ("lines: none of the ends", _lines(b"\x03"), b"W1\r\n"),
    ("measured: no frame", _counted, b"\x81\x00"),
    ("measured: sums are wrong", _counted, b"\x81\x05\x00"),
    ("parity bit: no end", lambda: StripParity(_lines()()), b"\xd7\xb1"),
]


def test_what_never_becomes_a_frame_is_not_kept(subtests: pytest.Subtests) -> None:
    for name, make, pattern in _ENDLESS:
        with subtests.test(name):
            decoder, block = make(), pattern * (32_768 // len(pattern))
            decoder.feed(block)
            kinds: set[str] = set()
            tracemalloc.start()
            try:
                for _ in range(many(2, torture=4)):
                    kinds |= {kind for kind, _ in _told(decoder.feed(block))}
                gc.collect()
                kept, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert kinds <= {"framing", "checksum"}
            assert kept < 16_384


# --- text formats -----------------------------------------------------------------------------------------------------

_TEXT = TextFormat(
    re.compile(
        rb"(?:(?P<range>OVER|UNDER)|(?P<record>TARE)|(?P<stable>[SU?]?)) ?(?P<net>[NG]?)"
        rb"(?P<number>[-+ 0-9.]*)(?P<unit>[a-zA-Z%]* *)"
    ),
    units={**ANY_CASE, b"": None},
    stable={b"S": True, b"U": False, b"": None},
    net={b"N": True, b"G": False},
    over=frozenset((b"OVER",)),
    under=frozenset((b"UNDER",)),
    records={b"TARE": "tare"},
    refusals=((re.compile(rb"ES"), RejectReason.SYNTAX), (re.compile(rb"EL.*"), RejectReason.LOGICAL)),
    says_over=True,
    says_under=True,
)


def _read(weight: str | None, **told: object) -> dict[str, object]:
    none: dict[str, object] = dict.fromkeys(("unit", "stable", "net"))
    return none | {"weight": weight, "overload": False, "underload": False} | told


def test_a_text_format_reads_its_fields(subtests: pytest.Subtests) -> None:
    for line, told in [
        (b"S N  7.380kg", _read("7.380", unit="kg", stable=True, net=True)),
        (b"U G- 7.385 KG ", _read("-7.385", unit="kg", stable=False, net=False)),
        (b" G12", _read("12", net=False)),
        (b"S G-0.00%", _read("0.00", unit="%", stable=True, net=False)),
        (b"OVER N99.999kg", _read(None, net=True, overload=True)),
        (b"UNDER", _read(None, underload=True)),
    ]:
        with subtests.test(line=line, told=told):
            decoded = _TEXT.parse(line)
            assert isinstance(decoded, Reading)
            assert decoded.raw == line
            weight = None if decoded.weight is None else str(decoded.weight)
            assert {name: getattr(decoded, name) for name in told if name != "weight"} | {"weight": weight} == told


def test_a_text_format_refuses_what_its_tables_do_not_know(subtests: pytest.Subtests) -> None:
    for line, reason in [
        (b"ES", "syntax"),
        (b"EL 12 kg", "logical"),
        (b"S N kg", "no_weight"),
        (b"S N    ", "no_weight"),
        (b"", "no_weight"),
        (b"S N7.3.5kg", "framing"),
        (b"S N--7.3kg", "framing"),
        (b"S N7 .3kg", "framing"),
        (b"S N7.3xx", "framing"),
        (b"? N7.3kg", "framing"),
        (b"S 7.3kg", "framing"),
        (b"S N7.3kg\n", "framing"),
        (b"S N7,3kg", "framing"),
        (b"TARE N0.6xx", "framing"),
    ]:
        with subtests.test(line=line, reason=reason):
            assert _TEXT.parse(line) == Rejected(RejectReason(reason), line)


def test_a_record_is_kept_with_its_number_and_unit() -> None:
    assert _TEXT.parse(b"TARE N 0.640 kg") == Record("tare", "0.640 kg", b"TARE N 0.640 kg")
    assert _TEXT.parse(b"TARE 0.640") == Record("tare", "0.640", b"TARE 0.640")


def test_a_format_without_a_group_says_nothing_or_what_is_always_so() -> None:
    plain = TextFormat(re.compile(rb"(?P<number>[0-9.]+)"))
    in_grams = TextFormat(re.compile(rb"(?P<number>[0-9.]+)"), unit="g")
    told = plain.parse(b"12.5")
    assert told == Reading(Decimal("12.5"), None, None, None, None, None, b"12.5")
    assert isinstance(told, Reading)
    assert str(told.weight) == "12.5"
    assert in_grams.parse(b"12") == Reading(Decimal(12), "g", None, None, None, None, b"12")


def test_a_format_may_say_over_and_not_under() -> None:
    half = TextFormat(re.compile(rb"(?P<range>OL)?(?P<number>[0-9.]*)"), over=frozenset((b"OL",)), says_over=True)
    assert half.parse(b"OL7") == Reading(None, None, None, None, True, None, b"OL7")
    assert half.parse(b"7") == Reading(Decimal(7), None, None, None, False, None, b"7")


def test_a_format_may_read_numbers_its_own_way() -> None:
    mirrored = TextFormat(re.compile(rb"(?P<number>[0-9]+)"), number=lambda field: Decimal(field[::-1].decode()))
    assert mirrored.parse(b"021") == Reading(Decimal(120), None, None, None, None, None, b"021")


def test_a_format_may_be_held_to_the_width_of_its_number(subtests: pytest.Subtests) -> None:
    for width, read in [("any", [1, 7, 8, 9, 12]), ("7", [7]), ("8", [8]), ("9", [9])]:
        with subtests.test(width=width, read=read):
            row = with_width(TextFormat(re.compile(rb"(?P<number>[ 0-9]+)")), {WIDTH.name: width})
            found = [n for n in range(1, 20) if isinstance(row.parse(b"5".rjust(n)), Reading)]
            assert found == (list(range(1, 13)) if width == "any" else read)


def test_the_units_are_those_of_the_contract() -> None:
    assert set(UNITS.values()) == {"mg", "g", "kg", "t", "lb", "oz", "ozt", "gr", "pcs", "%"}
    assert ANY_CASE[b"KG"] == ANY_CASE[b"kg"] == "kg"
    assert b"Kg" not in ANY_CASE
