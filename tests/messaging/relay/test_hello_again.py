"""A ledger that came back from a backup is told also to a station at which nobody weighs: it says hello by itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from random import Random

import msgspec
import pytest

from kiosk.messaging.relay.pace import HELLO_INTERVAL_S, Pace
from tests.messaging.relay.line import TOPICS, Bench

OLD, NEW, THIRD = "0" * 16, "1" * 16, "2" * 16


@pytest.fixture
def bench(tmp_path: Path, template: Path) -> Iterator[Bench]:
    """An idle station of three epochs, everything acknowledged by a ledger of one generation."""
    one = Bench(tmp_path / "kiosk.sqlite", template, batch_events=4)
    one.ledger.generation = OLD
    with one.open:
        for _ in range(2):
            one.intakes(9)
            one.flow()
            one.new_epoch()
        one.intakes(5)
        one.flow()
        assert one.missing() == set()
        one.wire.hellos.clear()
        yield one


def forget(bench: Bench, epochs: list[str], upto: int) -> None:
    """An older copy of the ledger is put in its place."""
    bench.ledger.events = {
        (epoch, seq): body for (epoch, seq), body in bench.ledger.events.items() if epoch not in epochs or seq <= upto
    }
    bench.ledger.generation = NEW


def said(bench: Bench) -> list[str]:
    return [hello.epoch for hello in bench.wire.hellos]


def test_a_hello_says_which_document_of_the_county_is_in_force(bench: Bench) -> None:
    bench.configuration = "2.17"
    bench.connect()
    assert {hello.configuration for hello in bench.wire.hellos} == {"2.17"}
    bench.session._on_message(bench.connection, TOPICS.config, b"what comes")
    assert bench.documents == [b"what comes"]


def test_an_idle_station_says_hello_again_and_again(bench: Bench) -> None:
    current = bench.epochs()[-1]
    for turn in range(1, 6):
        bench.now += HELLO_INTERVAL_S
        bench.flow()
        bench.flow()
        assert said(bench) == [current] * turn
    bench.now += HELLO_INTERVAL_S / 3
    bench.flow()
    assert len(said(bench)) == 5


def test_an_idle_station_gives_everything_again(bench: Bench) -> None:
    everything = dict(bench.ledger.events)
    forget(bench, bench.epochs(), 3)
    bench.flow()
    assert bench.ledger.events != everything
    bench.now += HELLO_INTERVAL_S
    bench.flow()
    assert bench.ledger.events == everything
    assert len(bench.epochs()) == 3


def test_another_generation_brings_back_what_only_earlier_epochs_have(bench: Bench) -> None:
    """The answer for the current epoch is as before: nothing but the generation tells that others may lack."""
    everything = dict(bench.ledger.events)
    forget(bench, bench.epochs()[:2], 3)
    bench.now += HELLO_INTERVAL_S
    bench.flow()
    assert bench.ledger.events == everything


def test_a_center_that_names_no_generation_is_asked_no_more_than_before(bench: Bench) -> None:
    current = bench.epochs()[-1]
    bench.ledger.generation = ""
    bench.now += HELLO_INTERVAL_S
    bench.flow()
    bench.ledger.generation = OLD
    bench.now += HELLO_INTERVAL_S
    bench.flow()
    assert said(bench) == [current, current]


def test_two_ledgers_that_answer_in_turn_do_not_make_it_ask_without_end(bench: Bench) -> None:
    first, second, current = bench.epochs()
    bench.now += HELLO_INTERVAL_S / 4
    turns = cycle((NEW, THIRD))
    for _ in range(50):
        for ack in [bench.ledger.ack(current), *bench.wire.carried(bench.ledger)]:
            bench.hear(msgspec.structs.replace(ack, generation=next(turns)))
            bench.pump()
    assert said(bench) == [first, second]
    bench.now += 60.0
    bench.pump()
    bench.pump()
    assert said(bench) == [first, second, first, second]


def test_a_stranger_s_epoch_says_nothing_of_the_ledger(bench: Bench) -> None:
    bench.hear(msgspec.structs.replace(bench.ledger.ack("ab" * 8), generation=NEW))
    bench.pump()
    assert said(bench) == []


def test_a_new_connection_asks_about_everything_so_nothing_need_be_remembered(bench: Bench) -> None:
    everything = dict(bench.ledger.events)
    forget(bench, bench.epochs()[:2], 0)
    bench.connect()
    bench.flow()
    assert bench.ledger.events == everything


def test_the_hello_of_a_whole_county_is_spread(bench: Bench) -> None:
    paces = [Pace(bench.settings, Random(seed)) for seed in range(200)]
    waits = [pace.hello_interval_s() for pace in paces]
    assert min(waits) > HELLO_INTERVAL_S / 2
    assert max(waits) <= HELLO_INTERVAL_S
    assert max(waits) - min(waits) > HELLO_INTERVAL_S / 4
    assert len({round(wait) for wait in waits}) > 50


def test_nothing_is_sent_while_the_hello_is_on_its_way(bench: Bench) -> None:
    """An answer that says what is known already moves nothing."""
    bench.now += HELLO_INTERVAL_S
    bench.flow()
    assert [topic for topic, _ in bench.wire.sent if topic in (TOPICS.event, TOPICS.batch)] == []
    assert bench.station.outbox.counts().pending == 0
