"""What many viewers share, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import count

import pytest

from kiosk.sorting_center.web.drawing import HEIGHT, Bar, bars, percent
from kiosk.sorting_center.web.pictures.shared import Rendered, Shared, etag_of
from kiosk.sorting_center.web.pictures.times import local_time, start_of_day


def hours() -> Callable[[], float]:
    """A clock that is looked at twice while something is made, and then not for an hour."""
    looks = count()
    return lambda: next(looks) // 2 * 3600.0


def test_many_viewers_share_one_picture() -> None:
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return 7

    shared = Shared(make, clock=lambda: 0.0)
    assert shared.current() is shared.current()
    assert made == [1]


def test_a_picture_is_a_new_one_only_when_it_shows_something_else() -> None:
    values = iter([7, 7, 8])
    shared = Shared(lambda: next(values), clock=hours())
    assert [shared.current().number for _ in range(3)] == [1, 1, 2]


def test_what_cannot_be_made_is_asked_for_again() -> None:
    values = iter([7])
    shared = Shared(lambda: 7 // next(values, 0), clock=hours())
    assert shared.current().value == 1
    for _ in range(2):  # an old picture does not stand for a database that is away
        with pytest.raises(ZeroDivisionError):
            shared.current()


def test_the_same_is_rendered_once_and_what_nobody_asks_for_goes() -> None:
    rendered, done = Rendered(), list[str]()

    def asked(etag: str) -> str:
        def render() -> str:
            done.append(etag)
            return f"<p>{etag}</p>"

        return rendered.html(etag, render)

    assert [asked("a"), asked("a")] == ["<p>a</p>"] * 2
    for number in range(100):
        asked(str(number))
    asked("99")
    asked("a")
    assert done == ["a", *map(str, range(100)), "a"]
    assert etag_of("a", 1) != etag_of("a", "1")


def test_bars_are_whole_units_of_the_tallest() -> None:
    assert bars([0, 50, 100]) == (Bar(HEIGHT, 0), Bar(500, 500), Bar(0, 1000))
    assert bars([1, 10**18])[0].height > 0, "what is there is seen"
    assert bars([-5, 0]) == (Bar(HEIGHT, 0),) * 2
    assert bars([]) == ()
    assert [percent(1, 3), percent(-1, 3), percent(5, 3), percent(5, 0)] == [33, 0, 100, 0]


def test_today_begins_at_local_midnight() -> None:
    now = datetime.fromisoformat("2026-11-25T01:30:00+08:00")
    assert start_of_day(now) == "2026-11-24T16:00:00.000Z"
    assert local_time("2026-11-24T17:05:09.000Z", now) == "01:05:09"
    assert local_time("2026-11-24T15:59:00.000Z", now) == "2026-11-24 23:59"
