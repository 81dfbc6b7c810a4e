"""What is said of a line, and what may be sent over it: by a clock of the test's own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.messaging.contract.receive import parse_batch
from kiosk.messaging.contract.topics import Topics
from kiosk.messaging.relay.shared.throughput import MESSAGE_S, OVERHEAD_BYTES, ByteBudget, Throughput, left_s
from kiosk.messaging.relay.window import OutgoingMessage, build_message
from tests.messaging.relay.stand import Row

TOPICS = Topics("hotan", "S0147")
KBIT32 = 4000


def acknowledging(rate: float, seconds: int, begin: float = 100.0) -> Throughput:
    """One message a second, for so long."""
    one = Throughput()
    one.waiting(begin)
    for second in range(1, seconds + 1):
        one.acknowledged(round(rate), begin + second)
    return one


def test_a_steady_line_is_measured() -> None:
    one = acknowledging(2000, 30)
    rate = one.rate(130.0)
    assert rate == 2000.0
    assert left_s(480_000, rate) == 240.0


def test_only_the_last_minute_counts() -> None:
    one = acknowledging(8000, 60)
    for second in range(61, 121):
        one.acknowledged(1000, 100.0 + second)
    rate = one.rate(220.0)
    assert rate is not None
    assert rate == pytest.approx(1000.0, rel=0.2)


def test_what_nobody_can_know_is_not_said() -> None:
    assert Throughput().rate(1.0) is None
    assert acknowledging(2000, 5).rate(105.0) is None, "too short"
    assert acknowledging(2000, 30).rate(151.0) is None, "the line stands still"
    burst = Throughput()
    burst.waiting(100.0)
    for _ in range(10):
        burst.acknowledged(2000, 139.0)
    assert burst.rate(140.0) is None, "all at the end"
    quick = Throughput()
    quick.waiting(100.0)
    for _ in range(10):
        quick.acknowledged(2000, 101.0)
    assert quick.rate(112.0) is None, "all at the beginning"
    ended = acknowledging(2000, 30)
    ended.idle()
    ended.waiting(131.0)
    assert ended.rate(145.0) is None, "what comes after a pause is measured anew"
    assert left_s(10**9, 10.0) is None, "three years are no estimate"


@given(st.integers(500, 200_000), st.lists(st.tuples(st.floats(0.0, 20.0), st.integers(1, 70_000)), max_size=80))
def test_no_more_is_spent_than_the_line_may_give(per_s: int, wishes: list[tuple[float, int]]) -> None:
    """Whatever is asked for and when: the average stays below, but for the burst saved up and one message's debt."""
    budget, now, spent, largest = ByteBudget(per_s), 50.0, 0, 0
    for wait_s, size in wishes:
        now += wait_s
        if budget.allows_sending(now):
            budget.spend(size, now)
            spent += size + OVERHEAD_BYTES
            largest = max(largest, size + OVERHEAD_BYTES)
    assert spent <= per_s * (now - 50.0) + per_s * 1.0 + largest + 1


def test_without_a_limit_nothing_is_held_back() -> None:
    budget = ByteBudget(0)
    for _ in range(100):
        assert budget.allows_sending(1.0)
        budget.spend(10**6, 1.0)
    assert budget.message_bytes is None


def test_the_limit_opens_again_as_soon_as_the_debt_is_paid() -> None:
    budget = ByteBudget(1000)
    assert budget.allows_sending(10.0)
    budget.spend(3000 - OVERHEAD_BYTES, 10.0)
    assert not budget.allows_sending(11.9)
    assert budget.allows_sending(12.1)
    assert budget.allows_sending(9.0), "a clock that would go back takes nothing away"


def rows(count: int, size: int) -> list[Row]:
    """Events that do not get smaller by compression."""
    return [
        Row("e", seq, json.dumps({"seq": seq, "pad": Random(seq).randbytes(size // 2).hex()}).encode())
        for seq in range(1, count + 1)
    ]


def parts(all_rows: Sequence[Row], most: int | None) -> list[OutgoingMessage]:
    messages, left = [], list(all_rows)
    while left:
        messages.append(build_message(left, TOPICS, most))
        left = left[messages[-1].last - messages[-1].first + 1 :]
    return messages


def bodies(message: OutgoingMessage) -> list[bytes]:
    return parse_batch(message.payload) if message.topic == TOPICS.batch else [message.payload]


def test_no_message_takes_a_slow_line_for_longer_than_three_seconds() -> None:
    """A hundred events that fit one batch, over 32 kbit/s: every one arrives, in order, in messages it can bear."""
    most = ByteBudget(KBIT32).message_bytes
    assert most is not None
    messages = parts(rows(100, 1800), most)
    assert len(messages) > 1
    assert max(len(one.payload) + OVERHEAD_BYTES for one in messages) <= KBIT32 * MESSAGE_S
    told = [body for one in messages for body in bodies(one)]
    assert told == [row.body for row in rows(100, 1800)]
    assert sum(one.size for one in messages) == sum(map(len, told))


def test_an_event_too_large_for_the_allowance_goes_alone() -> None:
    (first, *_), most = parts(rows(3, 20_000), 5_000), 5_000
    assert (first.topic, first.first, first.last) == (TOPICS.event, 1, 1)
    assert len(first.payload) > most


def test_without_a_limit_all_go_together() -> None:
    (only,) = parts(rows(50, 200), None)
    assert (only.topic, only.first, only.last) == (TOPICS.batch, 1, 50)
