from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.cases import SYSTEM_USER, Case, CaseFilter, CaseState, Condition
from tests.depth import TORTURE

NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
FORK = Condition("fork", "shache", "S0147", "0011223344556677 4", "event 4 came twice")
QUIET = Condition("quiet", "shache", "S0200")


def later(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


def only(desk: CenterDesk) -> Case:
    (case,) = desk.cases.page(CaseState)
    return case


def test_a_condition_is_one_case_however_often_it_is_seen(desk: CenterDesk) -> None:
    assert [case.kind for case in desk.cases.observe([FORK, QUIET], NOW)] == ["fork", "quiet"]
    assert desk.cases.observe([QUIET, FORK], later(1)) == []
    cases = desk.cases.page([CaseState.OPEN])
    assert [(case.kind, case.version) for case in cases] == [("quiet", 1), ("fork", 1)]
    assert cases[0].seen_at > cases[0].opened_at
    assert desk.cases.counts() == {CaseState.OPEN: 2, CaseState.CLAIMED: 0, CaseState.CLOSED: 0}


def test_a_case_is_taken_and_closed_by_people_with_a_reason(desk: CenterDesk) -> None:
    desk.cases.observe([FORK], NOW)
    case = desk.cases.claim(only(desk).id, 1, "gulnar", later(1))
    case = desk.cases.close(case.id, case.version, "turdi", " the copied card was taken out ", later(2))
    assert (case.state, case.who, case.reason) == (CaseState.CLOSED, "turdi", "the copied card was taken out")
    assert [(step.who, step.state) for step in desk.cases.history(case.id)] == [
        (SYSTEM_USER, CaseState.OPEN),
        ("gulnar", CaseState.CLAIMED),
        ("turdi", CaseState.CLOSED),
    ]


def test_closed_it_stays_closed_while_the_condition_lasts_and_comes_back_with_it(desk: CenterDesk) -> None:
    desk.cases.observe([FORK], NOW)
    case = desk.cases.close(only(desk).id, 1, "turdi", "looked after", later(1))
    assert desk.cases.observe([FORK], later(2)) == []
    assert only(desk).state is CaseState.CLOSED
    desk.cases.observe([], later(3))
    (again,) = desk.cases.observe([FORK], later(4))
    assert (again.id, again.state, again.who) == (case.id, CaseState.OPEN, SYSTEM_USER)
    assert desk.cases.close(again.id, again.version, "turdi", "again", later(5)).state is CaseState.CLOSED


def test_what_passes_by_itself_is_closed_by_itself_and_nothing_else_is(desk: CenterDesk) -> None:
    desk.cases.observe([FORK, QUIET], NOW)
    desk.cases.observe([], later(1))
    states = {case.kind: (case.state, case.who) for case in desk.cases.page(CaseState)}
    assert states == {"quiet": (CaseState.CLOSED, SYSTEM_USER), "fork": (CaseState.OPEN, "")}
    (again,) = desk.cases.observe([FORK, QUIET], later(2))
    assert again.kind == "quiet"


def test_who_decides_on_something_old_is_told_who_was_first(desk: CenterDesk) -> None:
    desk.cases.observe([FORK], NOW)
    case = only(desk)
    desk.cases.claim(case.id, case.version, "gulnar", later(1))
    with pytest.raises(Refused, match="gulnar has decided meanwhile") as refused:
        desk.cases.close(case.id, case.version, "turdi", "looked after", later(1))
    assert refused.value.code == "decided_meanwhile"
    assert only(desk).state is CaseState.CLAIMED


def test_of_two_at_the_same_moment_one_decides(desk: CenterDesk) -> None:
    desk.cases.observe([FORK], NOW)
    case, gate = only(desk), threading.Barrier(4)
    refusals: list[str] = []

    def close(name: str) -> None:
        gate.wait()
        try:
            desk.cases.close(case.id, case.version, name, "looked after", later(1))
        except Refused as error:
            refusals.append(error.code)

    threads = [threading.Thread(target=close, args=(f"person{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refusals == ["decided_meanwhile"] * 3
    assert len(desk.cases.history(case.id)) == 2


def test_what_is_refused(desk: CenterDesk) -> None:
    desk.cases.observe([FORK], NOW)
    case = only(desk)
    for code, act in {
        "no_such_case": lambda: desk.cases.claim(99, 1, "gulnar", NOW),
        "no_reason": lambda: desk.cases.close(case.id, 1, "gulnar", "  x ", NOW),
        "not_closed": lambda: desk.cases.reopen(case.id, 1, "gulnar", "why not", NOW),
    }.items():
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.code == code
    closed = desk.cases.close(case.id, 1, "gulnar", "looked after", NOW)
    with pytest.raises(Refused) as refused:
        desk.cases.claim(closed.id, closed.version, "turdi", NOW)
    assert refused.value.code == "closed"
    assert desk.cases.reopen(closed.id, closed.version, "turdi", "it was not", NOW).state is CaseState.OPEN


def test_a_reason_with_markup_is_kept_as_text_and_hidden_signs_are_shown(desk: CenterDesk) -> None:
    desk.cases.observe([FORK], NOW)
    case = desk.cases.close(only(desk).id, 1, "gulnar", "<script>\u202e\x1b[2J" + "x" * 9999, NOW)
    assert case.reason.startswith("<script><U+202E><U+001B>[2J")
    assert len(case.reason) <= 500


def test_thousands_of_conditions_at_once(desk: CenterDesk, ledger_url: str) -> None:
    """PostgreSQL has as many as a file in torture, else some hundred."""
    count = 2_000 if TORTURE or ledger_url.startswith("sqlite") else 300
    many = [Condition("quiet", "shache", f"S{number:04}") for number in range(count)]
    assert len(desk.cases.observe(many, NOW)) == count
    assert desk.cases.observe(many, later(1)) == []
    desk.cases.observe(many[:10], later(2))
    assert desk.cases.counts()[CaseState.OPEN] == 10
    page = desk.cases.page([CaseState.CLOSED], limit=100)
    rest = desk.cases.page([CaseState.CLOSED], before=page[-1].id, limit=100)
    assert len({case.id for case in [*page, *rest]}) == 200
    assert [case.station for case in desk.cases.of_station("shache", "S0003")] == ["S0003"]


def test_cases_are_looked_for_by_kind_and_station(desk: CenterDesk) -> None:
    desk.cases.observe([FORK, QUIET, Condition("fork", "shache", "S0200")], NOW)
    assert desk.cases.kinds() == ["fork", "quiet"]
    for only, found in [
        (CaseFilter(), 3),
        (CaseFilter(kind="fork"), 2),
        (CaseFilter(station="S0200"), 2),
        (CaseFilter("fork", "S0200"), 1),
        (CaseFilter("'--"), 0),
    ]:
        assert len(desk.cases.page(CaseState, only=only)) == found, only
