"""Which pictures are not tried now: later by and by, never in a loop, nothing kept of what is done."""

from __future__ import annotations

from kiosk.messaging.relay.photos.lane import (
    FIRST_RETRY_S,
    GIVE_UP_S,
    MAX_RETRY_S,
    MAX_TRIES,
    OVERDUE_S,
    PausedPictures,
)
from kiosk.messaging.relay.photos.ports import PhotoFault


def held() -> PausedPictures:
    return PausedPictures(lambda: 1.0)


def test_what_the_center_does_not_know_is_asked_for_more_and_more_rarely() -> None:
    one, now, waits = held(), 0.0, []
    while now < OVERDUE_S:
        assert one.is_due("a", now)
        one.postpone("a", now)
        waits.append(one.wait_s(now))
        assert not one.is_due("a", now)
        assert one.is_due("b", now)
        assert one.fault is None
        now += waits[-1] or 0.0
    assert waits[0] == FIRST_RETRY_S
    assert max(wait or 0.0 for wait in waits) == MAX_RETRY_S
    assert len(waits) < OVERDUE_S / MAX_RETRY_S + 10
    one.postpone("a", now + 1)
    assert one.fault is PhotoFault.NOT_ANNOUNCED


def test_bytes_that_arrive_wrong_again_and_again_are_a_fault() -> None:
    one = held()
    assert [one.retry_damaged("a", 0.0) for _ in range(MAX_TRIES)] == [True, True, False]
    assert one.fault is PhotoFault.CONTENT
    assert not one.is_due("a", GIVE_UP_S - 1)
    assert one.is_due("a", GIVE_UP_S)


def test_a_stopped_one_is_tried_once_a_day_and_the_others_meanwhile() -> None:
    one = held()
    one.stop("a", PhotoFault.SIZE, 100.0)
    assert (one.fault, one.is_due("a", 100.0 + GIVE_UP_S - 1), one.is_due("b", 100.0)) == (PhotoFault.SIZE, False, True)
    assert one.wait_s(100.0) == GIVE_UP_S


def test_what_is_done_or_gone_is_forgotten() -> None:
    one = held()
    for name in ("a", "b", "c"):
        one.stop(name, PhotoFault.SIZE, 0.0)
    one.done("a")
    one.retain_only({"b"})
    assert len(one) == 1
    one.done("b")
    assert (one.fault, one.wait_s(0.0)) == (None, None)
