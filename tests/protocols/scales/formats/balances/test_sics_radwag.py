"""MT-SICS and Radwag: what a simulated balance answers to each command, and how the answers are read."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Reading
from tests.protocols.scales.golden import decode, plain

_STILL, _MOVING = DisplayState(Decimal("7.385")), DisplayState(Decimal("7.385"), stable=False)
_NET = DisplayState(Decimal("0.385"), net=True)
_OVER, _UNDER = DisplayState(Decimal(0), overload=True), DisplayState(Decimal(0), underload=True)


def _respond(protocol: str, command: str, shown: DisplayState) -> bytes:
    row = registry.get(protocol)
    assert row.respond is not None
    return row.respond(command, shown, registry.defaults(protocol))


def test_what_a_balance_with_mt_sics_answers(subtests: pytest.Subtests) -> None:
    for command, shown, answer in [
        ("request_weight", _STILL, b"S S      7.385 kg"),
        ("request_weight", _MOVING, b"S D      7.385 kg"),
        ("request_weight", _OVER, b"S +"),
        ("request_weight", _UNDER, b"S -"),
        ("stream_on", _MOVING, b"S D      7.385 kg"),
        ("stream_off", _STILL, b"S S      7.385 kg"),
        ("read", _STILL, b"S S      7.385 kg"),
        ("read", _MOVING, b"S I"),
        ("read", _OVER, b"S +"),
        ("zero", _STILL, b"Z A"),
        ("zero", _MOVING, b"Z I"),
        ("zero", _OVER, b"Z +"),
        ("zero", _UNDER, b"Z -"),
        ("tare", _STILL, b"T S      7.385 kg"),
        ("tare", _MOVING, b"T I"),
        ("tare", _OVER, b"T +"),
        ("clear_tare", _NET, b"TAC A"),
        ("read_tare", _STILL, b"TA A      0.000 kg"),
        ("read_tare", _NET, b"TA I"),
    ]:
        with subtests.test(command=command, shown=shown, answer=answer):
            assert _respond("mt_sics", command, shown) == answer + b"\r\n"


def test_what_a_radwag_answers(subtests: pytest.Subtests) -> None:
    for command, shown, answer in [
        ("request_weight", _STILL, b"SI        7.385 kg \r\n"),
        ("request_weight", _MOVING, b"SI ?      7.385 kg \r\n"),
        ("request_weight", _OVER, b"SI ^            kg \r\n"),
        ("request_weight", _UNDER, b"SI v            kg \r\n"),
        ("read", _STILL, b"S A\r\nS         7.385 kg \r\n"),
        ("read", _MOVING, b"S A\r\nS E\r\n"),
        ("zero", _STILL, b"Z A\r\nZ D\r\n"),
        ("zero", _OVER, b"Z A\r\nZ ^\r\n"),
        ("tare", _UNDER, b"T A\r\nT v\r\n"),
        ("tare", _MOVING, b"T A\r\nT E\r\n"),
        ("read_tare", _NET, b"OT I\r\n"),
        ("stream_on", _STILL, b"C1 A\r\nSI        7.385 kg \r\n"),
        ("stream_off", _STILL, b"C0 A\r\n"),
    ]:
        with subtests.test(command=command, shown=shown, answer=answer):
            assert _respond("radwag", command, shown) == answer


def test_no_answer_to_zero_or_tare_is_ever_a_weight(subtests: pytest.Subtests) -> None:
    for protocol in ["mt_sics", "radwag"]:
        for command in ["zero", "tare", "clear_tare", "read_tare"]:
            for shown in [_STILL, _MOVING, _NET, _OVER, _UNDER]:
                with subtests.test(protocol=protocol, command=command, shown=shown):
                    if command in registry.get(protocol).commands:
                        told = decode(protocol, {}, _respond(protocol, command, shown))
                        assert told
                        assert not any(isinstance(item, Reading) for item in told)


def test_a_data_line_of_radwag_has_21_bytes() -> None:
    for shown in (_STILL, _MOVING, _OVER, DisplayState(Decimal("-0.25"), unit="lb")):
        assert len(_respond("radwag", "request_weight", shown)) == 21


def test_what_does_not_fit_cannot_be_sent(subtests: pytest.Subtests) -> None:
    for protocol in ["mt_sics", "radwag"]:
        for weight, unit in [("1234567.8901", "kg"), ("1", "st")]:
            with subtests.test(protocol=protocol, weight=weight, unit=unit), pytest.raises(ValueError, match=protocol):
                registry.get(protocol).encode_frame(
                    DisplayState(Decimal(weight), unit=unit), registry.defaults(protocol)
                )


def test_power_that_came_back_stands_out_in_a_stream() -> None:
    told = plain(decode("mt_sics", {}, b'S S      7.385 kg\r\nI4 A "B021002593"\r\nS S      0.000 kg\r\n'))
    assert [row["weight"] for row in told["readings"]] == ["7.385", "0.000"]
    assert told["records"] == [{"kind": "serial_number", "value": "B021002593"}]
