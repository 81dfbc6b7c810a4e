"""One station, broken or hostile, fills no disk, closes no page and takes nothing from the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, insert, select

from kiosk.domain.events import EpochStarted
from kiosk.domain.identifiers import SERIES_LETTERS
from kiosk.messaging.contract.receive import parse_event
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.sorting_center.export import epcis, jsonl, table
from kiosk.sorting_center.ledger import Delivery, Ledger, RejectedMessage, StreamState
from kiosk.sorting_center.ledger.acceptance.accept import MAX_EPOCHS
from kiosk.sorting_center.ledger.database.alarms import MAX_BODIES, MAX_BODY_BYTES
from kiosk.sorting_center.ledger.database.schema import alarm, intake, quarantine, refused, station_status, stream
from kiosk.sorting_center.ledger.shared.records import EventKey, Sighting
from kiosk.sorting_center.ledger.sightings import MAX_COMPLETE_PAYLOADS, MAX_REFUSED_BYTES, MAX_REGIONS
from kiosk.sorting_center.shared.health import CenterHealth
from tests.sorting_center.ledger.incidents import alarm_rows, quarantined_by_reason
from tests.sorting_center.staff import viewer
from tests.sorting_center.station_journal import NOW, Station, believed, of_weight

REGION = "shache"
LARGEST = 2**53 - 1
PAGES = ["/", "/live", "/?lang=zh", "/feed?limit=1000", "/intakes.json", "/ledger/summary.json", "/health"]


@pytest.fixture
def client(ledger: Ledger) -> Iterator[FlaskClient]:
    health = CenterHealth()
    health.set_connected(True)
    with viewer(ledger, health) as client:
        yield client


def all_work(client: FlaskClient, ledger: Ledger) -> None:
    assert [client.get(path).status_code for path in PAGES] == [200] * len(PAGES)
    for form in (jsonl, table):
        assert len(list(form(ledger.events()))) >= ledger.counts().events
    assert json.loads("".join(epcis(ledger.events(), NOW)))


def test_what_breaks_a_rule_is_kept_and_acknowledged_and_in_nothing_else(
    ledger: Ledger, station: Station, client: FlaskClient
) -> None:
    good = station.run(3)
    bad = [
        station.intake(3, net_g=-12_450, amount_fen=-29_880),
        station.intake(4, tare_g=99_999),
        station.intake(5, receipt="<img src=x>"),
        station.intake(6, receipt="0666-A-000006"),
        station.intake(7, amount_fen=LARGEST),
        station.void(1, replacement="0666-A-000001"),
    ]
    (state,) = ledger.accept([*good, *bad, station.intake(8)], REGION, NOW)
    assert (state.upto, state.gaps, state.quarantined, state.head) == (10, (), (4, 5, 6, 7, 8, 9), station.head)
    totals = ledger.overview("").totals
    assert (totals.intakes, totals.voided, totals.net_g, totals.amount_fen) == (3, 0, 3 * 12_450, 3 * 29_880)
    assert [json.loads(entry.body)["seq"] for entry in ledger.feed(0, 100)] == [1, 2, 3, 10]
    assert quarantined_by_reason(ledger) == {"bad_data": 6}
    assert "<img src=x" not in client.get("/").text
    all_work(client, ledger)


def test_no_stored_number_closes_a_page_an_export_or_a_count(
    ledger: Ledger, station: Station, client: FlaskClient
) -> None:
    """An older ledger may hold 1,100 amounts of 2**53 - 1 fen, whose sum no 64-bit integer holds."""
    extremes = [LARGEST, -LARGEST, 0]
    events = [believed(station.intake(1, net_g=value, amount_fen=value)) for value in extremes]
    ledger.accept([believed(station.start()), *events], REGION, NOW)
    row = {"epoch": station.epoch, "region": REGION, "data_sha256": "", "lot": "<b>", "product": "", "mode": "x"}
    rows = [
        {**row, "station": "S0148", "receipt": f"r{number}", "seq": number, "feedseq": 10 + number, "reissued": None}
        | {"net_g": value, "amount_fen": value, "received_at": NOW}
        for number, value in enumerate([LARGEST] * 1100 + [2**63 - 1, -(2**63)])
    ]
    with ledger.writing() as connection:
        connection.execute(insert(intake), rows)
    assert len(ledger.intakes(0, 500)) == 500
    totals = ledger.overview("").totals
    with ledger.reading() as connection:
        values = list(connection.execute(select(intake.c.net_g)).scalars())
    assert totals.net_g == totals.amount_fen == sum(values) > 2**63
    assert client.get("/ledger/summary.json").get_json()["totals"]["net_g"] == sum(values)
    all_work(client, ledger)


def lives(count: int) -> Iterator[tuple[Station, ReceivedEvent]]:
    for number in range(count):
        station = Station(epoch=f"{number:016x}")
        yield station, station.add(EpochStarted(SERIES_LETTERS[number % len(SERIES_LETTERS)], "behind"))


def test_an_epoch_beyond_the_last_letter_is_refused_alarmed_and_never_acknowledged(ledger: Ledger) -> None:
    every = list(lives(MAX_EPOCHS + 3))
    for number, (_, event) in enumerate(every, 1):
        assert len(ledger.accept([event], REGION, NOW)) == (number <= MAX_EPOCHS)
    assert MAX_EPOCHS == 23
    assert ledger.counts().events == 23
    last, event = every[-1]
    assert ledger.stream(last.station, last.epoch, REGION).upto == 0, "asked, it says that it has nothing"
    (told,) = alarm_rows(ledger)
    assert (told.kind, told.station, told.epoch) == ("too_many_epochs", "S0147", "")
    with ledger.reading() as connection:
        kept = connection.execute(select(refused.c.topic, refused.c.code, refused.c.payload)).all()
    assert [tuple(row) for row in kept][-1] == ("kiosk/v1/shache/S0147/up/event", "too_many_epochs", event.body)
    assert len(kept) == 3
    first, _ = every[0]
    (state,) = ledger.accept([first.intake(1)], REGION, NOW)
    assert state.upto == 2, "the epochs that are known go on"
    other = Station("S0148")
    assert len(ledger.accept([other.start()], REGION, NOW)) == 1
    assert len(ledger.accept([event], "yarkant", NOW)) == 1, "another county's station has its own letters"


def test_a_station_that_makes_regions_up_fills_the_ledger_with_none(ledger: Ledger) -> None:
    """The topic is its own in every region; each that is taken in is rows, cases and notices of its own."""

    def tells(first: int, last: int) -> list[StreamState]:
        regions = [f"r{number:03}" for number in range(first, last)]
        events = [(region, Station("S0666", f"{number:016x}").start()) for number, region in enumerate(regions, first)]
        return ledger.commit(Delivery(events, sightings=[Sighting(region, "S0666") for region in regions]), NOW)

    assert len(tells(0, MAX_REGIONS - 8)) == MAX_REGIONS - 8
    assert len(tells(MAX_REGIONS - 8, MAX_REGIONS + 5)) == 8
    assert tells(MAX_REGIONS + 5, MAX_REGIONS + 10) == []
    other = Station("S0147")
    (state,) = ledger.accept([other.start()], "r999", NOW)
    assert state.upto == 1, "a number of somebody else has its own regions"
    station = Station("S0666", f"{3:016x}")
    station.start()
    (state,) = ledger.accept([station.intake(1)], "r003", NOW)
    assert state.upto == 2, "the regions that are known go on"
    with ledger.reading() as connection:
        for counted in (station_status, stream):
            rows = select(func.count()).select_from(counted).where(counted.c.station == "S0666")
            assert connection.execute(rows).scalar_one() == MAX_REGIONS, counted.name
        kept = connection.execute(select(refused.c.topic, refused.c.code)).all()
    assert {row.code for row in kept} == {"too_many_regions"}
    assert len(kept) == 10
    assert kept[0].topic == f"kiosk/v1/r{MAX_REGIONS}/S0666/up/event"


def heavy(station: Station, count: int, size: int) -> list[ReceivedEvent]:
    """Events of an unknown kind and of this many bytes, in a whole chain."""
    return [station.raw(type="station.pallet.wrapped.v1", data={"x": "y" * size}) for _ in range(count)]


def kept(ledger: Ledger) -> tuple[int, int, int]:
    """Rows, bodies and bytes of the quarantine."""
    with ledger.reading() as connection:
        length = func.length(quarantine.c.body)
        row = connection.execute(select(func.count(), func.count().filter(length > 0), func.sum(length))).one()
    return row[0], row[1], row[2]


def test_the_bytes_kept_of_one_stations_quarantine_are_bounded_and_its_chain_goes_on(
    ledger: Ledger, station: Station
) -> None:
    other = Station("S0148")
    (first,) = heavy(other, 1, 1000)
    ledger.accept([first], REGION, NOW)
    for _ in range(3):
        (state,) = ledger.accept(heavy(station, 40, 50_000), REGION, NOW)
    assert (state.upto, len(state.quarantined)) == (120, 120)
    rows, bodies, size = kept(ledger)
    assert rows == 121
    assert 40 < bodies < 100
    assert size <= MAX_BODY_BYTES + 2000
    with ledger.reading() as connection:
        oldest = connection.execute(select(quarantine).where(quarantine.c.seq == 1, quarantine.c.station == "S0147"))
        row = oldest.one()
    assert (bytes(row.body), row.reason, len(row.sha256)) == (b"", "unknown_type", 64)
    assert row.size_bytes > 50_000
    assert all(json.loads(event.body) for event in ledger.events()), "what was acknowledged is there whole"


def test_the_rows_of_one_stations_quarantine_and_its_alarms_are_bounded(
    ledger: Ledger, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.sorting_center.ledger.database.alarms.MAX_ROWS", 30)
    monkeypatch.setattr("kiosk.sorting_center.ledger.database.alarms.MAX_BODIES", 10)
    monkeypatch.setattr("kiosk.sorting_center.ledger.database.alarms.MAX_ALARMS", 20)
    ledger.accept(station.run(60), REGION, NOW)
    clone = Station()
    clone.start()
    forks = [clone.intake(number, **of_weight(1000 + number)) for number in range(1, 60)]
    for start in range(0, 59, 7):
        (state,) = ledger.accept(forks[start : start + 7], REGION, NOW)
    assert state.upto == 60
    assert kept(ledger)[:2] == (30, 10)
    assert state.quarantined == tuple(range(31, 61)), "the newest"
    with ledger.reading() as connection:
        assert connection.execute(select(func.count()).select_from(alarm)).scalar_one() == 20
    assert MAX_BODIES == 1000


def test_a_message_set_aside_is_kept_whole_and_only_so_many(ledger: Ledger) -> None:
    whole = b"x" * (MAX_REFUSED_BYTES * 4)
    for _ in range(MAX_COMPLETE_PAYLOADS + 3):
        ledger.commit(Delivery(refusals=[RejectedMessage("kiosk/v1/a/S0147/up/batch", "internal", whole)]), NOW)
    with ledger.reading() as connection:
        sizes = list(connection.execute(select(func.length(refused.c.payload)).order_by(refused.c.id)).scalars())
    assert sizes == [MAX_REFUSED_BYTES] * 3 + [len(whole)] * MAX_COMPLETE_PAYLOADS


def test_an_event_stays_what_it_was_however_often_it_is_read(station: Station) -> None:
    (event,) = heavy(station, 1, 10)
    assert parse_event(event.body) == event


def test_of_an_event_with_much_unknown_content_only_the_hash_is_kept_and_the_chain_goes_on(
    ledger: Ledger, station: Station
) -> None:
    """Also when it was held above a gap, came twice, or has its content among its data."""
    events = [station.start(), station.raw(padding="y" * 60_000), station.intake(1)]
    told = json.loads(station.intake(2).body)["data"]
    station.sealed.pop()
    events += [station.raw(data={**told, "padding": "y" * 60_000}), station.raw(data={**told, "more": "y" * 3_000})]
    ledger.accept(events[1:], REGION, NOW)
    for _ in range(2):
        (state,) = ledger.accept(events[:2], REGION, NOW)
        assert (state.upto, state.head, state.quarantined) == (5, station.head, (2, 4))
    assert [json.loads(entry.body)["seq"] for entry in ledger.feed(0, 100)] == [1, 3, 5]
    stored = list(ledger.events())
    assert sum(len(event.body) for event in stored) < 10_000
    assert [json.loads(event.body)["seq"] for event in stored] == [1, 2, 3, 4, 5]
    with ledger.reading() as connection:
        rows = connection.execute(select(quarantine).order_by(quarantine.c.seq)).all()
    assert [(row.sha256, row.reason, bytes(row.body)) for row in rows] == [
        (events[at].sha256, "oversized", b"") for at in (1, 3)
    ]
    assert all(row.size_bytes > 60_000 for row in rows)
    assert take_again(ledger, rows[0]) == "only_the_chain"
    assert list(jsonl(ledger.events()))
    forged = station.clone()
    forged.sealed = forged.sealed[:1]
    ledger.accept([forged.raw(padding="z" * 60_000)], REGION, NOW)
    assert [row.kind for row in alarm_rows(ledger)] == ["fork"], "other content is another event"


def take_again(ledger: Ledger, row: Any) -> str:
    return str(ledger.readmit(EventKey(row.region, row.station, row.epoch, row.seq, row.sha256)))


def finished(ledger: Ledger) -> list[int]:
    """How many events each further commit released, until nothing more can be."""
    counts = []
    while keys := ledger.unfinished():
        for key in keys:
            before = ledger.stream(*key).upto
            counts.append(ledger.release_held(key, NOW).upto - before)
    return counts


def test_one_commit_releases_no_more_events_than_it_may_and_the_next_ones_the_rest(
    ledger: Ledger, station: Station
) -> None:
    events = station.run(2_300)
    for start in range(1, 2_300, 500):
        ledger.accept(events[start : start + 500], REGION, NOW)
    other = Station("S0148")
    first, honest = ledger.commit(Delivery([(REGION, events[0]), (REGION, other.start())]), NOW)
    assert (first.upto, first.has_more) == (2_001, True)
    assert (first.head, first.gaps) == (events[2_000].sha256, ()), "what it is told so far is true"
    assert (honest.upto, honest.has_more) == (1, False)
    assert finished(ledger) == [299]
    state = ledger.stream("S0147", station.epoch, REGION)
    assert (state.upto, state.head) == (2_300, station.head)
    fed = [json.loads(entry.body)["seq"] for after in (0, 1_000, 2_000) for entry in ledger.feed(after, 1_000)]
    assert sorted(fed) == [1, *range(1, 2_301)]
    assert ledger.overview("").totals.intakes == 2_299


def test_one_commit_releases_no_more_bytes_than_it_may(ledger: Ledger, station: Station) -> None:
    events = [station.start(), *heavy(station, 200, 60_000)]
    ledger.accept(events[1:], REGION, NOW)
    (state,) = ledger.accept(events[:1], REGION, NOW)
    assert 30 < state.upto < 50
    assert sum(finished(ledger)) == 201 - state.upto
    assert ledger.stream("S0147", station.epoch, REGION).head == station.head


def test_a_ledger_that_was_closed_in_the_middle_of_it_goes_on(ledger_url: str, station: Station) -> None:
    events = [station.start(), *heavy(station, 200, 60_000)]
    with Ledger.open(ledger_url) as ledger:
        ledger.accept(events[1:], REGION, "2026-11-25T03:00:00.000Z")
        ledger.accept(events[:1], REGION, "2026-11-25T03:00:00.000Z")
    with Ledger.open(ledger_url) as ledger:
        ((key),) = ledger.unfinished()
        assert key == ("S0147", station.epoch, REGION)
        assert 60 < ledger.release_held(key, NOW).upto < 201
        finished(ledger)
        assert ledger.stream(*key).upto == 201
        with ledger.reading() as connection:
            heard = connection.execute(select(stream.c.last_received_at)).scalar_one()
        assert heard == "2026-11-25T03:00:00.000Z", "nothing new was heard"
        assert ledger.unfinished() == []


def test_two_processes_that_go_on_with_one_stream_release_each_event_once(
    postgres_ledger_url: str, station: Station
) -> None:
    events = station.run(2_300)
    with Ledger.open(postgres_ledger_url) as one, Ledger.open(postgres_ledger_url) as other:
        one.accept(events[1:], REGION, NOW)
        one.accept(events[:1], REGION, NOW)
        (key,) = one.unfinished()
        with ThreadPoolExecutor(2) as pool:
            uptos = list(pool.map(lambda ledger: ledger.release_held(key, NOW).upto, (one, other)))
        assert uptos == [2_300, 2_300]
        while one.number(1000):
            pass
        assert [entry.feedseq for entry in one.feed(2_000, 1000)] == list(range(2_001, 2_301))
        assert one.overview("").totals.intakes == 2_299


def test_a_page_of_the_feed_has_no_more_bytes_than_it_may(
    ledger: Ledger, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [station.start(), *(station.raw(padding="y" * 3_000) for _ in range(30))]
    ledger.accept(events, REGION, NOW)
    monkeypatch.setattr("kiosk.sorting_center.ledger.database.places.MAX_PAGE_BYTES", 20_000)
    pages, after = [], 0
    while page := ledger.feed(after, 1000):
        pages.append(len(page))
        after = page[-1].feedseq
    assert after == 31
    assert max(pages) < 7
    monkeypatch.setattr("kiosk.sorting_center.ledger.database.places.MAX_PAGE_BYTES", 100)
    assert [entry.feedseq for entry in ledger.feed(7, 1000)] == [8], "one that is larger comes alone"
