"""The inbox holds what one connection brought, and no more than the broker may send."""

from __future__ import annotations

import threading

import pytest

from kiosk.sorting_center.ingest.shared.inbox import WINDOW, IngestInbox, PutResult
from kiosk.sorting_center.shared.ports import Inbound


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dropped() -> list[bool]:
    return []


@pytest.fixture
def inbox(clock: Clock, dropped: list[bool]) -> IngestInbox:
    made = IngestInbox(lambda: dropped.append(True), clock)
    made.begin()
    return made


def message(tag: int, station: str = "S0147", size: int = 2) -> Inbound:
    return Inbound(f"kiosk/v1/shache/{station}/up/event", b"x" * size, tag=tag)


def taken(inbox: IngestInbox) -> Inbound:
    found = inbox.take(0)
    assert found is not None
    return found


def test_a_new_connection_voids_what_an_earlier_one_brought(inbox: IngestInbox) -> None:
    for number in range(1, 4):
        inbox.put(message(number))
    first = taken(inbox)
    inbox.end()
    assert taken(inbox).tag == 2, "while the line is down there is time for it"
    inbox.begin()
    assert inbox.take(0) is None
    inbox.put(message(1))
    inbox.settle([first])
    assert inbox.released() == [], "the tag now stands for another delivery"
    again = taken(inbox)
    inbox.settle([again])
    assert inbox.released() == [1]
    inbox.settle([again])
    assert inbox.released() == [], "once"


def test_however_often_the_broker_comes_back_there_is_room_for_what_it_may_send(inbox: IngestInbox) -> None:
    for _ in range(10):
        inbox.begin()
        assert [inbox.put(message(number)) for number in range(1, WINDOW + 1)] == [PutResult.ENQUEUED] * WINDOW
        inbox.take(0)
        inbox.end()


def test_over_no_connection_nothing_comes(inbox: IngestInbox, dropped: list[bool]) -> None:
    inbox.end()
    assert inbox.put(message(1)) is PutResult.DROPPED
    assert len(dropped) == 1


def test_what_wants_no_acknowledgement_takes_no_room_from_what_does(inbox: IngestInbox) -> None:
    places = [inbox.put(message(0)) for _ in range(1001)]
    assert (places[999], places[1000]) == (PutResult.ENQUEUED, PutResult.DROPPED)
    kept = [inbox.put(message(number)) for number in range(1, WINDOW + 2)]
    assert kept == [PutResult.ENQUEUED] * WINDOW + [PutResult.NO_ROOM]


def test_stations_take_turns_and_the_broker_is_told_in_the_order_of_arrival(inbox: IngestInbox) -> None:
    for number in range(1, 5):
        inbox.put(message(number))
    inbox.put(message(5, "S0200"))
    inbox.put(message(6, "S0300"))
    order = [taken(inbox) for _ in range(6)]
    assert [one.tag for one in order] == [1, 5, 6, 2, 3, 4]
    inbox.settle(order[:3])
    assert inbox.released() == [1], "5 and 6 wait for what came before them"
    inbox.settle(order[3:])
    assert inbox.released() == [2, 3, 4, 5, 6]


def flood(inbox: IngestInbox, clock: Clock, seconds: float, first: int = 2) -> list[PutResult]:
    """One station sends as fast as it is let, and five commits a second take what they can."""
    results: list[PutResult] = []
    for _ in range(int(seconds * 5)):
        inbox.released()
        while (result := inbox.put(message(first + len(results)))) is not PutResult.NO_ROOM:
            results.append(result)
        batch = [one for _ in range(WINDOW) if (one := inbox.take(0)) is not None]
        inbox.settle(batch)
        clock.now += 0.2
    return results


def test_a_flood_is_shed_while_it_lasts_and_the_others_come_through(inbox: IngestInbox, clock: Clock) -> None:
    inbox.put(message(1, "S0200"))
    inbox.settle([taken(inbox)])
    results = flood(inbox, clock, seconds=5)
    kept = results.index(PutResult.SHED)
    assert 1500 <= kept <= 10 * WINDOW, "a burst is no flood, and a flood is seen within two seconds"
    inbox.released()
    inbox.put(message(90_000))
    inbox.put(message(90_001, "S0200"))
    assert 90_001 in [taken(inbox).tag for _ in range(2)], "its turn comes at once"
    assert set(results[kept : kept + 5 * WINDOW]) == {PutResult.SHED, PutResult.ENQUEUED}, "it is served its turns, too"
    clock.now += 2
    assert inbox.put(message(90_002)) is PutResult.ENQUEUED, "it is over"


def test_a_station_alone_is_never_shed(inbox: IngestInbox, clock: Clock) -> None:
    assert set(flood(inbox, clock, seconds=5)) == {PutResult.ENQUEUED}


def test_a_burst_is_no_flood(inbox: IngestInbox, clock: Clock) -> None:
    inbox.put(message(1, "S0200"))
    inbox.settle([taken(inbox)])
    assert set(flood(inbox, clock, seconds=0.4)) == {PutResult.ENQUEUED}


def test_while_nothing_can_be_taken_in_nobody_floods(inbox: IngestInbox, clock: Clock, dropped: list[bool]) -> None:
    inbox.put(message(1, "S0200"))
    for tag in range(2, WINDOW + 1):
        clock.now += 10
        assert inbox.put(message(tag)) is PutResult.ENQUEUED
    assert not dropped


def test_one_station_cannot_fill_the_memory(inbox: IngestInbox) -> None:
    mib = 1024 * 1024
    results = [inbox.put(message(number, size=mib)) for number in range(1, 41)]
    assert results == [PutResult.ENQUEUED] * 32 + [PutResult.SHED] * 8
    assert inbox.put(message(41, "S0200", size=mib)) is PutResult.ENQUEUED
    inbox.settle([taken(inbox) for _ in range(33)])
    assert inbox.released() == list(range(1, 42)), "what was shed does not hold up what came after it"


def test_how_long_messages_wait_is_counted_from_the_last_that_was_taken_in(inbox: IngestInbox, clock: Clock) -> None:
    assert inbox.waiting_s() is None
    inbox.put(message(1))
    clock.now += 5
    inbox.put(message(2))
    inbox.put(message(0))
    clock.now += 5
    assert inbox.waiting_s() == 10
    first, second, third = taken(inbox), taken(inbox), taken(inbox)
    assert inbox.waiting_s() == 10, "taken out of the inbox is not taken in"
    inbox.settle([first])
    assert inbox.waiting_s() == 0
    clock.now += 7
    assert inbox.waiting_s() == 7, "the second has not been acknowledged yet"
    inbox.settle([second, third])
    assert (inbox.waiting_s(), inbox.settled()) == (None, 3)


def test_taking_waits_for_a_message_and_not_longer(inbox: IngestInbox) -> None:
    waiting = threading.Event()
    found: list[Inbound | None] = []

    def take() -> None:
        waiting.set()
        found.append(inbox.take(60))

    thread = threading.Thread(target=take)
    thread.start()
    assert waiting.wait(60)
    inbox.put(message(7))
    thread.join(60)
    assert [one.tag for one in found if one] == [7]
    assert inbox.take(0.01) is None


def test_a_commit_does_not_wait_for_what_the_broker_holds_back(inbox: IngestInbox) -> None:
    held = [message(number) for number in range(1, 21)]  # Mosquitto's default: twenty ahead, and no more
    for one in held:
        inbox.put(one)
    batch = [taken(inbox) for _ in held]
    assert inbox.take(600) is None
    inbox.settle(batch)
