"""*Take it in* on the page: where the button stands, what it sends, and what an old page does with it."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from kiosk.domain.parcel import ParcelState
from kiosk.texts import load
from kiosk.web.factory import create_app
from kiosk.web.shared.settings import WebSettings
from tests.station.counter.rig import PIN
from tests.web.counter.shop import CounterShop, waybill

EN = load("en")
LANGUAGES = ("ug", "zh", "en")


@pytest.fixture
def shop(counter_shop: CounterShop) -> CounterShop:
    return counter_shop


@pytest.fixture
def client(shop: CounterShop) -> FlaskClient:
    """Clerk 01 has unlocked the counter and chosen no direction."""
    client = create_app(shop, WebSettings(language="en")).test_client()
    client.post("/counter/unlock", data={"number": "01", "pin": PIN})
    return client


def scanned(client: FlaskClient, text: str) -> str:
    client.post("/counter/scan", data={"text": text})
    return client.get("/counter").text


def offer_on(page: str) -> str:
    (offer,) = re.findall(r'action="/counter/take_in"><input type="hidden" name="offer" value="([^"]+)"', page)
    return str(offer)


def test_one_touch_in_every_language(shop: CounterShop, client: FlaskClient) -> None:
    for number, language in enumerate(LANGUAGES):
        client.set_cookie("lang", language)
        page = scanned(client, waybill(number))
        assert load(language).text("counter.take_in") in page
        assert waybill(number) in page, "the clerk sees whose touch it is"
        answer = client.post("/counter/take_in", data={"offer": offer_on(page)}, follow_redirects=True)
        assert answer.request.path == "/counter"
        assert "shelf-huge" in answer.text
        assert "take_in" not in answer.text
    assert shop.store.parcels.counts()[ParcelState.NOTICED] == len(LANGUAGES)


def test_the_list_s_own_parcels_have_the_button_too(shop: CounterShop, client: FlaskClient) -> None:
    shop.expect(5)
    answer = client.post("/counter/scan", data={"text": waybill(5)})
    assert answer.location == "/counter"
    client.post("/counter/take_in", data={"offer": offer_on(client.get("/counter").text)})
    assert shop.row_of(5).expected


def test_nothing_else_has_the_button(shop: CounterShop, client: FlaskClient) -> None:
    shop.bring(1)
    for mode in ("", "out"):
        client.post("/counter/mode", data={"mode": mode})
        for text in ("6901234567892", "13800138000", "https://example.test", "hello", waybill(1)):
            assert "take_in" not in scanned(client, text), (mode, text)
        assert ("take_in" in scanned(client, waybill(2))) == (mode == "")


def test_two_taps_a_scan_between_and_an_old_page(shop: CounterShop, client: FlaskClient) -> None:
    first = offer_on(scanned(client, waybill(1)))
    second = offer_on(scanned(client, waybill(2)))
    stale = client.post("/counter/take_in", data={"offer": first})
    assert stale.status_code == 409
    assert EN.text("counter.refused.stale_page") in stale.text
    assert client.post("/counter/take_in").status_code == 409
    assert shop.store.parcels.counts()[ParcelState.NOTICED] == 0
    for _ in range(2):
        answer = client.post("/counter/take_in", data={"offer": second})
        assert (answer.status_code, answer.location) == (303, "/counter")
    assert shop.store.parcels.counts()[ParcelState.NOTICED] == 1
    assert shop.row_of(2).shelf is not None
    assert "counter/undo" in client.get("/counter").text, "the second tap hides nothing of the first"


def test_locked_in_between(shop: CounterShop, client: FlaskClient) -> None:
    offer = offer_on(scanned(client, waybill(1)))
    client.post("/counter/lock")
    assert client.post("/counter/take_in", data={"offer": offer}).status_code in (403, 409)
    client.post("/counter/unlock", data={"number": "01", "pin": PIN})
    assert "take_in" not in client.get("/counter").text
    assert client.post("/counter/take_in", data={"offer": offer}).status_code == 409
    assert shop.store.parcels.counts()[ParcelState.NOTICED] == 0


def test_another_origin_takes_nothing_in(shop: CounterShop, client: FlaskClient) -> None:
    offer = offer_on(scanned(client, waybill(1)))
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert client.post("/counter/take_in", data={"offer": offer}, headers=headers).status_code == 403
    assert shop.store.parcels.counts()[ParcelState.NOTICED] == 0
