"""The technician's pages of people: taken on, a new PIN, closed; and nobody locks everybody out."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kiosk.domain.clerk import Role
from kiosk.station.clerk.pin_hash import NO_PIN_KEY
from kiosk.store import StoreError
from kiosk.texts import LANGUAGES, load
from kiosk.web.factory import create_app
from kiosk.web.shared import roles
from kiosk.web.shared.settings import WebSettings
from kiosk.web.technician import people as pages
from tests.station.counter.rig import HASHES, PIN, SECOND_PIN, refused
from tests.store.village import events
from tests.web.counter.shop import CounterShop

NEW_PIN = "408172"
HOME = pages.HOME


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[CounterShop]:
    """A station with clerks 01 and 02 and technician 03."""
    shop = CounterShop(tmp_path)
    yield shop
    shop.close()


def browser(shop: CounterShop, number: str = "03", pin: str = PIN, language: str = "en") -> FlaskClient:
    """Unlocked by this person."""
    client = create_app(shop, WebSettings(language=language)).test_client()
    client.set_cookie(roles.COOKIE, shop.access.sign_in(number, pin).token)
    return client


def post(client: FlaskClient, act: str, **data: str) -> TestResponse:
    return client.post(f"{HOME}/{act}", data=data)


def named(client: FlaskClient, name: str = "Rahile", role: str = "clerk") -> TestResponse:
    return post(client, "name", name=name, role=role)


def told(folder: Path) -> list[tuple[str, str]]:
    """Type and clerk of the newest events."""
    return [(event["type"].split(".")[2], event["data"].get("clerk", "")) for event in events(folder / "station.db")]


class TestTakenOn:
    def test_by_name_role_and_a_pin_typed_twice(self, shop: CounterShop, tmp_path: Path) -> None:
        client, before = browser(shop), len(told(tmp_path))
        assert named(client).location == f"{HOME}/pin"
        page = client.get(f"{HOME}/pin").text
        assert ("Rahile" in page, page.count('class="slot"')) == (True, 12)
        assert post(client, "add", pin=NEW_PIN * 2).location == f"{HOME}?done=1"
        assert "Rahile" in client.get(f"{HOME}?page=2").text
        assert told(tmp_path)[before:] == [("added", "clerk:04")]
        row = shop.store.clerks.by_number("04")
        assert row is not None
        assert (row.name, row.role, NEW_PIN in row.pin_hash) == ("Rahile", Role.CLERK, False)
        assert post(client, "add", pin=NEW_PIN * 2).status_code == 409, "the same touch twice is one person"
        assert shop.access.sign_in("04", NEW_PIN).person.name == "Rahile"

    def test_a_second_clerk_agrees_to_a_void(self, shop: CounterShop) -> None:
        shop.access.retire("02")
        client = browser(shop)
        named(client)
        post(client, "add", pin=NEW_PIN * 2)
        first = shop.access.sign_in("01", PIN).person
        assert shop.access.authenticate_second("04", NEW_PIN, first).witness == "witness:04"

    def test_a_second_technician(self, shop: CounterShop) -> None:
        client = browser(shop)
        named(client, role="technician")
        post(client, "add", pin=NEW_PIN * 2)
        assert shop.access.sign_in("04", NEW_PIN).person.role is Role.TECHNICIAN

    @pytest.mark.parametrize("name", ["", " ", "13800138000", "x" * 41, "a\u202eb", "a\nb"])
    def test_what_is_no_name(self, shop: CounterShop, name: str) -> None:
        answer = named(browser(shop), name)
        assert (answer.status_code, load("en").text("setup.refused.name") in answer.text) == (409, True)

    def test_a_name_is_text(self, shop: CounterShop) -> None:
        client = browser(shop)
        named(client, '<b>"Tu"')
        post(client, "add", pin=NEW_PIN * 2)
        for page in (HOME, f"{HOME}/person?number=04", f"{HOME}/pin?number=04"):
            assert "<b>" not in client.get(page).text

    @pytest.mark.parametrize(
        ("pin", "word"),
        [
            (NEW_PIN + PIN, "differs"),
            (NEW_PIN, "differs"),
            ("", "not_six_digits"),
            ("123456" * 2, "too_easy"),
            ("٤" * 12, "not_six_digits"),
            ("4081" * 2, "differs"),
            (NEW_PIN * 4, "not_six_digits"),
        ],
    )
    def test_the_rules_of_a_pin(self, shop: CounterShop, pin: str, word: str) -> None:
        client = browser(shop)
        named(client)
        for act, data in (("add", {}), ("pin", {"number": "01"})):
            answer = post(client, act, pin=pin, **data)
            assert (answer.status_code, load("en").text(f"setup.refused.pin_{word}") in answer.text) == (409, True)
            assert pin == "" or pin not in answer.text
            (back,) = re.findall(r'primary foot" href="([^"]+)"', answer.text)
            assert client.get(back).text.count('class="slot"') == 12, "the name stays"
        assert len(shop.store.clerks.everyone()) == 3

    def test_the_name_of_another_technician_is_forgotten(self, shop: CounterShop) -> None:
        client = browser(shop)
        named(client, role="technician")
        again = browser(shop)
        assert again.get(f"{HOME}/pin").location == f"{HOME}/new"
        assert post(again, "add", pin=NEW_PIN * 2).status_code == 409
        assert named(again, role="owner").status_code == 400


class TestNewPin:
    def test_ends_what_was_good_before(self, shop: CounterShop, tmp_path: Path) -> None:
        client, before = browser(shop), len(told(tmp_path))
        assert post(client, "pin", number="01", pin=NEW_PIN * 2).location == f"{HOME}?done=1"
        assert told(tmp_path)[before:] == [("changed", "clerk:01")]
        assert refused(lambda: shop.access.sign_in("01", PIN)).code == "wrong_pin"
        assert shop.access.sign_in("01", NEW_PIN).person.number == "01"

    def test_one_s_own_locks_the_counter(self, shop: CounterShop) -> None:
        client = browser(shop)
        post(client, "pin", number="03", pin=NEW_PIN * 2)
        assert client.get(HOME).status_code in (302, 303, 403)
        assert browser(shop, pin=NEW_PIN).get(HOME).status_code == 200

    def test_one_that_cannot_be_checked_here_is_told_and_cured(self, shop: CounterShop) -> None:
        _, _, argon = HASHES[PIN].partition("$argon2id")
        shop.store.clerks.set_pin("01", f"$keyed${'0' * 16}$argon2id{argon}", shop.stamp())
        client = browser(shop)
        assert client.get(HOME).text.count("finding-warn") == 1
        post(client, "pin", number="01", pin=NEW_PIN * 2)
        assert "finding-warn" not in client.get(HOME).text

    def test_nobody_of_that_number(self, shop: CounterShop) -> None:
        client = browser(shop)
        for number in ("77", "", "x", "\x00", "01' OR 1=1", "٠١"):
            assert post(client, "pin", number=number, pin=NEW_PIN * 2).status_code == 409, number
            for page in ("person", "pin"):
                answer = client.get(f"{HOME}/{page}", query_string={"number": number or "0"})
                assert answer.status_code == 404, number

    def test_without_the_stations_key(self, shop: CounterShop, monkeypatch: pytest.MonkeyPatch) -> None:
        client = browser(shop)
        monkeypatch.setattr(shop.access, "_pins", NO_PIN_KEY)
        answer = post(client, "pin", number="01", pin=NEW_PIN * 2)
        assert answer.status_code == 409
        assert load("en").text("technician.people.refused.no_pin_key") in unescape(answer.text)


class TestClosed:
    def test_after_a_question(self, shop: CounterShop, tmp_path: Path) -> None:
        client, before = browser(shop), len(told(tmp_path))
        assert "retire" not in client.get(f"{HOME}/person?number=02").text
        page = client.get(f"{HOME}/person?number=02&close=1").text
        assert re.findall(r'action="([^"]*retire)"', page) == [f"{HOME}/retire"]
        assert len(told(tmp_path)) == before
        assert post(client, "retire", number="02").location == f"{HOME}?done=1"
        assert told(tmp_path)[before:] == [("changed", "clerk:02")]
        assert "Memet" not in client.get(HOME).text
        assert refused(lambda: shop.access.sign_in("02", SECOND_PIN)).code == "wrong_pin"
        assert post(client, "retire", number="02").status_code == 409

    @pytest.mark.parametrize("number", ["03", "3", "003"])
    def test_the_last_technician_stays(self, shop: CounterShop, number: str) -> None:
        client = browser(shop)
        answer = post(client, "retire", number=number)
        assert (answer.status_code, load("en").text("technician.people.refused.last_technician") in answer.text) == (
            409,
            True,
        )
        row = shop.store.clerks.by_number("03")
        assert row is not None
        assert row.active

    def test_one_whose_pin_nobody_can_check_opens_nothing(self, shop: CounterShop) -> None:
        other = shop.access.add("Other", Role.TECHNICIAN, NEW_PIN)
        shop.store.clerks.set_pin(other.number, "", shop.stamp())
        assert post(browser(shop), "retire", number="03").status_code == 409
        assert post(browser(shop), "retire", number=other.number).status_code == 303, "and may be closed"

    def test_oneself_when_another_is_there(self, shop: CounterShop) -> None:
        shop.access.add("Other", Role.TECHNICIAN, NEW_PIN)
        client = browser(shop)
        assert post(client, "retire", number="03").status_code == 303
        assert client.get(HOME).status_code in (302, 303, 403)
        assert browser(shop, "04", NEW_PIN).get(HOME).status_code == 200

    def test_two_technicians_closed_at_once_leave_one(self, shop: CounterShop, monkeypatch: pytest.MonkeyPatch) -> None:
        shop.access.add("Other", Role.TECHNICIAN, NEW_PIN)
        looked, retire = threading.Barrier(2), shop.store.clerks.retire

        def late(*given: object) -> None:
            with suppress(threading.BrokenBarrierError):  # the other one waits until this one is done
                looked.wait(0.2)
            retire(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(shop.store.clerks, "retire", late)
        codes: list[str] = []

        def close(number: str) -> None:
            try:
                shop.access.retire(number)
            except Exception as error:
                codes.append(str(getattr(error, "code", error)))

        threads = [threading.Thread(target=close, args=(number,)) for number in ("03", "04")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert codes == ["last_technician"]


def test_nobody_else_gets_in(shop: CounterShop, tmp_path: Path) -> None:
    client, before = browser(shop, "01"), told(tmp_path)
    for page in ("", "/new", "/pin", "/person?number=02"):
        assert client.get(f"{HOME}{page}").status_code == 403
    for act in pages.POSTS:
        assert post(client, act, number="02", name="x", role="technician", pin=NEW_PIN * 2).status_code == 403
    client = browser(shop)
    evil = {"Origin": "http://evil.example"}
    assert client.post(f"{HOME}/retire", data={"number": "01"}, headers=evil).status_code == 403
    assert told(tmp_path) == before


def test_a_disk_that_is_full(shop: CounterShop, monkeypatch: pytest.MonkeyPatch) -> None:
    client = browser(shop)

    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(shop.store.clerks, "retire", full)
    answer = post(client, "retire", number="02")
    assert (answer.status_code, load("en").text("technician.refused.store_failed") in answer.text) == (409, True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_in_every_language(shop: CounterShop, language: str) -> None:
    client = browser(shop, language=language)
    named(client)
    for page in ("", "/new", "/new?letters=ug", "/pin", "/pin?number=01", "/person?number=03&close=1"):
        assert client.get(f"{HOME}{page}").status_code == 200
