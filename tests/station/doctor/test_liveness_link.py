"""The mark of the way to the sorting center at home: gray once events wait and nothing is acknowledged."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.messaging.relay.shared.faults import LinkFault
from kiosk.station.desk.live import OK
from kiosk.station.doctor.liveness import LINK_DOWN, LINK_NONE, QUIET_S, LinkStatus
from kiosk.station.doctor.status_files import RelayStatusFile


class Hand:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def relay(tmp_path: Path, hand: Hand) -> RelayStatusFile:
    return RelayStatusFile(tmp_path, hand, "boot")


@pytest.fixture
def watch(relay: RelayStatusFile, hand: Hand) -> LinkStatus:
    return LinkStatus(relay, hand)


def test_events_that_wait_for_long_are_told_and_an_answer_ends_it(
    watch: LinkStatus, relay: RelayStatusFile, hand: Hand
) -> None:
    assert watch.word(3) == OK
    hand.now += QUIET_S
    assert watch.word(4) == OK, "not before they have waited for longer than that"
    hand.now += 6
    assert watch.word(5) == LINK_DOWN
    relay.ack_received()
    hand.now += 6
    assert watch.word(2) == OK, "a backlog that goes down is no fault"
    hand.now += QUIET_S + 6
    assert watch.word(2) == LINK_DOWN
    hand.now += 6
    assert watch.word(0) == OK


def test_where_no_relay_is_set_there_is_no_link() -> None:
    watch = LinkStatus(None)
    assert {watch.word(pending) for pending in (0, 7)} == {LINK_NONE}


def test_nothing_that_waits_is_no_fault_however_long_nobody_answers(watch: LinkStatus, hand: Hand) -> None:
    for _ in range(10):
        assert watch.word(0) == OK
        hand.now += QUIET_S
    assert watch.word(1) == OK, "it waits since now"


@pytest.mark.parametrize("fault", list(LinkFault))
def test_a_broker_that_refuses_is_told_at_once(
    fault: LinkFault, watch: LinkStatus, relay: RelayStatusFile, hand: Hand
) -> None:
    relay.fault(fault)
    assert watch.word(0) == (OK if fault is LinkFault.MQTT_3 else LINK_DOWN)
    hand.now += 3600
    assert watch.word(0) == OK, "one that has not said it again for long does not refuse any more"


def test_a_mark_that_nobody_can_read_says_nothing(watch: LinkStatus, tmp_path: Path, hand: Hand) -> None:
    (tmp_path / "relay-mark").write_bytes(b"\xff{")
    assert watch.word(1) == OK
    hand.now += QUIET_S + 6
    assert watch.word(1) == LINK_DOWN
