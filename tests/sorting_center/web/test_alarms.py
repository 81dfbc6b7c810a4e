from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import Markup
from werkzeug.test import TestResponse

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.notices.outbox import NoticeCase
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.registry import ExpectedStation
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.shared.cases import CaseState, Condition
from kiosk.sorting_center.web.notice_words import mail_text
from kiosk.sorting_center.web.shared.sources import Stores
from kiosk.sorting_center.web.shared.texts import center_texts
from kiosk.texts.languages import LANGUAGES
from tests.sorting_center.staff import app_of, sign_in

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
KINDS = (
    "fork",
    "twin",
    "broken_chain",
    "receipt_twice",
    "second_region",
    "too_many_epochs",
    "county_log",
    "quarantine",
    "gap",
    "quiet",
    "backlog",
    "reports",
    "old_software",
    "never_seen",
    "verification_over",
    "impossible_mass",
    "impossible_price",
    "impossible_clock",
    "held_back",
    "key_untried",
    "old_price",
    "document_refused",
    "unsigned",
)
HOSTILE = "<script>alert(1)</script>\u202e\x1b[31m{{ 7*7 }}"


class Person:
    """Before the pages of alarms; forms have the word of the session."""

    def __init__(self, app: Flask, desk: CenterDesk, role: StaffRole = StaffRole.OPERATOR) -> None:
        self.client: FlaskClient = app.test_client()
        self.csrf = sign_in(self.client, desk, role)

    def sees(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, path
        return answer.text

    def does(self, path: str, **form: object) -> TestResponse:
        return self.client.post(path, data={"csrf": self.csrf, **form})


@pytest.fixture
def app(stores: Stores) -> Iterator[Flask]:
    yield app_of(stores)


@pytest.fixture
def operator(app: Flask, desk: CenterDesk) -> Person:
    return Person(app, desk)


def test_a_case_is_taken_closed_and_opened_again(operator: Person, desk: CenterDesk) -> None:
    (case,) = desk.cases.observe([Condition("fork", "shache", "S0147", "x 4", "event 4 came twice")], NOW)
    page = operator.sees(f"/alarms/{case.id}?lang=en")
    assert "Two machines send as this station" in page
    assert "start a new epoch" in page
    assert operator.does(f"/alarms/{case.id}/take", version=1).status_code == 303
    assert operator.does(f"/alarms/{case.id}/close", version=2, reason="the card was taken out").status_code == 303
    page = operator.sees(f"/alarms/{case.id}?lang=en")
    assert "the card was taken out" in page
    assert "operator-0" in page
    assert operator.does(f"/alarms/{case.id}/reopen", version=3, reason="it was not").status_code == 303
    assert desk.cases.get(case.id).state is CaseState.OPEN
    acts = [(row.act, row.subject, row.detail) for row in desk.audit.page(who="operator-0")]
    subject = f"{case.id} fork shache/S0147"
    assert acts == [
        (AuditAction.CASE_REOPENED, subject, "it was not"),
        (AuditAction.CASE_CLOSED, subject, "the card was taken out"),
        (AuditAction.CASE_CLAIMED, subject, ""),
    ]


def test_a_case_of_the_county_names_no_station(operator: Person, desk: CenterDesk) -> None:
    (case,) = desk.cases.observe([Condition("key_untried", "shache", "", "2027-11-25")], NOW)
    for path in (f"/alarms/{case.id}", "/alarms", "/settle"):
        for language in ("en", "zh", "ug"):
            page = operator.sees(f"{path}?lang={language}")
            assert "/stations/shache/" not in page, path
    assert "sorting-center kit decrypt" in operator.sees(f"/alarms/{case.id}?lang=en")


def test_the_second_of_two_operators_is_told_and_changes_nothing(
    app: Flask, operator: Person, desk: CenterDesk
) -> None:
    (case,) = desk.cases.observe([Condition("fork", "shache", "S0147")], NOW)
    other = Person(app, desk)
    assert operator.does(f"/alarms/{case.id}/take", version=1).status_code == 303
    for language, said in (
        ("en", "Somebody else has decided"),
        ("zh", "其他人刚刚处理过"),
        ("ug", "باشقا بىرى"),
    ):
        other.client.set_cookie("language", language)
        answer = other.does(f"/alarms/{case.id}/close", version=1, reason="mine & <b>yours</b>")
        assert answer.status_code == 409
        assert said in answer.text
        assert "operator-0" in answer.text
        assert "mine &amp; &lt;b&gt;yours&lt;/b&gt;" in answer.text, "nobody types it again"
    assert desk.cases.get(case.id).state is CaseState.CLAIMED
    assert [row.who for row in desk.audit.page(act=AuditAction.CASE_CLOSED)] == []


def test_what_is_not_done_says_why(operator: Person, desk: CenterDesk) -> None:
    (case,) = desk.cases.observe([Condition("fork", "shache", "S0147")], NOW)
    for path, form, said in [
        ("close", {"version": 1, "reason": " x "}, "three letters"),
        ("close", {"version": 1}, "three letters"),
        ("close", {"version": "9" * 40, "reason": "a good reason"}, "decided in the meantime"),
        ("close", {"version": "x", "reason": "a good reason"}, "decided in the meantime"),
        ("reopen", {"version": 1, "reason": "a good reason"}, "not closed"),
    ]:
        answer = operator.does(f"/alarms/{case.id}/{path}?lang=en", **form)
        assert (answer.status_code, said in answer.text) == (409, True), (path, form)
    desk.cases.close(case.id, 1, "turdi", "done", NOW)
    assert "closed already" in operator.does(f"/alarms/{case.id}/take?lang=en", version=2).text
    for number in (0, 4711, 2**53, 2**63, 10**30):
        assert operator.client.get(f"/alarms/{number}").status_code == 404
        assert operator.does(f"/alarms/{number}/take", version=1).status_code == 404
    assert desk.cases.get(case.id).version == 2


def test_a_viewer_looks_and_is_not_asked_to_decide(app: Flask, desk: CenterDesk) -> None:
    (case,) = desk.cases.observe([Condition("fork", "shache", "S0147")], NOW)
    viewer = Person(app, desk, StaffRole.VIEWER)
    assert f"/alarms/{case.id}/take" not in viewer.sees(f"/alarms/{case.id}")
    assert viewer.does(f"/alarms/{case.id}/take", version=1).status_code == 403


def test_every_kind_has_words_and_something_to_do_in_every_language(operator: Person, desk: CenterDesk) -> None:
    opened = desk.cases.observe([Condition(kind, "shache", "S0001") for kind in KINDS], NOW)
    for language in LANGUAGES.values():
        texts = center_texts(language.code)
        listed = operator.sees(f"/alarms?lang={language.code}")
        for case in opened:
            assert str(texts(f"case_kind_{case.kind}")) in listed
            assert str(texts("alarms_do_unknown")) not in operator.sees(f"/alarms/{case.id}?lang={language.code}")


def test_a_copied_card_has_one_instruction_wherever_it_is_read(operator: Person, desk: CenterDesk) -> None:
    """The machine that is stopped never gets the new epoch: both would go on under one number."""
    copied = [("fork", "x 4"), ("twin", ""), ("reports", "fork")]
    desk.registry.replace([ExpectedStation("shache", "S0147")], [])
    opened = desk.cases.observe([Condition(kind, "shache", "S0147", subject) for kind, subject in copied], NOW)
    for language in LANGUAGES.values():
        pages = [operator.sees(f"/alarms/{case.id}?lang={language.code}") for case in opened]
        (instruction,) = {told for page in pages for told in re.findall(r'<p class="do">\s*(.*?)\s*</p>', page)}
        assert operator.sees(f"/stations/shache/S0147?lang={language.code}").count(instruction) == len(copied)
        for kind, subject in copied:
            case = NoticeCase(7, kind, "shache", "S0147", subject, "", "2026-11-27T08:00:00.000Z", False)
            assert Markup(instruction).unescape() in mail_text((case,), language.code)[1]


def test_a_kind_nobody_knows_is_shown_too(operator: Person, desk: CenterDesk) -> None:
    (case,) = desk.cases.observe([Condition("moonquake", "shache", "S0001", "", "it shook")], NOW)
    assert "moonquake" in operator.sees("/alarms")
    assert "it shook" in operator.sees(f"/alarms/{case.id}?lang=en")
    assert "does not know this kind" in operator.sees(f"/alarms/{case.id}?lang=en")


def test_what_strangers_wrote_is_text(operator: Person, desk: CenterDesk) -> None:
    markup = "<script>alert(1)</script>{{ 7*7 }}"  # what the import of the list takes
    hostile = ExpectedStation("shache", "S0001", markup, markup, markup)
    desk.registry.replace([hostile], [])
    (case,) = desk.cases.observe([Condition("reports", "shache", "S0001", HOSTILE, HOSTILE)], NOW)
    desk.cases.close(case.id, 1, "turdi", HOSTILE, NOW)
    for path in (
        f"/alarms/{case.id}",
        "/alarms?state=closed",
        f"/alarms?kind={quote(HOSTILE)}&station={quote(markup)}",
    ):
        page = operator.sees(path)
        assert "<script>alert" not in page
        assert "\x1b" not in page
        assert "\u202e" not in page
        assert ">49<" not in page


def test_the_list_is_by_state_kind_and_station_and_paged(operator: Person, desk: CenterDesk) -> None:
    quiet = [Condition("quiet", "shache", f"S{number:04}") for number in range(1, 121)]
    desk.cases.observe([*quiet, Condition("fork", "shache", "S0001")], NOW)
    desk.cases.close(1, 1, "turdi", "looked after", NOW)
    first = operator.sees("/alarms")
    assert "S0120" in first
    assert "S0050" not in first
    older = first.partition('class="button" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = operator.sees(older)
    assert "S0050" in second
    assert "S0120" not in second
    only = operator.sees("/alarms?kind=fork")
    assert ">S0001<" in only
    assert ">S0120<" not in only
    assert ">S0120<" not in operator.sees("/alarms?station=S0001")
    assert operator.sees("/alarms?state=closed").count('<li class="case') == 1
    assert operator.sees("/alarms?state=taken").count('<li class="case') == 0
    for nonsense in ("state=x", "before=x", "before=-1", "before=" + "9" * 15, "kind='--", "station=" + "x" * 9999):
        operator.sees(f"/alarms?{nonsense}")
