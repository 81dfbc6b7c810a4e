"""A PIN by telephone through Flask's own client: who may do it, what the pages say, what a refused step leaves."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kiosk.domain.telephone_pin import answer
from kiosk.station.clerk.telephone import TelephonePin
from kiosk.texts import LANGUAGES, load
from kiosk.web.counter.forgotten import HOME
from kiosk.web.factory import create_app
from kiosk.web.shared.settings import WebSettings
from tests.station.counter.rig import PIN, SECOND_PIN
from tests.web.counter.shop import SECRET, CounterShop

NEW_PIN = "408172"


@pytest.fixture
def shop(counter_shop: CounterShop) -> CounterShop:
    return counter_shop


def browser(shop: CounterShop, language: str = "en") -> FlaskClient:
    return create_app(shop, WebSettings(language=language)).test_client()


def digits(shop: CounterShop) -> tuple[str, str]:
    """What stands on the screen, and what the county answers."""
    found = shop.telephone_pin.current
    assert found is not None
    return found.challenge, answer(SECRET, "S0147", found.person.number, found.challenge)


def begin(client: FlaskClient, number: str = "02") -> TestResponse:
    return client.post(f"{HOME}/begin", data={"number": number})


def reply(client: FlaskClient, challenge: str, typed: str) -> TestResponse:
    return client.post(f"{HOME}/answer", data={"challenge": challenge, "answer": typed})


def says(answer: TestResponse, word: str) -> bool:
    return load("en").text(f"counter.{word}") in unescape(re.sub(r"<[^>]+>", "", answer.text))


def test_from_the_door_and_back_to_it(shop: CounterShop) -> None:
    client = browser(shop)
    assert f'formaction="{HOME}/begin"' in client.get("/counter").text
    assert begin(client).location == HOME
    challenge, right = digits(shop)
    page = client.get(HOME).text
    assert f"{challenge[:4]} {challenge[4:]}" in page
    assert (page.count('class="slot"'), right in page) == (8, False)
    assert reply(client, challenge, right).location == HOME
    page = client.get(HOME).text
    assert (page.count('class="slot"'), "data-secret" in page, challenge in page) == (12, True, False)
    easy = client.post(f"{HOME}/pin", data={"pin": "123456" * 2})
    assert (easy.status_code, load("en").text("setup.refused.pin_too_easy") in easy.text) == (409, True)
    done = client.post(f"{HOME}/pin", data={"pin": NEW_PIN * 2})
    assert done.location == "/counter?done=pin"
    assert says(client.get(done.location), "forgotten.done")
    assert shop.access.current() is None, "nobody was signed in by it"
    assert client.get(HOME).location == "/counter"
    assert client.post("/counter/unlock", data={"number": "02", "pin": SECOND_PIN}).status_code == 409
    shop.later(60)
    assert client.post("/counter/unlock", data={"number": "02", "pin": NEW_PIN}).status_code == 303


def test_a_person_without_a_pin_is_at_the_door_and_is_told_the_way(shop: CounterShop) -> None:
    shop.store.clerks.set_pin("02", "", shop.stamp())
    client = browser(shop)
    page = client.get("/counter").text
    assert ("Memet" in page, load("en").text("technician.people.no_pin") in page) == (True, True)
    refused = client.post("/counter/unlock", data={"number": "02", "pin": "000111"})
    assert (refused.status_code, says(refused, "refused.no_own_pin")) == (409, True)
    assert shop.access.guess_limit.wait_s() == 0, "nothing was guessed"
    assert begin(client).location == HOME


def test_whoever_was_signed_in_is_no_more(shop: CounterShop) -> None:
    client = browser(shop)
    client.post("/counter/unlock", data={"number": "01", "pin": PIN})
    assert begin(client).location == HOME
    assert shop.access.current() is None
    assert client.get("/counter/day").status_code == 303


def test_what_is_refused_stays_where_the_person_stands(shop: CounterShop) -> None:
    client = browser(shop)
    assert says(begin(client, ""), "refused.choose_person")
    for number in ("77", "\ud7ff", "1" * 60_000):
        assert says(begin(client, number), "refused.unknown_clerk")
    begin(client)
    challenge, right = digits(shop)
    wrong = reply(client, challenge, "00000000")
    assert (wrong.status_code, says(wrong, "refused.wrong_answer"), challenge[:4] in wrong.text) == (409, True, True)
    assert says(reply(client, "87654321", right), "refused.challenge_over")
    assert reply(client, challenge, "9" * 60_000).status_code == 409
    assert client.post(f"{HOME}/pin", data={"pin": NEW_PIN * 2}).status_code == 409, "before any answer"
    shop.telephone_pin = TelephonePin(shop.access, "S0147", None, lambda: 0)
    assert says(begin(browser(shop)), "refused.no_county_secret")


def test_two_at_once_and_a_villager_in_between(shop: CounterShop) -> None:
    """One screen: the second person's digits take the place of the first one's, and the villager has the screen."""
    client, other = browser(shop), browser(shop)
    begin(client, "01")
    first = digits(shop)
    begin(other, "02")
    challenge, right = digits(shop)
    assert says(reply(client, *first), "refused.challenge_over")
    assert client.get("/").status_code == 200
    assert reply(other, challenge, right).status_code == 303
    assert client.get(HOME).location == "/counter", "the answer was typed in another browser"
    assert client.post(f"{HOME}/pin", data={"pin": NEW_PIN * 2}).status_code == 409
    other.get("/")
    assert other.post(f"{HOME}/pin", data={"pin": NEW_PIN * 2}).status_code == 409, "it was left for the villagers"


def test_it_is_ended_by_its_own_button_alone(shop: CounterShop) -> None:
    client = browser(shop)
    begin(client)
    before = digits(shop)
    for path in (HOME, "/counter", "/", f"{HOME}/end"):
        client.get(path)
    assert digits(shop) == before, "a look changes nothing"
    assert urlsplit(client.post(f"{HOME}/end").location).path == "/counter"
    assert shop.telephone_pin.current is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_speak_all_languages(shop: CounterShop, language: str) -> None:
    client, texts = browser(shop, language), load(language)
    begin(client)
    assert texts.text("counter.forgotten.answer") in unescape(client.get(HOME).text)
    refused = reply(client, digits(shop)[0], "00000000")
    assert texts.text("counter.refused.wrong_answer") in unescape(refused.text)
