"""Scales that are told a price: the dialogues."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason

_STILL = DisplayState(Decimal("7.385"))


def _answers(protocol: str, command: str, shown: DisplayState, **given: str) -> list[Decoded]:
    row, params = registry.get(protocol), registry.defaults(protocol) | given
    assert row.respond is not None
    return registry.decoder(protocol, given).feed(row.respond(command, shown, params))


def test_dialog06_takes_a_price_and_gives_a_weighing() -> None:
    row = registry.get("dialog06")
    assert row.poll is not None
    assert row.poll.steps == ("request_weight", "enquiry")
    (accepted,) = _answers("dialog06", "request_weight", _STILL)
    assert isinstance(accepted, Record)
    (weighing,) = _answers("dialog06", "enquiry", _STILL, price="475")
    assert isinstance(weighing, Reading)
    assert (str(weighing.weight), weighing.unit, weighing.stable) == ("7.385", "kg", True)
    assert weighing.raw.endswith(b"\x1b000475\x1b003508\x03")


def test_dialog06_gives_no_weight_and_says_why_when_it_is_asked(subtests: pytest.Subtests) -> None:
    for shown, flags in [
        (DisplayState(Decimal("7.382"), stable=False), (False, False, False)),
        (DisplayState(Decimal("99.999"), overload=True), (None, True, False)),
        (DisplayState(Decimal("0.000"), underload=True), (None, False, True)),
        (DisplayState(Decimal("-0.250")), (None, False, True)),
    ]:
        with subtests.test(shown=shown, flags=flags):
            assert not any(isinstance(item, Reading) for item in _answers("dialog06", "enquiry", shown))
            (why,) = _answers("dialog06", "handshake", shown)
            assert isinstance(why, Reading)
            assert (why.weight, why.stable, why.overload, why.underload) == (None, *flags)


def test_dialog06_without_anything_wrong_says_so() -> None:
    (status,) = _answers("dialog06", "handshake", _STILL)
    assert status == Record("status", "00", b"\x0209\x1b00\x03")


def test_tisa_works_out_the_amount_of_the_price_it_is_told() -> None:
    (reading,) = _answers("dibal_tisa", "request_weight", _STILL, price="475")
    assert isinstance(reading, Reading)
    assert reading.raw == b"990073850003508" + b"7"
    assert (str(reading.weight), reading.unit) == ("7.385", None)


def test_tisa_gives_no_weight_below_20_divisions(subtests: pytest.Subtests) -> None:
    for weight in ["0.000", "0.019"]:
        with subtests.test(weight=weight):
            (refused,) = _answers("dibal_tisa", "request_weight", DisplayState(Decimal(weight)))
            assert isinstance(refused, Rejected)
            assert refused.reason is RejectReason.BELOW_MIN


def test_a_price_is_whole_digits(subtests: pytest.Subtests) -> None:
    for value in ["", "-1", "4.75", "1234567", "x"]:
        for protocol in ["dialog06", "dibal_tisa"]:
            with subtests.test(value=value, protocol=protocol), pytest.raises(registry.BadParameter):
                registry.encode(protocol, "request_weight", {"price": value})


def test_a_number_with_too_many_digits_is_never_sent_shortened(subtests: pytest.Subtests) -> None:
    for protocol, most in [("toledo_prix", 99_999), ("micheletti_p15", 999_999)]:
        with subtests.test(protocol=protocol, most=most):
            row, params = registry.get(protocol), registry.defaults(protocol)
            assert row.encode_frame(DisplayState(Decimal(most), unit="g"), params)
            assert row.encode_frame(DisplayState(Decimal(most + 1), unit="g"), params) == b""


def test_another_unit_is_refused_by_the_builder(subtests: pytest.Subtests) -> None:
    for protocol in ["dialog06", "dibal_tisa", "toledo_prix", "micheletti_p15"]:
        with subtests.test(protocol=protocol), pytest.raises(ValueError, match="carries"):
            registry.get(protocol).encode_frame(DisplayState(Decimal("1.0"), unit="oz"), registry.defaults(protocol))


def test_p15_is_asked_and_answers_with_three_fields_of_six() -> None:
    row, params = registry.get("micheletti_p15"), registry.defaults("micheletti_p15")
    assert row.poll is not None
    assert [row.command(step, params) for step in row.poll.steps] == [b"\x05"]
    assert row.encode_frame(DisplayState(Decimal(7385), unit="g"), params) == b"\x02  7385      0      0\x03"
    assert not row.no_booking, "it can be asked again and again, so rest and an empty pan are seen"


def _grams(frame: bytes) -> set[int]:
    found = registry.read("micheletti_p15", {}, frame)
    return {int(item.weight) for item in found if isinstance(item, Reading) and item.weight is not None}


def test_p15_fields_that_moved_are_no_weight(subtests: pytest.Subtests) -> None:
    for frame in [b"\x02  7385    475   3508\x03", b"\x02123456   1299 160369\x03"]:
        with subtests.test(frame=frame):
            (right,) = _grams(frame)
            for at in range(len(frame)):
                assert _grams(frame[:at] + frame[at + 1 :]) == set()
                for byte in b"0123456789 .-\x02\x03\xff":
                    assert _grams(frame[:at] + bytes((byte,)) + frame[at:]) <= {right}, (at, byte)
            for cut in range(1, len(frame)):
                assert _grams(b"\x02" + frame[1 + cut :]) == set()
                assert _grams(frame[:-cut] + frame) == {right}
