"""The bare converter: which values are doubted, and what a calibration makes of the others."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.formats import hx711
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Reading

_CALIBRATION = {"counts_per_kg": "21487.5", "zero_counts": "-12034"}


def _read(counts: int, **params: str) -> Reading:
    (reading,) = registry.decoder("hx711", params).feed(counts.to_bytes(3, "big", signed=True))
    assert isinstance(reading, Reading)
    assert reading.counts == counts
    return reading


def test_values_of_a_disturbed_reading_are_suspect_and_no_weight(subtests: pytest.Subtests) -> None:
    for counts in [-1, *(2**n - 1 for n in range(1, 24))]:
        with subtests.test(counts=counts):
            reading = _read(counts, **_CALIBRATION)
            assert (reading.suspect, reading.weight, reading.unit) == (True, None, None)


def test_other_values_are_not(subtests: pytest.Subtests) -> None:
    for counts in [0, -2, 2, 4, 158060, -158060, *(2**n for n in range(1, 23))]:
        with subtests.test(counts=counts):
            reading = _read(counts, **_CALIBRATION)
            assert (reading.suspect, reading.overload, reading.unit) == (False, False, "kg")
            assert reading.weight is not None


def test_the_ends_of_the_range_are_an_overload(subtests: pytest.Subtests) -> None:
    for counts in [0x7FFFFF, -0x800000]:
        with subtests.test(counts=counts):
            reading = _read(counts, **_CALIBRATION)
            assert (reading.overload, reading.weight) == (True, None)


def test_without_a_whole_calibration_there_is_no_weight(subtests: pytest.Subtests) -> None:
    for params in [{}, {"counts_per_kg": "21487.5"}, {"zero_counts": "-12034"}]:
        with subtests.test(params=params):
            assert _read(158060, **params).weight is None


def test_a_calibration_that_makes_no_sense_is_refused(subtests: pytest.Subtests) -> None:
    for value in ["0", "-0.0", "kg", "1e9", "1.", "999999999", "+5"]:
        with subtests.test(value=value), pytest.raises(registry.BadParameter):
            registry.decoder("hx711", {"counts_per_kg": value})


def test_a_simulated_platform_shows_what_lies_on_it(subtests: pytest.Subtests) -> None:
    for weight in ["0.000", "7.385", "-0.250", "0.001"]:
        with subtests.test(weight=weight):
            params = registry.defaults("hx711") | _CALIBRATION
            (reading,) = registry.decoder("hx711", _CALIBRATION).feed(
                hx711.encode_frame(DisplayState(Decimal(weight)), params)
            )
            assert isinstance(reading, Reading)
            assert str(reading.weight) == weight


def test_beyond_its_range_a_simulated_platform_is_at_its_end() -> None:
    params = registry.defaults("hx711")
    assert hx711.encode_frame(DisplayState(Decimal("5000.000")), params) == b"\x7f\xff\xff"
    assert hx711.encode_frame(DisplayState(Decimal("1.000"), overload=True), params) == b"\x7f\xff\xff"
