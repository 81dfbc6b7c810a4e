"""How the relay waits, and what it sends when something is missing: without a broker."""

from __future__ import annotations

import socket
import threading
from bisect import bisect_left
from functools import cache
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.messaging.relay.pace import Pace
from kiosk.messaging.relay.relay import Relay
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.messaging.relay.window import InFlightWindow
from tests.depth import many
from tests.messaging.relay.stand import MemoryOutbox

SETTINGS = RelaySettings("mqtt://broker", "hotan", "S0147", "kiosk test")


def pace() -> Pace:
    """A new one with a fixed seed."""
    return Pace(SETTINGS, Random(3))


class Simulated(threading.Event):
    """Stands for the stop of a relay: a wait takes its time on a clock of its own, and what follows is a try."""

    def __init__(self, until_s: float, works_from_s: float) -> None:
        super().__init__()
        self.now = 0.0
        self.tries: list[float] = []
        self._until_s, self._works_from_s = until_s, works_from_s

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0.0
        if self.now > self._until_s:
            self.set()
        else:
            self.tries.append(self.now)
            if self.now >= self._works_from_s:
                self.set()
        return self.is_set()


BACK_S = many(600, torture=3600)
"""When a broker comes back that was gone for long; by then every relay waits as long as it ever does."""


@cache
def county_tries(until_s: float, works_from_s: float) -> list[float]:
    """When each of 200 relays, started in the same second, tries to connect to a broker that works from then on."""
    tries: list[float] = []
    with socket.socket() as nobody:  # holds the port and does not listen: every try is refused at once
        nobody.bind(("127.0.0.1", 0))
        url = f"mqtt://127.0.0.1:{nobody.getsockname()[1]}"
        for number in range(200):
            station = RelaySettings(url, "hotan", "S0147", "kiosk test")
            stop = Simulated(until_s, works_from_s)
            Relay(MemoryOutbox(), Pace(station, Random(number)), clock=lambda stop=stop: stop.now).run(stop)  # type: ignore[misc]
            tries += stop.tries
    return sorted(tries)


def most_in_a_second(moments: list[float]) -> int:
    return max(bisect_left(moments, one + 1.0) - at for at, one in enumerate(moments))


def test_a_county_whose_power_comes_back_does_not_hammer_its_broker() -> None:
    """200 relays in the same second: spread over the first ten seconds when the broker is there, and ever thinner when
    it is not. What a broker must bear is the peak of TLS handshakes a second.
    """
    there = county_tries(60.0, 0.0)
    assert len(there) == 200
    assert most_in_a_second(there) <= 40
    gone = [at for at in county_tries(5000.0, BACK_S) if at < BACK_S]
    assert most_in_a_second([at for at in gone if at < 60.0]) <= 60
    assert most_in_a_second([at for at in gone if at > 120.0]) <= 20
    assert max(b - a for a, b in pairwise([at for at in gone if at > 120.0])) < 3.0, "and no wave either"


def test_a_broker_that_comes_back_after_long_is_found_within_its_longest_wait() -> None:
    found = [at for at in county_tries(5000.0, BACK_S) if at >= BACK_S]
    assert len(found) == 200
    assert max(found) <= BACK_S + 60.0
    assert most_in_a_second(found) <= 20


def test_waits_for_an_answer_and_for_the_next_hello_are_spread_and_bounded() -> None:
    """A center that restarts is asked by all of them again: neither at once, nor together, nor for ever more rarely."""
    patience, hellos = [], []
    for seed in range(200):
        one = Pace(SETTINGS, Random(seed))
        for _ in range(10):
            one.stalled()
        patience.append(one.patience_s)
        hellos.append(one.hello_interval_s())
    assert min(patience) >= 0.3 * SETTINGS.resend_max_s
    assert max(patience) <= SETTINGS.resend_max_s
    assert most_in_a_second(sorted(patience)) <= 15
    assert 360.0 <= min(hellos) < max(hellos) <= 600.0
    assert most_in_a_second(sorted(hellos)) <= 8


def test_a_machine_that_is_taken_over_waits_long_however_well_all_went_before() -> None:
    one = pace()
    for _ in range(20):
        one.progress()
        assert 18.0 <= one.takeover_retry_s() <= 60.0


def test_trouble_makes_batches_small_and_progress_large_again() -> None:
    one = pace()
    for _ in range(20):
        one.connection_broken()
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
    window.add_gaps([(11, 20)])
    window.add_gaps([(11, 20)])
    assert window.room
    assert window.next_range() == (10, 20)
    window.sent(9, 11, 15, now=0.0)
    assert window.next_range() == (15, 20)
    window.sent(10, 16, 20, now=0.0)
    window.add_gaps([(11, 20)])
    assert window.next_range() == (40, None)


def test_a_gap_beyond_what_was_sent_is_no_gap() -> None:
    window = InFlightWindow(pace())
    window.add_gaps([(1, 50)])
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
            window.add_gaps([(one, one + more)])
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
