from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk.domain.events import EpochStarted
from kiosk.messaging.contract.receive import parse_event
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.messaging.contract.seal import ZERO_HASH
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.acceptance.accept import MAX_AHEAD
from tests.depth import many
from tests.sorting_center.ledger.incidents import alarm_rows, quarantined_by_reason
from tests.sorting_center.station_journal import NOW, Station, confirmed, of_weight

REGION = "shache"


def feedseqs(ledger: Ledger) -> list[int]:
    return [entry.feedseq for entry in ledger.feed(0, 1000)]


def stored(ledger: Ledger) -> list[tuple[str, str, int]]:
    return [(row.station, row.epoch, row.seq) for row in ledger.events()]


def reasons(ledger: Ledger) -> dict[str, int]:
    return quarantined_by_reason(ledger)


def alarms(ledger: Ledger) -> list[tuple[str, int]]:
    return sorted((row.kind, row.seq) for row in alarm_rows(ledger))


def test_events_in_order_are_stored_linked_and_fed(ledger: Ledger, station: Station) -> None:
    events = station.run(5)
    (state,) = ledger.accept(events, REGION, NOW)
    assert (state.upto, state.head, state.gaps, state.quarantined) == (5, station.head, (), ())
    assert feedseqs(ledger) == [1, 2, 3, 4, 5]
    assert [row.body for row in ledger.events()] == [event.body for event in events]


def test_a_duplicate_is_absorbed_and_still_answered(ledger: Ledger, station: Station) -> None:
    events = station.run(3)
    ledger.accept(events, REGION, NOW)
    (state,) = ledger.accept([events[1], events[1]], REGION, NOW)
    assert state.upto == 3
    assert ledger.counts().events == 3
    assert ledger.counts().quarantined == 0


def test_what_is_above_a_gap_is_kept_but_not_fed(ledger: Ledger, station: Station) -> None:
    events = station.run(6)
    (state,) = ledger.accept([events[0], events[2], events[5]], REGION, NOW)
    assert (state.upto, state.gaps) == (1, ((2, 2), (4, 5)))
    assert feedseqs(ledger) == [1]
    assert (ledger.counts().events, ledger.counts().gaps) == (3, 2)
    (state,) = ledger.accept([events[4], events[1], events[3]], REGION, NOW)
    assert (state.upto, state.gaps, state.head) == (6, (), station.head)
    assert [json.loads(entry.body)["seq"] for entry in ledger.feed(0, 10)] == [1, 2, 3, 4, 5, 6]


def test_the_hash_at_a_number_is_told_of_what_the_chain_has_reached(ledger: Ledger, station: Station) -> None:
    events = station.run(6)
    ledger.accept([*events[:3], events[4]], REGION, NOW)
    told = {at: ledger.stream(station.station, station.epoch, REGION, at) for at in range(7)}
    assert {state.upto for state in told.values()} == {3}
    assert [told[at].hash_at for at in (0, 1, 2, 3)] == ["", *(event.sha256 for event in events[:3])]
    assert [told[at].hash_at for at in (4, 5, 6)] == ["", "", ""], "what is held may be a clone's"
    assert ledger.stream(station.station, station.epoch, "yarkant", 2).hash_at == ""


def test_the_same_key_with_another_hash_is_a_fork_never_a_duplicate(ledger: Ledger, station: Station) -> None:
    ledger.accept(station.run(2), REGION, NOW)
    clone = station.clone()
    ledger.accept([station.intake(2)], REGION, NOW)
    other = clone.intake(2, **of_weight(12_000))
    (state,) = ledger.accept([other, other], REGION, NOW)
    assert (state.upto, state.head, state.quarantined) == (3, station.head, (3,))
    assert reasons(ledger) == {"fork": 1}
    assert alarms(ledger) == [("fork", 3)]
    assert ledger.counts().forks == 1


def test_a_clone_does_not_take_the_place_of_the_genuine_station(ledger: Ledger, station: Station) -> None:
    """The clone's event above the gap came first; when the gap is filled it is found out and the place is free."""
    ledger.accept(station.run(2), REGION, NOW)
    clone = station.clone()
    clone.intake(2, **of_weight(12_000))
    false_fourth = clone.intake(3)
    third, fourth = station.intake(2), station.intake(3)
    ledger.accept([false_fourth], REGION, NOW)
    ledger.accept([fourth], REGION, NOW)
    assert reasons(ledger) == {"fork": 1}
    (state,) = ledger.accept([third], REGION, NOW)
    assert (state.upto, state.gaps) == (3, ((4, 4),))
    (state,) = ledger.accept([fourth], REGION, NOW)
    assert (state.upto, state.head) == (4, station.head)
    assert reasons(ledger) == {"broken_chain": 1}
    assert [json.loads(entry.body)["seq"] for entry in ledger.feed(0, 10)] == [1, 2, 3, 4]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
def test_a_broken_link_is_found_in_any_order(ledger: Ledger, station: Station, order: tuple[int, int, int]) -> None:
    events = [station.start(), station.add(EpochStarted("B", "restored"), prevhash="f" * 64), station.intake(2)]
    for place in order:
        (state,) = ledger.accept([events[place]], REGION, NOW)
    assert (state.upto, state.gaps) == (1, ((2, 2),))
    assert reasons(ledger) == {"broken_chain": 1}
    assert alarms(ledger) == [("broken_chain", 2)]
    assert feedseqs(ledger) == [1]
    assert ledger.counts().events == 2


def test_a_first_event_must_link_to_nothing(ledger: Ledger, station: Station) -> None:
    wrong = station.add(EpochStarted("B", "restored"), prevhash="a" * 64)
    (state,) = ledger.accept([wrong], REGION, NOW)
    assert (state.upto, state.head) == (0, ZERO_HASH)
    assert reasons(ledger) == {"broken_chain": 1}


def far(station: Station, seq: int) -> ReceivedEvent:
    """An event of this stream numbered as nobody can be."""
    body = json.loads(station.clone().intake(1).body)
    return parse_event(json.dumps({**body, "seq": seq, "id": f"{station.epoch}-{seq}"}).encode())


@pytest.mark.parametrize("seq", [2**31 - 1, MAX_AHEAD + 5])
@pytest.mark.parametrize("together", [True, False])
def test_a_number_out_of_reach_is_kept_apart_and_makes_no_gap(
    ledger: Ledger, station: Station, seq: int, together: bool
) -> None:
    events = station.run(2)
    lone = far(station, seq)
    if together:
        (state,) = ledger.accept([lone, *events], REGION, NOW)
    else:
        ledger.accept(events, REGION, NOW)
        (state,) = ledger.accept([lone, lone], REGION, NOW)
    assert (state.upto, state.gaps, state.max_seen) == (2, (), 2)
    assert reasons(ledger) == {"far_ahead": 1}
    assert (ledger.counts().events, ledger.counts().gaps, ledger.counts().alarms) == (2, 0, 0)
    (state,) = ledger.accept([station.intake(2)], REGION, NOW)
    assert (state.upto, state.gaps) == (3, ())


def test_a_number_within_reach_is_held(ledger: Ledger, station: Station) -> None:
    ledger.accept(station.run(2), REGION, NOW)
    (state,) = ledger.accept([far(station, MAX_AHEAD + 2)], REGION, NOW)
    assert state.gaps == ((3, MAX_AHEAD + 1),)


def test_what_came_too_early_leaves_quarantine_when_its_place_is_reached(
    ledger: Ledger, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A center back from a very old backup, and the station's newest event arrives before all others."""
    monkeypatch.setattr("kiosk.sorting_center.ledger.acceptance.accept.MAX_AHEAD", 10)
    events = station.run(30)
    (state,) = ledger.accept([events[29]], REGION, NOW)
    assert (state.upto, state.gaps, reasons(ledger)) == (0, (), {"far_ahead": 1})
    (state,) = ledger.accept(events, REGION, NOW)
    assert (state.upto, state.head, reasons(ledger)) == (30, station.head, {})


def test_an_unknown_type_counts_as_received_and_stays_out_of_the_feed(ledger: Ledger, station: Station) -> None:
    events = [station.start(), station.raw(type="station.lot.packed.v1"), station.intake(9)]
    (state,) = ledger.accept(events, REGION, NOW)
    assert (state.upto, state.head, state.quarantined) == (3, station.head, (2,))
    assert feedseqs(ledger) == [1, 2]
    assert [json.loads(entry.body)["seq"] for entry in ledger.feed(0, 10)] == [1, 3]
    assert reasons(ledger) == {"unknown_type": 1}
    assert ledger.counts().events == 3


def test_bad_data_counts_as_received_even_without_a_usable_prevhash(ledger: Ledger, station: Station) -> None:
    events = [station.start(), station.raw(prevhash="?", data={"net_g": "much"}), station.intake(9)]
    (state,) = ledger.accept(list(reversed(events)), REGION, NOW)
    assert (state.upto, state.quarantined) == (3, (2,))
    assert reasons(ledger) == {"bad_data": 1}


def test_a_receipt_confirmed_twice_raises_an_alarm_and_counts_once(ledger: Ledger, station: Station) -> None:
    ledger.accept([station.start(), station.intake(7), station.intake(7)], REGION, NOW)
    assert alarms(ledger) == [("receipt_twice", 3)]
    assert ledger.overview(NOW).totals.intakes == 1


@pytest.mark.parametrize("copy_first", [False, True])
def test_an_intake_re_issued_in_a_new_epoch_is_the_same_intake(
    ledger: Ledger, station: Station, copy_first: bool
) -> None:
    old = [station.start(), station.intake(7)]
    later = Station(epoch="ffeeddccbbaa0099")
    data = json.loads(old[1].body)["data"]
    new = [later.start(), later.intake(7)]
    assert json.loads(new[1].body)["data"] == data
    later.sealed.pop()
    new[1] = later.add(confirmed(later.station, 7), reissued=f"{station.epoch}-2")
    for events in (new, old) if copy_first else (old, new):
        ledger.accept(events, REGION, NOW)
    assert alarms(ledger) == []
    assert ledger.overview(NOW).totals.intakes == 1
    assert feedseqs(ledger) == [1, 2, 3, 4]


def test_a_void_takes_the_intake_out_of_the_totals(ledger: Ledger, station: Station) -> None:
    ledger.accept([station.start(), station.intake(1), station.intake(2), station.void(1)], REGION, NOW)
    totals = ledger.overview(NOW).totals
    assert (totals.intakes, totals.voided, totals.net_g, totals.amount_fen) == (1, 1, 12_450, 29_880)


def test_a_new_epoch_does_not_disappear_behind_the_old_one(ledger: Ledger, station: Station) -> None:
    ledger.accept(station.run(4), REGION, NOW)
    later = Station(epoch="ffeeddccbbaa0099")
    (state,) = ledger.accept([later.start(), later.intake(80)], REGION, NOW)
    assert state.upto == 2
    assert ledger.counts().events == 6
    assert ledger.counts().stations == 1


def test_many_streams_in_one_batch(ledger: Ledger) -> None:
    stations = [Station(station=f"S{number:04d}") for number in range(1, 6)]
    mixed = [event for batch in zip(*(one.run(4) for one in stations), strict=True) for event in batch]
    states = ledger.accept(mixed, REGION, NOW)
    assert {(state.station, state.upto) for state in states} == {(one.station, 4) for one in stations}
    assert feedseqs(ledger) == list(range(1, 21))


@settings(
    max_examples=many(12, torture=300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), lengths=st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_order_duplication_and_batching_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    lengths: list[int],
) -> None:
    stations = [Station(station=f"S{number:04d}") for number in range(len(lengths))]
    events: list[ReceivedEvent] = [
        event for one, length in zip(stations, lengths, strict=True) for event in one.run(length)
    ]
    again = data.draw(st.lists(st.sampled_from(events), max_size=6))
    arrivals = data.draw(st.permutations([*events, *again]))
    path = tmp_path_factory.mktemp("any_order") / "ledger.db"
    with Ledger.open(f"sqlite:///{path}") as ledger:
        while arrivals:
            size = data.draw(st.integers(1, len(arrivals)))
            ledger.accept(arrivals[:size], REGION, NOW)
            arrivals = arrivals[size:]
        assert_whole(ledger, stations)


def assert_whole(ledger: Ledger, stations: Sequence[Station]) -> None:
    """Every event these stations have sealed is there once, in its chain and in the feed."""
    rows = list(ledger.events())
    sealed = {(one.station, event.seq): event.body for one in stations for event in one.sealed}
    assert {(row.station, row.seq): row.body for row in rows} == sealed
    assert len(rows) == len(sealed)
    for one in stations:
        state = ledger.stream(one.station, one.epoch, REGION)
        assert (state.upto, state.head, state.gaps) == (len(one.sealed), one.head, ())
    feed = ledger.feed(0, 1000)
    assert [entry.feedseq for entry in feed] == list(range(1, len(sealed) + 1))
    for one in stations:
        seqs = [json.loads(entry.body)["seq"] for entry in feed if f'"{one.station}"'.encode() in entry.body]
        assert seqs == sorted(seqs)
    assert ledger.counts().quarantined == 0


@pytest.mark.parametrize("seed", range(many(3, torture=6)))
def test_no_order_matters_on_any_database(ledger: Ledger, seed: int) -> None:
    dice = random.Random(seed)
    stations = [Station(station=f"S{number:04d}") for number in range(3)]
    events = [event for one in stations for event in one.run(dice.randint(1, 12))]
    arrivals = [*events, *dice.sample(events, len(events) // 2)]
    dice.shuffle(arrivals)
    while arrivals:
        size = dice.randint(1, len(arrivals))
        ledger.accept(arrivals[:size], REGION, NOW)
        del arrivals[:size]
    assert_whole(ledger, stations)


@settings(max_examples=many(8, torture=200), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_two_clones_never_mix_in_the_ledger(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever arrives in whatever order, resent as stations do: the ledger ends with one whole chain or the other."""
    station = Station()
    common = station.run(2)
    clone = station.clone()
    ours = [station.intake(number) for number in (2, 3, 4)]
    theirs = [clone.intake(number, **of_weight(11_000)) for number in (2, 3, 4)]
    path = tmp_path_factory.mktemp("clones") / "ledger.db"
    with Ledger.open(f"sqlite:///{path}") as ledger:
        arrivals = data.draw(st.permutations([*common, *ours, *theirs]))
        for event in [*arrivals, *ours, *theirs, *ours, *theirs]:
            ledger.accept([event], REGION, NOW)
        chain = [row.body for row in ledger.events()]
        branches = [[event.body for event in [*common, *branch]] for branch in (ours, theirs)]
        assert chain in branches
        # Forks: the other station's first own event. Its successors follow it, so they break the chain or fork.
        assert ledger.counts().quarantined == 3
        assert ledger.stream(station.station, station.epoch, REGION).upto == 5


def test_a_restart_goes_on_where_it_was(ledger_url: str, station: Station) -> None:
    events = station.run(4)
    with Ledger.open(ledger_url) as ledger:
        ledger.accept([events[0], events[3]], REGION, NOW)
        ledger_id = ledger.ledger_id
    with Ledger.open(ledger_url) as ledger:
        assert ledger.ledger_id == ledger_id
        (state,) = ledger.accept(events[1:3], REGION, NOW)
        assert (state.upto, state.head) == (4, station.head)
        assert feedseqs(ledger) == [1, 2, 3, 4]


def test_an_older_backup_takes_the_same_events_again(file_url: str, tmp_path: Path, station: Station) -> None:
    events = station.run(4)
    with Ledger.open(file_url) as ledger:
        ledger.accept(events[:2], REGION, NOW)
    backup = (tmp_path / "ledger.db").read_bytes()
    with Ledger.open(file_url) as ledger:
        ledger.accept(events[2:], REGION, NOW)
    (tmp_path / "ledger.db").write_bytes(backup)
    with Ledger.open(file_url) as ledger:
        assert ledger.stream(station.station, station.epoch, REGION).upto == 2
        (state,) = ledger.accept(events, REGION, NOW)
        assert (state.upto, state.head) == (4, station.head)
