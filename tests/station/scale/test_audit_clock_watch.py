"""A clock that is set is noticed once, whatever the monotonic clock says, and not more often than once a minute."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from kiosk.domain.moment import ClockQuality, Moment
from kiosk.station.scale.audit import ClockWatch
from tests.station.fakes import MOMENT


def later(seconds: float, *, jump_s: float = 0.0, quality: ClockQuality = ClockQuality.SYNCED) -> Moment:
    """So many seconds on, with the wall clock off by ``jump_s``."""
    return replace(
        MOMENT,
        utc=MOMENT.utc + timedelta(seconds=seconds + jump_s),
        monotonic_ms=MOMENT.monotonic_ms + round(seconds * 1000),
        quality=quality,
    )


def begun(quality: ClockQuality = ClockQuality.SYNCED) -> ClockWatch:
    watch = ClockWatch()
    assert watch.check(later(0, quality=quality)) is None, "a boot is no change"
    return watch


def test_time_that_passes_is_no_change() -> None:
    watch = begun()
    for seconds in (5, 500, 500_000):
        assert watch.check(later(seconds, jump_s=4.9)) is None
        assert watch.check(later(seconds, jump_s=-4.9)) is None


def test_a_step_is_told_until_it_is_counted() -> None:
    watch = begun()
    for _ in range(2):
        assert watch.check(later(10, jump_s=-86_400)) == (ClockQuality.SYNCED, ClockQuality.SYNCED, -86_400)
    watch.rebase(later(10, jump_s=-86_400))
    assert watch.check(later(100, jump_s=-86_400)) is None


def test_a_clock_that_becomes_synced_is_told_with_its_step() -> None:
    watch = begun(ClockQuality.UNSET)
    step = 10 * 365 * 86_400
    assert watch.check(later(10, jump_s=step)) == (ClockQuality.UNSET, ClockQuality.SYNCED, step)
    watch.rebase(later(10, jump_s=step))
    assert watch.check(later(100, jump_s=step, quality=ClockQuality.RESTORED)) == (
        ClockQuality.SYNCED,
        ClockQuality.RESTORED,
        0,
    )


def test_a_clock_that_is_played_with_counts_once_a_minute_and_its_last_state_at_the_end() -> None:
    watch = begun()
    counted = []
    for second in range(0, 600, 5):
        jump = 100 if second % 10 else 0
        now = later(second, jump_s=jump if second < 595 else 700)
        if (change := watch.check(now)) is not None:
            watch.rebase(now)
            counted.append(change[2])
    assert 5 <= len(counted) <= 10
    last = watch.check(later(700, jump_s=700))
    assert sum(counted) + (last[2] if last else 0) == 700, "the steps that were counted lead to where the clock is"


def test_a_jump_beyond_what_an_event_holds_is_cut_off() -> None:
    watch = begun()
    change = watch.check(later(10, jump_s=200 * 365 * 86_400.0))
    assert change is not None and change[2] == 2**31 - 1
