"""The clock on the screen: set before anybody unlocks, and by a technician whom no wrong clock keeps out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kiosk.base.refused import Refused
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.station.shared.clock_setting import ClockSetter, judge
from kiosk.store import Stamp
from kiosk.texts import LANGUAGES, load
from kiosk.web.factory import create_app
from kiosk.web.shared.settings import WebSettings
from tests.station.counter.rig import PIN
from tests.web.counter.shop import CounterShop

EN = load("en")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TYPED, MEANT = "202612011435", datetime(2026, 12, 1, 6, 35, tzinfo=UTC)


class OldClock(CounterShop):
    """Its clock module is dead: it believes in 1970 until somebody sets it."""

    utc = EPOCH + timedelta(minutes=2)

    def stamp(self) -> Stamp:
        moment, unset = super().stamp().moment, self.utc.year < 2026
        quality = ClockQuality.UNSET if unset else ClockQuality.RESTORED
        return Stamp(replace(moment, utc=self.utc, quality=quality), "test")


class Helper(ClockSetter):
    """Sets the clock of the shop."""

    def __init__(self, shop: OldClock) -> None:
        super().__init__(None)
        self.shop = shop

    @property
    def possible(self) -> bool:
        return True

    def set(self, at: datetime, now: Moment, *, forward: bool) -> None:
        if word := judge(at, now.utc, forward=forward):
            raise Refused(f"clock_{word}")
        self.shop.utc = at


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[OldClock]:
    shop = OldClock(tmp_path)
    shop.clock_setter = Helper(shop)
    yield shop
    shop.close()


def browser(shop: OldClock, language: str = "en") -> FlaskClient:
    return create_app(shop, WebSettings(language=language)).test_client()


def said(client: FlaskClient, path: str) -> str:
    return unescape(client.get(path).text)


def test_a_villagers_screen_offers_it_while_the_clock_is_unset(shop: OldClock) -> None:
    client = browser(shop)
    assert 'href="/clock"' in said(client, "/")
    assert said(client, "/clock").count('class="slot"') == 12
    page = said(client, f"/clock?at={TYPED}")
    assert ("2026-12-01" in page, "14:35" in page) == (True, True)
    assert shop.utc.year == 1970, "a look sets nothing"
    assert client.post("/clock", data={"at": TYPED}).location == "/"
    assert shop.utc == MEANT
    assert 'href="/clock"' not in said(client, "/")
    assert client.get("/clock").location == "/"
    again = client.post("/clock", data={"at": "202712011435"})
    assert (again.status_code, EN.text("clock.refused.set_already") in again.text, shop.utc) == (409, True, MEANT)


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("202613011435", "no_time"),
        ("1" * 60_000, "no_time"),
        ("202612011435'", "no_time"),
        ("197001010003", "early"),
        ("209901010000", "late"),
    ],
)
def test_what_is_no_time_for_a_station(shop: OldClock, typed: str, word: str) -> None:
    client = browser(shop)
    if len(typed) < 100:  # as long as an address may be
        assert EN.text(f"clock.refused.{word}") in said(client, f"/clock?at={typed}")
    answer = client.post("/clock", data={"at": typed})
    assert (answer.status_code, EN.text(f"clock.refused.{word}") in answer.text) == (409, True)
    assert shop.utc.year == 1970


def test_a_technician_signs_in_with_a_clock_of_1970_and_sets_it_both_ways(shop: OldClock) -> None:
    client = browser(shop)
    assert client.post("/counter/unlock", data={"number": "03", "pin": PIN}).status_code == 303
    page = said(client, "/technician/clock")
    assert ("1970-01-01" in page, EN.text("clock.quality.unset") in page) == (True, True)
    wrong = client.post("/technician/clock", data={"at": "203012011435"})
    assert wrong.location == "/technician/clock?done=1"
    assert client.post("/counter/unlock", data={"number": "03", "pin": PIN}).status_code == 303, "nor one of 2030"
    assert client.post("/technician/clock", data={"at": TYPED}).status_code == 303
    assert shop.utc == MEANT
    refused = client.post("/technician/clock", data={"at": "197001010003"})
    assert (refused.status_code, EN.text("clock.refused.early") in refused.text) == (409, True)


def test_a_clerk_changes_no_clock_that_is_set(shop: OldClock) -> None:
    client = browser(shop)
    client.post("/counter/unlock", data={"number": "01", "pin": PIN})
    assert client.post("/technician/clock", data={"at": TYPED}).status_code == 403
    assert shop.utc.year == 1970


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_machine_that_is_no_appliance_says_so(shop: OldClock, language: str) -> None:
    shop.clock_setter = ClockSetter(None)
    client = browser(shop, language)
    assert load(language).text("clock.refused.none") in said(client, "/clock")
    assert client.post("/clock", data={"at": TYPED}).status_code == 409
