"""A&D: the acknowledgement that is a single byte, out of range in every form, the simulated indicator."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Reading, Record, Rejected, RejectReason
from tests.protocols.scales.golden import decode

_ACK = Record("acknowledgement", "ACK", b"\x06")
_LINE = b"ST,+0007.385 kg\r\n"
_PARAMS = registry.defaults("and_standard")


def test_an_acknowledgement_is_told_at_once() -> None:
    assert registry.decoder("and_standard", {}).feed(b"\x06") == [_ACK]


def test_an_acknowledgement_inside_a_line_breaks_it() -> None:
    for at in range(1, len(_LINE) - 2):
        told = decode("and_standard", {}, _LINE[:at] + b"\x06" + _LINE[at:])
        assert _ACK in told
        assert not any(isinstance(item, Reading) for item in told), at
        assert Rejected(RejectReason.FRAMING, _LINE[:at]) in told or at == 1


def test_out_of_range_never_gives_a_weight(subtests: pytest.Subtests) -> None:
    for limits in [b"", b"LO,", b"OK,", b"HI,"]:
        for second in [b"", b"GS,", b"NT,"]:
            for rest in [b"9999999E+19", b"99999999 kg", b"    .    kg", b"           ", b"0007.385 kg", b""]:
                for sign in [b"+", b"-", b""]:
                    with subtests.test(limits=limits, second=second, rest=rest, sign=sign):
                        for head in (limits + b"OL,", b"OL," + limits, b"OL,--,"):
                            (told,) = decode("and_standard", {}, head + second + sign + rest + b"\r\n")
                            assert isinstance(told, Reading)
                            assert (told.weight, told.overload, told.underload) == (None, sign != b"-", sign == b"-")
                            assert told.net is {b"": None, b"GS,": False, b"NT,": True}[second]


def test_the_simulated_indicator(subtests: pytest.Subtests) -> None:
    for shown, line in [
        (DisplayState(Decimal("7.385")), b"ST,GS,+0007.385 kg\r\n"),
        (DisplayState(Decimal("-0.25"), unit="g", stable=False, net=True), b"US,NT,-00000.25  g\r\n"),
        (DisplayState(Decimal("0.000")), b"ST,GS,+0000.000 kg\r\n"),
        (DisplayState(Decimal(12), unit="pcs"), b"ST,GS,+00000012 pc\r\n"),
        (DisplayState(Decimal("123456.789")), b"OL,GS,+9999999E+19\r\n"),
        (DisplayState(Decimal(1), overload=True), b"OL,GS,+9999999E+19\r\n"),
        (DisplayState(Decimal(-1), underload=True, net=True), b"OL,NT,-9999999E+19\r\n"),
    ]:
        with subtests.test(shown=shown, line=line):
            assert registry.get("and_standard").encode_frame(shown, _PARAMS) == line


def test_the_simulated_indicator_with_its_comparator(subtests: pytest.Subtests) -> None:
    for shown, line in [
        (DisplayState(Decimal("7.385")), b"ST,OK,GS,+0007.385 kg\r\n"),
        (DisplayState(Decimal("-0.25"), stable=False, net=True), b"US,LO,NT,-00000.25 kg\r\n"),
        (DisplayState(Decimal(1), overload=True), b"OL,HI,GS,+9999999E+19\r\n"),
        (DisplayState(Decimal(1), underload=True), b"OL,LO,GS,-9999999E+19\r\n"),
    ]:
        with subtests.test(shown=shown, line=line):
            assert registry.get("and_standard").encode_frame(shown, _PARAMS | {"comparator": "on"}) == line
            assert decode("and_standard", {}, line) == decode("and_standard", {"comparator": "on"}, line)


def test_a_comparator_behind_the_header_says_nothing_of_the_weight(subtests: pytest.Subtests) -> None:
    for limits in [b"LO,", b"OK,", b"HI,", b"--,"]:
        with subtests.test(limits=limits):
            for head, stable in ((b"ST,", True), (b"US,", False)):
                for rest in (b"+0007.385 kg", b"-0007.385 kg", b"NT,+0007.385 kg", b"GS,-0012.34kg"):
                    (bare,) = decode("and_standard", {}, head + rest + b"\r\n")
                    (told,) = decode("and_standard", {}, head + limits + rest + b"\r\n")
                    assert isinstance(bare, Reading)
                    assert isinstance(told, Reading)
                    assert (told.weight, told.unit, told.stable, told.net) == (bare.weight, bare.unit, stable, bare.net)


def test_one_byte_more_or_less_behind_a_comparator_is_no_other_weight() -> None:
    for line in (b"ST,OK,+0007.385 kg", b"ST,--,-0007.385 kg", b"US,HI,NT,+0007.385 kg"):
        (right,) = _weights(line)
        for at in range(len(line)):
            assert _weights(line[:at] + line[at + 1 :]) <= {right}
            for byte in b"0123456789 -+.,LOKHIGNST":
                assert _weights(line[:at] + bytes((byte,)) + line[at:]) <= {right}, (at, byte)


def _weights(line: bytes) -> set[str]:
    told = decode("and_standard", {}, line + b"\r\n")
    return {str(item.weight) for item in told if isinstance(item, Reading)}


def test_a_unit_it_does_not_know_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="and_standard does not carry st"):
        registry.get("and_standard").encode_frame(DisplayState(Decimal(1), unit="st"), _PARAMS)


def test_answers_to_commands() -> None:
    row, shown = registry.get("and_standard"), DisplayState(Decimal("7.385"))
    assert row.respond is not None
    for name in ("zero", "tare", "stream_off"):
        assert decode("and_standard", {}, row.respond(name, shown, _PARAMS)) == [_ACK]
    for name in ("read", "request_weight", "stream_on"):
        assert row.respond(name, shown, _PARAMS) == row.encode_frame(shown, _PARAMS)
    (tare,) = decode("and_standard", {}, row.respond("read_tare", shown, _PARAMS))
    assert (type(tare), getattr(tare, "kind", "")) == (Record, "preset_tare")
