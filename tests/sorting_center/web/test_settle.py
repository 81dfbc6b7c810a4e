from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.registry import ExpectedStation
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.shared.cases import CaseState, Condition
from kiosk.sorting_center.web.shared.sources import Stores
from kiosk.sorting_center.web.staff.settle import MAX_AT_ONCE, PAGE_SIZE
from tests.sorting_center.reports.ledgers import ClockedStation, closed
from tests.sorting_center.staff import NOON, app_of, followed, sign_in
from tests.sorting_center.station_journal import NOW as RECEIVED
from tests.sorting_center.web.test_reconciliation import ONE

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
HOSTILE = "<script>alert(1)</script>{{ 7*7 }}"
COPIED = [
    Condition("fork", "shache", "S1066", "e 2026-11-24", "event 4 came twice"),
    Condition("broken_chain", "shache", "S1066", "e 2026-11-24"),
    Condition("twin", "shache", "S1066", "e 2026-11-25"),
    Condition("reports", "shache", "S1066", "fork"),
]
CLOSED = closed(**ONE, first_seq=1, last_seq=2)
WRONG = closed(**{**ONE, "net_g": 9_000}, first_seq=1, last_seq=2)


class Person:
    def __init__(self, app: Flask, desk: CenterDesk, role: StaffRole = StaffRole.OPERATOR) -> None:
        self.client: FlaskClient = app.test_client()
        self.csrf = sign_in(self.client, desk, role)

    def sees(self, path: str = "/settle") -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, path
        return answer.text

    def decides(self, path: str = "/settle?lang=en", **form: object) -> TestResponse:
        return self.client.post(path, data={"csrf": self.csrf, **form})


@pytest.fixture
def app(stores: Stores) -> Iterator[Flask]:
    yield app_of(stores)


@pytest.fixture
def operator(app: Flask, desk: CenterDesk) -> Person:
    return Person(app, desk)


def rows(page: str) -> list[str]:
    return re.findall(r'<li class="case .*?(?=<li class="case |</main>)', page, re.DOTALL)


def titles(page: str) -> list[str]:
    return [re.findall(r"<h2>.*?<a [^>]*>(.*?)</a>", row, re.DOTALL)[0] for row in rows(page)]


def seen(page: str) -> list[str]:
    return re.findall(r'name="seen" value="([^"]*)"', page)


def test_a_copied_card_is_one_row_with_whom_to_call(operator: Person, desk: CenterDesk) -> None:
    village = ExpectedStation("shache", "S1066", "Azat Bagh", "Tomosteng", "+86 998 555 1066")
    desk.registry.replace([village], [])
    opened = desk.cases.observe([*COPIED, Condition("quiet", "shache", "S0001")], NOW)
    page = operator.sees("/settle?lang=en")
    copied, quiet = rows(page)
    assert titles(page) == ["Two machines send as this station", "Nothing is heard from it"]
    for shown in ("S1066", "Azat Bagh", "Tomosteng", "+86 998 555 1066", "is there a second box", "Cases:"):
        assert shown in copied
    for case in opened[:4]:
        assert f"/alarms/{case.id}" in copied
    assert "not in the list of stations" in quiet
    for code in ("e 2026-11-24", "event 4 came twice"):
        assert code not in page, "that is for the technician"
    assert '<b class="waiting"><bdi dir="ltr">2</bdi></b>' in operator.sees("/settle")


def test_the_gravest_stands_first_and_then_the_oldest(operator: Person, desk: CenterDesk) -> None:
    kinds = ["old_software", "moonquake", "quiet", "verification_over"]
    desk.cases.observe([Condition(kind, "shache", "S0001") for kind in kinds], NOW)
    old = [Condition(kind, "shache", "S0001") for kind in kinds]
    desk.cases.observe([*old, Condition("quiet", "shache", "S0002"), Condition("twin", "shache", "S0003")], LATER)
    assert titles(operator.sees("/settle?lang=en")) == [
        "Two machines send by turns as this station",
        "Verification of the scale has expired",
        "Nothing is heard from it",
        "Nothing is heard from it",
        "Old software",
        "moonquake",
    ]
    assert "S0001" in rows(operator.sees("/settle?kind=quiet"))[0]


def test_it_is_found_by_place_and_by_kind(operator: Person, desk: CenterDesk) -> None:
    desk.registry.replace([ExpectedStation("shache", "S0001", "Azat Bagh", "Tomosteng")], [])
    stations = [Condition("quiet", "shache", f"S000{number}") for number in (1, 2)]
    desk.cases.observe([*stations, *COPIED], NOW)
    assert [len(rows(operator.sees(f"/settle?{asked}"))) for asked in ("q=azat", "q=TOMOS", "q=s0002")] == [1, 1, 1]
    assert [len(rows(operator.sees(f"/settle?kind={kind}"))) for kind in ("fork", "twin", "quiet", "gap")] == [
        1,
        1,
        2,
        2,
    ]
    assert len(rows(operator.sees("/settle?kind=quiet&q=S0002"))) == 1
    for nonsense in ("page=x", "page=999", "q=" + "x" * 9999, "kind='--", f"q={HOSTILE}&kind={HOSTILE}"):
        page = operator.sees(f"/settle?{nonsense}")
        assert "<script>alert" not in page
        assert ">49<" not in page


def test_rows_are_taken_and_closed_together_each_with_its_line_in_the_audit(operator: Person, desk: CenterDesk) -> None:
    opened = desk.cases.observe([*COPIED, Condition("quiet", "shache", "S0001")], NOW)
    copied, _ = seen(operator.sees())
    assert operator.decides(take=copied).status_code == 303
    assert [desk.cases.get(case.id).state for case in opened] == [CaseState.CLAIMED] * 4 + [CaseState.OPEN]
    assert "operator-0" in rows(operator.sees())[0]
    answer = operator.decides(
        "/settle?kind=fork&page=1", seen=seen(operator.sees()), act="close", reason="card removed"
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, "/settle?kind=fork&page=1")
    assert rows(operator.sees()) == []
    assert "Nothing waits to be settled." in operator.sees("/settle?lang=en")
    closings = [(row.subject, row.detail) for row in desk.audit.page(act=AuditAction.CASE_CLOSED)]
    assert sorted(closings) == sorted(
        (f"{case.id} {case.kind} {case.region}/{case.station}", "card removed") for case in opened
    )
    assert len(desk.audit.page(act=AuditAction.CASE_CLAIMED)) == 4


def test_of_two_people_the_second_reads_what_changed_and_nothing_is_half_done(
    app: Flask, operator: Person, desk: CenterDesk
) -> None:
    opened = desk.cases.observe([*COPIED, Condition("quiet", "shache", "S0001")], NOW)
    other = Person(app, desk)
    old_form = seen(other.sees())
    assert operator.decides(take=old_form[0]).status_code == 303
    answer = other.decides(seen=old_form, act="close", reason=f"mine {HOSTILE}")
    assert answer.status_code == 409
    for shown in ("Somebody else has decided in the meantime", "S1066", "taken", "operator-0", "mine &lt;script&gt;"):
        assert shown in answer.text
    assert answer.text.count(" checked") == 2, "nobody ticks the rows again"
    states = [desk.cases.get(case.id).state for case in opened]
    assert states == [CaseState.CLAIMED] * 4 + [CaseState.OPEN]
    assert desk.audit.page(act=AuditAction.CASE_CLOSED) == []
    assert other.decides(seen=seen(answer.text), act="close", reason="read it now").status_code == 303
    assert desk.cases.counts()[CaseState.CLOSED] == len(opened)


def test_what_is_refused_says_why_and_changes_nothing(operator: Person, desk: CenterDesk) -> None:
    desk.cases.observe(COPIED[:1], NOW)
    many = " ".join(f"{number}:1" for number in range(MAX_AT_ONCE + 1))
    for form, said in [
        ({"act": "close", "reason": "a good reason"}, "Choose at least one row"),
        ({"act": "close", "seen": "1:1", "reason": " x "}, "three letters"),
        ({"act": "close", "seen": "1:1"}, "three letters"),
        ({"act": "take", "seen": "1:1 4711:1"}, "is not there"),
        ({"take": "1:x"}, "Somebody else has decided"),
        ({"take": f"1:{'9' * 400} {'9' * 400}:1 :::"}, "Somebody else has decided"),
        ({"take": HOSTILE}, "is not there"),
        ({"take": many}, "Choose at least one row"),
    ]:
        answer = operator.decides(**form)
        assert (answer.status_code, said in answer.text) == (409, True), form
    assert desk.cases.get(1).version == 1


def test_a_viewer_reads_and_does_not_decide(app: Flask, desk: CenterDesk) -> None:
    desk.cases.observe(COPIED, NOW)
    viewer = Person(app, desk, StaffRole.VIEWER)
    page = viewer.sees()
    assert len(rows(page)) == 1
    assert (seen(page), 'action="/settle' in page.partition('<ul class="cases">')[0]) == ([], True), "to filter"
    assert 'name="take"' not in page and 'name="act"' not in page
    assert viewer.decides(take="1:1").status_code == 403


def test_days_that_differ_stand_in_the_list_until_they_are_accepted(stores: Stores) -> None:
    station = ClockedStation("S0147", "47" * 8)
    stores.ledger.accept([station.start(), station.intake(1), station.add(WRONG)], "shache", RECEIVED)
    followed(stores)
    operator = Person(app_of(stores), stores.desk)
    (row,) = rows(operator.sees("/settle?lang=en"))
    assert "Its day closing does not agree with what arrived" in row
    day = re.findall(r'href="(/reconciliation\?day=[^"]*)"', row)[0]
    form = operator.sees(day)
    values = dict(re.findall(r'name="(seen|figures)" value="([^"]*)"', form))
    address = re.findall(r'action="(/reconciliation/[^"]*/settle)"', form)[0]
    assert operator.decides(address, act="accepted", reason="the paper agrees", **values).status_code == 303
    assert rows(operator.sees()) == []


def test_a_receipt_voided_after_its_day_was_closed_brings_the_day_into_the_list(stores: Stores) -> None:
    same, voided = ClockedStation("S0147", "47" * 8), ClockedStation("S0148", "48" * 8)
    for station in (same, voided):
        stores.ledger.accept([station.start(), station.intake(1), station.add(CLOSED)], "shache", RECEIVED)
    stores.ledger.accept([voided.void(1)], "shache", RECEIVED)
    followed(stores)
    (row,) = rows(Person(app_of(stores), stores.desk).sees())
    assert "S0148" in row


def test_a_day_that_is_older_than_two_weeks_waits_on_its_own_page(stores: Stores) -> None:
    station = ClockedStation("S0147", "47" * 8)
    stores.ledger.accept([station.start(), station.intake(1), station.add(WRONG)], "shache", RECEIVED)
    followed(stores)
    found = [
        len(rows(Person(app_of(stores, now=NOON + timedelta(days=days)), stores.desk).sees())) for days in (13, 16)
    ]
    assert found == [1, 0]


def test_fifty_accidents_are_a_page(operator: Person, desk: CenterDesk) -> None:
    desk.cases.observe([Condition("quiet", "shache", f"S{number:04}") for number in range(1, PAGE_SIZE + 11)], NOW)
    first = operator.sees("/settle?kind=quiet")
    second = operator.sees(re.findall(r'href="(/settle\?kind=quiet&amp;page=2)"', first)[0].replace("&amp;", "&"))
    assert [len(rows(page)) for page in (first, second)] == [PAGE_SIZE, 10]
    assert set(seen(first)) & set(seen(second)) == set()


@pytest.mark.parametrize("place", ["/alarms", "/quarantine", "/reconciliation", "/reconciliation/receipts"])
def test_what_is_behind_it_is_reached_from_the_list_and_leads_back(operator: Person, place: str) -> None:
    assert f'href="{place}"' in operator.sees()
    assert 'href="/settle"' in operator.sees(place)
    menu = operator.sees("/").partition('<nav class="places"')[2].partition("</nav>")[0]
    assert f'href="{place}"' not in menu
