"""The same number in two counties: told, kept and counted apart, and somebody is told."""

from __future__ import annotations

import json

from msgspec.structs import replace

from kiosk.messaging.contract.control import Status
from kiosk.messaging.contract.receive import parse_event
from kiosk.sorting_center.export import epcis
from kiosk.sorting_center.ledger import Delivery, Ledger, Sighting
from tests.sorting_center.ledger.incidents import alarm_rows
from tests.sorting_center.station_journal import NOW, Station

HERE, THERE = "shache", "yarkant"


def alarms(ledger: Ledger) -> list[tuple[str, str, str]]:
    return [(row.kind, row.region, row.station) for row in alarm_rows(ledger)]


def test_two_stations_of_one_number_are_counted_apart(ledger: Ledger) -> None:
    ours, theirs = Station(epoch="00000000000000aa"), Station(epoch="00000000000000bb")
    ledger.accept([*ours.run(4), ours.void(2)], HERE, NOW)
    assert alarms(ledger) == []
    (state,) = ledger.accept([*theirs.run(3), theirs.void(1)], THERE, NOW)
    assert (state.region, state.upto, state.head) == (THERE, 4, theirs.head)
    assert alarms(ledger) == [("second_region", THERE, "S0147")]
    assert [(row.region, row.receipt[-1], row.voided) for row in ledger.intakes(0, 100)] == [
        (HERE, "1", False),
        (HERE, "2", True),
        (HERE, "3", False),
        (THERE, "1", True),
        (THERE, "2", False),
    ]
    overview = ledger.overview("")
    assert (overview.totals.intakes, overview.totals.voided) == (3, 2)
    assert [(row.region, row.events, len(row.epochs)) for row in overview.stations] == [(HERE, 5, 1), (THERE, 4, 1)]
    assert (ledger.counts().stations, ledger.counts().events) == (2, 9)
    assert {entry.region for entry in ledger.feed(0, 100)} == {HERE, THERE}


def test_one_epoch_in_two_regions_is_two_chains_and_a_fact_is_counted_once(ledger: Ledger, station: Station) -> None:
    """A station that was given another region, or a copy of its disk in one: each has a chain of its own."""
    events = station.run(3)
    ledger.accept(events, HERE, NOW)
    clone = station.clone()
    (state,) = ledger.accept([*events, clone.intake(7)], THERE, NOW)
    assert (state.upto, state.head) == (4, clone.head)
    assert ledger.stream(station.station, station.epoch, HERE).upto == 3
    assert (ledger.counts().events, ledger.counts().quarantined, ledger.counts().forks) == (7, 0, 0)
    counted = [(row.region, row.receipt[-1]) for row in ledger.intakes(0, 100)]
    assert counted == [(HERE, "1"), (HERE, "2"), (THERE, "7")]
    assert alarms(ledger) == [("second_region", THERE, "S0147")]
    (fork,) = ledger.accept([replace(station.intake(3), sha256="f" * 64)], THERE, NOW)
    assert (fork.quarantined, ledger.stream(station.station, station.epoch, HERE).quarantined) == ((4,), ())


def test_gaps_and_ended_epochs_of_one_county_say_nothing_about_the_other(ledger: Ledger) -> None:
    ours, theirs = Station(epoch="00000000000000aa"), Station(epoch="00000000000000bb")
    first, _, third = ours.run(3)
    ledger.accept([first, third], HERE, NOW)
    ledger.accept(theirs.run(3), THERE, "2026-11-26T04:00:00.000Z")
    states = [ledger.stream("S0147", one.epoch, region) for one, region in ((ours, HERE), (theirs, THERE))]
    assert ([state.gaps for state in states], ledger.counts().gaps) == ([((2, 2),), ()], 1)


def test_a_status_alone_is_heard_in_a_second_region_too(ledger: Ledger, station: Station) -> None:
    for region, pending in ((HERE, 1), (THERE, 2), (HERE, 3)):
        status = Status(online=True, pending=pending, software="1.0.0", epoch=station.epoch)
        ledger.commit(Delivery(sightings=[Sighting(region, "S0147", status)]), NOW)
    assert [(row.region, row.pending) for row in ledger.overview("").stations] == [(HERE, 3), (THERE, 2)]
    assert alarms(ledger) == [("second_region", THERE, "S0147")]


def test_an_event_that_names_another_region_than_its_topic_counts_in_its_topics(
    ledger: Ledger, station: Station
) -> None:
    told = json.loads(station.start().body)
    events = [parse_event(json.dumps({**told, "region": region}).encode()) for region in (HERE, THERE)]
    (state,) = ledger.accept([events[0]], HERE, NOW)
    assert (state.upto, alarms(ledger)) == (1, [])
    (state,) = ledger.accept([events[1]], HERE, NOW)
    assert (state.upto, state.quarantined, ledger.counts().forks) == (1, (1,), 1)
    assert ("second_region", HERE, "S0147") in alarms(ledger)


def test_intakes_of_both_counties_have_ids_of_their_own_in_the_export(ledger: Ledger) -> None:
    ours, theirs = Station(epoch="00000000000000aa"), Station(epoch="00000000000000bb")
    ledger.accept(ours.run(3), HERE, NOW)
    ledger.accept([*theirs.run(3), theirs.void(1)], THERE, NOW)
    body = json.loads("".join(epcis(ledger.events(), NOW)))["epcisBody"]["eventList"]
    ids = [(found["kiosk:region"], found["eventID"].removeprefix("urn:station-kiosk:intake:")) for found in body]
    assert ids == [
        (HERE, "0147-A-000001"),
        (HERE, "0147-A-000002"),
        (THERE, "yarkant:0147-A-000001"),
        (THERE, "yarkant:0147-A-000002"),
        (THERE, "yarkant:0147-A-000001"),
    ]
    assert "errorDeclaration" in body[-1]
