"""Where rest, lock and numbers begin and end, to the reading, the gram and the tick.

Times are eighths of a second, exact in binary, so that a bound is met and not nearly met.
"""

from __future__ import annotations

import pytest

from kiosk.domain.metrology.indication import Indication, ScaleProfile, UnusableReason
from kiosk.domain.metrology.pan import STALE_S, Hold, NotBookableReason, Pan, PanState, PanView

PROFILE = ScaleProfile(e_g=5, max_g=30_000)


class Scale:
    """Feeds one pan, ``step`` seconds apart."""

    def __init__(self, step: float = 0.125) -> None:
        self.pan = Pan(PROFILE)
        self.now, self.step = 16.0, step

    def feed(self, *weights: int, stable: bool | None = None, raw: bytes = b"") -> PanView:
        for grams in weights:
            self.now += self.step
            view = self.pan.feed(Indication(grams, None, stable), self.now, raw)
        return view

    def refuse(self, why: UnusableReason) -> PanView:
        self.now += self.step
        return self.pan.feed(Indication(None, why, None), self.now)

    def emptied(self) -> PanView:
        return self.feed(*[0] * 8)


def scale(step: float = 0.125) -> Scale:
    """A scale whose pan has rested at zero."""
    given = Scale(step)
    given.emptied()
    return given


def lock_of(view: PanView) -> Hold:
    assert view.hold is not None
    return view.hold


def test_four_readings_over_half_a_second_are_rest_and_not_one_less() -> None:
    slow = scale(0.25)
    assert slow.feed(1_000, 1_000, 1_000).why_not is NotBookableReason.UNSTABLE, "half a second, but three readings"
    assert slow.feed(1_000).why_not is None
    quick = scale()
    assert quick.feed(*[1_000] * 4).why_not is NotBookableReason.UNSTABLE, "four readings, but three eighths"
    assert quick.feed(1_000).why_not is None, "five readings over exactly half a second"


def test_readings_one_step_apart_are_rest_and_two_steps_apart_are_none() -> None:
    near, far = scale(), scale()
    assert near.feed(1_000, 1_005, 1_000, 1_005, 1_000, 1_005).why_not is None
    assert far.feed(1_000, 1_010, 1_000, 1_010, 1_000, 1_010).why_not is NotBookableReason.UNSTABLE
    assert far.feed(*[1_005] * 4).why_not is None, "within a step of the last 1010: rest goes back to it, no further"
    assert lock_of(far.pan.request_hold()).readings == 5


def test_the_pause_that_may_be_between_two_readings() -> None:
    for pause, rests in ((0.0, True), (STALE_S, True), (STALE_S + 0.125, False), (-0.125, False)):
        given = scale()
        given.feed(*[1_000] * 8)
        given.now += pause - given.step
        assert (given.feed(1_000).why_not is None) is rests, pause


def test_a_scale_that_calls_its_weight_stable_is_believed_after_the_same_rest() -> None:
    given = scale()
    assert given.feed(*[1_000] * 4, stable=True).why_not is NotBookableReason.UNSTABLE
    assert given.feed(1_000, stable=True).why_not is None


def test_a_lock_says_how_long_and_how_often_it_was_seen() -> None:
    given = scale()
    given.feed(*[1_000] * 8)
    given.feed(1_005, raw=b"the last")
    lock = lock_of(given.pan.request_hold())
    assert lock == Hold(grams=1_005, reading_no=17, load_no=1, stable_ms=1_000, readings=9, frames=(b"the last",))


def test_readings_without_frames_leave_none() -> None:
    pan = Pan(PROFILE)
    for number in range(16):
        pan.feed(Indication(0 if number < 8 else 1_000, None, None), number / 8)
    assert lock_of(pan.request_hold()).frames == ()


def test_a_long_rest_is_kept_within_bounds() -> None:
    given = scale()
    given.feed(*[1_000] * 500)
    lock = lock_of(given.pan.request_hold())
    assert (lock.readings, lock.stable_ms) == (64, 63 * 125)


def test_readings_count_from_one_and_loads_from_the_first_zero() -> None:
    given = Scale()
    assert (given.pan.view().reading_no, given.pan.view().load_no) == (0, 0)
    assert given.feed(0).reading_no == 1
    assert given.feed(0, 0).reading_no == 3
    assert given.emptied().load_no == 1
    assert given.feed(*[0] * 20).load_no == 1, "nothing was put down"


def test_a_load_that_was_not_booked_is_a_load_all_the_same() -> None:
    given = scale()
    given.feed(*[1_000] * 8)
    assert given.emptied().load_no == 2
    given.feed(10)
    assert given.emptied().load_no == 3, "two steps above zero are no empty pan"
    given.feed(5)
    assert given.emptied().load_no == 3


def test_a_lock_that_holds_keeps_its_number_and_one_that_broke_gets_another() -> None:
    given = scale()
    given.feed(*[1_000] * 8)
    first = lock_of(given.pan.request_hold())
    for grams in (1_005, 995, 1_000):
        assert lock_of(given.feed(grams)) is first, "within a step of it"
    assert given.feed(1_010).hold is None
    again = lock_of(given.feed(*[1_010] * 8))
    assert (again.grams, again.load_no) == (1_010, first.load_no)
    assert again.reading_no > first.reading_no
    assert given.feed(1_000).hold is None, "below it as well"


def test_nothing_is_locked_for_nobody() -> None:
    given = scale()
    assert given.pan.hold_requested is False
    given.pan.request_hold()
    assert given.pan.hold_requested is True
    assert given.feed(*[1_000] * 8).hold is not None
    assert given.pan.release().hold is None
    assert given.pan.hold_requested is False
    assert given.feed(*[1_000] * 20).hold is None


def test_what_cannot_be_booked_cannot_be_read() -> None:
    given = scale()
    assert given.pan.read() is None, "nothing lies there"
    given.feed(1_000)
    assert given.pan.read() is None, "it moves"
    given.feed(*[1_000] * 8)
    lock = given.pan.read()
    assert lock is not None
    given.pan.count(lock)
    assert given.pan.read() is None, "it is counted"
    given.emptied()
    given.feed(*[30_005] * 8)
    assert given.pan.read() is None, "it is too heavy"


def test_a_counted_load_is_over_and_one_that_followed_it_is_not() -> None:
    given = scale()
    given.feed(*[1_000] * 8)
    first = lock_of(given.pan.request_hold())
    given.emptied()
    given.feed(*[2_000] * 8)
    given.pan.count(first)
    second = lock_of(given.pan.view())
    assert (second.grams, given.pan.view().why_not) == (2_000, None), "counting the first takes nothing of the second"
    given.pan.count(second)
    assert given.pan.view().hold is None
    assert given.feed(*[2_500] * 8).why_not is NotBookableReason.LOAD_ALREADY_COUNTED


def test_a_step_around_zero_is_an_empty_pan(subtests: pytest.Subtests) -> None:
    for grams, state in [
        (-10, PanState.NEGATIVE),
        (-5, PanState.EMPTY),
        (0, PanState.EMPTY),
        (5, PanState.EMPTY),
        (10, PanState.STABLE),
    ]:
        with subtests.test(grams=grams, state=state):
            given = scale()
            view = given.feed(*[grams] * 8)
            assert (view.state, view.grams) == (state, grams)
            assert given.pan.rests_at_zero is (state is PanState.EMPTY)


def test_a_frame_without_a_weight_shows_no_number_and_ends_the_rest(subtests: pytest.Subtests) -> None:
    for why, state, why_not in [
        (UnusableReason.OVERLOAD, PanState.OVERLOAD, NotBookableReason.ABOVE_MAX),
        (UnusableReason.UNDERLOAD, PanState.NEGATIVE, NotBookableReason.UNSTABLE),
        (UnusableReason.UNIT, PanState.LOST, NotBookableReason.UNIT),
        (UnusableReason.NET_ON_SCALE, PanState.LOST, NotBookableReason.NET_ON_SCALE),
        (UnusableReason.OFF_STEP, PanState.LOST, NotBookableReason.OFF_STEP),
        (UnusableReason.NO_WEIGHT, PanState.LOST, NotBookableReason.LOST),
    ]:
        with subtests.test(why=why, state=state, why_not=why_not):
            given = scale()
            given.feed(*[1_000] * 8)
            view = given.refuse(why)
            assert (view.state, view.grams, view.why_not) == (state, None, why_not)
            assert given.feed(*[1_000] * 4).why_not is NotBookableReason.UNSTABLE


def test_a_look_loses_what_is_too_old_once_and_nothing_else() -> None:
    for age, lost in ((0.0, False), (STALE_S, False), (STALE_S + 0.125, True), (-0.125, True)):
        given = scale()
        given.feed(*[1_000] * 8)
        given.pan.request_hold()
        read_at = given.now
        assert given.pan.expire_stale(read_at + age) is lost, age
        assert (given.pan.view().hold is None) is lost, age
        assert (given.pan.view().state is PanState.LOST) is lost, age
        assert (given.pan.read() is None, given.pan.rest_g is None) == (lost, lost), age
        assert not given.pan.expire_stale(read_at + age), "told once"


def test_a_pan_that_was_never_read_has_nothing_to_lose() -> None:
    pan = Pan(PROFILE)
    assert not pan.expire_stale(1_000_000.0)
    assert pan.losses == 0


def test_losses_are_counted_when_something_was_known() -> None:
    given = scale()
    begun = given.pan.losses
    given.feed(1_000)
    given.pan.lose()
    given.pan.lose()
    assert given.pan.losses == begun + 1
    given.feed(1_000)
    assert given.pan.expire_stale(given.now + 2 * STALE_S)
    assert given.pan.losses == begun + 2
    given.refuse(UnusableReason.UNIT)
    given.feed(1_000)
    assert given.pan.losses == begun + 2, "a frame that is refused is heard all the same"


def test_after_a_look_that_lost_it_the_rest_is_seen_anew() -> None:
    given = scale()
    given.feed(*[1_000] * 8)
    given.pan.expire_stale(given.now + 2 * STALE_S)
    assert given.feed(1_000, 1_000, 1_000).why_not is NotBookableReason.UNSTABLE
    assert given.feed(*[1_000] * 3).why_not is None
