"""From what the ledger took in to the cases people see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from kiosk.domain.events import ScaleChanged
from kiosk.messaging.contract.control import Status
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.registry import ExpectedStation
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.shared.cases import CaseState
from kiosk.sorting_center.ledger import Delivery, Ledger, Sighting
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.reports.reports import Reports
from kiosk.sorting_center.shared.alarm_texts import english_detail
from kiosk.sorting_center.watch.county_watch import CountyWatch, alarm_groups, county_snapshot, quarantine_groups
from tests.sorting_center.brokers import until
from tests.sorting_center.reports.ledgers import ClockedStation, followed
from tests.sorting_center.staff import ZONE
from tests.sorting_center.station_journal import NOW, Station, of_weight

AT = datetime.fromisoformat(NOW) + timedelta(minutes=30)


@dataclass
class Office:
    """What a process that shows pages has open."""

    ledger: Ledger
    desk: CenterDesk
    reports: Reports
    leads: bool = True

    def watch(self, at: datetime = AT) -> CountyWatch:
        look = partial(county_snapshot, self.ledger, self.reports, self.desk)
        return CountyWatch(look, self.desk, lambda: self.leads, lambda: at)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'county.db'}"
    return str(request.getfixturevalue("postgres_ledger_url"))


@pytest.fixture
def office(ledger: Ledger) -> Iterator[Office]:
    with CenterDesk.open(ledger.url) as desk, Reports.open(ledger.url, ZONE) as reports:
        yield Office(ledger, desk, reports)


def forked(ledger: Ledger, station: Station) -> None:
    ledger.accept(station.run(4), "shache", NOW)
    clone = station.clone()
    clone.sealed.pop()
    ledger.accept([clone.intake(9, **of_weight(1000))], "shache", NOW)


def test_a_fork_is_a_case_once(office: Office, station: Station) -> None:
    forked(office.ledger, station)
    (case,) = office.watch().step()
    assert (case.kind, case.station, case.state) == ("fork", "S0147", CaseState.OPEN)
    assert case.subject == f"{station.epoch} 2026-11-25"
    assert office.watch().step() == []
    office.desk.cases.close(case.id, case.version, "aygul", "the copied card is out", AT)
    assert office.watch().step() == [], "what came before it was closed does not open it again"


def test_a_recovery_key_is_tried_once_a_year(office: Office) -> None:
    year, desk = timedelta(days=365), office.desk
    assert office.watch(AT + 9 * year).step() == [], "no county was set up"
    desk.documents.add_generation("shache", 1, "certificate", AT)
    assert office.watch(AT + year - timedelta(minutes=1)).step() == []
    (case,) = office.watch(AT + year).step()
    assert (case.kind, case.region, case.station) == ("key_untried", "shache", "")
    desk.cases.close(case.id, case.version, "aygul", "tried at the office", AT + year)
    assert office.watch(AT + 1.5 * year).step() == []
    (again,) = office.watch(AT + 2 * year).step()
    assert again.id != case.id
    desk.audit.record("command", AuditAction.KEY_TRIED, "ledger.db.age", "", AT + 2 * year)
    assert office.watch(AT + 2 * year).step() == []
    assert desk.cases.get(again.id).state is CaseState.CLOSED
    assert english_detail(office.watch(AT + 3 * year).step()[0].detail).endswith("2028-11-24")


def test_a_fork_of_another_day_is_a_case_of_its_own(office: Office, station: Station) -> None:
    forked(office.ledger, station)
    (case,) = office.watch().step()
    office.desk.cases.close(case.id, case.version, "aygul", "the copied card is out", AT)
    clone = station.clone()
    del clone.sealed[2:]
    office.ledger.accept([clone.intake(11, **of_weight(50))], "shache", "2026-11-26T04:00:00.000Z")
    (again,) = office.watch(AT + timedelta(days=1)).step()
    assert again.subject == f"{station.epoch} 2026-11-26"


@pytest.mark.usefixtures("numbered_at_once")
def test_figures_that_cannot_be_are_a_case_of_the_day_that_only_a_person_settles(office: Office) -> None:
    """One of each kind, and also when the reports are made again meanwhile."""
    one, follower = ClockedStation(), ReportsFollower(office.ledger, office.reports)
    told = [one.start(), one.add(ScaleChanged(1, "ab" * 32, "cd" * 32, "mt_sics", 10, 30_000, "kg", True))]
    told += [one.intake(counter, **of_weight(90_000)) for counter in (1, 2)]
    one.at -= timedelta(days=1)
    told += [one.intake(counter, **of_weight(1000)) for counter in (3, 4)]
    for number, price in enumerate((2400, 2400, 2400, 12_001), 200):
        other = ClockedStation(f"S{number:04}", f"{number:016x}")
        told += [other.start(), other.intake(1, **of_weight(1000, price))]
    office.ledger.accept(told, "shache", NOW)
    followed(follower)
    cases = office.watch().step()
    assert [(case.kind, case.station, case.subject) for case in cases] == [
        ("impossible_clock", "S0147", "2026-11-25"),
        ("impossible_mass", "S0147", "2026-11-25"),
        ("impossible_price", "S0203", "2026-11-25"),
    ]
    assert [english_detail(case.detail) for case in cases] == [
        "0147-A-000003 was written at 2026-11-24 03:00 UTC by a clock that is set; "
        "no event there is older than 2026-11-25 03:00 UTC",
        "receipt 0147-A-000001 has a bag of 90160 g; the scale shows 30090 g at most",
        "receipt 0203-A-000001 has 12001 fen for a kilogram; other stations have 2400 fen on that day",
    ]
    for case in cases:
        office.desk.cases.close(case.id, case.version, "aygul", "the clerk was asked", AT)
    with office.reports.tables.writing() as connection:
        connection.exec_driver_sql("UPDATE stamp SET value = 'another' WHERE name = 'generation'")
    for step in (1, 1000):
        follower.step(step)
        assert office.watch().step() == []
    assert office.desk.cases.counts()[CaseState.CLOSED] == 3


def test_what_passes_is_closed_by_itself_and_opened_again(office: Office, station: Station) -> None:
    def says(pending: int, alarm: str = "") -> None:
        status = Status(online=True, pending=pending, software="1.0.0", epoch=station.epoch, alarm=alarm)
        office.ledger.commit(Delivery(sightings=[Sighting("shache", station.station, status)]), NOW)

    says(500, "ahead")
    assert {case.kind for case in office.watch().step()} == {"backlog", "reports"}
    says(3)
    assert office.watch().step() == []
    assert office.desk.cases.counts()[CaseState.CLOSED] == 2
    says(500)
    assert [case.kind for case in office.watch().step()] == ["backlog"]


def test_who_is_expected_and_comes_is_no_case_any_more(office: Office, station: Station) -> None:
    office.desk.registry.replace([ExpectedStation("shache", "S0147")], [])
    assert [case.kind for case in office.watch().step()] == ["never_seen"]
    office.ledger.accept(station.run(2), "shache", NOW)
    office.watch().step()
    assert office.desk.cases.counts() == {CaseState.OPEN: 0, CaseState.CLAIMED: 0, CaseState.CLOSED: 1}


def test_groups_are_of_one_kind_station_and_day(office: Office, station: Station) -> None:
    forked(office.ledger, station)
    office.ledger.accept([station.raw(data={"x": 1})], "shache", NOW)
    (alarm,) = alarm_groups(office.ledger)
    assert (alarm.kind, alarm.epoch, alarm.day) == ("fork", station.epoch, "2026-11-25")
    apart = {(one.kind, one.station, one.day) for one in quarantine_groups(office.ledger)}
    assert ("bad_data", "S0147", "2026-11-25") in apart


def test_of_two_processes_that_follow_one_leads(office: Office, station: Station) -> None:
    office.ledger.accept(station.run(2), "shache", NOW)
    with Reports.open(office.ledger.url, ZONE) as others:
        one, other = ReportsFollower(office.ledger, office.reports), ReportsFollower(office.ledger, others)
        assert not one.is_leader, "before it has looked"
        one.step()
        other.step()
        assert (one.is_leader, other.is_leader) == (True, False)
        office.reports.tables.leader_lock.close()

        def other_leads() -> bool:
            """PostgreSQL gives the role back once it has noticed that the session is over."""
            other.step()
            return other.is_leader

        until(other_leads)
        one.step()
        assert (one.is_leader, other.is_leader) == (False, True)


def test_only_who_leads_looks(office: Office, station: Station) -> None:
    forked(office.ledger, station)
    office.leads = False
    assert office.watch().step() == []
    assert office.desk.cases.counts()[CaseState.OPEN] == 0


def test_who_leads_looks_now_and_then_and_others_ask_soon_whether_they_lead(office: Office) -> None:
    watch = office.watch()
    assert watch.poll() == 30.0
    office.leads = False
    assert watch.poll() == 1.0
