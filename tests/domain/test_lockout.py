from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.lockout import Lockout, LockoutRule

RULE = LockoutRule(tries=5, window_ms=600_000, lockout_ms=600_000, delay_ms=(0, 1_000, 2_000, 5_000))
BOOT, NEXT_BOOT = "b007-1", "b007-2"


def fail(times: int, start: int = 0, step: int = 10_000) -> Lockout:
    """``times`` wrong tries in one boot, ``step`` ms apart."""
    lockout = Lockout()
    for number in range(times):
        lockout = lockout.after_failure(RULE, BOOT, start + number * step)
    return lockout


def test_each_wrong_try_costs_more_and_the_fifth_locks() -> None:
    waits = [fail(times).wait(RULE, BOOT, (times - 1) * 10_000) for times in range(1, 6)]
    assert waits == [0, 1_000, 2_000, 5_000, 600_000]
    assert [fail(times).locked for times in range(1, 6)] == [False, False, False, False, True]


def test_a_lock_ends_after_its_time_and_gives_five_tries_again() -> None:
    locked = fail(5)
    assert locked.wait(RULE, BOOT, 40_000 + 599_999) == 1
    assert locked.wait(RULE, BOOT, 40_000 + 600_000) == 0
    assert not locked.after_failure(RULE, BOOT, 700_000).locked


def test_wrong_tries_of_long_ago_do_not_count() -> None:
    assert not fail(5, step=150_000).locked
    assert fail(5, step=149_999).locked


def test_pulling_the_plug_gains_nothing() -> None:
    locked = fail(5, start=5_000_000)
    assert locked.wait(RULE, NEXT_BOOT, 0) == 600_000
    assert locked.wait(RULE, NEXT_BOOT, 30_000) == 570_000, "this boot has lasted that long"
    four = fail(4, start=5_000_000)
    assert four.after_failure(RULE, NEXT_BOOT, 20_000).locked


def test_a_monotonic_clock_that_seems_to_go_back_is_no_time() -> None:
    assert fail(5, start=5_000_000).wait(RULE, BOOT, 10) == 600_000


def test_a_rule_made_milder_is_obeyed_at_once() -> None:
    mild = LockoutRule(lockout_ms=60_000)
    assert fail(5).wait(mild, BOOT, 40_000) == 60_000


def test_a_rule_that_locks_nothing_is_none(subtests: pytest.Subtests) -> None:
    for wrong in [{"tries": 0}, {"window_ms": 0}, {"lockout_ms": 0}, {"delay_ms": ()}, {"delay_ms": (-1,)}]:
        with subtests.test(wrong=wrong):
            with pytest.raises(ValueError, match="lock rule"):
                LockoutRule(**wrong)  # type: ignore[arg-type]
            with pytest.raises(ValueError, match="not negative"):
                Lockout((), -1)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 200_000)), max_size=40))
def test_never_more_than_five_wrong_in_ten_minutes_of_running_time(steps: list[tuple[bool, int]]) -> None:
    """Whoever waits as told and restarts whenever it pleases: the tries that were looked at, by true running time."""
    lockout, boot, monotonic, running = Lockout(), 0, 0, 0
    tried: list[int] = []
    for restart, pause in steps:
        if restart:
            boot, monotonic = boot + 1, 0
        monotonic, running = monotonic + pause, running + pause
        if lockout.wait(RULE, str(boot), monotonic):
            continue
        lockout = lockout.after_failure(RULE, str(boot), monotonic)
        tried.append(running)
    for first, sixth in zip(tried, tried[5:], strict=False):
        assert sixth - first >= RULE.window_ms
