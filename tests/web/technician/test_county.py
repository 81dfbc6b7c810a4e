"""The county on the technician's pages: its document, its people; the banner of prices that it has not confirmed."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kiosk.domain.configuration import RefusalReason
from kiosk.station.configuration.checks import WaitingDocument
from kiosk.station.configuration.county import StickDocument
from kiosk.station.configuration.floor import RefusedDocument
from kiosk.store import StoreError
from kiosk.texts import LANGUAGES, load
from kiosk.web.factory import create_app
from kiosk.web.shared import roles
from kiosk.web.shared.settings import WebSettings
from kiosk.web.technician.county import HOME, WAITS
from tests.station.counter.rig import PIN
from tests.web.counter.shop import CounterShop
from tests.web.shop import FakeCounty, document, in_force

EN = load("en")
NEW_PIN = "408172"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[CounterShop]:
    shop = CounterShop(tmp_path)
    yield shop
    shop.close()


@pytest.fixture
def county(shop: CounterShop) -> FakeCounty:
    shop.county.has_county = True
    shop.county.document = in_force()
    return shop.county


def browser(shop: CounterShop, language: str = "en", number: str = "03") -> FlaskClient:
    client = create_app(shop, WebSettings(language=language)).test_client()
    client.set_cookie(roles.COOKIE, shop.access.sign_in(number, PIN).token)
    return client


def said(client: FlaskClient, path: str = HOME) -> str:
    return unescape(client.get(path).text)


def test_what_is_in_force_what_waits_and_what_was_refused(shop: CounterShop, county: FakeCounty) -> None:
    client = browser(shop)
    page = said(client)
    assert "2.17" in page
    assert "2026-12-01 10:05" in page, "on the clock of the village"
    county.confirmed, county.by_hand = False, True
    county.waiting = WaitingDocument(b"", document(18), "busy_pan")
    county.last_refusal = RefusedDocument("b" * 64, 2, 19, RefusalReason.SIGNATURE, "2026-12-01T04:00:00Z")
    page = said(client)
    for word in ("waits.busy", "reason.signature"):
        assert EN.text(f"technician.county.{word}") in page
    assert "may have a newer one" in page
    assert EN.text("technician.goods.by_hand") in page
    county.document = None
    assert EN.text("technician.county.nothing") in said(client)


def test_a_document_is_taken_from_the_stick_that_was_shown(shop: CounterShop, county: FakeCounty) -> None:
    client, stick = browser(shop), Path("/run/kiosk-media/sda1/station-configuration/S0147")
    county.sticks = (
        StickDocument(stick, document(18), None, same=False),
        StickDocument(stick / "old", None, RefusalReason.UNREADABLE, same=False),
    )
    page = said(client)
    assert page.count('name="folder"') == 1, "what is refused cannot be taken"
    assert EN.text("technician.county.reason.unreadable") in page
    done = client.post(f"{HOME}/take", data={"folder": str(stick)})
    assert (done.location, county.taken) == (f"{HOME}?done=1", [stick])
    assert EN.text("technician.county.done") in said(client, done.location)
    for folder in ("/etc", "", "../../etc", "x" * 60_000, "\x00"):
        refused = client.post(f"{HOME}/take", data={"folder": folder})
        assert (refused.status_code, EN.text("technician.county.reason.gone") in refused.text) == (409, True)
    assert county.taken == [stick]


def test_every_reason_has_a_sentence_in_three_languages() -> None:
    words = [*(f"reason.{reason}" for reason in (*RefusalReason, "gone", "wait")), *(f"waits.{why}" for why in WAITS)]
    for language in LANGUAGES:
        texts = load(language)
        sentences = {
            texts.text(f"technician.county.{word}", **{"time": "x"} if word == "waits.effective" else {})
            for word in words
        }
        assert len(sentences) == len(words)


def test_a_station_without_a_county_says_so_and_has_all_its_people(shop: CounterShop) -> None:
    client = browser(shop)
    assert EN.text("technician.county.none") in said(client)
    people = said(client, "/technician/people")
    assert "/technician/people/new" in people
    assert EN.text("technician.people.refused.county_people") not in people


def test_the_countys_people_are_read_only_but_for_their_pins(shop: CounterShop, county: FakeCounty) -> None:
    county.people = True
    client, why = browser(shop), EN.text("technician.people.refused.county_people")
    page = said(client, "/technician/people")
    assert (why in page, "/technician/people/new" in page) == (True, False)
    assert "close=1" not in said(client, "/technician/people/person?number=01")
    assert 'name="number"' not in said(client, "/technician/people/person?number=01&close=1")
    for act, data in (
        ("name", {"name": "Rahile", "role": "clerk"}),
        ("add", {"pin": NEW_PIN * 2}),
        ("retire", {"number": "01"}),
    ):
        answer = client.post(f"/technician/people/{act}", data=data)
        assert (answer.status_code, why in unescape(answer.text)) == (409, True), act
    assert client.get("/technician/people/new").status_code == 409
    assert [row.number for row in shop.store.clerks.everyone()] == ["01", "02", "03"]
    assert client.post("/technician/people/pin", data={"number": "01", "pin": NEW_PIN * 2}).status_code == 303
    shop.access.sign_in("01", NEW_PIN)


def test_prices_that_are_not_confirmed_are_said_wherever_somebody_agrees_to_them(
    shop: CounterShop, county: FakeCounty
) -> None:
    sentence = "not confirmed by the county"
    shop.at_agree(12_480)
    public = create_app(shop, WebSettings(language="en")).test_client()
    assert sentence not in said(public, "/agree")
    county.confirmed = False
    assert "2026-12-01" in said(public, "/agree")
    assert sentence in said(public, "/agree")
    view = shop.desk.view()
    shop.desk.agreement.agree(view.reading_no, view.token)
    assert sentence in said(public, "/take")
    clerk = browser(shop, number="01")
    assert sentence in said(clerk, "/counter")
    county.document = None
    assert EN.text("agree.prices_unconfirmed_all") in said(clerk, "/counter")
    county.confirmed = True
    assert sentence not in said(clerk, "/counter")


def test_a_database_that_cannot_be_read_hides_no_page(shop: CounterShop, county: FakeCounty) -> None:
    def failing() -> None:
        raise StoreError("the card is gone")

    county.confirmed = False
    county.in_force = failing  # type: ignore[method-assign, assignment]
    shop.at_agree(12_480)
    public = create_app(shop, WebSettings(language="en")).test_client()
    assert public.get("/agree").status_code == 200
    assert browser(shop).get(HOME).status_code == 409
