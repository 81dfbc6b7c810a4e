"""What many viewers share, and what it costs."""

from __future__ import annotations

from datetime import datetime
from itertools import count

import pytest

from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.web.shared.frame import local_time
from kiosk.sorting_center.web.shared.refreshing_cache import (
    GRACE_S,
    MIN_AGE_S,
    RefreshingCache,
    RenderedHtml,
    etag_of,
)
from kiosk.sorting_center.web.shared.sources import start_of_day


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_many_viewers_share_one_picture(clock: Clock) -> None:
    made = count(1)
    shared = RefreshingCache(lambda: next(made), clock)
    assert [shared.current().value for _ in range(10)] == [1] * 10
    clock.now += MIN_AGE_S
    assert shared.current().value == 2


def test_what_takes_long_is_made_rarely(clock: Clock) -> None:
    made = count(1)

    def make() -> int:
        clock.now += 1.0
        return next(made)

    shared = RefreshingCache(make, clock)
    shared.current()
    clock.now += 39.0
    assert shared.current().value == 1
    clock.now += 2.0
    assert shared.current().value == 2


def test_a_picture_is_a_new_one_only_when_it_shows_something_else(clock: Clock) -> None:
    values = iter([7, 7, 8])
    shared = RefreshingCache(lambda: next(values), clock)
    numbers = []
    for _ in range(3):
        numbers.append(shared.current().version)
        clock.now += MIN_AGE_S
    assert numbers == [1, 1, 2]


def test_who_only_peeks_has_nothing_made_and_what_was_changed_is_seen_at_once(clock: Clock) -> None:
    made = count(1)
    shared = RefreshingCache(lambda: next(made), clock)
    assert shared.peek() is None
    assert shared.current().value == 1
    clock.now += 1000.0
    assert shared.peek() == 1
    assert shared.current().value == 2
    shared.refresh_if_due()
    shared.expire()
    assert shared.current().value == 3


def test_where_somebody_tends_nobody_waits(clock: Clock) -> None:
    """Also while the next one is being made."""
    seen_meanwhile: list[int] = []
    made = count(1)
    shared: RefreshingCache[int]

    def make() -> int:
        number = next(made)
        if number > 1:
            seen_meanwhile.append(shared.current().value)
        return number

    shared = RefreshingCache(make, clock)
    shared.current()
    clock.now += MIN_AGE_S
    shared.refresh_if_due()
    assert (seen_meanwhile, shared.current().value) == ([1], 2)
    clock.now += GRACE_S
    shared.refresh_if_due()
    assert shared.current().value == 3


def test_for_nobody_it_is_made_now_and_then_and_the_first_who_looks_does_not_wait(clock: Clock) -> None:
    made = count(1)

    def make() -> int:
        clock.now += 0.1
        return next(made)

    shared = RefreshingCache(make, clock)
    shared.refresh_if_due()
    for _ in range(3600 * 2):
        clock.now += 0.5
        shared.refresh_if_due()
    for_nobody = next(made)
    assert for_nobody <= 62
    assert shared.current().value == for_nobody - 1, "the last one that was made, and no new one"
    for _ in range(20):
        clock.now += 0.5
        shared.refresh_if_due()
    assert shared.current().value > for_nobody


def test_between_the_last_who_looked_and_the_first_again_it_stands(clock: Clock) -> None:
    made = count(1)
    shared = RefreshingCache(lambda: next(made), clock)
    shared.current()
    for _ in range(2 * 200):
        clock.now += 0.5
        shared.refresh_if_due()
    last = next(made)
    assert shared.current().value == last - 1


def test_what_costs_much_is_made_more_rarely_for_nobody(clock: Clock) -> None:
    made = count(1)

    def make() -> int:
        clock.now += 1.0
        return next(made)

    shared = RefreshingCache(make, clock)
    for _ in range(2 * 1000):
        clock.now += 0.5
        shared.refresh_if_due()
    assert next(made) <= 4


def test_who_looks_at_what_is_made_of_another_looks_at_both(clock: Clock) -> None:
    made = count(1)
    part = RefreshingCache(lambda: next(made), clock)
    whole = RefreshingCache(lambda: part.latest().value * 10, clock, depends_on=[part])
    for shared in (part, whole):
        shared.refresh_if_due()
    assert (part.latest().value, whole.latest().value) == (1, 10)
    whole.current()
    clock.now += MIN_AGE_S
    for shared in (part, whole):
        shared.refresh_if_due()
    assert whole.current().value == 20


def test_a_database_that_is_away_is_not_asked_again_and_again_for_nobody(clock: Clock) -> None:
    asked = []

    def make() -> int:
        asked.append(clock.now)
        raise LedgerError("away")

    shared = RefreshingCache(make, clock)
    for _ in range(2 * 60):
        shared.refresh_if_due()
        clock.now += 0.5
    assert len(asked) == 1


def test_an_old_picture_does_not_stand_for_a_database_that_is_away(clock: Clock) -> None:
    told = iter([7])

    def make() -> int:
        for value in told:
            return value
        raise LedgerError("away")

    shared = RefreshingCache(make, clock)
    assert shared.current().value == 7
    clock.now += MIN_AGE_S
    with pytest.raises(LedgerError):
        shared.current()
    shared.refresh_if_due()
    with pytest.raises(LedgerError):
        shared.current()


def test_the_same_is_rendered_once_and_what_nobody_asks_for_goes() -> None:
    rendered, done = RenderedHtml(), list[str]()

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


def test_today_begins_at_local_midnight() -> None:
    now = datetime.fromisoformat("2026-11-25T01:30:00+08:00")
    assert start_of_day(now) == "2026-11-24T16:00:00.000Z"
    assert local_time("2026-11-24T17:05:09.000Z", now) == "01:05:09"
    assert local_time("2026-11-24T15:59:00.000Z", now) == "2026-11-24 23:59"
