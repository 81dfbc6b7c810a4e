"""*What I brought here*: for whoever holds the card or types the code; purchases and estimates are never one sum."""

from __future__ import annotations

import logging
from html import unescape

import pytest
from flask.testing import FlaskClient

from kiosk.domain.identifiers import internal_code
from kiosk.domain.moment import ClockQuality
from kiosk.station.desk.view import DeskRefused, DeskStep
from kiosk.station.papers.rendering import paper_of
from kiosk.texts import load
from kiosk.web.factory import create_app
from kiosk.web.shared.settings import WebSettings
from tests.station.counter.rig import SECOND_PIN
from tests.station.fakes import CARD
from tests.web.counter.shop import KEY, CounterShop

EN = load("en")
MINE = internal_code("P", "00017")


@pytest.fixture
def shop(counter_shop: CounterShop) -> CounterShop:
    return counter_shop


@pytest.fixture
def client(shop: CounterShop) -> FlaskClient:
    """A villager's screen; the counter is another one."""
    return create_app(shop, WebSettings(language="en")).test_client()


def says(page: str, text_id: str) -> bool:
    return EN.text(text_id) in unescape(page)


def with_card(shop: CounterShop, client: FlaskClient, card: str = MINE) -> str:
    """The card is held under the scanner at the home screen; the page it leads to."""
    shop.desk.intake_exit.leave()
    shop.router.on_scan(card)
    assert 'href="/brought"' in client.get("/help").text
    return client.get("/brought").text


def with_number(shop: CounterShop, client: FlaskClient) -> str:
    shop.desk.intake_exit.leave()
    shop.desk.choices.begin()
    assert client.post("/party", data={"party": "00017"}).location == "/what"
    return client.get("/brought").text


def new_code(shop: CounterShop) -> str:
    shop.print_all()
    shop.counter.members.print_code(shop.session, "M-00017")
    (job,) = shop.store.papers.open_jobs()
    return str(paper_of(job, KEY).code)


def void(shop: CounterShop, receipt: str) -> None:
    shop.counter.voids.void(shop.session, receipt, "wrong_product", "02", SECOND_PIN)


def test_the_card_shows_what_its_member_brought_and_nobody_else_s(shop: CounterShop, client: FlaskClient) -> None:
    shop.book(12_480)
    wrong, other = shop.book(50_000, "RAISIN"), shop.book(7_000, member="04412")
    void(shop, wrong)
    shop.access.sign_out(shop.session.token)
    page = with_card(shop, client)
    assert "12.320" in page and "2026-11-25" in page and other[5:] not in page
    assert page.count("Aygul") == 1, "the short name, as on the screens before"
    assert wrong[5:] in page and says(page, "counter.intake.void") and says(page, "brought.voids")
    sums = page[page.index("brought-sums") : page.index("brought-rows")]
    assert "49.840" not in sums, "a void one counts nowhere"
    empty = with_card(shop, client, CARD)
    assert other[5:] in empty and wrong[5:] not in empty


def test_a_number_alone_shows_no_money_and_the_newest_code_opens_it_once(
    shop: CounterShop, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receipt, events = shop.book(), shop.store.journal.verify
    before, count = new_code(shop), events()
    code = new_code(shop)
    page = with_number(shop, client)
    assert says(page, "brought.code") and receipt[5:] not in page and "Aygul" not in page
    assert client.post("/brought/print").status_code == 409
    for wrong in (before, "", "12345", "１２３４５６", "x" * 400):
        answer = client.post("/brought/code", data={"code": wrong})
        assert answer.status_code == 409 and says(answer.text, "problem.wrong_code"), wrong
        shop.later(60)
    assert client.post("/brought/code", data={"code": code}).location == "/brought"
    assert receipt[5:] in client.get("/brought").text
    shop.desk.intake_exit.leave()
    assert client.get("/brought").location == "/"
    assert says(with_number(shop, client), "brought.code"), "the next visit is somebody else's"
    assert code not in caplog.text and before not in caplog.text
    assert events() == count, "no event tells of a code, and no page writes one"


def test_wrong_codes_lock_members_and_parcels_together(shop: CounterShop, client: FlaskClient) -> None:
    code, parcel = new_code(shop), shop.bring(1)
    with_number(shop, client)
    for _ in range(6):
        answer = client.post("/brought/code", data={"code": f"{(int(code) + 1) % 10**6:06d}"})
        shop.later(20)
    assert says(answer.text, "problem.code_locked")
    assert client.post("/brought/code", data={"code": code}).status_code == 409, "nor does a right one"
    assert client.post("/parcel/code", data={"code": shop.code_of(parcel)}).status_code == 409


def test_another_s_code_opens_nothing(shop: CounterShop, client: FlaskClient) -> None:
    code = new_code(shop)
    shop.desk.intake_exit.leave()
    shop.desk.choices.begin()
    shop.desk.choices.choose_party("04412")
    assert client.post("/brought/code", data={"code": code}).status_code == 409
    with pytest.raises(DeskRefused, match="stale_page"):
        shop.desk.choices.prove_member("M-00017")
    assert not shop.desk.view().by_card


def test_nobody_but_a_member_at_the_goods_has_this_page(shop: CounterShop, client: FlaskClient) -> None:
    assert client.get("/brought").location == "/"
    assert client.post("/brought/code", data={"code": "123456"}).status_code == 409
    assert client.post("/brought/print").status_code == 409
    shop.desk.choices.begin()
    assert client.get("/brought").location == "/who"
    shop.desk.choices.choose_party("non_member")
    assert 'href="/brought"' not in client.get("/help").text
    assert client.get("/brought").location == "/what"


def test_a_card_in_the_middle_of_an_intake_is_what_it_was(shop: CounterShop, client: FlaskClient) -> None:
    """At *who* it chooses the party; later it changes nothing."""
    shop.desk.choices.begin()
    shop.router.on_scan(MINE)
    assert shop.desk.view().step is DeskStep.WHAT
    shop.router.on_scan(CARD)
    assert str(shop.desk.view().party) == "M-00017"
    shop.router.on_scan(internal_code("P", "99999"))
    assert str(shop.desk.view().party) == "M-00017"
    assert shop.desk.choices.choose_product("BADAM", shop.desk.view().catalog_version).step is DeskStep.AGREE
    assert client.get("/brought").location == "/agree"


def test_the_strip_is_queued_once_while_it_waits(shop: CounterShop, client: FlaskClient) -> None:
    shop.book()
    shop.print_all()
    page = with_card(shop, client)
    assert says(page, "brought.print")
    for _ in range(2):
        assert client.post("/brought/print").location == "/brought?printed=1"
    assert says(client.get("/brought?printed=1").text, "brought.printing")
    (job,) = shop.store.papers.open_jobs()
    strip = paper_of(job)
    assert (strip.member, strip.year, strip.sums.receipts, len(strip.rows)) == ("M-00017", 2026, 1, 1)
    assert (strip.signed_code, strip.fails) == ("", False), "a county without a host for such codes signs none"
    assert b"Aygul" not in job.body
    shop.print_all()
    client.post("/brought/print")
    assert len(shop.store.papers.open_jobs()) == 1


def test_without_a_clock_all_receipts_are_one_period(shop: CounterShop, client: FlaskClient) -> None:
    shop.book()
    shop.clock_quality = ClockQuality.UNSET
    page = with_card(shop, client)
    assert says(page, "brought.all") and not says(page, "brought.today")


def test_pages_are_turned_and_strange_ones_are_the_first_or_empty(shop: CounterShop, client: FlaskClient) -> None:
    receipts = [shop.book() for _ in range(5)]
    first = with_card(shop, client)
    assert all(one[5:] in first for one in receipts[1:]) and receipts[0][5:] not in first
    assert receipts[0][5:] in client.get("/brought?page=2").text
    for page in ("0", "-1", "x", "9" * 30):
        assert receipts[4][5:] in client.get(f"/brought?page={page}").text, page
    assert client.get("/brought?page=9999").status_code == 200
    assert client.post("/language", data={"here": "/brought", "lang": "zh"}).location == "/brought"
