"""How the relay waits, and what it sends when something is missing: without a broker."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.messaging.relay.pace import Pace
from kiosk.messaging.relay.settings import RelaySettings
from kiosk.messaging.relay.window import InFlightWindow
from tests.depth import many

SETTINGS = RelaySettings("mqtt://broker", "hotan", "S0147", "kiosk test")


def pace() -> Pace:
    """A new one with a fixed seed."""
    return Pace(SETTINGS, Random(3))


def test_two_hundred_stations_do_not_come_back_together() -> None:
    firsts = sorted(Pace(SETTINGS, Random(seed)).reconnect.next() for seed in range(200))
    crowded = max(sum(1 for other in firsts if one <= other < one + 0.1) for one in firsts)
    assert crowded < 40


def test_trouble_makes_batches_small_and_progress_large_again() -> None:
    one = pace()
    for _ in range(20):
        one.broken_off()
    one.stalled()
    assert (one.batch_events, one.window) == (1, 1)
    for _ in range(20):
        one.progress()
    assert (one.batch_events, one.window) == (100, 4)


def test_only_what_the_broker_has_can_be_overdue() -> None:
    """On a slow line the bytes are still on their way: sending them again would only make it slower."""
    window = InFlightWindow(pace())
    window.sent(1, 1, 100, now=0.0)
    assert not window.stalled(100.0)
    window.puback(1, now=100.0)
    assert not window.stalled(100.1)
    assert window.stalled(103.0)


def test_a_broker_that_never_confirms_is_overdue_in_the_end() -> None:
    window = InFlightWindow(pace())
    window.sent(1, 1, 100, now=0.0)
    assert window.stalled(130.0)


def test_a_gap_is_asked_for_once_until_the_timer() -> None:
    window = InFlightWindow(pace())
    for n in range(4):
        window.sent(n, 10 * n + 1, 10 * n + 10, now=0.0)
    assert len(window) == 4
    window.missing([(11, 20)])
    window.missing([(11, 20)])
    assert window.room
    assert window.next_range() == (10, 20)
    window.sent(9, 11, 15, now=0.0)
    assert window.next_range() == (15, 20)
    window.sent(10, 16, 20, now=0.0)
    window.missing([(11, 20)])
    assert window.next_range() == (40, None)


def test_a_gap_beyond_what_was_sent_is_no_gap() -> None:
    window = InFlightWindow(pace())
    window.missing([(1, 50)])
    assert window.next_range() == (0, None)


steps = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 5), st.just(0)),
    st.tuples(st.just("ack"), st.integers(0, 60), st.just(0)),
    st.tuples(st.just("gap"), st.integers(1, 60), st.integers(0, 5)),
    st.tuples(st.just("rewind"), st.just(0), st.just(0)),
)


@given(st.lists(steps, max_size=40))
@settings(max_examples=many(80, torture=600), deadline=None)
def test_everything_not_acknowledged_is_in_flight_or_still_to_be_sent(taken: list[tuple[str, int, int]]) -> None:
    window, acked, mid = InFlightWindow(pace()), 0, 0
    for word, one, more in taken:
        if word == "send" and window.room:
            mid = _send(window, mid, one, acked)
        elif word == "ack":
            acked = max(acked, min(one, 50))
            window.acknowledged(acked, now=0.0)
        elif word == "gap" and one > acked:
            window.missing([(one, one + more)])
        elif word == "rewind":
            window.rewind()
        assert len(window) <= 8
    covered = _send_all(window, mid, acked)
    assert covered >= set(range(acked + 1, 61))


def _send(window: InFlightWindow, mid: int, count: int, acked: int) -> int:
    after, last = window.next_range()
    first = max(after, acked) + 1
    end = min(first + count - 1, last or 60, 60)
    if first > end:
        if last is not None:
            window.skip_range()
        return mid
    window.sent(mid + 1, first, end, now=0.0)
    return mid + 1


def _send_all(window: InFlightWindow, mid: int, acked: int) -> set[int]:
    """What is in the air now, and what still goes out when nothing holds it up."""
    covered = {seq for first, last in window.ranges() for seq in range(first, last + 1)}
    while True:
        after, last = window.next_range()
        first, end = max(after, acked) + 1, last or 60
        if last is None and first > 60:
            return covered
        covered |= set(range(first, end + 1))
        mid += 1
        window.sent(mid, first, end, now=0.0)
