from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.throttle import NAME_RULE
from kiosk.sorting_center.web.shared.sources import Stores
from kiosk.sorting_center.web.staff import sign_in as sign_in_module
from tests.sorting_center.staff import PASSWORD, app_of, sign_in


@pytest.fixture
def client(stores: Stores, desk: CenterDesk) -> Iterator[FlaskClient]:
    desk.people.add("gulnar", StaffRole.VIEWER, PASSWORD, datetime.now(UTC))
    with app_of(stores).test_client() as client:
        yield client


def typed(client: FlaskClient, name: str = "gulnar", password: str = PASSWORD, **more: str) -> int:
    return client.post("/sign-in", data={"name": name, "password": password, **more}).status_code


def test_from_a_page_to_the_door_and_back_to_the_page(client: FlaskClient, desk: CenterDesk) -> None:
    first = client.get("/?lang=zh")
    assert (first.status_code, first.headers["Location"]) == (302, "/sign-in?next=/%3Flang%3Dzh")
    form = client.get(first.headers["Location"]).text
    assert 'name="next" value="/?lang=zh"' in form
    answer = client.post("/sign-in", data={"name": " Gulnar ", "password": PASSWORD, "next": "/?lang=zh"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?lang=zh")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert client.get("/").status_code == 200
    assert [row.act for row in desk.audit.page()] == ["signed_in"]


def test_over_tls_the_cookie_is_bound_to_the_host(client: FlaskClient) -> None:
    answer = client.post("/sign-in", base_url="https://localhost:80/", data={"name": "gulnar", "password": PASSWORD})
    assert answer.headers["Set-Cookie"].startswith("__Host-center=")
    assert "Secure" in answer.headers["Set-Cookie"]


def test_a_wrong_name_and_a_wrong_password_look_the_same(client: FlaskClient) -> None:
    pages = [
        client.post("/sign-in", data={"name": name, "password": password})
        for name, password in [("gulnar", "wrong password"), ("nobody", PASSWORD)]
    ]
    assert [page.status_code for page in pages] == [403, 403]
    first, second = (page.text.replace("gulnar", "").replace("nobody", "") for page in pages)
    assert first == second
    assert PASSWORD not in second


def test_guessing_is_slowed_down_and_the_right_password_does_not_help_then(
    client: FlaskClient, desk: CenterDesk
) -> None:
    codes = [typed(client, password=f"wrong password {number}") for number in range(8)]
    assert codes[0] == 403
    assert codes[-1] == 429
    assert codes.count(403) <= NAME_RULE.tries
    answer = client.post("/sign-in", data={"name": "gulnar", "password": PASSWORD})
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (429, True)
    elsewhere = client.post(
        "/sign-in", data={"name": "gulnar", "password": PASSWORD}, environ_base={"REMOTE_ADDR": "198.51.100.7"}
    )
    assert elsewhere.status_code == 303, "whoever guesses elsewhere keeps nobody out"
    assert desk.audit.page()[0].act == "signed_in"


def test_a_way_back_never_leads_away(client: FlaskClient) -> None:
    for target in ("//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "", "/a\nb"):
        answer = client.post("/sign-in", data={"name": "gulnar", "password": PASSWORD, "next": target})
        assert answer.headers["Location"] == "/", target


def test_a_flood_at_the_door_keeps_nobody_from_their_pages(client: FlaskClient, desk: CenterDesk) -> None:
    """Beyond a few nobody waits, no password is looked at, and nothing is written down."""
    with sign_in_module._PENDING_ATTEMPTS, sign_in_module._PENDING_ATTEMPTS, sign_in_module._PENDING_ATTEMPTS:
        answer = client.post("/sign-in", data={"name": "gulnar", "password": PASSWORD})
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "10")
    assert desk.audit.page() == []
    assert typed(client, "gulnar", PASSWORD) == 303


def test_nonsense_at_the_door_is_a_wrong_password(client: FlaskClient) -> None:
    for name, password in [("\x01", "\x1b"), ("x" * 10_000, "y" * 10_000), ("' OR 1=1 --", "\u202e"), ("", "")]:
        assert typed(client, name, password) in (403, 429)
    assert client.post("/sign-in", data=b"\xff\xfe" * 100).status_code in (403, 429)
    assert client.post("/sign-in", data={"name": "a" * 200_000}).status_code == 413


def test_signing_out_ends_the_session_and_says_so(client: FlaskClient, desk: CenterDesk) -> None:
    csrf = sign_in(client, desk)
    assert client.post("/sign-out", data={"csrf": csrf}).headers["Location"] == "/sign-in"
    assert client.get("/").status_code == 302
    assert desk.audit.page()[0].act == "signed_out"


def test_a_person_changes_the_password_and_is_signed_out_elsewhere(stores: Stores, desk: CenterDesk) -> None:
    app = app_of(stores)
    here, there = app.test_client(), app.test_client()
    desk.people.add("turdi", StaffRole.VIEWER, PASSWORD, datetime.now(UTC))
    for client in (here, there):
        assert typed(client, "turdi") == 303
    form = here.get("/account").text
    csrf = form.partition('name="csrf" value="')[2].partition('"')[0]
    wrong = here.post("/account/password", data={"csrf": csrf, "old": "not it at all", "new": "another good one"})
    assert (wrong.status_code, "not the current password" in wrong.text) == (409, True)
    weak = here.post("/account/password", data={"csrf": csrf, "old": PASSWORD, "new": "short"})
    assert weak.status_code == 409
    done = here.post("/account/password", data={"csrf": csrf, "old": PASSWORD, "new": "another good one"})
    assert done.headers["Location"] == "/account?done=1"
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 302
    assert desk.people.verify("turdi", "another good one") is not None


def test_signing_out_everywhere(stores: Stores, desk: CenterDesk) -> None:
    app = app_of(stores)
    desk.people.add("turdi", StaffRole.VIEWER, PASSWORD, datetime.now(UTC))
    here, there = app.test_client(), app.test_client()
    for client in (here, there):
        typed(client, "turdi")
    csrf = here.get("/account").text.partition('name="csrf" value="')[2].partition('"')[0]
    here.post("/account/sign-out-everywhere", data={"csrf": csrf})
    assert [client.get("/").status_code for client in (here, there)] == [302, 302]


def test_the_language_stays_chosen(client: FlaskClient, desk: CenterDesk) -> None:
    assert '<html lang="ug" dir="rtl"' in client.get("/sign-in?lang=ug").text
    assert '<html lang="ug" dir="rtl"' in client.get("/sign-in").text
    assert '<html lang="zh"' in client.get("/sign-in?lang=zh").text
    assert '<html lang="zh"' in client.get("/sign-in?lang=xx").text
