"""An event that was set apart is taken in by software that understands it."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, select
from sqlalchemy import event as sqlalchemy_event

from kiosk.domain.events import IntakeConfirmed
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.sorting_center.ledger import EventKey, Ledger, LedgerError
from kiosk.sorting_center.ledger.care.archive import archive
from kiosk.sorting_center.ledger.care.copy import copy_ledger, digest
from kiosk.sorting_center.ledger.care.rebuild import rebuild
from kiosk.sorting_center.ledger.database.schema import event
from kiosk.sorting_center.ledger.quarantine import (
    NeighbourLink,
    QuarantineFilter,
    ReadmitResult,
    load_details,
    load_page,
)
from tests.depth import many
from tests.sorting_center.ledger.care.test_rebuild import projections
from tests.sorting_center.station_journal import NOW, Station, confirmed, of_weight

LATER = "2026-11-26T04:00:00.000Z"
REGION = "shache"


def misread(item: ReceivedEvent, problem: str = "unknown_type") -> ReceivedEvent:
    """As a sorting center of an earlier version took it in."""
    return replace(item, problem=problem)


def key_of(item: ReceivedEvent) -> EventKey:
    return EventKey(REGION, item.station, item.epoch, item.seq, item.sha256)


def take(ledger: Ledger, item: ReceivedEvent) -> ReadmitResult:
    """And give it its place, where that is not done in the commit."""
    found = ledger.readmit(key_of(item))
    while ledger.number(100):
        pass
    return found


def fed(ledger: Ledger) -> list[int]:
    entries = ledger.feed(0, 1000)
    assert [entry.feedseq for entry in entries] == list(range(1, len(entries) + 1)), "no hole"
    return [json.loads(entry.body)["seq"] for entry in entries]


def apart(ledger: Ledger) -> list[tuple[int, str]]:
    with ledger.reading() as connection:
        return [(one.key.seq, one.reason) for one in load_page(connection, QuarantineFilter(), None, 100)]


def row_of(ledger: Ledger, item: ReceivedEvent) -> tuple[str | None, bytes, str, str]:
    with ledger.reading() as connection:
        row = connection.execute(select(event).where(event.c.sha256 == item.sha256)).one()
    return row.problem, bytes(row.body), row.prevhash, row.received_at


@pytest.mark.parametrize("problem", ["unknown_type", "bad_data"])
def test_it_stands_at_the_end_of_the_feed_and_counts_from_then_on(
    ledger: Ledger, station: Station, problem: str
) -> None:
    told = station.run(5)
    told[2] = misread(told[2], problem)
    ledger.accept(told, REGION, NOW)
    assert (fed(ledger), apart(ledger), len(ledger.intakes(0, 10))) == ([1, 2, 4, 5], [(3, problem)], 3)
    before = row_of(ledger, told[2])
    assert take(ledger, told[2]) is ReadmitResult.ACCEPTED
    assert (fed(ledger), apart(ledger), len(ledger.intakes(0, 10))) == ([1, 2, 4, 5, 3], [], 4)
    assert row_of(ledger, told[2]) == (None, *before[1:]), "nothing of the event itself is another"
    assert ledger.intakes(0, 10)[-1].receipt == "0147-A-000002"
    assert ledger.stream(station.station, station.epoch, REGION).quarantined == ()
    ledger.accept([station.intake(5)], REGION, LATER)
    assert fed(ledger) == [1, 2, 4, 5, 3, 6]


def test_it_is_done_once_however_often_it_is_asked_for_and_sent(ledger: Ledger, station: Station) -> None:
    told = station.run(3)
    ledger.accept([*told[:2], misread(told[2])], REGION, NOW)
    assert [take(ledger, told[2]) for _ in range(3)] == [ReadmitResult.ACCEPTED] * 3
    ledger.accept(told, REGION, LATER)
    assert (fed(ledger), apart(ledger)) == ([1, 2, 3], [])
    assert ledger.figures().quarantined == {"fork": 0}


def test_what_is_not_understood_still_stays_as_it_is(ledger: Ledger, station: Station) -> None:
    unknown = station.raw(type="station.future.told.v9")
    bad = station.intake(2, net_g=1)
    zero = station.raw(software="a\u0000b")
    ledger.accept([unknown, bad, zero], REGION, NOW)
    assert apart(ledger) == [(3, "bad_data"), (2, "bad_data"), (1, "unknown_type")]
    with ledger.reading() as connection:
        before = digest(connection)
    found = [take(ledger, item) for item in (unknown, bad, zero)]
    assert found == [ReadmitResult.UNKNOWN_TYPE, ReadmitResult.BAD_DATA, ReadmitResult.BAD_DATA]
    with ledger.reading() as connection:
        assert digest(connection) == before


def test_what_contradicts_the_chain_is_for_the_chain_alone(ledger: Ledger, station: Station) -> None:
    told = station.run(3)
    clone = station.clone()
    ledger.accept([*told, station.intake(7)], REGION, NOW)
    fork = clone.intake(8)
    broken = station.clone().add(another_intake(station), prevhash="ab" * 32)
    ledger.accept([fork, broken], REGION, NOW)
    far = replace(told[0], seq=2_000_000, sha256="cd" * 32)
    ledger.accept([far], REGION, NOW)
    assert {reason for _, reason in apart(ledger)} == {"fork", "broken_chain", "far_ahead"}
    assert {take(ledger, item) for item in (fork, broken, far)} == {ReadmitResult.CHAIN}
    assert len(apart(ledger)) == 3


def another_intake(station: Station) -> IntakeConfirmed:
    return confirmed(station.station, 30)


def test_what_is_not_set_apart_is_not_taken(ledger: Ledger, station: Station) -> None:
    told = station.run(2)
    ledger.accept(told, REGION, NOW)
    assert take(ledger, told[1]) is ReadmitResult.ACCEPTED, "it is among the events"
    assert ledger.readmit(EventKey(REGION, "S0147", station.epoch, 2, "00" * 32)) is ReadmitResult.NOT_HERE
    assert ledger.readmit(EventKey("yarkant", "S0147", station.epoch, 2, told[1].sha256)) is ReadmitResult.NOT_HERE
    assert fed(ledger) == [1, 2]


def test_above_a_gap_it_waits_for_its_turn(ledger: Ledger, station: Station) -> None:
    told = station.run(5)
    ledger.accept([told[0], misread(told[2]), told[3]], REGION, NOW)
    assert take(ledger, told[2]) is ReadmitResult.ACCEPTED
    assert (fed(ledger), apart(ledger)) == ([1], [])
    ledger.accept([told[1]], REGION, LATER)
    assert fed(ledger) == [1, 2, 3, 4]
    assert len(ledger.intakes(0, 10)) == 3


def test_a_void_that_comes_late_voids(ledger: Ledger, station: Station) -> None:
    told = [*station.run(3), station.void(1)]
    ledger.accept([*told[:3], misread(told[3])], REGION, NOW)
    assert [row.voided for row in ledger.intakes(0, 10)] == [False, False]
    take(ledger, told[3])
    assert [row.voided for row in ledger.intakes(0, 10)] == [True, False]


def test_a_rebuild_finds_the_same(ledger_url: str, station: Station) -> None:
    told = [*station.run(6), station.void(3), station.intake(2, **of_weight(99))]
    apart_before = {1, 3, 6}
    with Ledger.open(ledger_url) as ledger:
        sent = [misread(item) if number in apart_before else item for number, item in enumerate(told)]
        ledger.accept(sent, REGION, NOW)
        for number in (6, 3, 1):
            assert take(ledger, told[number]) is ReadmitResult.ACCEPTED
        assert fed(ledger) == [1, 3, 5, 6, 8, 7, 4, 2]
    before = projections(ledger_url)
    assert len(before["intake_void"]) == 1
    rebuild(ledger_url)
    assert projections(ledger_url) == before


@pytest.mark.parametrize("seed", range(many(2, torture=4)))
def test_whatever_is_taken_in_again_and_when(ledger_url: str, seed: int) -> None:
    """No hole in the feed, no event twice, all that was believed in it, and a rebuild finds the same."""
    chance = random.Random(seed)
    stations = [Station(f"S{n:04}", f"{n}{n}" * 8) for n in range(1, 4)]
    waiting: list[ReceivedEvent] = []
    believed_too_late: list[tuple[str, int]] = []
    with Ledger.open(ledger_url) as ledger:
        for counter in range(1, 13):
            station = chance.choice(stations)
            item = chance.choice((station.intake, station.void))(chance.randrange(1, 9))
            if chance.random() < 0.4:
                waiting.append(item)
                item = misread(item, chance.choice(("unknown_type", "bad_data")))
            ledger.accept([item], REGION, f"2026-11-25T04:00:{counter:02}.000Z")
            if waiting and chance.random() < 0.5:
                late = waiting.pop(chance.randrange(len(waiting)))
                assert take(ledger, late) is ReadmitResult.ACCEPTED
                believed_too_late.append((late.station, late.seq))
        bodies = [json.loads(entry.body) for entry in ledger.feed(0, 1000)]
        keys = [(body["station"], body["seq"]) for body in bodies]
        assert len(fed(ledger)) == len(set(keys)) == 12 - len(waiting)
        assert [key for key in keys if key in believed_too_late] == believed_too_late
    before = projections(ledger_url)
    rebuild(ledger_url)
    assert projections(ledger_url) == before


def test_a_failure_between_two_steps_leaves_all_as_it_was(ledger: Ledger, station: Station) -> None:
    told = station.run(3)
    ledger.accept([*told[:2], misread(told[2])], REGION, NOW)
    with ledger.reading() as connection:
        before = digest(connection)
    steps = 0
    while True:
        with failing_at(steps) as failed, suppress(Failed):
            ledger.readmit(key_of(told[2]))
        if not failed:
            break
        with ledger.reading() as connection:
            assert digest(connection) == before, steps
        steps += 1
    assert steps >= 5
    while ledger.number(100):
        pass
    assert (fed(ledger), apart(ledger)) == ([1, 2, 3], [])


class Failed(Exception):
    pass


@contextmanager
def failing_at(step: int) -> Iterator[list[int]]:
    """The statement of this number, counted from 0, is not executed."""
    failed: list[int] = []
    left = [step]

    def look(*_: object) -> None:
        left[0] -= 1
        if left[0] == -1:
            failed.append(step)
            raise Failed

    sqlalchemy_event.listen(Engine, "before_cursor_execute", look)
    try:
        yield failed
    finally:
        sqlalchemy_event.remove(Engine, "before_cursor_execute", look)


def test_an_event_that_did_not_name_its_predecessor_must_follow_it_now(ledger: Ledger, station: Station) -> None:
    told = station.run(3)
    unreadable = replace(told[1], prevhash="", problem="bad_data")
    ledger.accept([told[0], unreadable, told[2]], REGION, NOW)
    assert take(ledger, told[1]) is ReadmitResult.ACCEPTED
    assert row_of(ledger, told[1])[2] == told[0].sha256
    other = Station("S0200", "22" * 8)
    first = other.start()
    astray = other.add(another_intake(other), prevhash="ab" * 32)
    ledger.accept([first, replace(astray, prevhash="", problem="bad_data")], REGION, NOW)
    assert take(ledger, astray) is ReadmitResult.CHAIN
    assert apart(ledger) == [(2, "bad_data")]


def test_two_processes_that_do_it_at_once_do_it_once(ledger_url: str, station: Station) -> None:
    told = station.run(40)
    with Ledger.open(ledger_url) as ledger:
        ledger.accept([told[0], *(misread(item) for item in told[1:])], REGION, NOW)
        found: list[ReadmitResult] = []

        def take_all(writer: Ledger) -> None:
            found.extend(writer.readmit(key_of(item)) for item in told[1:])

        with another(ledger_url, ledger) as other:
            threads = [threading.Thread(target=take_all, args=(one,)) for one in (ledger, other)]
            for thread in threads:
                thread.start()
            for number in range(3):
                ledger.accept([Station(f"S{number:04}", "33" * 8).start()], REGION, LATER)
            for thread in threads:
                thread.join()
        while ledger.number(100):
            pass
        assert found == [ReadmitResult.ACCEPTED] * 78
        assert len(fed(ledger)) == 43
        assert sorted(seq for seq in fed(ledger) if seq > 1) == list(range(2, 41))


@contextmanager
def another(url: str, ledger: Ledger) -> Iterator[Ledger]:
    """A second writer where there may be one."""
    if url.startswith("sqlite"):
        yield ledger
        return
    with Ledger.open(url) as other:
        yield other


def test_what_a_person_sees_of_it(ledger: Ledger, station: Station) -> None:
    told = station.run(4)
    clone = station.clone()
    clone.sealed.pop()
    unknown = misread(told[1])
    ledger.accept([told[0], unknown, *told[2:]], REGION, NOW)
    ledger.accept([clone.intake(9)], REGION, LATER)
    bad = Station("S0200", "22" * 8).intake(1, net_g=1)
    ledger.accept([bad], "yarkant", LATER)
    with ledger.reading() as connection:
        newest, fork, first = load_page(connection, QuarantineFilter(), None, 10)
        assert load_page(connection, QuarantineFilter(), first.id, 10) == []
        assert load_page(connection, QuarantineFilter(), None, 1) == [newest]
        assert load_page(connection, QuarantineFilter("fork", "S0147", REGION), None, 10) == [fork]
        assert load_page(connection, QuarantineFilter(station="S0147", region="yarkant"), None, 10) == []
        seen = load_details(connection, fork.id)
        assert seen is not None
        assert seen.place.here is not None
        assert (seen.place.is_the_same, seen.place.here.sha256) == (False, told[3].sha256)
        assert (seen.place.before_link, seen.place.after_link) == (NeighbourLink.LINKED, NeighbourLink.NOT_HERE)
        assert (seen.prevhash, seen.fault, seen.place.upto) == (told[2].sha256, "", 4)
        seen = load_details(connection, first.id)
        assert seen is not None
        assert (seen.place.is_the_same, seen.place.after_link, bytes(seen.body)) == (
            True,
            NeighbourLink.LINKED,
            told[1].body,
        )
        seen = load_details(connection, newest.id)
        assert seen is not None
        assert (seen.place.before_link, seen.fault) == (NeighbourLink.BEGINNING, "the net is not the sum of the bags")
        assert load_details(connection, 999) is None


def test_a_copy_has_it_where_it_stands(ledger_url: str, tmp_path: Path, station: Station) -> None:
    told = station.run(5)
    with Ledger.open(ledger_url) as ledger:
        ledger.accept([told[0], misread(told[1]), *told[2:]], REGION, NOW)
        take(ledger, told[1])
        before = ledger.feed(0, 100)
    elsewhere = f"sqlite:///{tmp_path / 'copy.db'}"
    copy_ledger(ledger_url, elsewhere)
    with Ledger.open_readonly(elsewhere) as copied:
        assert copied.feed(0, 100) == before


def test_an_event_of_a_month_that_is_over_is_taken_in_and_then_leaves_with_it(
    ledger_url: str, tmp_path: Path, station: Station
) -> None:
    told = station.run(5)
    old = "2026-09-20T04:00:00.000Z"
    with Ledger.open(ledger_url) as ledger:
        ledger.accept([told[0], misread(told[1]), told[2]], REGION, old)
        ledger.accept(told[3:], REGION, NOW)
        take(ledger, told[1])
        ledger.set_feed_position("mqtt", 4)
    with pytest.raises(LedgerError, match="published"):  # its place in the feed was not published yet
        list(archive(ledger_url, "2026-11", tmp_path))
    with Ledger.open(ledger_url) as ledger:
        ledger.set_feed_position("mqtt", 5)
    (month,) = archive(ledger_url, "2026-11", tmp_path)
    assert month.events == 3
    with Ledger.open(ledger_url) as ledger:
        assert [entry.feedseq for entry in ledger.feed(0, 100)] == [3, 4]
        assert ledger.feed_end() == 5
        assert len(ledger.intakes(0, 100)) == 4
        ledger.accept([station.intake(9)], REGION, LATER)
        assert [entry.feedseq for entry in ledger.feed(4, 100)] == [6]


def test_what_has_left_for_an_archive_is_not_taken_in(ledger_url: str, tmp_path: Path, station: Station) -> None:
    told = station.run(4)
    with Ledger.open(ledger_url) as ledger:
        ledger.accept([told[0], misread(told[1])], REGION, "2026-09-20T04:00:00.000Z")
        ledger.accept(told[2:], REGION, NOW)
        ledger.set_feed_position("mqtt", 9)
    list(archive(ledger_url, "2026-11", tmp_path))
    with Ledger.open(ledger_url) as ledger:
        assert take(ledger, told[1]) is ReadmitResult.ARCHIVED
        assert apart(ledger) == [(2, "unknown_type")]
