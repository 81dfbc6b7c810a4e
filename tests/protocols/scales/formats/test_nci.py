"""American scales: what they answer to each command, and status bytes bit by bit."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected, RejectReason

_STILL = DisplayState(Decimal("7.385"))


def _answers(protocol: str, command: str, shown: DisplayState) -> list[Decoded]:
    row = registry.get(protocol)
    assert row.respond is not None
    return registry.decoder(protocol, {}).feed(row.respond(command, shown, registry.defaults(protocol)))


def _nci(*status: int) -> Decoded:
    (item,) = registry.decoder("nci_ecr", {}).feed(b"\n  7.385KG\r\nS" + bytes(status) + b"\r\x03")
    return item


def test_each_bit_of_the_first_status_byte(subtests: pytest.Subtests) -> None:
    for first in range(0x30, 0x40):
        with subtests.test(first=first):
            item = _nci(first, 0x30)
            if first & 0x0C:
                assert isinstance(item, Rejected)
                assert item.reason is RejectReason.FAULT
            else:
                assert isinstance(item, Reading)
                assert (item.stable, str(item.weight)) == (not first & 1, "7.385")


def test_each_bit_of_the_second_status_byte(subtests: pytest.Subtests) -> None:
    for second in range(0x30, 0x40):
        with subtests.test(second=second):
            item = _nci(0x30, second)
            if second & 0x04:
                assert isinstance(item, Rejected)
                assert item.reason is RejectReason.FAULT
            elif second & 0x08:
                assert isinstance(item, Rejected)
                assert item.reason is RejectReason.NEEDS_CALIBRATION
            elif second & 0x03 == 0x03:
                assert isinstance(item, Rejected)
            else:
                assert isinstance(item, Reading)
                assert (item.underload, item.overload) == (bool(second & 1), bool(second & 2))
                assert (item.weight is None) is bool(second & 3)


def test_each_bit_of_the_third_status_byte(subtests: pytest.Subtests) -> None:
    for third in range(0x30, 0x40):
        with subtests.test(third=third):
            item = _nci(0x30, 0x70, third)
            if third & 0x08:
                assert isinstance(item, Rejected)
                assert item.reason is RejectReason.ZERO_ERROR
            else:
                assert isinstance(item, Reading)
                assert item.net is bool(third & 4)


def test_a_byte_without_the_bits_that_are_always_set_is_no_status(subtests: pytest.Subtests) -> None:
    for status in [(0x10, 0x30), (0x70, 0x30), (0x30, 0x50), (0x30, 0x70, 0x70)]:
        with subtests.test(status=status):
            item = _nci(*status)
            assert isinstance(item, Rejected)
            assert item.reason is RejectReason.FRAMING


def test_an_nci_scale_answers_a_zero_with_its_status() -> None:
    (moving,) = _answers("nci_ecr", "zero", DisplayState(Decimal("7.382"), stable=False))
    assert isinstance(moving, Reading)
    assert (moving.weight, moving.stable) == (None, False)


def test_an_sma_scale_prints_only_while_it_stands_still() -> None:
    assert _answers("sma", "print", DisplayState(Decimal("7.382"), stable=False)) == []
    (reading,) = _answers("sma", "print", _STILL)
    assert isinstance(reading, Reading)


def test_the_tare_of_an_sma_scale_is_a_record() -> None:
    (tare,) = _answers("sma", "read_tare", _STILL)
    assert isinstance(tare, Record)
    assert (tare.kind, tare.value) == ("tare", "0.000 kg")


def test_a_number_too_long_for_an_sma_scale_is_over_capacity() -> None:
    (reading,) = _answers("sma", "request_weight", DisplayState(Decimal("12345678.125")))
    assert isinstance(reading, Reading)
    assert (reading.weight, reading.overload) == (None, True)


def test_a_pennsylvania_scale_does_not_answer_to_its_keys(subtests: pytest.Subtests) -> None:
    for command in ["zero", "tare"]:
        with subtests.test(command=command):
            assert _answers("penn_7600", command, _STILL) == []


def test_the_label_is_found_behind_what_is_left_of_the_echo(subtests: pytest.Subtests) -> None:
    for lost in range(4):
        with subtests.test(lost=lost):
            (reading,) = registry.decoder("penn_7600", {}).feed(b"SGW"[lost:] + b"Gross   7.385 kg\r\n")
            assert isinstance(reading, Reading)
            assert (str(reading.weight), reading.net) == ("7.385", False)
