"""Two machines with one card, and a ledger that came back from a backup: the second one was faster with a number.

The first has its acknowledgement, of a ledger that is no more. What it lost is told again under new numbers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from kiosk.messaging.contract.control import Ack
from tests.messaging.relay.line import TOPICS, Bench

OLD, NEW = "0" * 16, "1" * 16


@pytest.fixture
def bench(tmp_path: Path, template: Path) -> Iterator[Bench]:
    """A station that has everything acknowledged."""
    one = Bench(tmp_path / "kiosk.sqlite", template, batch_events=4)
    one.ledger.generation = OLD
    with one.open:
        one.intakes(9)
        one.flow()
        assert one.station.outbox.counts().pending == 0
        yield one


def twin_takes(bench: Bench, epoch: str, kept: int, upto: int, generation: str = NEW) -> None:
    """The ledger comes back with ``kept`` events of this epoch, and takes a twin's up to ``upto``."""
    events = {key: body for key, body in bench.ledger.events.items() if key[0] != epoch or key[1] <= kept}
    for seq in range(kept + 1, upto + 1):
        events[epoch, seq] = json.dumps({"epoch": epoch, "seq": seq, "data": {}}).encode()
    bench.ledger.events, bench.ledger.generation = events, generation


def last(bench: Bench) -> int:
    return bench.station.outbox.counts().last_seq


def reissued(bench: Bench) -> list[str]:
    """Former numbers of all that came to the center under a new one, in order."""
    found = [json.loads(body) for _, body in sorted(bench.ledger.events.items(), key=lambda item: item[0])]
    return [event["reissued"] for event in found if "reissued" in event]


@pytest.mark.parametrize("generation", [OLD, NEW], ids=["nobody says that it came back", "another generation"])
@pytest.mark.parametrize("above", [-3, 0, 4], ids=["the twin has less", "the twin has as much", "the twin has more"])
@pytest.mark.parametrize("kept", [1, 7])
def test_a_fork_below_what_was_acknowledged_loses_nothing(bench: Bench, kept: int, above: int, generation: str) -> None:
    first = bench.epochs()[0]
    upto = last(bench) + above
    bench.intakes(max(above, 0))
    twin_takes(bench, first, kept, upto, generation)
    bench.connect()
    bench.pump()
    for _ in range(12):
        for ack in bench.wire.carried(bench.ledger):
            bench.hear(ack)
        bench.now += 30.0
        bench.pump()
    assert bench.session._status(online=True).alarm == "fork"
    assert bench.whys() == ["new"], "a person begins the next epoch"
    assert bench.station.outbox.counts().acked_upto == kept
    apart = {json.loads(body)["seq"] for body in bench.ledger.apart}
    assert apart >= {kept + 1}, "the center has both, and raises its alarm"
    bench.new_epoch()
    bench.flow()
    assert bench.lost() == set()
    assert bench.missing() == set()
    assert reissued(bench) == [f"{first}-{seq}" for seq in range(kept + 1, last(bench) + kept)]
    assert bench.session.settled


@pytest.mark.parametrize("above", [-3, 0, 4], ids=["the twin has less", "the twin has as much", "the twin has more"])
@pytest.mark.parametrize("kept", [1, 7])
def test_the_epoch_may_have_ended_before(bench: Bench, kept: int, above: int) -> None:
    """A technician was faster than the question, or it was another fork: no further epoch is needed."""
    first, ended = bench.epochs()[0], last(bench)
    bench.new_epoch()
    bench.intakes(2)
    bench.flow()
    twin_takes(bench, first, kept, ended + above)
    bench.connect()
    bench.flow()
    assert bench.lost() == set()
    assert bench.missing() == set()
    assert bench.whys() == ["new", "forked"]
    assert reissued(bench) == [f"{first}-{seq}" for seq in range(kept + 1, ended + 1)]
    assert {json.loads(body)["seq"] for body in bench.ledger.apart} == {kept + 1}
    assert bench.session.settled
    bench.connect()
    bench.flow()
    assert len(reissued(bench)) == ended - kept, "once"
    bench.station.journal.verify()


def test_a_connected_station_finds_it_when_another_generation_answers(bench: Bench) -> None:
    first = bench.epochs()[0]
    bench.new_epoch()
    bench.flow()
    twin_takes(bench, first, 5, 20)
    bench.now += 700.0
    bench.flow()
    bench.flow()
    assert bench.lost() == set()
    assert bench.missing() == set()


def test_a_twin_that_went_on_behind_it_costs_nothing(bench: Bench) -> None:
    """All that was acknowledged is there: one question says so."""
    first, ended = bench.epochs()[0], last(bench)
    bench.new_epoch()
    bench.flow()
    before = dict(bench.ledger.events)
    twin_takes(bench, first, ended, ended + 30)
    bench.connect()
    bench.flow()
    assert {key: body for key, body in bench.ledger.events.items() if key in before} == before
    assert (reissued(bench), bench.ledger.apart, bench.session.settled) == ([], [], True)
    assert [hello.at for hello in bench.wire.hellos if hello.epoch == first] == [ended]


def test_a_fork_above_what_was_acknowledged_keeps_it(bench: Bench) -> None:
    acked = last(bench)
    bench.intakes(2)
    twin_takes(bench, bench.epochs()[0], acked, acked + 1, OLD)
    bench.flow_once()
    bench.flow_once()
    assert bench.station.outbox.counts().acked_upto == acked
    assert bench.session._status(online=True).alarm == "fork"
    bench.new_epoch()
    bench.flow()
    assert bench.lost() == set()
    assert reissued(bench) == [f"{bench.epochs()[0]}-{acked + 1}", f"{bench.epochs()[0]}-{acked + 2}"]


def test_an_older_card_of_which_the_center_lost_events_as_well(bench: Bench) -> None:
    """More than this database has, and not this database's: the epoch ends at once, and then it is looked for."""
    first, ended = bench.epochs()[0], last(bench)
    twin_takes(bench, first, 6, ended + 5)
    bench.connect()
    bench.flow()
    assert bench.whys() == ["new", "behind"]
    assert bench.lost() == set()
    assert bench.missing() == set()
    assert reissued(bench) == [f"{first}-{seq}" for seq in range(7, ended + 1)]


def test_an_answer_that_is_lost_is_asked_for_again(bench: Bench) -> None:
    twin_takes(bench, bench.epochs()[0], 4, last(bench))
    bench.connect()
    for ack in bench.wire.carried(bench.ledger):
        bench.hear(ack)
    for _ in range(20):
        bench.now += 61.0
        bench.pump()
        bench.wire.sent.clear()
    assert len({hello.at for hello in bench.wire.hellos}) == 2
    assert len(bench.wire.hellos) > 10
    for _ in range(12):
        bench.now += 61.0
        bench.flow_once()
    assert bench.station.outbox.counts().acked_upto == 4


def test_two_ledgers_that_answer_in_turn_do_not_make_it_ask_without_end(bench: Bench) -> None:
    first = bench.epochs()[0]
    twin_takes(bench, first, 4, last(bench))
    for _ in range(50):
        for generation in (OLD, NEW):
            bench.hear(msgspec.structs.replace(bench.ledger.ack(first), generation=generation))
            bench.pump()
    assert len([hello for hello in bench.wire.hellos if hello.at]) == 1


def test_an_old_center_is_served_as_before(bench: Bench) -> None:
    """It does not know the question: nothing is asked again and again, and nothing is told twice."""
    bench.ledger.knows_at = False
    acked = last(bench)
    twin_takes(bench, bench.epochs()[0], 4, acked)
    bench.connect()
    bench.now += 5.0
    bench.flow()
    bench.pump()
    assert bench.station.outbox.counts().acked_upto == acked
    assert bench.session._status(online=True).alarm == "fork"
    bench.new_epoch()
    bench.flow()
    assert (bench.session.settled, reissued(bench)) == (True, [])
    assert len([hello for hello in bench.wire.hellos if hello.epoch == bench.epochs()[0]]) == 2


def test_a_lie_is_put_right_by_the_next_true_word(bench: Bench) -> None:
    """Who can write to the topic can make a station send again, and nothing else: no letter, no new number."""
    first, acked = bench.epochs()[0], last(bench)
    for at in (0, *range(1, acked + 1)) * 2:
        bench.hear(Ack(first, acked, (), (), "ab" * 32, NEW, at, "cd" * 32))
    assert bench.station.outbox.counts().acked_upto == 0
    bench.wire.sent.clear()
    bench.hear(bench.ledger.ack(first))
    assert bench.station.outbox.counts().acked_upto == acked
    assert bench.whys() == ["new"]
    bench.flow()
    assert (bench.ledger.apart, bench.session._status(online=True).alarm) == ([], "")


def test_nothing_of_it_is_sent_under_its_old_numbers_while_it_is_looked_for(bench: Bench) -> None:
    """The center lacked events first, and before they came the twin was there."""
    first, ended = bench.epochs()[0], last(bench)
    bench.new_epoch()
    bench.flow()
    twin_takes(bench, first, 3, 3)
    bench.connect()
    for ack in bench.wire.carried(bench.ledger):
        bench.hear(ack)
    bench.pump()
    bench.wire.sent.clear()
    twin_takes(bench, first, 3, 6)
    bench.hear(bench.ledger.ack(first))
    bench.pump()
    bench.pump()
    assert [topic for topic, _ in bench.wire.sent if topic != TOPICS.status] == [TOPICS.hello]
    bench.flow()
    assert bench.lost() == set()
    assert bench.missing() == set()
    assert reissued(bench) == [f"{first}-{seq}" for seq in range(4, ended + 1)]


def test_the_head_at_zero_is_no_fork(bench: Bench) -> None:
    first = bench.epochs()[0]
    bench.ledger.events.clear()
    bench.hear(msgspec.structs.replace(bench.ledger.ack(first), generation=NEW))
    bench.flow()
    assert bench.missing() == set()
    assert hashlib.sha256(bench.ledger.events[first, 1]).hexdigest() == bench.station.outbox.hash_at(1, first)
