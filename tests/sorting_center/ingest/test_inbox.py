"""The inbox holds what one connection brought, and no more than the broker may send."""

from __future__ import annotations

import threading

import pytest

from kiosk.sorting_center.ingest.inbox import RECEIVE_MAXIMUM, Inbox, PutResult
from kiosk.sorting_center.ingest.reading import Inbound

ROOM = RECEIVE_MAXIMUM + 1000


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def inbox(clock: Clock) -> Inbox:
    made = Inbox(clock)
    made.begin()
    return made


def message(packet_id: int, qos: int = 1) -> Inbound:
    return Inbound("kiosk/v1/shache/S0147/up/event", b"{}", packet_id=packet_id, qos=qos)


def taken(inbox: Inbox) -> Inbound:
    found = inbox.take(0)
    assert found is not None
    return found


def test_a_new_connection_voids_what_an_earlier_one_brought(inbox: Inbox) -> None:
    for number in range(1, 4):
        inbox.put(message(number))
    first = taken(inbox)
    inbox.end()
    assert taken(inbox).packet_id == 2, "while the line is down there is time for it"
    inbox.begin()
    assert inbox.take(0) is None
    inbox.put(message(1))
    assert not inbox.settle(first), "the packet id now stands for another delivery"
    again = taken(inbox)
    assert inbox.settle(again)
    assert not inbox.settle(again), "once"


def test_however_often_the_broker_comes_back_there_is_room_for_what_it_may_send(inbox: Inbox) -> None:
    for _ in range(50):
        inbox.begin()
        assert [inbox.put(message(number)) for number in range(1, RECEIVE_MAXIMUM + 1)] == [PutResult.KEPT] * 100
        inbox.take(0)
        inbox.end()


def test_over_no_connection_nothing_comes(inbox: Inbox) -> None:
    inbox.end()
    assert inbox.put(message(1)) is PutResult.DROPPED


def test_qos_0_is_dropped_before_qos_1_has_no_room(inbox: Inbox) -> None:
    places = [inbox.put(message(0, qos=0)) for _ in range(1001)]
    assert (places[999], places[1000]) == (PutResult.KEPT, PutResult.DROPPED)
    assert [inbox.put(message(number)) for number in range(1, 102)] == [PutResult.KEPT] * 100 + [PutResult.NO_ROOM]


def test_how_long_messages_wait_is_counted_from_the_last_that_was_taken_in(inbox: Inbox, clock: Clock) -> None:
    assert inbox.waiting_s() is None
    inbox.put(message(1))
    clock.now += 5
    inbox.put(message(2))
    inbox.put(message(0, qos=0))
    clock.now += 5
    assert inbox.waiting_s() == 10
    first, second, third = taken(inbox), taken(inbox), taken(inbox)
    assert inbox.waiting_s() == 10, "taken out of the inbox is not taken in"
    inbox.settle(first)
    assert inbox.waiting_s() == 0
    clock.now += 7
    assert inbox.waiting_s() == 7, "the second has not been acknowledged yet"
    inbox.settle(second)
    inbox.settle(third)
    assert (inbox.waiting_s(), inbox.settled()) == (None, 3)


def test_taking_waits_for_a_message_and_not_longer(inbox: Inbox) -> None:
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
    assert [one.packet_id for one in found if one] == [7]
    assert inbox.take(0.01) is None
