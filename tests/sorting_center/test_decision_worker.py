"""What was decided on an event that is set apart is carried out where the ledger may be written."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from kiosk.sorting_center.decision_worker import (
    FAILED,
    REPROCESS,
    SUPERSEDED,
    carry_out_oldest,
    decision_worker,
    desk_exists,
)
from kiosk.sorting_center.desk.decisions import Decision, DecisionKind, DecisionRationale
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ledger import EventKey, Ledger, LedgerUnwritable
from kiosk.sorting_center.ledger.quarantine import QuarantineFilter, ReadmitResult, load_page
from kiosk.sorting_center.service import SortingCenter
from tests.sorting_center.brokers import Broker, until
from tests.sorting_center.station_journal import NOW, Station

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
UNTIL_S = 30.0


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def desk(ledger: Ledger) -> Iterator[CenterDesk]:
    with CenterDesk.open(ledger.url) as opened:
        yield opened


@pytest.fixture
def key(ledger: Ledger, station: Station) -> EventKey:
    """Of an event that is set apart, and that is understood today."""
    told = station.run(2)
    ledger.accept([told[0], replace(told[1], problem="unknown_type")], "shache", NOW)
    return EventKey("shache", "S0147", station.epoch, 2, told[1].sha256)


def wish(desk: CenterDesk, key: EventKey | str, act: str = REPROCESS) -> Decision:
    subject = (DecisionKind.QUARANTINE, str(key))
    seen = len(desk.decisions.history(*subject))
    return desk.decisions.decide(subject, seen, act, DecisionRationale("operator-1", "software is updated"), NOON)


def outcomes(desk: CenterDesk, key: EventKey | str) -> list[str]:
    return [one.outcome for one in desk.decisions.history(DecisionKind.QUARANTINE, str(key))]


def apart(ledger: Ledger) -> int:
    with ledger.reading() as connection:
        return len(load_page(connection, QuarantineFilter(), None, 10))


def test_a_decision_waits_until_it_is_carried_out(ledger: Ledger, desk: CenterDesk, key: EventKey) -> None:
    assert not carry_out_oldest(ledger, desk)
    wish(desk, key)
    assert (outcomes(desk, key), apart(ledger)) == ([""], 1)
    assert carry_out_oldest(ledger, desk)
    assert not carry_out_oldest(ledger, desk)
    assert (outcomes(desk, key), apart(ledger)) == (["taken"], 0)
    (row,) = desk.audit.page()
    assert (row.who, row.act, row.detail) == ("operator-1", "quarantine_decided", "take_again: taken")


def test_what_is_set_aside_needs_nobody(ledger: Ledger, desk: CenterDesk, key: EventKey) -> None:
    wish(desk, key, "set_aside")
    assert not carry_out_oldest(ledger, desk)
    assert (outcomes(desk, key), apart(ledger)) == ([""], 1)


def test_who_decides_otherwise_in_time_is_heard(ledger: Ledger, desk: CenterDesk, key: EventKey) -> None:
    wish(desk, key)
    wish(desk, key, "set_aside")
    assert carry_out_oldest(ledger, desk)
    assert (outcomes(desk, key), apart(ledger)) == ([SUPERSEDED, ""], 1)


def test_one_that_cannot_be_carried_out_holds_no_other_up(
    ledger: Ledger, desk: CenterDesk, key: EventKey, caplog: pytest.LogCaptureFixture
) -> None:
    wish(desk, "no key at all")
    wish(desk, key)
    assert carry_out_oldest(ledger, desk)
    assert carry_out_oldest(ledger, desk)
    assert (outcomes(desk, "no key at all"), outcomes(desk, key)) == ([FAILED], ["taken"])
    assert "could not be carried out" in caplog.text


def test_a_ledger_that_is_away_leaves_it_waiting(
    ledger: Ledger, desk: CenterDesk, key: EventKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    wish(desk, key)

    def away(_ledger: Ledger, _key: EventKey) -> ReadmitResult:
        raise LedgerUnwritable("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(Ledger, "readmit", away)
        with pytest.raises(LedgerUnwritable):
            carry_out_oldest(ledger, desk)
    assert outcomes(desk, key) == [""]
    assert carry_out_oldest(ledger, desk)
    assert outcomes(desk, key) == ["taken"]


def test_one_that_ended_before_it_wrote_down_what_came_of_it(ledger: Ledger, desk: CenterDesk, key: EventKey) -> None:
    wish(desk, key)
    assert ledger.readmit(key) is ReadmitResult.ACCEPTED
    assert carry_out_oldest(ledger, desk)
    assert outcomes(desk, key) == ["taken"]


def test_of_several_workers_one_carries_it_out(postgres_url: str, station: Station) -> None:
    told = station.run(2)
    key = EventKey("shache", "S0147", station.epoch, 2, told[1].sha256)
    with Ledger.open(postgres_url) as one, Ledger.open(postgres_url) as two, CenterDesk.open(postgres_url) as desk:
        one.accept([told[0], replace(told[1], problem="unknown_type")], "shache", NOW)
        wish(desk, key)
        with CenterDesk.open(postgres_url) as other_desk:
            seen: list[bool] = []

            def meanwhile(_wish: Decision) -> str:
                seen.append(carry_out_oldest(two, other_desk))
                return one.readmit(key).value

            assert desk.decisions.carry_out(DecisionKind.QUARANTINE, REPROCESS, meanwhile) is not None
        assert (seen, outcomes(desk, key)) == ([False], ["taken"])


def test_a_thread_of_it_finds_what_waits(ledger: Ledger, desk: CenterDesk, key: EventKey) -> None:
    news = threading.Event()
    worker = decision_worker(ledger, news.set, poll_interval_s=0.01)
    worker.start()
    try:
        wish(desk, key)
        assert news.wait(UNTIL_S)
    finally:
        worker.stop(UNTIL_S)
    assert (outcomes(desk, key), apart(ledger)) == (["taken"], 0)


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_a_sorting_center_that_runs_carries_out_what_the_pages_were_told(
    ledger_url: str, broker: Broker, station: Station
) -> None:
    """The pages read the ledger, and another process has it open for writing."""
    told = station.run(2)
    key = EventKey("shache", "S0147", station.epoch, 2, told[1].sha256)
    taking_in = Ledger.open(ledger_url)
    taking_in.accept([told[0], replace(told[1], problem="unknown_type")], "shache", NOW)
    with (
        SortingCenter(taking_in, BrokerAddress.parse(broker.url), None) as center,
        Ledger.open_readonly(ledger_url) as shown,
        CenterDesk.open(ledger_url) as desk,
    ):
        assert center.start(UNTIL_S)
        wish(desk, key)
        until(lambda: outcomes(desk, key) == ["taken"])
        assert (apart(shown), len(shown.feed(0, 9))) == (0, 2)


def test_who_only_takes_events_in_makes_no_desk(ledger: Ledger) -> None:
    assert not desk_exists(ledger)
    with CenterDesk.open(ledger.url):
        assert desk_exists(ledger)
