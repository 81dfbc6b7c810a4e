"""*My parcel* on the public face: six digits or a slip, and nothing handed out without a clerk."""

from __future__ import annotations

import logging
import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from kiosk.domain.parcel import ParcelState
from kiosk.station.counter.parcels import HANDOVER_S
from kiosk.station.scan_router import CLERK_CALLED
from kiosk.store.shared.records import ParcelRow
from kiosk.texts import load
from kiosk.web.factory import create_app
from kiosk.web.shared.settings import WebSettings
from tests.station.counter.rig import PIN, foreign
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


def called(shop: CounterShop, client: FlaskClient, *numbers: int) -> list[ParcelRow]:
    """These parcels came, the counter was locked, and the code of each was typed."""
    parcels = [shop.bring(number) for number in numbers]
    shop.access.sign_out(shop.session.token)
    for parcel in parcels:
        answer = client.post("/parcel/code", data={"code": shop.code_of(parcel)})
        assert answer.status_code == 303
        assert says(client.get(answer.location).text, "parcel.called")
    return parcels


def waiting(shop: CounterShop) -> int:
    return shop.counter.state.view().waiting_handovers


def test_without_a_clerk_the_code_is_kept_until_one_unlocks(
    shop: CounterShop, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    parcel = shop.bring(1)
    code = shop.code_of(parcel)
    shop.access.sign_out(shop.session.token)
    assert "data-key" in client.get("/parcel").text
    answer = client.post("/parcel/code", data={"code": code})
    assert code not in answer.location
    page = client.get(answer.location).text
    assert says(page, "parcel.called")
    assert "A-1-01" not in page, "nobody watches the shelf"
    assert 'href="/counter"' in page
    assert shop.board.snapshot().notice.word == CLERK_CALLED
    assert client.post("/counter/unlock", data={"number": "01", "pin": PIN}).status_code == 303
    counter = client.get("/counter").text
    assert "A-1-01" in counter
    assert f'name="number" value="{parcel.number}"' in counter
    assert code not in caplog.text
    assert code not in page + counter


def test_the_villager_is_told_when_the_clerk_is_there(shop: CounterShop, client: FlaskClient) -> None:
    """Where the counter has a screen of its own, this one goes on showing the answer."""
    called(shop, client, 1)
    shop.unlock()
    page = client.get("/parcel" + newest(shop)).text
    assert says(page, "parcel.found")
    assert "A-1-01" in page


def test_without_a_clerk_wrong_codes_are_told_and_counted(shop: CounterShop, client: FlaskClient) -> None:
    code = shop.code_of(shop.bring(1))
    shop.access.sign_out(shop.session.token)
    for _ in range(5):
        answer = client.post("/parcel/code", data={"code": "000999"})
        assert answer.status_code == 409
        assert says(answer.text, "parcel.wrong_code")
        shop.later(20)
    assert says(client.post("/parcel/code", data={"code": code}).text, "parcel.locked")
    shop.unlock()
    assert says(client.post("/parcel/code", data={"code": code}).text, "parcel.locked"), "a clerk clears no count"
    assert waiting(shop) == 0


def test_without_a_clerk_one_code_is_kept_and_the_newest(shop: CounterShop, client: FlaskClient) -> None:
    shop.counter.handovers.public_code(shop.code_of(shop.bring(3)))
    _, second = called(shop, client, 1, 2)
    assert waiting(shop) == 2, "nobody is dropped to whom the clerk has said to come"
    assert shop.up.number == second.number, "whoever called stands at the screen"


def test_a_code_is_kept_for_minutes_and_no_longer_than_the_villager_stays(
    shop: CounterShop, client: FlaskClient
) -> None:
    parcel, *_ = called(shop, client, 1)
    client.post("/leave")
    assert waiting(shop) == 1, "back at the start, the clerk can be let in"
    client.post("/leave", data={"idle": "1"})
    assert waiting(shop) == 0
    client.post("/parcel/code", data={"code": shop.code_of(parcel)})
    shop.later(HANDOVER_S + 1)
    assert waiting(shop) == 0


def test_whoever_leaves_takes_nothing_from_a_clerk_who_is_there(shop: CounterShop, client: FlaskClient) -> None:
    called(shop, client, 1)
    shop.unlock()
    client.post("/leave", data={"idle": "1"})
    assert waiting(shop) == 1


def test_who_was_called_and_came_finds_all_of_them_again_after_a_lock(shop: CounterShop, client: FlaskClient) -> None:
    first, second = shop.bring(1), shop.bring(2)
    shop.counter.handovers.public_code(shop.code_of(first))
    shop.access.sign_out(shop.session.token)
    client.post("/parcel/code", data={"code": shop.code_of(second)})
    shop.unlock()
    shop.access.sign_out(shop.session.token)
    client.post("/leave", data={"idle": "1"})
    door = client.get("/counter").text
    assert re.search(r"<bdi[^>]*>2</bdi>", door), "the door says how many wait"
    assert "A-1-0" not in door, "and of no parcel which"
    shop.unlock()
    assert waiting(shop) == 2
    shop.later(HANDOVER_S + 1)
    assert waiting(shop) == 0, "not for ever"
    shop.access.sign_out(shop.session.token)
    assert "still-waiting" not in client.get("/counter").text


def test_a_slip_under_the_scanner_answers_by_itself(shop: CounterShop, client: FlaskClient) -> None:
    parcel = shop.bring(1)
    slip = parcel.number.slip_code(shop.code_of(parcel))
    shop.router.on_scan(slip)
    assert says(client.get("/parcel" + newest(shop)).text, "parcel.found")
    shop.access.sign_out(shop.session.token)
    assert says(client.get("/parcel" + newest(shop)).text, "parcel.nobody"), "no clerk is there to bring it"
    shop.router.on_scan(slip)
    assert says(client.get("/parcel" + newest(shop)).text, "parcel.called")


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
