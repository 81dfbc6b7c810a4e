"""*Check a receipt* on the public face: what stands on the screen, for how long, and what no page changes."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kiosk.domain.moment import ClockQuality
from kiosk.domain.slip import SlipVerdict
from kiosk.domain.trade import Mode
from kiosk.messaging.contract.configuration import KeyRow
from kiosk.station.slips import SHOWN_S, SILENT_S
from kiosk.texts import load
from kiosk.web.factory import create_app
from kiosk.web.shared.settings import WebSettings
from tests.station.papers_signed import KEYS, OTHER, changed, elsewhere, paper
from tests.web.shop import Shop

EN = load("en")
PHONE = "0998-1234567"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    shop.phone = PHONE
    at(shop, 0)
    return shop


@pytest.fixture
def client(shop: Shop) -> FlaskClient:
    return create_app(shop, WebSettings(language="en")).test_client()


def at(shop: Shop, seconds: float) -> None:
    """So much later than the first one."""
    shop.slip_clock = lambda: 1000 + seconds


def page(client: FlaskClient) -> str:
    answer = client.get("/slip")
    assert answer.status_code == 200
    return unescape(re.sub(r"<nav.*?</nav>", "", answer.text, flags=re.S))


def words(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", text))


def test_a_tap_asks_for_a_receipt_and_looking_at_it_changes_nothing(shop: Shop, client: FlaskClient) -> None:
    assert client.get("/slip").location == "/", "nothing was asked for"
    answer = client.post("/slip/check")
    assert (answer.status_code, answer.location) == (303, "/slip")
    before = shop.board.snapshot()
    for seconds, left in ((0, "3000"), (2.5, "500")):
        at(shop, seconds)
        found = page(client)
        assert EN.text("slip.hold") in found
        assert f'data-ms="{left}" data-post="/slip/time_up"' in found
    for _ in range(3):
        client.get("/slip")
    assert shop.board.snapshot() == before


def test_silence_is_unreadable(shop: Shop, client: FlaskClient) -> None:
    client.post("/slip/check")
    client.post("/slip/time_up")
    assert EN.text("slip.hold") in page(client), "too early"
    at(shop, SILENT_S)
    assert EN.text("slip.unreadable") in page(client), "also where no page tells that its time is up"
    for _ in range(2):
        assert client.post("/slip/time_up").location == "/slip"
    assert shop.board.snapshot().notice.count == 2
    found = page(client)
    assert EN.text("slip.do.unreadable") in found
    assert 'data-earcon="attention"' in found
    at(shop, SILENT_S + SHOWN_S)
    assert client.get("/slip").location == "/"


CARDS = {
    SlipVerdict.RIGHT: (elsewhere(bags=12), "ok", "right"),
    SlipVerdict.COPY: (elsewhere(bags=12, copy_no=2), "attention", "right"),
    SlipVerdict.VOIDED: (elsewhere(bags=12), "error", "wrong"),
    SlipVerdict.CHANGED: (changed(elsewhere(bags=12)), "error", "wrong"),
    SlipVerdict.KEY_DOUBTED: (elsewhere(bags=12), "error", "wrong"),
    SlipVerdict.KEY_UNKNOWN: (elsewhere(bags=12), "attention", "open"),
    SlipVerdict.OTHER_COUNTY: (elsewhere(region="maralbexi", bags=12), "attention", "open"),
    SlipVerdict.UNREADABLE: (elsewhere()[:99], "attention", "open"),
}
COMPARED = {SlipVerdict.RIGHT, SlipVerdict.COPY, SlipVerdict.VOIDED}


def judged_by(shop: Shop, verdict: SlipVerdict) -> None:
    """The county's document says what leads to it."""
    doubted = (KeyRow("S0201", KEYS[1].public, "cloned"),)
    keys = {SlipVerdict.KEY_DOUBTED: doubted, SlipVerdict.KEY_UNKNOWN: ()}.get(verdict, KEYS)
    voids = frozenset({str(OTHER)} if verdict is SlipVerdict.VOIDED else ())
    shop.county.live = replace(shop.county.live, keys=keys, voids=voids)


def test_every_verdict_has_its_words_its_sound_and_only_a_believed_one_its_figures(
    shop: Shop, client: FlaskClient, subtests: pytest.Subtests
) -> None:
    assert set(CARDS) == set(SlipVerdict)
    for verdict, (text, sound, tone) in CARDS.items():
        with subtests.test(verdict.value):
            judged_by(shop, verdict)
            shop.slips.scanned(text)
            found = page(client)
            shown = words(found)
            assert EN.text(f"slip.{verdict}") in shown
            assert load("zh").text(f"slip.{verdict}") in shown
            assert f'class="slip slip-{tone}' in found
            assert f'data-earcon="{sound}"' in found
            for figure in ("2026-11-07 05:20", "Badam", "12 bags", "12.320 kg", "¥58.00/kg", "¥714.56"):
                assert (figure in shown) == (verdict in COMPARED)
            assert (str(OTHER) in shown) == (verdict not in {SlipVerdict.UNREADABLE} and sound != "error") or (
                verdict is SlipVerdict.VOIDED
            )
            assert (PHONE in shown) == (verdict in {SlipVerdict.CHANGED, SlipVerdict.KEY_DOUBTED})
            assert text[-30:] not in found


def test_what_a_paper_does_not_say_is_not_made_up(shop: Shop, client: FlaskClient) -> None:
    shop.slips.scanned(elsewhere(minute=None, clock=ClockQuality.UNSET, product="X-17", mode=Mode.CONSIGNMENT))
    shown = words(page(client))
    assert EN.text("slip.no_date") in shown
    assert "X-17" in shown
    assert "≈ ¥714.56" in shown
    shop.phone = ""
    shop.slips.scanned(changed(elsewhere()))
    assert EN.text("slip.do.changed") in words(page(client))


def test_a_receipt_does_not_stay(shop: Shop, client: FlaskClient) -> None:
    shop.slips.scanned(elsewhere())
    at(shop, SHOWN_S - 0.5)
    assert 'data-ms="500"' in page(client)
    at(shop, SHOWN_S)
    assert client.get("/slip").location == "/"
    shop.slips.scanned(elsewhere())
    assert client.post("/slip/done").status_code == 303
    assert client.get("/slip").location == "/"
    assert client.get("/").status_code == 200


def test_another_receipt_is_another_check(shop: Shop, client: FlaskClient) -> None:
    shop.slips.scanned(elsewhere())
    shop.slips.scanned(changed(elsewhere()))
    assert EN.text("slip.changed") in page(client)
    shop.slips.scanned(elsewhere())
    assert EN.text("slip.right") in page(client)
    assert shop.board.snapshot().notice.count == 3


def test_in_the_middle_of_an_intake_nothing_is_checked(shop: Shop, client: FlaskClient) -> None:
    shop.at_agree()
    before = shop.desk.view()
    answer = client.post("/slip/check")
    assert answer.status_code == 409
    shop.slips.scanned(elsewhere())
    assert client.get("/slip").location == "/agree"
    for verb in ("time_up", "done"):
        assert client.post(f"/slip/{verb}").location == "/slip"
    assert shop.desk.view() == before
    notice = shop.board.snapshot().notice
    assert EN.text("slip.not_now") in client.get(f"/agree?notice={notice.count}").text


def test_an_intake_that_begins_takes_the_receipt_away(shop: Shop, client: FlaskClient) -> None:
    shop.slips.scanned(elsewhere())
    shop.at_who()
    assert client.get("/slip").location == "/who"
    found = client.get(f"/who?notice={shop.board.snapshot().notice.count}").text
    assert EN.text("slip.not_now") in found
    assert str(OTHER) not in found


def test_the_language_keeps_the_receipt(shop: Shop, client: FlaskClient) -> None:
    shop.slips.scanned(elsewhere())
    assert client.post("/language", data={"lang": "ug", "here": "/slip"}).location == "/slip"
    assert load("ug").text("slip.right") in page(client)


@pytest.mark.parametrize("path", ["/slip/scan", "/slip/judge", "/slip/check/x"])
def test_no_address_takes_a_code(client: FlaskClient, path: str) -> None:
    assert client.post(path, data={"text": paper()}).status_code == 404
