"""USB weighing devices: reports with and without their id."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.formats.usb_hid import encode_frame
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Rejected, RejectReason

_ZERO, _MOTION, _STABLE = 2, 3, 4
_EXPONENTS = (0xFD, 0xFE, 0xFF, 0x00)


def _decode(*report: int) -> list[Decoded]:
    return registry.decoder("usb_hid_scale", {}).feed(bytes(report))


def test_a_report_with_its_id_carries_a_weight(subtests: pytest.Subtests) -> None:
    for status, unit, exponent in [*product((_MOTION, _STABLE), (2, 3, 11, 12), _EXPONENTS)]:
        with subtests.test(status=status, unit=unit, exponent=exponent):
            (reading,) = _decode(3, status, unit, exponent, 0xD9, 0x1C)
            assert isinstance(reading, Reading)
            assert reading.weight == Decimal(7385).scaleb(exponent - 256 if exponent else 0)
            assert reading.stable is (status == _STABLE)


def test_a_report_without_its_id_says_the_same_unless_it_is_in_motion(subtests: pytest.Subtests) -> None:
    for unit, exponent in [*product((2, 3, 11, 12), _EXPONENTS)]:
        with subtests.test(unit=unit, exponent=exponent):
            (reading,) = _decode(_STABLE, unit, exponent, 0xD9, 0x1C)
            assert isinstance(reading, Reading)
            (whole,) = _decode(3, _STABLE, unit, exponent, 0xD9, 0x1C)
            assert isinstance(whole, Reading)
            assert (reading.weight, reading.unit, reading.stable) == (whole.weight, whole.unit, True)
            (moving,) = _decode(_MOTION, unit, exponent, 0xD9, 0x1C)
            assert isinstance(moving, Reading)
            assert (moving.weight, moving.stable) == (None, False)


def test_an_unknown_unit_is_never_a_weight(subtests: pytest.Subtests) -> None:
    for unit in [0, 13, 0x7F, 0x80, 0xFD, 0xFF]:
        with subtests.test(unit=unit):
            for status in range(256):
                decoded = _decode(3, status, unit, 0xFD, 0xD9, 0x1C)
                assert not any(isinstance(item, Reading) and item.weight is not None for item in decoded), status


def test_an_unknown_status_is_never_a_weight(subtests: pytest.Subtests) -> None:
    for status in [0, *range(9, 256)]:
        with subtests.test(status=status):
            decoded = _decode(3, status, 3, 0xFD, 0xD9, 0x1C)
            assert [item.reason for item in decoded if isinstance(item, Rejected)] == [RejectReason.FRAMING]
            assert not any(isinstance(item, Reading) for item in decoded)


def test_a_number_above_two_bytes_is_over_the_limit() -> None:
    (reading,) = _decode(*encode_frame(DisplayState(Decimal("65.536")), {}))
    assert isinstance(reading, Reading)
    assert (reading.weight, reading.overload) == (None, True)


def test_more_decimals_than_a_report_carries_are_refused_by_the_builder() -> None:
    with pytest.raises(ValueError, match="0 to 9 decimals"):
        encode_frame(DisplayState(Decimal("1.0000000000")), {})
