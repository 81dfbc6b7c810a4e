"""A month leaves the ledger for a file, and nothing that was known of it is unknown then."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import pytest
from sqlalchemy import inspect, select

from kiosk.messaging.contract.receive import parse_event
from kiosk.sorting_center.ledger import Ledger, LedgerError, LedgerNotEmpty
from kiosk.sorting_center.ledger.care.archive import ArchivedMonth, archive
from kiosk.sorting_center.ledger.care.rebuild import rebuild
from kiosk.sorting_center.ledger.database.schema import numbered
from tests.sorting_center.station_journal import Station, of_weight

REGION = "shache"
SEPTEMBER, OCTOBER, NOVEMBER = (f"2026-{month}-20T04:00:00.000Z" for month in ("09", "10", "11"))


def filled(url: str, station: Station) -> None:
    """September: 4 events; October: 3; November: 2. All published."""
    events = station.run(9)
    with Ledger.open(url) as ledger:
        for some, at in ((events[:4], SEPTEMBER), (events[4:7], OCTOBER), (events[7:], NOVEMBER)):
            ledger.accept(some, REGION, at)
        ledger.set_feed_position("mqtt", 9)


def archived(url: str, before: str, folder: Path) -> list[ArchivedMonth]:
    return list(archive(url, before, folder))


def test_months_leave_for_files_that_hold_every_event(ledger_url: str, tmp_path: Path, station: Station) -> None:
    filled(ledger_url, station)
    bodies = [sealed.body for sealed in station.sealed]
    months = archived(ledger_url, "2026-11", tmp_path)
    assert [(month.month, month.events) for month in months] == [("2026-09", 4), ("2026-10", 3)]
    first = months[0].file
    assert (tmp_path / "events-2026-09.jsonl.gz.sha256").read_text() == f"{months[0].sha256}  {first.name}\n"
    assert hashlib.sha256(first.read_bytes()).hexdigest() == months[0].sha256
    lines = [json.loads(line) for month in months for line in gzip.decompress(month.file.read_bytes()).splitlines()]
    assert [line["feedseq"] for line in lines] == list(range(1, 8))
    assert {(line["region"], line["received_at"]) for line in lines[:4]} == {(REGION, SEPTEMBER)}
    assert [parse_event(json.dumps(line["event"]).encode()).sha256 for line in lines] == [
        parse_event(body).sha256 for body in bodies[:7]
    ]
    with Ledger.open_readonly(ledger_url) as ledger:
        assert [row.body for row in ledger.events()] == bodies[7:]
        assert (ledger.counts().events, ledger.overview("").totals.intakes, ledger.feed_end()) == (9, 8, 9)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_what_left_is_neither_taken_twice_nor_forked_unseen(ledger_url: str, tmp_path: Path, station: Station) -> None:
    filled(ledger_url, station)
    clone = Station()
    clone.run(2)
    other = clone.intake(2, **of_weight(9_000))
    archived(ledger_url, "2026-11", tmp_path)
    again = [parse_event(sealed.body) for sealed in station.sealed]
    with Ledger.open(ledger_url) as ledger:
        (state,) = ledger.accept(again, REGION, NOVEMBER)
        assert (state.upto, state.head, state.quarantined) == (9, station.head, ())
        assert ledger.counts().events == 9
        (state,) = ledger.accept([other], REGION, NOVEMBER)
        assert (state.upto, state.quarantined) == (9, (3,))
        assert ledger.counts().forks == 1
        (state,) = ledger.accept([station.intake(50)], REGION, NOVEMBER)
        assert state.upto == 10
        assert [entry.feedseq for entry in ledger.feed(7, 100)] == [8, 9, 10]


def test_what_was_made_of_archived_events_stays(ledger_url: str, tmp_path: Path, station: Station) -> None:
    filled(ledger_url, station)
    archived(ledger_url, "2026-11", tmp_path)
    with Ledger.open_readonly(ledger_url) as ledger:
        before = ledger.intakes(0, 100)
    rebuild(ledger_url)
    with Ledger.open_readonly(ledger_url) as ledger:
        assert ledger.intakes(0, 100) == before
        assert len(before) == 8


def test_a_station_is_still_told_the_hash_of_what_is_archived(
    ledger_url: str, tmp_path: Path, station: Station
) -> None:
    filled(ledger_url, station)
    archived(ledger_url, "2026-11", tmp_path)
    with Ledger.open_readonly(ledger_url) as ledger:
        told = [ledger.stream(station.station, station.epoch, REGION, at) for at in (2, 8)]
        assert [state.hash_at for state in told] == [station.sealed[1].sha256, station.sealed[7].sha256]


def test_a_feed_that_is_archived_as_a_whole_goes_on_counting(ledger_url: str, tmp_path: Path, station: Station) -> None:
    events = station.run(5)
    with Ledger.open(ledger_url) as ledger:
        ledger.accept(events[:4], REGION, SEPTEMBER)
        ledger.set_feed_position("mqtt", 4)
    archived(ledger_url, "2026-11", tmp_path)
    with Ledger.open(ledger_url) as ledger:
        assert ledger.feed_end() == 4
        ledger.accept(events[4:], REGION, NOVEMBER)
        assert [entry.feedseq for entry in ledger.feed(4, 10)] == [5]


def test_a_range_of_the_feed_that_is_over_two_months_leaves_with_the_last(
    ledger_url: str, tmp_path: Path, station: Station
) -> None:
    events = station.run(5)
    with Ledger.open(ledger_url) as ledger:
        ledger.accept([events[0], *events[2:4]], REGION, SEPTEMBER)
        ledger.accept([events[1], events[4]], REGION, OCTOBER)
        ledger.set_feed_position("mqtt", 5)
        whole = ledger.feed(0, 10)
    archived(ledger_url, "2026-10", tmp_path)
    with Ledger.open(ledger_url) as ledger:
        assert ledger.feed(0, 10) == [whole[1], whole[4]]
        assert [ledger.feed(after, 1) for after in (1, 2, 3)] == [[whole[1]], [whole[4]], [whole[4]]]
    archived(ledger_url, "2026-11", tmp_path)
    with Ledger.open(ledger_url) as ledger, ledger.reading() as connection:
        assert (ledger.feed(0, 10), ledger.feed_end()) == ([], 5)
        assert connection.execute(select(numbered)).all() == []


@pytest.mark.parametrize("why", ["held", "published"])
def test_a_month_that_is_waited_for_stays(ledger_url: str, tmp_path: Path, station: Station, why: str) -> None:
    events = station.run(6)
    del events[3 if why == "held" else 5]
    with Ledger.open(ledger_url) as ledger:
        ledger.accept(events, REGION, SEPTEMBER)
        ledger.set_feed_position("mqtt", 5 if why == "held" else 4)
    with pytest.raises(LedgerError, match="released" if why == "held" else "published"):
        archived(ledger_url, "2026-11", tmp_path)
    assert list(tmp_path.glob("events-*")) == []
    with Ledger.open_readonly(ledger_url) as ledger:
        assert len(list(ledger.events())) == 5


def test_a_month_that_is_not_over_stays(ledger_url: str, tmp_path: Path, station: Station) -> None:
    filled(ledger_url, station)
    with pytest.raises(LedgerError, match="stays"):
        archived(ledger_url, "2999-01", tmp_path)


def test_a_call_that_was_cut_off_is_made_again(
    ledger_url: str, tmp_path: Path, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(ledger_url, station)

    def cut(*_: object) -> None:
        raise OSError("the power is gone")

    with monkeypatch.context() as broken:
        broken.setattr("kiosk.sorting_center.ledger.care.archive._remove_month", cut)
        with pytest.raises(OSError, match="power"):
            archived(ledger_url, "2026-11", tmp_path)
    with Ledger.open_readonly(ledger_url) as ledger:
        assert len(list(ledger.events())) == 9
    assert [month.events for month in archived(ledger_url, "2026-11", tmp_path)] == [4, 3]


def test_no_file_is_replaced(ledger_url: str, tmp_path: Path, station: Station) -> None:
    filled(ledger_url, station)
    (tmp_path / "events-2026-09.jsonl.gz").write_bytes(b"of another ledger")
    with pytest.raises(LedgerNotEmpty):
        archived(ledger_url, "2026-11", tmp_path)
    assert (tmp_path / "events-2026-09.jsonl.gz").read_bytes() == b"of another ledger"


def test_the_months_are_partitions_and_go_with_them(postgres_url: str, tmp_path: Path, station: Station) -> None:
    filled(postgres_url, station)

    def partitions() -> set[str]:
        with Ledger.open_readonly(postgres_url) as ledger, ledger.reading() as connection:
            return {name for name in inspect(connection).get_table_names() if name.startswith("event_")}

    assert {"event_2026_09", "event_2026_10", "event_2026_11", "event_default"} <= partitions()
    archived(postgres_url, "2026-11", tmp_path)
    assert not {"event_2026_09", "event_2026_10"} & partitions()
    assert "event_2026_11" in partitions()


def test_a_clock_gone_mad_stops_nothing(postgres_url: str, station: Station) -> None:
    events = station.run(4)
    times = ("1970-01-01T00:00:00.000Z", "2199-05-01T00:00:00.000Z", "9998-01-01T00:00:00.000Z", NOVEMBER)
    with Ledger.open(postgres_url) as ledger:
        for event, at in zip(events, times, strict=True):
            ledger.accept([event], REGION, at)
        assert [row.received_at for row in ledger.events()] == list(times)
        assert ledger.feed_end() == 4
