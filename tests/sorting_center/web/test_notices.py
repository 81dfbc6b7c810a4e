from __future__ import annotations

import json

import pytest
from flask import Flask
from markupsafe import Markup

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.notices.outbox import NoticeCase, NoticeState
from kiosk.sorting_center.desk.notices.targets import NoticeChannel, NoticeTarget
from kiosk.sorting_center.desk.notices.webhook import signature
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.shared.cases import Condition
from kiosk.sorting_center.web.notice_words import case_line, mail_text
from kiosk.sorting_center.web.process import build_dispatcher
from kiosk.sorting_center.web.shared.settings import CenterWebSettings
from kiosk.sorting_center.web.shared.sources import Stores
from kiosk.texts.languages import LANGUAGES
from tests.sorting_center.desk.notices.receivers import Http, listening
from tests.sorting_center.staff import app_of
from tests.sorting_center.web.test_alarms import HOSTILE, KINDS, NOW, Person

HOOK = {
    "name": "hook",
    "way": "webhook",
    "url": "https://example.org/alarms",
    "language": "zh",
    "kind": ["fork", "twin"],
}
MAIL = {
    "name": "post",
    "way": "mail",
    "recipients": "a@example.org, b@example.org",
    "sender": "c@example.org",
    "host": "mail.example.org",
    "port": "587",
    "security": "starttls",
    "login": "office",
    "language": "ug",
}


@pytest.fixture
def app(stores: Stores) -> Flask:
    return app_of(stores)


@pytest.fixture
def admin(app: Flask, desk: CenterDesk) -> Person:
    return Person(app, desk, StaffRole.ADMIN)


def test_targets_are_added_and_the_secret_is_shown_once(admin: Person, desk: CenterDesk) -> None:
    answer = admin.does("/notices/add", **HOOK)
    secret = answer.text.partition('class="secret" dir="ltr">')[2].partition("<")[0]
    assert admin.does("/notices/add", **MAIL).status_code == 303
    hook, post = desk.notice_targets.all()
    assert (hook.secret, hook.language, hook.kinds) == (secret, "zh", frozenset({"fork", "twin"}))
    assert (post.address, post.server) == ("a@example.org b@example.org", "mail.example.org:587/starttls")
    assert secret not in admin.sees("/notices")
    rows = desk.audit.page(act=AuditAction.NOTICE_TARGET_CHANGED)
    assert [row.subject for row in rows] == ["post", "hook"]
    assert all(secret not in row.detail for row in rows)


def test_a_test_is_written_and_how_it_went_is_seen(admin: Person, desk: CenterDesk) -> None:
    admin.does("/notices/add", **HOOK)
    assert admin.does("/notices/hook/test").status_code == 303
    assert "waiting" in admin.sees("/notices?lang=en")
    claim = desk.notices.claim(NOW.replace(year=2027))
    assert claim is not None
    desk.notices.mark_failed(claim, "example.org answered <b>500</b>", 30.0, NOW)
    page = admin.sees("/notices?lang=en")
    assert "answered &lt;b&gt;500&lt;/b&gt;" in page
    assert "not delivered" in page


def test_a_target_is_paused_goes_on_and_is_removed(admin: Person, desk: CenterDesk) -> None:
    admin.does("/notices/add", **HOOK)
    for paused in ("1", "0"):
        assert admin.does("/notices/hook/paused", paused=paused).status_code == 303
        assert desk.notice_targets.all()[0].paused == (paused == "1")
    assert admin.does("/notices/hook/remove").status_code == 303
    assert desk.notice_targets.all() == []


def test_what_is_refused_says_why(admin: Person, desk: CenterDesk) -> None:
    for path, form, said in [
        ("/notices/add", {}, "Choose e-mail or webhook"),
        ("/notices/add", {**HOOK, "language": "xx"}, "Choose one of the languages"),
        ("/notices/add", {**HOOK, "url": "file:///etc/passwd"}, "not an address like https://"),
        ("/notices/add", {**HOOK, "url": "https://example.org/" + "x" * 5_000}, "not an address like https://"),
        ("/notices/add", {**HOOK, "name": HOSTILE}, "A name has 2 to 40"),
        ("/notices/add", {**MAIL, "login": "../../etc/shadow"}, "only the name of the file"),
        ("/notices/add", {**MAIL, "recipients": HOSTILE}, "1 to 10 recipients"),
        ("/notices/add", {**MAIL, "port": "x"}, "A mail server has"),
        ("/notices/ghost/test", {}, "There is no target ghost"),
        ("/notices/ghost/paused", {}, "There is no target ghost"),
        ("/notices/ghost/remove", {}, "There is no target ghost"),
    ]:
        answer = admin.does(path, **form)
        assert (answer.status_code, said in Markup(answer.text).striptags()) == (409, True), (path, form)
        assert "<script>" not in answer.text
    assert desk.notice_targets.all() == []


def test_the_words_of_every_kind_are_there_in_every_language(desk: CenterDesk) -> None:
    for language in LANGUAGES.values():
        for kind in KINDS:
            case = NoticeCase(7, kind, "shache", "S0147", "x", "seen", "2026-11-27T08:00:00.000Z", True)
            subject, text = mail_text((case,), language.code)
            assert "1" in subject
            assert "S0147" in text
            assert f": {kind}." not in text
        subject, text = mail_text((), language.code)
        assert subject
        assert text
    ug = case_line(NoticeCase(7, "fork", "shache", "S0147", "x", "seen", "", False), "ug")
    assert "\u2066S0147 (shache)\u2069" in ug


def test_words_of_strangers_do_not_leave_their_line() -> None:
    hostile = NoticeCase(
        7, "moon\nquake", "sha\rche", "S\n0147", "x\n", f"a\r\nBcc: b@example.org {HOSTILE}", "", False
    )
    for language in LANGUAGES.values():
        line = case_line(hostile, language.code)
        assert "\n" not in line
        assert "\r" not in line
        assert "\u202e" not in line
        assert "\x1b" not in line
        assert "\n" not in mail_text((hostile,), language.code)[0]


def test_cases_that_go_out_are_seen_on_the_page(admin: Person, desk: CenterDesk) -> None:
    admin.does("/notices/add", **HOOK)
    opened = desk.cases.observe([Condition("fork", "shache", f"S{number:04}") for number in range(1, 9)], NOW)
    assert desk.notices.collect(NOW) == 1
    page = admin.sees("/notices?lang=en")
    assert f"/alarms/{opened[0].id}" in page
    assert "…" in page


def test_the_web_process_sends_to_a_host_that_was_allowed_and_to_no_other(desk: CenterDesk) -> None:
    here = Http()
    with listening(here) as port:
        target = NoticeTarget("hook", NoticeChannel.WEBHOOK, f"http://localhost:{port}/alarms", "zh")
        secret = desk.notice_targets.add(target, NOW)
        desk.cases.observe([Condition("fork", "shache", "S0147", "x 4", "event 4 came twice")], NOW)
        assert build_dispatcher(desk, CenterWebSettings()).step() == 0.0
        assert here.asked == []
        assert "plain_http" in desk.notices.newest()[0].result
        desk.notices.test("hook", NOW)
        sender = build_dispatcher(desk, CenterWebSettings(webhook_hosts=("LocalHost",)))
        while sender.step() == 0.0:
            pass
    told = {asked.headers["X-Kiosk-Notice"]: asked for asked in here.asked}
    assert {row.code for row in desk.notices.newest() if row.state is NoticeState.SENT} == told.keys()
    for asked in here.asked:
        assert asked.headers["X-Kiosk-Signature"] == signature(secret, asked.headers["X-Kiosk-Timestamp"], asked.body)
    bodies = [json.loads(asked.body) for asked in here.asked]
    texts = [case["text"] for body in bodies for case in body["cases"]]
    assert texts == ["S0147（shache）：两台机器以同一站点的名义发送。event 4 came twice"]
