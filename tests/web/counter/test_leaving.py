"""No way from the counter to a page of the public face leaves the counter open behind it.

The ways are made from the route table and from the pages themselves: every address asked for directly, every link,
every form and every redirect of a counter page, and whatever the browser is answered where there is no page at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kiosk.station.counter.papers import PaperQueue
from kiosk.store.database.migrate import migrate
from kiosk.texts import load
from kiosk.web.counter import forgotten
from kiosk.web.factory import NEEDS, create_app
from kiosk.web.shared.roles import COOKIE, Need, is_staff_address
from kiosk.web.shared.settings import WebSettings
from tests.station.counter.rig import PIN, SECOND_PIN
from tests.station.doctor.clinic import Clinic
from tests.web.counter.shop import CounterShop
from tests.web.shared.test_roles import STREAMS, Objects, routes

CALLED = load("en").text("parcel.called")
CLERK, SECOND, TECHNICIAN = "01", "02", "03"
NO_PAGE = frozenset(
    {
        *(
            "static",
            "live.stream",
            "mat_view.take",
            "public.language",
            "counter.door",
            "counter.unlock",
            "counter.lock",
            "forgotten.page",
            *(f"forgotten.act_{name}" for name in forgotten.POSTS),
        ),
        *("technical.health", "technical.page_alive", "technical.station_css", "technical.photo"),
        "technician.doctor_json",
    }
)
"""Open to everybody and no page of the public face: files, streams, signs of life, the counter's own door."""


@pytest.fixture
def shop(counter_shop: CounterShop) -> CounterShop:
    return counter_shop


@pytest.fixture
def app(shop: CounterShop) -> Flask:
    return create_app(shop, WebSettings(language="en"))


@pytest.fixture
def care(shop: CounterShop, tmp_path: Path) -> Iterator[Flask]:
    """A doctor is on duty: the technician's pages are there."""
    migrate(tmp_path / "empty.db")
    clinic = Clinic(tmp_path / "care", tmp_path / "empty.db")
    yield create_app(shop, WebSettings(language="en"), clinic.doctor)
    clinic.store.close()


@pytest.fixture
def own(shop: CounterShop) -> Objects:
    """A waiting parcel, a booked intake, a paper that waits."""
    shop.unlock()
    receipt = shop.book()
    return Objects(str(shop.bring(1).number), receipt, shop.store.papers.open_jobs()[0].id, "a" * 64)


class Screen:
    """A browser at the counter; ``asks`` unlocks it first when something has locked it."""

    def __init__(self, app: Flask, shop: CounterShop, number: str = CLERK) -> None:
        self.client: FlaskClient = app.test_client()
        self._shop, self._number = shop, number

    def unlock(self) -> None:
        self._shop.later(60)  # an act refused in between may have counted as a wrong PIN
        assert self.client.post("/counter/unlock", data={"number": self._number, "pin": PIN}).status_code == 303

    @property
    def is_open(self) -> bool:
        cookie = self.client.get_cookie(COOKIE)
        session = self._shop.access.current()
        return session is not None and cookie is not None and cookie.value == session.token

    @property
    def is_locked(self) -> bool:
        """Nobody's session is open, and this browser has nothing that could open one."""
        return self._shop.access.current() is None and self.client.get_cookie(COOKIE) is None

    def asks(self, path: str, method: str = "GET", **how: object) -> TestResponse:
        if not self.is_open:
            self.unlock()
        with self.client.open(path, method=method, **how) as answer:
            return answer


@pytest.mark.parametrize("number", [CLERK, TECHNICIAN])
def test_every_public_address_locks_the_counter_of_the_browser_that_asks(
    app: Flask, shop: CounterShop, own: Objects, number: str
) -> None:
    """Asked for directly, by GET, HEAD and POST; what is no page of the public face locks nothing."""
    screen, found, pages = Screen(app, shop, number), [], 0
    for rule, method in routes(app):
        if NEEDS[rule.endpoint] not in (Need.PUBLIC, Need.OPEN) or rule.endpoint in (*STREAMS, "counter.lock"):
            continue
        for verb in (method, "HEAD") if method == "GET" else (method,):
            answer = screen.asks(own.path(rule), verb)
            locks = rule.endpoint not in NO_PAGE
            if locks is screen.is_open or locks is not _forgets(answer) or locks is not screen.is_locked:
                found.append(f"{verb} {rule.rule}: the counter is {'open' if screen.is_open else 'locked'}")
            pages += locks
    assert not found, "\n".join(found)
    assert pages > 25


def test_an_address_that_is_no_page_locks_nothing_and_the_list_is_the_table(app: Flask) -> None:
    assert {endpoint for endpoint, need in NEEDS.items() if need is Need.OPEN} == NO_PAGE


def test_only_the_browser_with_the_counter_s_cookie_locks_it(app: Flask, shop: CounterShop, own: Objects) -> None:
    """A station with a screen for each face: the villager's browser carries no cookie, or one that has ended."""
    screen = Screen(app, shop)
    screen.unlock()
    for cookie in ("", "x" * 43, _ended_token(shop, screen)):
        villager = app.test_client()
        villager.set_cookie(COOKIE, cookie)
        for rule, method in routes(app):
            if NEEDS[rule.endpoint] is Need.PUBLIC and rule.endpoint not in STREAMS:
                with villager.open(own.path(rule), method=method):
                    assert screen.is_open, f"{method} {rule.rule}"
    assert screen.client.get("/counter/day").status_code == 200


def _ended_token(shop: CounterShop, screen: Screen) -> str:
    old = shop.unlock(SECOND, SECOND_PIN)
    screen.unlock()
    return old.token


WAYS = (
    "",
    "?ask=void",
    "?ask=void&reason=wrong_party",
    "?ask=proxy",
    "?ask=return",
    "?ask=close",
    "?ask=delivery",
    "?state=overdue",
    "?page=2",
    "?member=M-00017",
    "?expected=5000",
)


@pytest.mark.parametrize("number", [CLERK, TECHNICIAN])
def test_every_link_and_form_of_a_page_behind_the_lock(
    care: Flask, shop: CounterShop, own: Objects, number: str
) -> None:
    """A target that is public locks; one that is not leads to no public page."""
    screen, followed = Screen(care, shop, number), set[str]()
    shop.leave_bags(5_000)
    for rule, method in routes(care):
        if method != "GET" or not is_staff_address(rule.rule) or rule.endpoint in STREAMS:
            continue
        for way in WAYS:
            page = screen.asks(own.path(rule) + way)
            if page.mimetype != "text/html" or page.status_code >= 500:
                continue
            for verb, target in _ways_on(page.text):
                if (verb, target) in followed or target.partition("?")[0] == "/counter/lock":
                    continue
                followed.add((verb, target))
                _follow(screen, verb, target)
    assert len(followed) > 20


def _ways_on(page: str) -> Iterator[tuple[str, str]]:
    for target in re.findall(r'<a [^>]*href="([^"]*)"', page):
        yield "GET", unescape(target)
    for form in re.findall(r"<form [^>]*>", page):
        yield "POST", unescape(re.findall(r'action="([^"]*)"', form)[0])


def _follow(screen: Screen, verb: str, target: str) -> None:
    """As a browser does: redirects included, to the page that is then on the screen."""
    for _ in range(5):
        answer = screen.asks(target, verb)
        if not is_staff_address(target) and target != "/language":
            assert screen.is_locked, f"{verb} {target}"
        if answer.status_code not in (301, 302, 303, 307, 308):
            return
        verb, target = "GET", answer.location
        if not is_staff_address(target):
            with screen.client.get(target) as shown:  # without unlocking again in between
                assert shown.status_code in (200, 303)
                assert screen.is_locked, target
            return
    pytest.fail(f"{target} leads in circles")


def test_taking_up_an_intake_locks_with_the_act_itself(app: Flask, shop: CounterShop) -> None:
    """The answer may never be followed: the counter is locked before it leaves."""
    screen = Screen(app, shop)
    screen.unlock()
    receipt = shop.leave_bags(5_000)
    screen.unlock()
    answer = screen.client.post(f"/counter/intakes/{receipt}/take_up")
    assert (answer.status_code, answer.location) == (303, "/")
    assert not screen.is_open
    assert _forgets(answer)
    assert screen.client.get("/", follow_redirects=True).request.path == "/agree"
    assert screen.client.get("/counter/parcels").location == "/counter", "one tap leads to the door"
    assert b'name="pin"' in screen.client.get("/counter").data
    assert screen.client.post("/counter/handover", data={"number": "P-0147-A-000001"}).status_code == 403


def test_what_is_refused_at_take_up_leaves_the_clerk_at_the_counter(app: Flask, shop: CounterShop) -> None:
    screen = Screen(app, shop)
    answer = screen.asks("/counter/intakes/0147-A-000001/take_up", "POST")
    assert answer.status_code == 409
    assert screen.is_open


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/nowhere", "GET", 404), ("/agree", "PUT", 405), ("/counterfeit", "GET", 404), ("/photos/a", "GET", 404)],
)
def test_a_page_that_says_there_is_none(app: Flask, shop: CounterShop, path: str, method: str, status: int) -> None:
    screen = Screen(app, shop)
    answer = screen.asks(path, method)
    assert answer.status_code == status
    assert 'href="/"' in answer.text
    assert not screen.is_open


def test_a_picture_the_browser_looks_for_by_itself_locks_nothing(app: Flask, shop: CounterShop) -> None:
    screen = Screen(app, shop)
    assert screen.asks("/favicon.ico", headers={"Sec-Fetch-Dest": "image"}).status_code == 404
    assert screen.is_open


@pytest.mark.parametrize("path", ["/counter/nowhere", "/technician/nowhere", "/counter/parcels/in/x"])
def test_an_address_of_the_counter_that_is_none_leads_back_to_the_counter(
    app: Flask, shop: CounterShop, path: str
) -> None:
    screen = Screen(app, shop)
    answer = screen.asks(path)
    assert answer.status_code == 404
    assert screen.is_open
    assert 'href="/counter"' in answer.text
    assert 'href="/"' not in answer.text
    assert 'href="/"' in app.test_client().get(path).text, "to a villager it is a page like any other"


def test_a_fault_at_the_counter_leads_back_to_the_counter(
    app: Flask, shop: CounterShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen(app, shop)
    screen.unlock()
    monkeypatch.setattr(PaperQueue, "queue", lambda papers, session: 1 / 0)
    answer = screen.asks("/counter/queue")
    assert answer.status_code == 500
    assert screen.is_open
    assert 'href="/counter"' in answer.text


@pytest.mark.parametrize(("here", "stays"), [("/counter/parcels", True), ("/", False), ("/help", False), ("x", False)])
def test_another_language_locks_where_it_leads_to_the_public_face(
    app: Flask, shop: CounterShop, here: str, stays: bool
) -> None:
    screen = Screen(app, shop)
    answer = screen.asks("/language", "POST", data={"here": here, "lang": "zh"})
    assert screen.client.get(answer.location).status_code in (200, 303)
    assert screen.is_open is stays


def test_my_parcel_on_the_counter_s_own_screen_calls_the_clerk(app: Flask, shop: CounterShop) -> None:
    """One screen for both faces: whoever walks over to the public one has left the counter."""
    screen = Screen(app, shop)
    screen.asks("/parcel")
    assert not screen.is_open
    screen.unlock()
    code = shop.code_of(shop.bring(1))
    answer = screen.client.post("/parcel/code", data={"code": code})
    assert not screen.is_open
    assert CALLED in screen.client.get(answer.location).text


def test_a_technician_hands_out_no_parcel(app: Flask, shop: CounterShop) -> None:
    """*My parcel* on another screen: a technician at the counter is no clerk."""
    code = shop.code_of(shop.bring(1))
    Screen(app, shop, TECHNICIAN).unlock()
    villager = app.test_client()
    page = villager.post("/parcel/code", data={"code": code}).location
    assert CALLED in villager.get(page).text
    Screen(app, shop, CLERK).unlock()
    assert CALLED not in villager.get(page).text


def test_nothing_behind_the_lock_is_kept_by_the_browser(app: Flask, shop: CounterShop, own: Objects) -> None:
    """The button that goes back finds no old page; what the browser keeps of it in memory is asked for anew."""
    screen = Screen(app, shop)
    for rule, method in routes(app):
        if method == "GET" and is_staff_address(rule.rule) and rule.endpoint not in STREAMS:
            assert screen.asks(own.path(rule)).headers["Cache-Control"] == "no-store", rule.rule


def _forgets(answer: TestResponse) -> bool:
    return any(row.startswith("counter=;") for row in answer.headers.getlist("Set-Cookie"))
