"""The time of events written before the clock was set, from what the same boot said later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.moment import ClockQuality
from tests.sorting_center.reports.corrected_time import ClockOffset, WrittenAt, clock_offset, corrected_time

BOOT, OTHER = "b007b007-0001", "b007b007-0002"
NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
"""When BOOT began."""
DAY_MS = 86_400_000


def told(monotonic_ms: int, wrong_ms: int = 0, quality: ClockQuality = ClockQuality.SYNCED) -> WrittenAt:
    """An event so long after the boot, by a clock that is wrong by so much."""
    utc = NOON + timedelta(milliseconds=monotonic_ms + wrong_ms)
    return WrittenAt(utc, quality, BOOT, monotonic_ms)


def offsets(*events: WrittenAt) -> list[ClockOffset]:
    return [offset for event in events if (offset := clock_offset(event)) is not None]


def right(event: WrittenAt) -> datetime:
    return NOON + timedelta(milliseconds=event.monotonic_ms)


def test_the_clock_began(subtests: pytest.Subtests) -> None:
    for what, wrong_ms, quality in [
        ("in 1970", -round(NOON.timestamp() * 1000), ClockQuality.UNSET),
        ("at the last shutdown", -3 * DAY_MS, ClockQuality.RESTORED),
        ("a day ahead: it jumps back", DAY_MS, ClockQuality.RESTORED),
        ("ten years ahead", 3653 * DAY_MS, ClockQuality.RESTORED),
        ("ten years back", -3653 * DAY_MS, ClockQuality.UNSET),
    ]:
        with subtests.test(what=what, wrong_ms=wrong_ms, quality=quality):
            early, late = told(5_000, wrong_ms, quality), told(900_000)
            assert corrected_time(early, offsets(early, late)) == right(early), what
            assert corrected_time(late, offsets(early, late)) == late.utc


def test_no_jump_and_nobody_who_knows() -> None:
    synced, restored = told(1_000), told(2_000, 40, ClockQuality.RESTORED)
    assert corrected_time(synced, []) == synced.utc
    assert corrected_time(restored, offsets(restored)) is None
    assert clock_offset(restored) is None
    other = WrittenAt(NOON, ClockQuality.SYNCED, OTHER, 2_000)
    assert corrected_time(restored, offsets(other)) is None, "another boot has another monotonic clock"


def test_two_jumps_in_a_boot() -> None:
    """The server that answered first was an hour wrong and was set right later: each event follows the next jump."""
    first = told(1_000, -DAY_MS, ClockQuality.UNSET)
    set_wrong, between, set_right = told(10_000, 3_600_000), told(20_000, -5, ClockQuality.RESTORED), told(30_000)
    after = told(40_000, -9, ClockQuality.RESTORED)
    known = offsets(set_wrong, set_right)
    assert corrected_time(first, known) == right(first) + timedelta(hours=1)
    assert corrected_time(between, known) == right(between)
    assert corrected_time(after, known) == right(after), "the last one goes on where no later one is"
    assert corrected_time(set_wrong, known) == set_wrong.utc, "what a set clock said stands"


def test_a_monotonic_clock_nobody_can_have_says_nothing() -> None:
    far = WrittenAt(NOON, ClockQuality.UNSET, BOOT, 10**17)
    assert corrected_time(far, offsets(told(1))) is None


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="UTC"):
        WrittenAt(datetime(2026, 1, 1), ClockQuality.SYNCED, BOOT, 0)


moments = st.integers(0, 40 * DAY_MS)
errors = st.integers(-20 * 365 * DAY_MS, 20 * 365 * DAY_MS)


@given(st.lists(moments, min_size=1), st.lists(moments, min_size=1), errors, st.randoms(use_true_random=False))
def test_whatever_the_clock_said_before_it_was_set(
    unset: list[int], synced: list[int], wrong_ms: int, random: Random
) -> None:
    """Right to the millisecond for every event of the boot, in order, whatever the order in which they are told."""
    early = [told(at, wrong_ms, ClockQuality.UNSET) for at in sorted(unset)]
    known = offsets(*early, *(told(at) for at in synced), WrittenAt(NOON, ClockQuality.SYNCED, OTHER, 7))
    random.shuffle(known)
    found = [corrected_time(event, known) for event in early]
    assert found == [right(event) for event in early]


@given(moments, errors, st.lists(st.tuples(moments, errors)))
def test_a_set_clock_is_never_overruled(at: int, wrong_ms: int, others: list[tuple[int, int]]) -> None:
    event = told(at, wrong_ms)
    assert corrected_time(event, offsets(*(told(*other) for other in others))) == event.utc
