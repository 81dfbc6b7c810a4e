"""The registry: rows that are complete, and errors that name the thing."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.numbers import from_text
from kiosk.protocols.scales.shared.protocol import (
    DisplayState,
    LineSettings,
    TransmissionMode,
    Transport,
)

_REPORTS = {"weight", "unit", "stable", "net", "overload", "underload", "tare"}


_COMMANDS = {
    *("read", "read_gross", "read_net", "read_tare", "zero", "tare", "clear_tare", "handshake", "print", "enquiry"),
    *("request_weight", "stream_on", "stream_off"),
}
"""Names of the command-line contract, section 3."""


def test_a_row_is_complete(subtests: pytest.Subtests) -> None:
    for row in registry.PROTOCOLS.values():
        with subtests.test(row=row.id):
            assert registry.get(row.id) is row
            assert "weight" in row.reports
            assert set(row.reports) <= _REPORTS
            assert len(set(row.reports)) == len(row.reports)
            assert set(row.commands) <= _COMMANDS
            for parameter in registry.parameters(row.id):
                unset = bool(parameter.choices) and not parameter.default
                assert parameter.allows(parameter.default) != unset
                assert row.undecided is not None or not unset, "what has no usual value is asked for by the doctor"
                assert parameter.meaning
                assert bool(parameter.choices) != bool(parameter.pattern), "one of: choices, pattern"
                for choice in parameter.choices:
                    registry.decoder(row.id, {parameter.name: choice})


def test_a_row_tells_a_technician_what_to_do(subtests: pytest.Subtests) -> None:
    for row in registry.PROTOCOLS.values():
        with subtests.test(row=row.id):
            assert row.devices
            assert row.source
            assert row.picture.strip()
            assert max(map(len, row.picture.splitlines())) <= 100
            assert row.line.bytesize in (7, 8)
            assert row.line.parity in ("N", "E", "O")


def test_nothing_is_described_that_no_format_is() -> None:
    text = Path(registry.__file__).with_name("descriptions.toml").read_text(encoding="utf-8")
    assert set(tomllib.loads(text)) == set(registry.PROTOCOLS)


def test_a_format_that_is_asked_says_how(subtests: pytest.Subtests) -> None:
    for row in registry.PROTOCOLS.values():
        with subtests.test(row=row.id):
            if row.poll is not None:
                assert row.poll.steps
                assert {*row.poll.steps, row.poll.why} - {""} <= set(row.commands)
                assert bool(row.poll.accept) == bool(row.poll.refuse)
                assert "request_weight" in row.commands
                assert row.poll.timeout_s > 0
                assert row.poll.interval_s > 0


def test_formats_that_are_too_weak_are_not_for_trade(subtests: pytest.Subtests) -> None:
    for row in registry.PROTOCOLS.values():
        with subtests.test(row=row.id):
            assert row.trade == (row.transport is Transport.SERIAL and row.id != "massak_j")


def test_only_a_format_without_a_unit_has_a_default_one(subtests: pytest.Subtests) -> None:
    for row in registry.PROTOCOLS.values():
        with subtests.test(row=row.id):
            assert row.default_unit is None or "unit" not in row.reports


def test_rows_of_the_contract() -> None:
    row = registry.get("xk3190_tf0")
    assert (row.mode, row.reports, row.trade) == (TransmissionMode.STREAM, ("weight",), True)
    assert str(row.line) == "9600 8N1"
    assert row.line == LineSettings(9600, 8, "N", 1)
    assert row.default_unit is None


def test_an_unknown_protocol_is_named() -> None:
    with pytest.raises(
        registry.UnknownProtocol, match=r"no scale protocol 'xk'; there are: xk3190_tf0, .*, st_gs_csv, "
    ):
        registry.get("xk")


def test_a_bad_parameter_is_named_with_what_is_allowed(subtests: pytest.Subtests) -> None:
    for params, text in [
        ({"checksum": "maybe"}, "'checksum' is 'maybe' but must be one of: on, off"),
        ({"width": "8"}, "has no parameter 'width'; it has: checksum, strip_parity"),
        ({"strip_parity": ""}, "'strip_parity' is '' but must be one of: true, false"),
    ]:
        with subtests.test(params=params, text=text):
            with pytest.raises(registry.BadParameter) as caught:
                registry.decoder("xk3190_tf0", params)
            assert str(caught.value).startswith("xk3190_tf0")
            assert text in str(caught.value)


def test_a_stream_takes_no_commands(subtests: pytest.Subtests) -> None:
    for protocol in ["xk3190_tf0", "st_gs_stx18"]:
        with (
            subtests.test(protocol=protocol),
            pytest.raises(registry.NoSuchCommand, match=f"{protocol} has no command 'zero'"),
        ):
            registry.encode(protocol, "zero", {})


def test_encoding_checks_the_parameters_first() -> None:
    with pytest.raises(registry.BadParameter):
        registry.encode("xk3190_tf0", "zero", {"checksum": "x"})


def test_numbers_keep_what_was_sent(subtests: pytest.Subtests) -> None:
    for field, value in [
        (b"- 7.385", "-7.385"),
        (b"  -7.385", "-7.385"),
        (b"+0007.380 ", "7.380"),
        (b" 12", "12"),
        (b"-0.00", "0.00"),
    ]:
        with subtests.test(field=field, value=value):
            assert str(from_text(field)) == value


def test_what_is_not_a_number_is_not_repaired(subtests: pytest.Subtests) -> None:
    for field in [b"7 .385", b"7. 385", b"7.", b".5", b"", b"-", b"1.2.3", b"1e3", b"\xd9\xa3", b"1,5"]:
        with subtests.test(field=field):
            assert from_text(field) is None


def test_more_decimals_than_the_frame_carries_are_refused_by_the_builder() -> None:
    with pytest.raises(ValueError, match="0 to 4 decimals"):
        registry.get("xk3190_tf0").encode_frame(DisplayState(Decimal("1.00000")), {})


def test_a_number_too_long_for_the_display_is_never_shown_shortened(subtests: pytest.Subtests) -> None:
    for protocol in ["xk3190_tf0", "st_gs_csv"]:
        with subtests.test(protocol=protocol):
            sent = registry.get(protocol).encode_frame(DisplayState(Decimal("12345.678")), {})
            assert sent in (b"", b"OL,GS,          \r\n")


def test_underload_is_shown_without_a_number() -> None:
    assert registry.get("xk3190_tf0").encode_frame(DisplayState(Decimal("-1"), underload=True), {}) == b""
    assert (
        registry.get("st_gs_csv").encode_frame(DisplayState(Decimal("-1"), underload=True), {}).startswith(b"UL,GS,   ")
    )
