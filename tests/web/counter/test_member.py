"""One member's intakes at the counter: page by page, all of them and nobody else's."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from kiosk.devices.printer.profiles import profile
from kiosk.domain.catalog import Member
from kiosk.domain.identifiers import internal_code
from kiosk.station.papers.rendering import paper_of, render
from kiosk.texts import load
from kiosk.web.factory import create_app
from kiosk.web.shared.settings import WebSettings
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
    assert mine[0] in client.get("/counter/intakes?member=M-00017&page=2").text, "the year does not end with the day"


def test_a_card_is_printed_from_the_member_s_page_and_a_lost_one_as_a_copy(
    shop: CounterShop, client: FlaskClient
) -> None:
    """A new member has no card to scan yet: the number is typed."""
    here = "/counter/intakes?member=M-00017"
    assert client.post("/counter/type", data={"text": "M-00017"}).location == here
    assert client.post("/counter/type", data={"text": "M-99999"}).location == "/counter"
    assert f'href="{here}&amp;ask=card"' in client.get(here).text
    assert "ask=card" not in client.get("/counter/intakes?member=M-99999").text
    assert 'action="/counter/members/M-00017/card"' in client.get(f"{here}&ask=card").text
    for _ in range(2):
        assert client.post("/counter/members/M-00017/card").location == "/counter/queue"
    (job,) = shop.store.papers.open_jobs()
    card = paper_of(job)
    assert (job.document, job.printer, job.about) == ("member_card", "label", "M-00017")
    assert (card.member, card.code, card.copy) == ("M-00017", internal_code("P", "00017"), False)
    assert b"Aygul" not in job.body, "a lost card tells nobody whose it is"
    assert load("en").template("counter.paper.member_card", {}) in client.get("/counter/queue").text
    shop.print_all()
    assert client.post("/counter/members/M-00017/card").location == "/counter/queue"
    (copy,) = shop.store.papers.open_jobs()
    assert (paper_of(copy).copy, paper_of(copy).copy_no) == (True, 1)
    render(copy, profile("tspl").setup)
    assert client.post("/counter/members/M-99999/card").status_code == 409


def test_a_member_whose_card_the_office_has_not_named_yet_is_told_so(shop: CounterShop, client: FlaskClient) -> None:
    said = load("en").template("counter.card.none", {})
    catalog = shop.store.catalogs.get()[1]
    members = (*catalog.members, Member("M-00077", "Turdi", None))
    shop.store.catalogs.add(replace(catalog, members=members), shop.stamp())
    page = client.get("/counter/intakes?member=M-00077").text
    assert said in page and "ask=card" not in page
    for other in ("M-00017", "M-99999"):
        assert said not in client.get(f"/counter/intakes?member={other}").text


def test_a_code_and_a_statement_are_printed_from_the_member_s_page(shop: CounterShop, client: FlaskClient) -> None:
    here = "/counter/intakes?member=M-00017"
    assert "/statement" not in client.get(here).text, "nothing was brought yet"
    assert client.post("/counter/members/M-00017/statement").status_code == 409
    receipt = shop.book(member="00017")
    assert 'action="/counter/members/M-00017/statement"' in client.get(here).text
    assert 'action="/counter/members/M-00017/code"' in client.get(f"{here}&ask=code").text
    shop.print_all()
    for act in ("statement", "statement", "code", "code"):
        assert client.post(f"/counter/members/M-00017/{act}").location == "/counter/queue"
    strip, code = shop.store.papers.open_jobs()
    assert (strip.document, strip.printer, code.document) == ("member_statement", "receipt", "member_code")
    assert paper_of(strip).rows[0].receipt == receipt[5:]
    page = client.get("/counter/queue").text
    assert all(load("en").text(f"counter.paper.member_{paper}") in page for paper in ("statement", "code"))
    shop.store.papers.sending(code.id)
    shop.store.papers.unknown(code.id, "device", shop.stamp())
    refused = client.post(f"/counter/prints/{code.id}/resolve", data={"came_out": "0"})
    assert refused.status_code == 409, "no code is printed twice"
    assert client.post("/counter/members/M-99999/code").status_code == 409
    assert client.post("/counter/members/nobody/code").status_code == 409
