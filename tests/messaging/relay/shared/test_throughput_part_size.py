"""How much is sent at once: an event waits for two seconds at most, on whatever line."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies

from kiosk.messaging.contract.photos import MAX_PART_BYTES
from kiosk.messaging.relay.shared.throughput import FIRST_PART_BYTES, MAX_PART_S, MIN_PART_BYTES, PartSize


def over(line: float, parts: int, size: PartSize, round_trip_s: float = 0.1) -> list[float]:
    """Seconds for which each part keeps a line of so many bytes a second busy."""
    took = []
    for _ in range(parts):
        took.append(size.bytes / line)
        size.record_part(size.bytes, took[-1] + round_trip_s)
    return took


def test_no_part_takes_longer_on_a_steady_line(subtests: pytest.Subtests) -> None:
    for kbit in [16, 32, 64, 256, 1000, 10_000, 100_000]:
        with subtests.test(kbit=kbit):
            size = PartSize()
            took = over(kbit * 125, 40, size)
            assert max(took[1:]) <= MAX_PART_S
            assert took[0] <= FIRST_PART_BYTES / (kbit * 125)
            assert size.bytes == MAX_PART_BYTES or took[-1] > MAX_PART_S / 4, "and the line is used"


def test_a_long_way_is_no_slow_line() -> None:
    size = PartSize()
    size.record_round_trip(3.0)
    assert max(over(50_000, 20, size, round_trip_s=3.0)) <= MAX_PART_S
    assert size.bytes > 20_000


def test_a_line_that_becomes_slow_is_followed_at_once() -> None:
    size = PartSize()
    over(1_000_000, 20, size)
    assert size.bytes == MAX_PART_BYTES
    took = over(4000, 3, size)
    assert max(took[1:]) <= MAX_PART_S


def test_what_broke_off_is_tried_smaller_and_never_with_nothing() -> None:
    size = PartSize()
    for _ in range(50):
        size.record_failure()
    assert size.bytes == MIN_PART_BYTES


def test_the_rest_of_a_picture_says_nothing_about_more() -> None:
    size = PartSize()
    over(100_000, 10, size)
    before = size.bytes
    size.record_part(10, 0.1)
    assert size.bytes == before
    size.record_part(10, 5.0)
    assert size.bytes == MIN_PART_BYTES, "unless even that took long"


@given(strategies.lists(strategies.floats(0.0, 1000.0), max_size=40))
def test_it_stays_within_its_bounds(times: list[float]) -> None:
    size = PartSize()
    for seconds in times:
        before = size.bytes
        size.record_round_trip(seconds / 2)
        size.record_part(size.bytes, seconds)
        assert MIN_PART_BYTES <= size.bytes <= min(MAX_PART_BYTES, 4 * before)
