"""How long is waited before the next try, and how often a line that repeats is written."""

from __future__ import annotations

import logging
from random import Random

import pytest

from kiosk.domain.backoff import Backoff
from kiosk.domain.rate_limited_log import RateLimitedLog


def test_the_wait_between_tries_grows_to_its_limit_and_starts_again() -> None:
    backoff = Backoff(first_s=0.2, max_s=1.0)
    assert [backoff.next() for _ in range(5)] == [0.2, 0.4, 0.8, 1.0, 1.0]
    backoff.reset()
    assert backoff.next() == 0.2


def test_of_each_wait_a_share_is_waited_and_the_next_one_grows_all_the_same() -> None:
    random = Random(1)
    backoff = Backoff(2.0, 60.0, lambda: random.uniform(0.3, 1.0))
    waits = [backoff.next() for _ in range(200)]
    assert waits[0] <= 2.0
    assert all(0.6 <= wait <= 60.0 for wait in waits)
    assert max(waits) > 50.0
    backoff.reset()
    assert backoff.next() <= 2.0


def test_a_month_of_tries_waits_no_longer_than_the_longest() -> None:
    backoff = Backoff(2.0, 60.0)
    assert max(backoff.next() for _ in range(43_200)) == 60.0


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def log(now: list[float], caplog: pytest.LogCaptureFixture) -> RateLimitedLog:
    caplog.set_level(logging.INFO)
    return RateLimitedLog(logging.getLogger("test.repeats"), lambda: now[0], period_s=10.0)


def test_a_log_line_is_written_once_in_its_period_with_the_count_of_the_rest(
    now: list[float], log: RateLimitedLog, caplog: pytest.LogCaptureFixture
) -> None:
    for second in (100.0, 101.0, 109.9, 110.0):
        now[0] = second
        log.write("refused")
    assert caplog.messages == ["refused", "refused (2 like this were not logged)"]


def test_each_kind_has_its_own_period_and_its_own_level(log: RateLimitedLog, caplog: pytest.LogCaptureFixture) -> None:
    log.write("lost", kind="lost")
    log.write("stalled", kind="stalled", level=logging.ERROR, error=ValueError("why"))
    log.write("lost again", kind="lost")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "lost"),
        ("ERROR", "stalled"),
    ]
    assert "ValueError: why" in caplog.text


def test_what_was_over_is_news_again(log: RateLimitedLog, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        log.write("stalled", kind="stalled")
    log.clear("stalled")
    log.write("stalled", kind="stalled")
    assert caplog.messages == ["stalled", "stalled"]
