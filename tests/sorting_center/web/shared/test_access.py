"""Who gets what: every route for everyone who may come, made from the table of routes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from flask import Flask
from flask.testing import FlaskClient
from msgspec.structs import replace
from sqlalchemy import select
from werkzeug.routing import Rule

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.cases import CaseState
from kiosk.sorting_center.desk.tokens import Scope
from kiosk.sorting_center.ledger.database.schema import quarantine
from kiosk.sorting_center.listings.offer_follower import OfferFollower
from kiosk.sorting_center.web.app import BLUEPRINTS
from kiosk.sorting_center.web.shared.access import EVERYONE, AccessRule, GuardedBlueprint
from kiosk.sorting_center.web.shared.sources import Stores
from tests.depth import TORTURE
from tests.sorting_center.staff import app_of, bearer, looked_after, sign_in
from tests.sorting_center.station_journal import NOW, Station
from tests.sorting_center.web.county_month import DOUBLE, MEMBER, PARCEL, REGION, fill, read

NEEDS = {endpoint: need for part in BLUEPRINTS for endpoint, need in part.access_rules.items()}
ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}
NUMBERS = (10**30, 2**63, 2**63 - 1, 2**53, 2**31)
"""Beyond what a database, JSON or a column counts with."""
COUNTED = ("after", "after_feedseq", "limit", "before", "gone", "page", "seen", "version", "per_minute", "year", "days")
"""What addresses and forms have numbers in."""
COUNTING = ("machine.feed", "machine.intakes")
"""Routes that refuse a number because of its size."""
LET_IN_CODES = frozenset({200, 302, 303, 304, 400, 404, 409, 422, 429, 503})
"""Not 401 and 403, nor a way to the door: whatever the route itself says of an empty request."""


Value = TypeVar("Value")


def in_turn(values: Sequence[Value], number: int) -> Sequence[Value]:
    """A third of them, others for the next number; `make torture` takes all."""
    return values if TORTURE else values[number % 3 :: 3]


@pytest.fixture
def app(stores: Stores, desk: CenterDesk) -> Flask:
    return app_of(stores)


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as client:
        yield client


def rules(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]


def address(rule: Rule, value: str = "1") -> str:
    with_values = dict.fromkeys(rule.arguments, value)
    built = rule.build(with_values) if not rule.arguments else None
    if built is not None:
        return str(built[1])
    path = rule.rule
    for _ in rule.arguments:
        start = path.index("<")
        path = path[:start] + value + path[path.index(">", start) + 1 :]
    return path


def asked(client: FlaskClient, rule: Rule, csrf: str = "", **more: object) -> bool:
    """Whether who asks gets to the route."""
    method = "POST" if "POST" in (rule.methods or ()) else "GET"
    form = {"csrf": csrf} if method == "POST" else None
    answer = client.open(address(rule), method=method, data=form, environ_base=ELSEWHERE, buffered=True, **more)
    if answer.status_code in (302, 303) and answer.headers["Location"].startswith("/sign-in?next="):
        return False
    assert answer.status_code in LET_IN_CODES | {401, 403}, (rule, answer.status_code)
    return answer.status_code not in (401, 403) or rule.endpoint == "access.signed_in"


def test_every_route_says_whom_it_is_for(app: Flask) -> None:
    assert {rule.endpoint for rule in rules(app)} == NEEDS.keys()
    assert AccessRule() not in NEEDS.values()


def test_each_route_lets_in_whom_it_is_for_and_nobody_else(app: Flask, desk: CenterDesk) -> None:
    wrong: list[tuple[str, str]] = []
    for role in (None, *StaffRole):
        for rule in rules(app):
            need = NEEDS[rule.endpoint]
            if rule.endpoint in ("access.sign_out", "access.sign_out_everywhere"):
                continue  # it ends the session: its own tests
            with app.test_client() as client:
                csrf = sign_in(client, desk, role) if role is not None else ""
                expected = need.everyone or (role is not None and (need.scope is not None or role >= (need.role or 9)))
                if asked(client, rule, csrf) != expected:
                    wrong.append((rule.rule, str(role)))
    assert wrong == []


@pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"], indirect=True)
def test_no_route_fails_at_what_stands_in_its_address(app: Flask, desk: CenterDesk, ledger_url: str) -> None:
    """Numbers that no database counts with, what no text may hold, and what is no text: by turns, from route to route
    and from database to database.
    """
    hostile = (*map(str, NUMBERS), "%00", "%ED%A0%80", "%E2%80%AE", "%ff", "x" * 3_000, "..%2f..")
    broken: list[tuple[str, str, int]] = []
    with app.test_client() as client:
        csrf = sign_in(client, desk, StaffRole.ADMIN)
        for number, rule in enumerate(rules(app), ledger_url.startswith("postgresql")):
            for value in in_turn(hostile, number) if rule.arguments else ():
                method = "POST" if "POST" in (rule.methods or ()) else "GET"
                form = {"csrf": csrf} if method == "POST" else None
                answer = client.open(address(rule, value), method=method, data=form, buffered=True)
                if answer.status_code >= 500:
                    broken.append((rule.rule, value, answer.status_code))
    assert broken == []


@pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"], indirect=True)
def test_no_route_fails_at_a_number_it_is_asked_with(app: Flask, stores: Stores, desk: CenterDesk) -> None:
    """Of things that are there, by turns as above; a reader of the feed is told what would do, of each number."""
    station = Station("S0150", "00112233445566dd")
    fill(stores.ledger)
    apart = replace(station.intake(2), problem="unknown_type")
    stores.ledger.accept([station.start(), station.intake(1), station.offer(1, "ab" * 32), apart], REGION, NOW)
    read(stores)
    looked_after(stores)
    OfferFollower(stores.ledger, desk.database).step()
    with stores.ledger.reading() as connection:
        number = connection.execute(select(quarantine.c.id)).scalar_one()
    (case, *_) = desk.cases.page([CaseState.OPEN], None, 1)
    of = {
        "alarms": {"number": case.id},
        "quarantine": {"number": number},
        "receipts": {"region": REGION, "number": str(DOUBLE), "lot": DOUBLE.lot},
        "members": {"region": REGION, "number": MEMBER},
        "listings": {
            "region": REGION,
            "station": "S0150",
            "lot": station.lot(1),
            "deed": "publish",
            "sha256": "ab" * 32,
        },
        "days": {"day": "2026-11-25"},
    }
    wrong: list[tuple[str, int, int]] = []
    with app.test_client() as client:
        csrf = sign_in(client, desk, StaffRole.ADMIN)
        for turn, rule in enumerate(rules(app), stores.ledger.url.startswith("postgresql")):
            if rule.endpoint in ("access.sign_out", "access.sign_out_everywhere"):
                continue  # nobody is signed in any more
            values = of.get(rule.endpoint.partition(".")[0], {})
            if rule.endpoint == "receipts.parcel":
                values = {"region": REGION, "number": str(PARCEL)}
            built = rule.build({name: values.get(name, "1") for name in rule.arguments})
            assert built is not None
            at = str(built[1])
            if "GET" in (rule.methods or ()) and values and rule.endpoint not in ("listings.photo", "receipts.photo"):
                assert client.get(at).status_code == 200, at
            told = 409 if rule.endpoint == "machine.feed" else 200
            for asked in NUMBERS if rule.endpoint in COUNTING else in_turn(NUMBERS, turn):
                said = dict.fromkeys(COUNTED, str(asked))
                if "POST" in (rule.methods or ()):
                    answer = client.post(at, data={"csrf": csrf, **said, "reason": "because", "act": "accepted"})
                else:
                    answer = client.get(at, query_string=said, buffered=True)
                if rule.endpoint in COUNTING:
                    is_right = answer.status_code == (told if asked < 2**53 else 400)
                else:
                    is_right = answer.status_code < 500 or rule.endpoint == "machine.health"
                if not is_right:
                    wrong.append((rule.rule, asked, answer.status_code))
    assert wrong == []


def test_what_no_text_may_hold_is_refused_before_a_database_is_asked(app: Flask, desk: CenterDesk) -> None:
    with app.test_client() as client:
        csrf = sign_in(client, desk, StaffRole.ADMIN)
        for path in ("/search?q=%00", "/audit?who=%00", "/alarms?station=%00"):
            assert client.get(path).status_code == 400, path
        assert client.get("/stations/shache/%00").status_code == 404
        assert client.post("/people/add", data={"csrf": csrf, "name": "a\0b"}).status_code == 400
        answer = client.post("/sign-in?lang=zh", data={"name": "\0", "password": "\0"})
        assert (answer.status_code, "发送的内容不能用" in answer.text) == (400, True)


def test_a_token_opens_its_scope_and_no_page(app: Flask, desk: CenterDesk) -> None:
    wrong: list[tuple[str, str]] = []
    with app.test_client() as client:
        for scope in Scope:
            headers = bearer(desk, scope)
            for rule in rules(app):
                need = NEEDS[rule.endpoint]
                expected = need.everyone or need.scope is scope
                if asked(client, rule, headers=headers) != expected:
                    wrong.append((rule.rule, scope))
    assert wrong == []


def test_a_route_that_says_nothing_is_for_nobody(stores: Stores, desk: CenterDesk) -> None:
    app = app_of(stores)
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    with app.test_client() as client:
        sign_in(client, desk, StaffRole.ADMIN)
        assert client.get("/forgotten").status_code == 403


def test_a_route_is_named_once() -> None:
    pages = GuardedBlueprint("twice", __name__)
    pages.get_route("/a", EVERYONE)(asked)
    with pytest.raises(ValueError, match="twice"):
        pages.get_route("/b", EVERYONE)(asked)


def test_a_form_needs_the_word_of_its_session_and_its_own_origin(client: FlaskClient, desk: CenterDesk) -> None:
    csrf = sign_in(client, desk)
    for form, headers, status in [
        ({}, {}, 403),
        ({"csrf": ""}, {}, 403),
        ({"csrf": csrf[:-1]}, {}, 403),
        ({"csrf": csrf}, {"Origin": "http://evil.example"}, 403),
        ({"csrf": csrf}, {"Origin": "null"}, 403),
        ({"csrf": csrf}, {"Sec-Fetch-Site": "cross-site"}, 403),
        ({"csrf": csrf}, {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"}, 403),
        ({"csrf": csrf}, {"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 303),
    ]:
        assert client.post("/sign-out", data=form, headers=headers).status_code == status, (form, headers)


def test_the_word_of_another_session_is_none(app: Flask, desk: CenterDesk) -> None:
    one, other = app.test_client(), app.test_client()
    csrf = sign_in(one, desk)
    sign_in(other, desk)
    assert other.post("/sign-out", data={"csrf": csrf}).status_code == 403


def test_a_session_that_was_carried_to_another_name_opens_nothing(stores: Stores, desk: CenterDesk) -> None:
    app = app_of(stores)
    with app.test_client() as client:
        sign_in(client, desk)
        assert client.get("/").status_code == 200
        token = client.get_cookie("center")
        assert token is not None
    thief = app.test_client()
    thief.set_cookie("center", token.value, domain="127.0.0.1")
    assert thief.get("/", base_url="http://127.0.0.1/").status_code == 302


def test_a_wrong_cookie_or_token_is_nobody(client: FlaskClient) -> None:
    for value in ("x", "\x00", "'" * 500, "../../etc/passwd", "a" * 4000):
        client.set_cookie("center", value)
        assert client.get("/").status_code == 302
        assert (
            client.get("/feed", headers={"Authorization": f"Bearer sct_{value}".replace("\x00", "")}).status_code == 401
        )
    for header in ("Bearer", "Bearer ", "Basic YTpi", "bearer sct_", "Bearer sct_x sct_y"):
        assert client.get("/feed", headers={"Authorization": header}).status_code == 401


def test_a_program_that_asks_too_often_is_told_when_to_come_back(client: FlaskClient, desk: CenterDesk) -> None:
    secret = desk.tokens.add("slow", [Scope.FEED], datetime.now(UTC), per_minute=3)
    headers = {"Authorization": f"Bearer {secret}"}
    answers = [client.get("/feed", headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 21
    assert "slow" in answers[-1].get_json()["error"]
    other = bearer(desk, Scope.FEED)
    assert client.get("/feed", headers=other).status_code == 200


def test_a_token_that_is_revoked_opens_nothing_from_the_next_request_on(client: FlaskClient, desk: CenterDesk) -> None:
    now = datetime.now(UTC)
    secret = desk.tokens.add("gone", [Scope.FEED], now)
    assert client.get("/feed", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    desk.tokens.revoke("gone", now)
    assert client.get("/feed", headers={"Authorization": f"Bearer {secret}"}).status_code == 401


def test_looking_at_pages_changes_nothing_in_the_desk(app: Flask, desk: CenterDesk) -> None:
    """But for the audit, which says who looked, and a session's last minute."""
    with app.test_client() as client:
        sign_in(client, desk, StaffRole.ADMIN)
        before = (desk.people.all(), desk.tokens.all())
        for rule in rules(app):
            if "GET" in (rule.methods or ()):
                client.get(address(rule), buffered=True)
        assert (desk.people.all(), desk.tokens.all()) == before
        assert client.get("/").status_code == 200, "still signed in"


def test_what_a_proxy_says_is_believed_of_that_proxy_alone(stores: Stores, desk: CenterDesk) -> None:
    from kiosk.sorting_center.shared.health import CenterHealth
    from kiosk.sorting_center.web.app import ExternalAddresses, create_app
    from kiosk.sorting_center.web.shared.guard import Hosts
    from tests.sorting_center.staff import NOON

    app = create_app(
        stores, CenterHealth(), lambda: NOON, ExternalAddresses(Hosts("127.0.0.1", ["center.example"]), "10.0.0.1")
    )
    said = {"X-Forwarded-For": "6.6.6.6, 192.0.2.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "center.example"}
    form = {"name": "nobody", "password": "x" * 12}
    with app.test_client() as client:
        trusted = client.post("/sign-in", data=form, headers=said, environ_base={"REMOTE_ADDR": "10.0.0.1"})
        assert trusted.status_code == 403
        assert [row.who for row in desk.audit.page()] == ["192.0.2.9"], "the last hop, not what the browser wrote"
        stranger = {**said, "Host": "127.0.0.1"}
        client.post(
            "/sign-in", data=form, headers=stranger, environ_base={"REMOTE_ADDR": "192.0.2.66", "SERVER_PORT": "80"}
        )
        assert desk.audit.page()[0].who == "192.0.2.66"
