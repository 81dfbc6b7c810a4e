"""Looks for a page: only while it asks, never in the way of a shot, kept for seconds and in memory alone."""

from __future__ import annotations

import threading
from collections import deque

import pytest

from kiosk.devices.ports import CameraFault, LiveViewFrame, Shot
from kiosk.domain.verdict import Reason
from kiosk.station.desk.view import PhotoRequest
from kiosk.station.photos.photographer import (
    GAP_S,
    MAX_PREVIEW_AGE_S,
    REQUEST_TIMEOUT_S,
    LiveView,
    Photographer,
    PlainRequest,
    PreviewRequest,
    Previews,
    ShotListeners,
)
from tests.station.hardware import FakeCamera, Heard, shot_of

PICTURE = shot_of(b"\xff\xd8\xff look \xff\xd9", 420, 300)
STILL, MOVING = LiveViewFrame((), True, PICTURE), LiveViewFrame((), False, PICTURE)
EMPTY = LiveViewFrame((Reason.EMPTY,), True, PICTURE)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class TimedCamera(FakeCamera):
    """A look of it takes ``took_s`` seconds of the clock."""

    def __init__(self, clock: Clock, *looks: LiveViewFrame | BaseException, took_s: float = 0.0) -> None:
        super().__init__()
        self.looks = deque(looks)
        self._clock, self.took_s = clock, took_s

    def live_view(self, deadline_s: float) -> LiveViewFrame:
        self._clock.now += self.took_s
        return super().live_view(deadline_s)


def test_it_is_looked_only_while_a_page_asks_and_nothing_is_kept_longer() -> None:
    clock = Clock()
    camera = TimedCamera(clock, STILL)
    looks = Previews(camera, auto=False, clock=clock)
    assert looks.due() is None
    assert looks.ask(PreviewRequest("lot")) is None and looks.due() == 0.0
    looks.take()
    assert looks.ask(PreviewRequest("lot")) == STILL
    assert looks.due() == pytest.approx(GAP_S)
    clock.now += REQUEST_TIMEOUT_S
    assert 0 < (looks.due() or 0) <= MAX_PREVIEW_AGE_S - REQUEST_TIMEOUT_S, "until it is to be forgotten"
    clock.now += MAX_PREVIEW_AGE_S
    assert looks.due() == 0.0
    looks.take()
    assert looks.due() is None and len(camera.seen.told) == 1


def test_another_lot_never_sees_the_look_of_this_one() -> None:
    clock = Clock()
    looks = Previews(TimedCamera(clock, STILL), auto=False, clock=clock)
    looks.ask(PreviewRequest("lot"))
    looks.take()
    assert looks.ask(PreviewRequest("other")) is None


def test_two_pages_of_two_lots_both_see_the_mat_and_neither_gets_a_shot_without_a_tap() -> None:
    clock, shots = Clock(), Heard()
    seen = {"one": 0, "other": 0}

    class Busy(TimedCamera):
        def live_view(self, deadline_s: float) -> LiveViewFrame:
            """Both pages ask while it is looked at the mat."""
            look = super().live_view(deadline_s)
            for lot in sorted(seen, reverse=len(self.seen.told) % 2 == 0):
                seen[lot] += looks.ask(PreviewRequest(lot, shots)) is not None
            return look

    looks = Previews(Busy(clock, EMPTY, MOVING, STILL), auto=True, clock=clock)
    looks.ask(PreviewRequest("one", shots))
    for _ in range(60):
        looks.take()
        clock.now += 0.2
    assert min(seen.values()) > 10, seen
    assert shots.told == []


def test_a_slow_look_leaves_the_camera_most_of_the_time() -> None:
    clock = Clock()
    looks = Previews(TimedCamera(clock, STILL, took_s=0.4), auto=False, clock=clock)
    looks.ask(PreviewRequest("lot"))
    looks.take()
    due = looks.due()
    assert due is not None and 0.4 / (0.4 + due) <= 0.4 + 1e-9


def test_a_camera_that_fails_is_asked_again_later_and_shows_nothing_old() -> None:
    clock = Clock()
    looks = Previews(TimedCamera(clock, STILL, CameraFault("missing", "gone"), STILL), auto=False, clock=clock)
    looks.ask(PreviewRequest("lot"))
    looks.take()
    clock.now += 0.2
    looks.take()
    assert looks.ask(PreviewRequest("lot")) is None and (looks.due() or 0) > 1
    assert Previews(None, auto=True).ask(PreviewRequest("lot")) is None


def test_goods_that_lie_still_are_shot_once_where_that_is_set_and_the_page_asks() -> None:
    for auto, watched, wanted in ((True, True, 1), (False, True, 0), (True, False, 0)):
        clock, shots = Clock(), Heard()
        looks = Previews(TimedCamera(clock, EMPTY, MOVING, STILL), auto=auto, clock=clock)
        for _ in range(60):
            looks.ask(PreviewRequest("lot", shots if watched else None))
            looks.take()
            clock.now += 0.2
        assert len(shots.told) == wanted, (auto, watched)


def test_a_shot_that_cannot_be_asked_for_ends_nothing() -> None:
    clock = Clock()
    looks = Previews(TimedCamera(clock, EMPTY, MOVING, STILL), auto=True, clock=clock)

    def refused() -> None:
        raise RuntimeError("no")

    for _ in range(20):
        looks.ask(PreviewRequest("lot", refused))
        looks.take()
        clock.now += 0.2
    assert looks.ask(PreviewRequest("lot")) == STILL


def test_a_page_wakes_the_photographer_and_a_shot_goes_first() -> None:
    camera, kept = FakeCamera(), Heard()
    camera.looks = deque([STILL])
    gate, begun = threading.Event(), threading.Event()

    def hold(shot: Shot) -> None:
        begun.set()
        assert gate.wait(30)

    listeners = ShotListeners(done=kept, failed=Heard(), retake=Heard())
    looks = Previews(camera, auto=False)
    photographer = Photographer(camera, listeners, 1_000, looks)
    view = LiveView(looks, photographer.worker.wake)
    photographer.worker.start()
    try:
        view.ask(PreviewRequest("lot"))
        camera.seen.wait(lambda told: len(told) >= 2)
        photographer.ask(PlainRequest(PhotoRequest("one"), lambda: None, hold))
        assert begun.wait(30)
        before = len(camera.seen.told)
        for _ in range(50):
            view.ask(PreviewRequest("lot"))
        photographer.ask(PlainRequest(PhotoRequest("two"), lambda: None, lambda shot: None))
        gate.set()
        kept.wait(lambda told: len(told) == 2)
        assert len(camera.seen.told) == before, "no look came between them"
        camera.seen.wait(lambda told: len(told) > before)
    finally:
        gate.set()
        photographer.stop()
