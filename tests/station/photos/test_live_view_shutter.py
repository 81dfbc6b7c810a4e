"""Without a tap: one shot for goods that were laid down, none for what moves, a hand, an empty mat."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.devices.ports import LIVE_VIEW_REASONS, LiveViewFrame
from kiosk.domain.verdict import Reason
from kiosk.station.photos.photographer import MAX_GAP_S, STILL_PREVIEWS, STILL_S, AutoShutter

STILL, MOVING = LiveViewFrame((), still=True), LiveViewFrame((), still=False)
EMPTY, HAND = (LiveViewFrame((reason,), still=True) for reason in (Reason.EMPTY, Reason.HAND))
LOOKS = st.one_of(
    st.just(STILL),
    st.builds(LiveViewFrame, st.just(()), st.booleans()),
    st.builds(
        LiveViewFrame, st.lists(st.sampled_from(LIVE_VIEW_REASONS), max_size=2, unique=True).map(tuple), st.booleans()
    ),
)


def shots(shutter: AutoShutter, *looks: LiveViewFrame, begin: float = 0.0, gap_s: float = 0.2) -> list[int]:
    """Which of the looks, so far apart, led to a shot."""
    return [number for number, look in enumerate(looks) if shutter.update(look, begin + number * gap_s)]


def test_goods_that_were_laid_down_are_shot_once() -> None:
    assert shots(AutoShutter(3), EMPTY, EMPTY, HAND, MOVING, *[STILL] * 40) == [9]


def test_what_lay_there_before_and_what_does_not_lie_right_are_not_shot() -> None:
    assert shots(AutoShutter(3), *[STILL] * 40) == []
    for reason in LIVE_VIEW_REASONS:
        assert shots(AutoShutter(3), EMPTY, MOVING, *[LiveViewFrame((reason,), still=True)] * 40) == [], reason


def test_goods_that_never_come_to_rest_are_not_shot() -> None:
    for swing in ((STILL, MOVING), (STILL, STILL, MOVING), (STILL, STILL, HAND)):
        assert shots(AutoShutter(3), EMPTY, *swing * 40) == [], swing


def test_a_second_shot_wants_that_something_moved_and_a_fourth_never_comes() -> None:
    placing = (HAND, MOVING, *[STILL] * 10)
    shutter = AutoShutter(3)
    assert len(shots(shutter, *placing * 5)) == 3
    shutter = AutoShutter(3)
    assert shots(shutter, *placing) and not shots(shutter, *[STILL] * 40, begin=2.4)


def test_a_slow_camera_needs_three_looks_and_a_pause_is_no_stillness() -> None:
    assert shots(AutoShutter(3), EMPTY, MOVING, *[STILL] * 5, gap_s=2.0) == [4]
    assert shots(AutoShutter(3), EMPTY, MOVING, *[STILL] * 9, gap_s=MAX_GAP_S + 0.1) == []
    shutter = AutoShutter(3)
    assert not shots(shutter, HAND, MOVING, STILL, STILL)
    shutter.start_over()  # a shot by a tap in between
    assert not shots(shutter, *[STILL] * 40, begin=0.8)


@settings(deadline=None)
@given(
    st.lists(st.tuples(LOOKS, st.sampled_from((0.05, 0.2, 0.6, 1.2, 3.0, -1.0)), st.booleans()), max_size=60),
    st.integers(0, 4),
)
def test_never_two_shots_for_one_placing(steps: list[tuple[LiveViewFrame, float, bool]], most: int) -> None:
    shutter, now, taken, moved = AutoShutter(most), 100.0, 0, False
    quiet: list[float] = []
    for look, gap_s, tapped in steps:
        now += gap_s
        if tapped:
            shutter.start_over()
            moved = False
        moved = moved or not look.still or not {Reason.HAND, Reason.EMPTY}.isdisjoint(look.lights)
        quiet = [*quiet, now] if look == STILL and gap_s > 0 and not tapped else []
        if shutter.update(look, now):
            taken += 1
            assert look == STILL and moved, "something moved since the shot before, and does not any more"
            assert len(quiet) >= STILL_PREVIEWS and now - quiet[0] >= STILL_S
            moved = False
    assert taken <= most
