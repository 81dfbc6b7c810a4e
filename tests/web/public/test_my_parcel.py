"""*My parcel* on the public face: six digits or a slip, and nothing handed out without a clerk."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from kiosk.domain.parcel import ParcelState
from kiosk.texts import load
from kiosk.web.factory import create_app
from kiosk.web.settings import WebSettings
from tests.station.counter.rig import foreign
from tests.web.counter.shop import CounterShop, waybill

EN = load("en")


@pytest.fixture
def shop(counter_shop: CounterShop) -> CounterShop:
    return counter_shop


@pytest.fixture
def client(shop: CounterShop) -> FlaskClient:
    """A villager's screen; the counter is another one."""
    return create_app(shop, WebSettings(language="en")).test_client()


def says(page: str, text_id: str) -> bool:
    return EN.text(text_id) in unescape(page)


def newest(shop: CounterShop) -> str:
    return f"?notice={shop.board.snapshot().notice.count}"


def test_the_pad_shows_two_languages_and_keeps_no_code(shop: CounterShop, client: FlaskClient) -> None:
    shop.unlock()
    page = client.get("/parcel").text
    assert says(page, "parcel.ask")
    assert load("zh").text("parcel.or_scan") in page
    assert 'name="code" value=""' in page
    assert 'href="/parcel' not in re.sub(r"<nav.*?</nav>", "", page, flags=re.S), "no digit stands in an address"


def test_a_right_code_is_brought_by_the_clerk(shop: CounterShop, client: FlaskClient) -> None:
    parcel = shop.bring(1)
    answer = client.post("/parcel/code", data={"code": shop.code_of(parcel)})
    assert answer.status_code == 303
    page = client.get(answer.location).text
    assert says(page, "parcel.found")
    assert "A-1-01" in page
    assert waybill(1) not in page
    assert shop.up.number == parcel.number
    assert shop.row(parcel.number).state is ParcelState.NOTICED


def test_an_answer_is_gone_when_something_newer_came(shop: CounterShop, client: FlaskClient) -> None:
    parcel = shop.bring(1)
    there = client.post("/parcel/code", data={"code": shop.code_of(parcel)}).location
    shop.board.notify("not_a_member_card")
    assert "A-1-01" not in client.get(there).text


@pytest.mark.parametrize("code", ["000999", "", "12345", "abcdef", "１２３４５６", "9" * 400])
def test_a_wrong_code_is_said_and_not_shown(shop: CounterShop, client: FlaskClient, code: str) -> None:
    shop.bring(1)
    answer = client.post("/parcel/code", data={"code": code})
    assert answer.status_code == 409
    assert says(answer.text, "parcel.wrong_code")
    assert code == "" or code not in answer.text


def test_five_wrong_codes_lock_for_minutes(shop: CounterShop, client: FlaskClient) -> None:
    parcel = shop.bring(1)
    for _ in range(6):
        answer = client.post("/parcel/code", data={"code": "000999"})
        shop.later(20)
    assert says(answer.text, "parcel.locked")
    assert re.search(r"Or wait <bdi[^>]*>\d+</bdi> min", answer.text)
    assert client.post("/parcel/code", data={"code": shop.code_of(parcel)}).status_code == 409, "nor does a right one"


def test_without_a_clerk_nothing_is_tried(shop: CounterShop, client: FlaskClient) -> None:
    code = shop.code_of(shop.bring(1))
    shop.access.sign_out(shop.session.token)
    assert says(client.get("/parcel").text, "parcel.nobody")
    assert "data-key" not in client.get("/parcel").text
    for _ in range(9):
        answer = client.post("/parcel/code", data={"code": "000999"})
        assert answer.status_code == 409
        assert says(answer.text, "parcel.nobody")
    shop.unlock()
    assert client.post("/parcel/code", data={"code": code}).status_code == 303, "no guess was counted"


def test_a_slip_under_the_scanner_answers_by_itself(shop: CounterShop, client: FlaskClient) -> None:
    parcel = shop.bring(1)
    shop.router.on_scan(parcel.number.slip_code(shop.code_of(parcel)))
    assert says(client.get("/parcel" + newest(shop)).text, "parcel.found")
    shop.access.sign_out(shop.session.token)
    assert says(client.get("/parcel" + newest(shop)).text, "parcel.nobody"), "no clerk is there to bring it"


@pytest.mark.parametrize(
    ("text", "text_id"),
    [
        ("13812345678", "counter.refused.phone_number"),
        ("https://example.invalid", "counter.refused.url"),
        ("WIFI:S:x;P:secret;;", "counter.refused.wifi"),
        ("Y1P0٤٤١٢J", "counter.refused.look_alike"),
        (foreign("K"), "parcel.foreign"),
        (waybill(1), "who.unknown_card"),
    ],
)
def test_any_other_scan_is_named_over_the_screen(
    shop: CounterShop, client: FlaskClient, text: str, text_id: str
) -> None:
    shop.router.on_scan(text)
    page = client.get("/" + newest(shop)).text
    assert says(page, text_id)
    assert 'role="alertdialog"' in page
    assert text not in unescape(page)
    assert 'role="alertdialog" aria-labelledby="notice-text"' not in client.get("/").text, "touched away"


@pytest.mark.parametrize("notice", ["0", "99", "-1", "x", ""])
def test_no_address_brings_up_an_answer_that_is_not_there(client: FlaskClient, notice: str) -> None:
    assert 'aria-labelledby="notice-text"' not in client.get(f"/?notice={notice}").text
    assert client.get(f"/parcel?notice={notice}").status_code == 200


def test_while_goods_are_weighed_the_parcel_waits(shop: CounterShop, client: FlaskClient) -> None:
    shop.at_what(member="00017")
    assert client.get("/parcel").location == "/what"
