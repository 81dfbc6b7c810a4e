from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from markupsafe import Markup
from werkzeug.test import TestResponse

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.staff import PASSWORD, app_of, sign_in


class Admin:
    """An administrator before the pages; forms are sent with the word of the session."""

    def __init__(self, client: FlaskClient, desk: CenterDesk) -> None:
        self.client, self._csrf = client, sign_in(client, desk, StaffRole.ADMIN)

    def sends(self, path: str, **form: str) -> TestResponse:
        return self.client.post(path, data={"csrf": self._csrf, **form})


@pytest.fixture
def admin(stores: Stores) -> Iterator[Admin]:
    with app_of(stores).test_client() as client:
        yield Admin(client, stores.desk)


def test_a_person_from_the_first_day_to_the_last(admin: Admin, desk: CenterDesk) -> None:
    assert admin.sends("/people/add", name="gulnar", role="viewer", password=PASSWORD).status_code == 303
    assert admin.sends("/people/gulnar/role", role="operator").status_code == 303
    assert admin.sends("/people/gulnar/password", password="another good one").status_code == 303
    person = desk.people.verify("gulnar", "another good one")
    assert person is not None
    assert person.role is StaffRole.OPERATOR
    token = desk.sessions.begin(person, "x", datetime.now(UTC))
    assert admin.sends("/people/gulnar/sign-out").status_code == 303
    assert desk.sessions.find(token, "x", datetime.now(UTC)) is None
    assert admin.sends("/people/gulnar/disabled", disabled="1").status_code == 303
    assert desk.people.get("gulnar").disabled
    assert admin.sends("/people/gulnar/disabled", disabled="0").status_code == 303
    acts = [row.act for row in desk.audit.page(who="admin-0")]
    assert acts == [
        AuditAction.PERSON_ENABLED,
        AuditAction.PERSON_DISABLED,
        AuditAction.SIGNED_OUT_EVERYWHERE,
        AuditAction.PASSWORD_CHANGED,
        AuditAction.ROLE_CHANGED,
        AuditAction.PERSON_ADDED,
    ]
    page = admin.client.get("/audit?lang=en&who=admin-0").text
    assert "changed a role" in page
    assert "another good one" not in page


def test_what_is_refused_says_why_and_changes_nothing(admin: Admin, desk: CenterDesk) -> None:
    before = desk.people.all()
    for path, form, said in [
        ("/people/add", {"name": "Gul nar", "role": "viewer", "password": PASSWORD}, "A name has 2 to 40"),
        ("/people/add", {"name": "gulnar", "role": "king", "password": PASSWORD}, "Choose viewer"),
        ("/people/add", {"name": "gulnar", "role": "admin", "password": "short"}, "12 to 200 characters"),
        ("/people/add", {}, "Choose viewer"),
        ("/people/admin-0/role", {"role": "viewer"}, "admin-0 is the only administrator"),
        ("/people/admin-0/disabled", {"disabled": "1"}, "admin-0 is the only administrator"),
        ("/people/ghost/password", {"password": PASSWORD}, "There is no person ghost"),
        ("/people/%3Cscript%3E/role", {"role": "viewer"}, "There is no person"),
        ("/tokens/add", {"name": "ware"}, "at least one thing"),
        ("/tokens/add", {"name": "ware", "scope": "feed", "per_minute": "many"}, "1 to 100,000"),
        ("/tokens/ghost/revoke", {}, "There is no token ghost"),
    ]:
        answer = admin.sends(path, **form)
        assert (answer.status_code, said in Markup(answer.text).striptags()) == (409, True), (path, form)
        assert "<script>" not in answer.text
    assert desk.people.all() == before
    assert desk.tokens.all() == []


def test_a_token_is_shown_once_and_revoked(admin: Admin, desk: CenterDesk) -> None:
    answer = admin.sends("/tokens/add", name="warehouse", scope="feed", per_minute="60")
    secret = answer.text.partition('class="secret" dir="ltr">')[2].partition("<")[0]
    assert desk.tokens.find(secret, datetime.now(UTC)) is not None
    assert secret not in admin.client.get("/people").text
    assert admin.sends("/tokens/warehouse/revoke").status_code == 303
    assert desk.tokens.find(secret, datetime.now(UTC)) is None


def test_the_audit_is_paged_and_asked_by_person_and_act(admin: Admin, desk: CenterDesk) -> None:
    for number in range(60):
        desk.audit.record("gulnar", AuditAction.SEARCHED, f"word-{number:03}", "<b>x</b>", datetime.now(UTC))
    first = admin.client.get("/audit?lang=en").text
    assert "word-059" in first
    assert "word-003" not in first
    assert "<b>x</b>" not in first
    older = first.partition('class="button" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "word-003" in admin.client.get(older).text
    assert "word-" not in admin.client.get("/audit?act=signed_in").text
    for nonsense in ("before=x", "before=-1", "before=" + "9" * 30, "act='--", "who=" + "x" * 9999):
        assert admin.client.get(f"/audit?{nonsense}").status_code == 200
