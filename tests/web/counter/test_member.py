"""One member's intakes at the counter: page by page, all of them and nobody else's."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from kiosk.texts import load
from kiosk.web.factory import create_app
from kiosk.web.settings import WebSettings
from tests.station.counter.rig import PIN
from tests.web.counter.shop import CounterShop


@pytest.fixture
def shop(counter_shop: CounterShop) -> CounterShop:
    return counter_shop


@pytest.fixture
def client(shop: CounterShop) -> FlaskClient:
    """Clerk 01 has unlocked the counter."""
    found = create_app(shop, WebSettings(language="en")).test_client()
    assert found.post("/counter/unlock", data={"number": "01", "pin": PIN}).location == "/counter"
    return found


def test_a_member_s_card_shows_that_member_s_intakes(shop: CounterShop, client: FlaskClient) -> None:
    mine, other = shop.book(member="00017"), shop.book(member="04412")
    page = client.get("/counter/intakes?member=M-00017").text
    assert mine in page
    assert other not in page


def test_a_member_s_list_has_pages_of_that_member_alone(shop: CounterShop, client: FlaskClient) -> None:
    mine = []
    for _ in range(11):
        mine.append(shop.book(member="00017"))
        shop.book(member="04412")
    first = client.get("/counter/intakes?member=M-00017").text
    assert 'href="/counter/intakes?member=M-00017&amp;page=2"' in first
    second = client.get("/counter/intakes?member=M-00017&page=2").text
    assert 'href="/counter/intakes?member=M-00017&amp;page=1"' in second
    shown = [re.findall(r'href="/counter/intakes/(0147-A-[0-9]{6})"', page) for page in (first, second)]
    assert shown == [mine[:2:-1], mine[2::-1]]
    assert 'name="here" value="/counter/intakes?member=M-00017"' in first, "another language keeps the list"
    shop.counter.day.close(shop.session)
    assert load("en").template("counter.intakes.none", {}) in client.get("/counter/intakes?member=M-00017").text


def test_more_intakes_than_one_reading_holds_are_all_a_member_s(
    shop: CounterShop, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.web.counter.lists.AT_ONCE", 2)
    mine = [shop.book(member=member) for member in ("00017", "04412", "00017", "04412", "00017")][::2]
    page = client.get("/counter/intakes?member=M-00017").text
    assert re.findall(r'href="/counter/intakes/(0147-A-[0-9]{6})"', page) == mine[::-1]
