"""Who may do what, for every route there is: route x person x object, made from the route table itself."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from kiosk.web.factory import NEEDS, create_app
from kiosk.web.shared.roles import COOKIE, Need, merge
from kiosk.web.shared.settings import WebSettings
from tests.depth import many
from tests.web.counter.shop import CounterShop

STREAMS = ("live.stream", "counter_live.stream", "check_live.stream")
OPENS: dict[str, set[Need]] = {
    "nobody": set(),
    "forged cookie": set(),
    "ended session": set(),
    "clerk": {Need.CLERK, Need.STAFF},
    "technician": {Need.TECHNICIAN, Need.STAFF},
}
"""What each person's cookie opens beside the public routes."""


@dataclass(frozen=True)
class Objects:
    """What an address may be about."""

    parcel: str
    receipt: str
    job: int
    picture: str

    def path(self, rule: Rule) -> str:
        """The address of a rule for these objects."""
        about = self.receipt if "/intakes/" in rule.rule else self.parcel
        values = {"<about>": about, "<int:about>": str(self.job), "<sha256>": self.picture}
        path = rule.rule.replace("<any(in, out):way>", "in")
        for name, value in values.items():
            path = path.replace(name, value)
        assert "<" not in path, f"{rule.rule} has an object this test does not know"
        return path


FOREIGN = Objects("P-0999-A-000001", "0999-A-000001", 999_999, "f" * 64)


@pytest.fixture
def shop(counter_shop: CounterShop) -> CounterShop:
    return counter_shop


@pytest.fixture
def app(shop: CounterShop) -> Flask:
    return create_app(shop, WebSettings(language="en"))


@pytest.fixture
def own(shop: CounterShop) -> Objects:
    """A waiting parcel, a booked intake, a paper that waits."""
    shop.unlock()
    receipt = shop.book()
    shop.expect(77)
    shop.check(5_000)
    shop.leave_load(3_000)
    parcel = shop.bring(1)
    shop.bring(2, damaged=True)
    return Objects(str(parcel.number), receipt, shop.store.papers.open_jobs()[0].id, "a" * 64)


EVERYBODY = frozenset({Need.PUBLIC, Need.OPEN})


class Visitor:
    """A person with a browser; a clerk or technician who was locked out unlocks again."""

    def __init__(self, shop: CounterShop, who: str) -> None:
        self._shop = shop
        self._number = {"technician": "03"}.get(who, "01")
        self._works_here = who in ("clerk", "technician")
        opened = shop.unlock(self._number).token
        if who == "ended session":
            shop.access.sign_out(opened)
        self._token = {"nobody": None, "forged cookie": "x" * 43}.get(who, opened)

    def token(self) -> str | None:
        """What the browser sends."""
        if self._works_here and self._shop.access.peek(self._token or "") is None:
            self._shop.later(60)  # an empty unlock form counts as a wrong PIN
            self._token = self._shop.unlock(self._number).token
        return self._token


def routes(app: Flask) -> Iterator[tuple[Rule, str]]:
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "PATCH", "DELETE"}):
            if rule.endpoint != "static":
                yield rule, method


def ask(client: FlaskClient, method: str, path: str, token: str | None) -> tuple[int, str]:
    client.delete_cookie(COOKIE)
    if token is not None:
        client.set_cookie(COOKIE, token)
    with client.open(path, method=method, data={} if method == "POST" else None) as answer:
        return answer.status_code, answer.headers.get("Location", "")


def fault(rule: Rule, method: str, opened: set[Need], foreign: bool, status: int, location: str) -> str:
    """What is wrong with an answer; "" when it is as the table of needs says."""
    need = NEEDS[rule.endpoint]
    if need in EVERYBODY or need in opened:
        # No doctor and no teacher of scales is in this shop: their pages say so with 503.
        absent = ("technician.", "teach.", "layouts.", "update.", "goods.")
        if status == 403 or (status >= 500 and not rule.endpoint.startswith(absent)):
            return f"{status}, but it is open"
        strange = foreign and "about>" in rule.rule and need is Need.CLERK
        expected = {404} if method == "GET" else {404, 409}
        return f"{status} for an object of another station" if strange and status not in expected else ""
    if method == "GET" and not opened and rule.endpoint not in STREAMS:
        return "" if (status, location) == (303, "/counter") else f"{status} {location}, not the door"
    return "" if status == 403 else f"{status}, but it is closed"


def test_every_route_has_a_need_and_every_need_a_route(app: Flask) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == set(NEEDS)


@pytest.mark.parametrize("who", list(OPENS))
def test_every_route_for_every_person_and_every_object(app: Flask, shop: CounterShop, own: Objects, who: str) -> None:
    client, visitor, found, seen = app.test_client(), Visitor(shop, who), [], 0
    for objects in (FOREIGN, own):
        for rule, method in routes(app):
            status, location = ask(client, method, objects.path(rule), visitor.token())
            if what := fault(rule, method, OPENS[who], objects is FOREIGN, status, location):
                found.append(f"{method} {objects.path(rule)} ({rule.endpoint}): {what}")
            seen += 1
    assert not found, "\n".join(found)
    assert seen > 150


@pytest.mark.parametrize("who", list(OPENS))
def test_a_route_without_a_need_is_closed_to_everybody(app: Flask, shop: CounterShop, who: str) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret", methods=["GET", "POST"])
    visitor = Visitor(shop, who)
    for method in ("GET", "POST"):
        assert ask(app.test_client(), method, "/forgotten", visitor.token())[0] == 403


def test_an_endpoint_is_named_once() -> None:
    with pytest.raises(ValueError, match=r"public\.help"):
        merge([{"public.help": Need.PUBLIC}, {"public.help": Need.CLERK}])


def test_a_refused_person_leaves_no_trace(app: Flask, shop: CounterShop, own: Objects) -> None:
    """The checks come before the route: nothing is booked, and nothing of the parcel is on the page."""
    before = content(shop.settings.database)
    for who in ("nobody", "forged cookie", "ended session"):
        client, token = app.test_client(), Visitor(shop, who).token()
        for rule, method in routes(app):
            if NEEDS[rule.endpoint] not in EVERYBODY:
                client.delete_cookie(COOKIE)
                if token:
                    client.set_cookie(COOKIE, token)
                with client.open(own.path(rule), method=method) as answer:
                    assert own.parcel not in answer.get_data(as_text=True)
                    assert own.receipt not in answer.get_data(as_text=True)
    assert content(shop.settings.database) == before


def content(path: Path) -> str:
    """A hash of every row of every table."""
    digest = hashlib.sha256()
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        tables = [
            row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name")
        ]
        for table in tables:
            rows = connection.execute(f'SELECT * FROM "{table}"')
            digest.update(repr((table, sorted(map(repr, rows)))).encode())
    finally:
        connection.close()
    return digest.hexdigest()


QUESTIONS = (
    "",
    "?ask=void&reason=wrong_party",
    "?ask=proxy",
    "?ask=return",
    "?ask=lost",
    "?ask=close",
    "?ask=delivery",
    "?state=expected&page=2",
    "?page=9",
    "?member=M-00017",
    "?notice=1",
    "?expected=5000",
    "?done=1",
)


@pytest.mark.parametrize("who", ["nobody", "clerk", "technician"])
def test_reading_leaves_the_database_as_it_was(app: Flask, shop: CounterShop, own: Objects, who: str) -> None:
    client, visitor = app.test_client(), Visitor(shop, who)
    before, answered = content(shop.settings.database), 0
    turns = many(4, torture=1)
    for number, (rule, method) in enumerate(routes(app)):
        if method != "GET" or rule.endpoint in STREAMS:
            continue
        token = visitor.token()  # the page before may have been one of the public face, which locks the counter
        for objects, questions in ((own, QUESTIONS), (FOREIGN, QUESTIONS[number % turns :: turns])):
            for question in questions:
                ask(client, "GET", objects.path(rule) + question, token)
                answered += 1
    assert answered > 400
    assert content(shop.settings.database) == before


def test_the_hash_would_notice(shop: CounterShop, own: Objects) -> None:
    before = content(shop.settings.database)
    shop.counter.shelf.mark_due_back(shop.session, own.parcel)
    assert content(shop.settings.database) != before


WRONG: tuple[Callable[[str], str], ...] = (
    str.upper,
    lambda token: token[:-1],
    lambda token: token + "x",
    lambda token: "",
    lambda token: "é" * 40,
)


@pytest.mark.parametrize("change", WRONG)
def test_nearly_the_token_is_no_token(app: Flask, shop: CounterShop, change: Callable[[str], str]) -> None:
    token = shop.unlock().token
    client = app.test_client()
    assert ask(client, "GET", "/counter/day", token)[0] == 200
    assert ask(client, "GET", "/counter/day", change(token)) == (303, "/counter")
