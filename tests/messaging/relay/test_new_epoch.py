"""The database goes on in a new epoch while a relay is connected: nothing stands still, nothing begins twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kiosk.messaging.contract.control import Ack
from kiosk.store import Store
from tests.messaging.relay.line import Bench, Ledger


@pytest.fixture
def bench(tmp_path: Path, template: Path) -> Iterator[Bench]:
    one = Bench(tmp_path / "kiosk.sqlite", template, batch_events=4)
    with one.open:
        yield one


def idle(bench: Bench) -> None:
    bench.flow()
    bench.new_epoch()


def flights_out(bench: Bench) -> None:
    bench.pump()
    bench.new_epoch()


def flights_out_after_some_were_done(bench: Bench) -> None:
    bench.flow()
    bench.intakes(3)
    bench.pump()
    bench.new_epoch()


def batch_being_published(bench: Bench) -> None:
    bench.wire.carried(bench.ledger)
    bench.wire.before_publishing = bench.new_epoch
    bench.pump()


def single_event_being_published(bench: Bench) -> None:
    bench.flow()
    bench.intakes(1)
    bench.wire.before_publishing = bench.new_epoch
    bench.pump()


def first_hello_not_answered(bench: Bench) -> None:
    bench.new_epoch()


def answers_under_way(bench: Bench) -> None:
    bench.pump()
    late = bench.wire.carried(bench.ledger)
    bench.new_epoch()
    for ack in late:
        bench.hear(ack)


def twice_in_a_row(bench: Bench) -> None:
    bench.flow()
    bench.new_epoch()
    bench.intakes(2)
    bench.new_epoch()


def again_before_the_first_new_one_was_answered(bench: Bench) -> None:
    bench.flow()
    bench.new_epoch()
    bench.pump()
    bench.new_epoch()


ORDERS = [
    idle,
    flights_out,
    flights_out_after_some_were_done,
    batch_being_published,
    single_event_being_published,
    first_hello_not_answered,
    answers_under_way,
    twice_in_a_row,
    again_before_the_first_new_one_was_answered,
]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("later", [0, 5])
def test_a_connected_relay_follows_the_technician(bench: Bench, order: Callable[[Bench], None], later: int) -> None:
    bench.intakes(9)
    order(bench)
    begun = len(bench.epochs())
    bench.intakes(later)
    bench.flow()
    assert bench.missing() == set()
    assert bench.station.outbox.counts().pending == 0
    assert bench.wire.hellos[-1].epoch in bench.epochs()
    assert len(bench.epochs()) == begun == (3 if "again" in order.__name__ or "twice" in order.__name__ else 2)


def test_a_late_answer_of_the_old_epoch_changes_nothing(bench: Bench) -> None:
    bench.intakes(9)
    bench.flow()
    old = bench.ledger.ack(bench.epochs()[0])
    bench.new_epoch()
    bench.hear(old)
    assert len(bench.epochs()) == 2
    assert bench.station.outbox.counts().acked_upto == 0


class Interrupted:
    """The relay's store; the technician's act comes just before the n-th question to it."""

    def __init__(self, store: Store, act: Callable[[], object], at: int) -> None:
        self._store, self._act, self.left = store, act, at

    @property
    def outbox(self) -> Asked:
        return Asked(self, self._store.outbox)

    @property
    def epochs(self) -> Asked:
        return Asked(self, self._store.epochs)

    def changed(self) -> bool:
        self.ask()
        return self._store.changed()

    def ask(self) -> None:
        self.left -= 1
        if self.left == 0:
            self._act()


class Asked:
    """A group of it."""

    def __init__(self, store: Interrupted, group: object) -> None:
        self._store, self._group = store, group

    def __getattr__(self, name: str) -> object:
        self._store.ask()
        return getattr(self._group, name)


@pytest.mark.parametrize("at", range(1, 9))
@pytest.mark.parametrize("answer", ["all", "some", "more than there is"])
def test_the_act_may_come_at_any_moment_of_an_answer(bench: Bench, at: int, answer: str) -> None:
    """Between the relay's look at the epoch and what it writes lies every other process."""
    bench.intakes(9)
    bench.pump()
    bench.wire.carried(bench.ledger)
    epoch = bench.epochs()[0]
    ack = bench.ledger.ack(epoch)
    if answer == "some":
        some = Ledger()
        some.events = {key: body for key, body in bench.ledger.events.items() if key[1] <= 5}
        ack = some.ack(epoch)
    elif answer == "more than there is":
        ack = Ack(epoch, ack.upto + 50, (), (), "ab" * 32)
    outbox = Interrupted(bench.relay, bench.new_epoch, at)
    bench.session._store = outbox  # type: ignore[assignment]
    bench.hear(ack)
    acted = outbox.left <= 0
    bench.session._store = bench.relay
    assert not acted or bench.station.outbox.counts().acked_upto == 0
    assert bench.session._status(online=True).alarm == ""
    whys = bench.whys()
    behind = answer == "more than there is" and whys[1:2] == ["behind"]
    assert whys == ["new"] + ["behind"] * behind + ["forked"] * acted
    bench.flow()
    assert bench.missing() == set()


def test_the_store_refuses_what_was_meant_for_an_ended_epoch(bench: Bench) -> None:
    bench.intakes(2)
    ended = bench.epochs()[0]
    bench.new_epoch()
    assert not bench.relay.outbox.acknowledge(1, [1], ended)
    assert not bench.relay.outbox.acknowledge(999, [], ended)
    assert not bench.relay.epochs.start("behind", ending=ended)
    assert (bench.relay.outbox.counts().acked_upto, bench.relay.outbox.quarantined(), len(bench.epochs())) == (0, [], 2)
    current = bench.epochs()[1]
    assert bench.relay.outbox.acknowledge(1, [], current)
    assert bench.relay.epochs.start("behind", ending=current)
    assert (len(bench.epochs()), bench.station.epochs.identity().series) == (3, "C")
