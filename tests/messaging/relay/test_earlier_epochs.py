"""A center back from a backup lacks events of an epoch that the station has long left: they are sent again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from kiosk.messaging.contract.control import Hello
from tests.messaging.relay.line import TOPICS, Bench


@pytest.fixture
def bench(tmp_path: Path, template: Path) -> Iterator[Bench]:
    """Three epochs, all acknowledged."""
    one = Bench(tmp_path / "kiosk.sqlite", template, batch_events=4)
    with one.open:
        for _ in range(2):
            one.intakes(9)
            one.flow()
            one.new_epoch()
        one.flow()
        assert one.missing() == set()
        yield one


def forget(bench: Bench, upto: int) -> None:
    """The ledger comes back as it was when each epoch had not got further than this."""
    bench.ledger.events = {key: body for key, body in bench.ledger.events.items() if key[1] <= upto}


@pytest.mark.parametrize("kept", [0, 1, 5, 10])
def test_on_connecting_the_center_gets_back_what_it_had(bench: Bench, kept: int) -> None:
    everything = dict(bench.ledger.events)
    forget(bench, kept)
    bench.connect()
    assert not bench.session.settled
    bench.flow()
    assert bench.ledger.events == everything
    assert bench.session.settled
    assert len(bench.epochs()) == 3


def test_a_connected_station_asks_again_when_the_center_goes_back(bench: Bench) -> None:
    everything = set(bench.ledger.events)
    bench.intakes(3)
    bench.flow()
    forget(bench, 2)
    bench.intakes(1)
    bench.flow()
    assert bench.missing() == set()
    assert set(bench.ledger.events) > everything


def test_every_earlier_epoch_is_named_after_the_current_one(bench: Bench) -> None:
    bench.connect()
    first, second, current = bench.epochs()
    assert [hello.epoch for hello in bench.wire.hellos] == [current, first, second]
    last = {one.epoch: one.last_seq for one in bench.station.outbox.earlier()}[first]
    asked = Hello(first, next=last + 1, oldest=last + 1, pending=0, software="kiosk test", at=last)
    assert bench.wire.hellos[1] == asked


def test_a_center_that_has_everything_gets_nothing_again(bench: Bench) -> None:
    bench.connect()
    bench.pump()
    for ack in bench.wire.carried(bench.ledger):
        bench.hear(ack)
    bench.pump()
    assert [topic for topic, _ in bench.wire.sent if topic != TOPICS.status] == []
    assert bench.session.settled


def test_one_message_at_a_time_and_behind_what_was_never_done(bench: Bench) -> None:
    forget(bench, 0)
    bench.connect()
    bench.intakes(1)
    acks = {ack.epoch: ack for ack in bench.wire.carried(bench.ledger)}
    first, second = bench.epochs()[:2]
    for epoch in (first, second):
        bench.hear(acks[epoch])
    bench.wire.sent.clear()
    for _ in range(3):
        bench.pump()
    kinds = [topic for topic, _ in bench.wire.sent if topic in (TOPICS.event, TOPICS.batch)]
    assert len(kinds) == 2
    assert bench.session.missing == sum(one.acked_upto for one in bench.station.outbox.earlier())
    assert bench.session.unfinished


def test_the_status_counts_what_was_lost(bench: Bench) -> None:
    owed = sum(one.acked_upto for one in bench.station.outbox.earlier())
    forget(bench, 0)
    bench.connect()
    for ack in bench.wire.carried(bench.ledger):
        bench.hear(ack)
    bench.pump()
    assert bench.wire.statuses[-1].pending == owed + bench.station.outbox.counts().pending
    bench.flow()
    bench.now += 60
    bench.pump()
    assert bench.wire.statuses[-1].pending == 0


def test_a_lost_question_and_a_lost_message_are_repeated(bench: Bench) -> None:
    forget(bench, 3)
    bench.connect()
    for _ in range(6):
        bench.wire.sent.clear()
        bench.now += 120
        bench.pump()
    assert not bench.session.settled
    bench.flow()
    assert bench.missing() == set()
    forget(bench, 3)
    bench.connect()
    for ack in bench.wire.carried(bench.ledger):
        bench.hear(ack)
    bench.pump()
    bench.wire.sent.clear()
    bench.now += 120
    bench.flow()
    assert bench.missing() == set()


def test_another_history_at_the_center_gets_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """One that cannot say from where on it is another."""
    first = bench.epochs()[0]
    bench.ledger.knows_at = False
    forget(bench, 5)
    bench.connect()
    acks = {ack.epoch: ack for ack in bench.wire.carried(bench.ledger)}
    bench.hear(msgspec.structs.replace(acks[first], head="ab" * 32))
    bench.flow()
    assert "another event 5 of the earlier epoch" in caplog.text
    assert {seq for epoch, seq in bench.ledger.events if epoch == first} == set(range(1, 6))
    assert len(bench.epochs()) == 3


def test_a_center_that_has_more_of_an_earlier_epoch_begins_no_other(bench: Bench) -> None:
    first = bench.epochs()[0]
    bench.connect()
    bench.hear(msgspec.structs.replace(bench.ledger.ack(first), upto=500, head="ab" * 32))
    bench.flow()
    assert len(bench.epochs()) == 3
    assert bench.session.settled
