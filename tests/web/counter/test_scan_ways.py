"""Ways of a scan to the counter beside its scanner: the camera, what is typed, and what was dropped on the way."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from kiosk.protocols.barcodes.refusal import ScanRefusal
from kiosk.station.counter.scans import ScanSources
from kiosk.texts import LANGUAGES, load
from kiosk.web.factory import create_app
from kiosk.web.public.sentences import scan_sentence
from kiosk.web.shared.settings import WebSettings
from tests.station.counter.acts import watching
from tests.station.counter.rig import PIN
from tests.web.counter.shop import CounterShop, waybill

LOOK = 'action="/counter/camera"'


@pytest.fixture
def client(counter_shop: CounterShop) -> FlaskClient:
    """Clerk 01 has unlocked the counter."""
    client = create_app(counter_shop, WebSettings(language="en")).test_client()
    client.post("/counter/unlock", data={"number": "01", "pin": PIN})
    return client


def test_the_camera_is_asked_by_a_tap_and_what_it_saw_comes_as_any_scan(
    counter_shop: CounterShop, client: FlaskClient
) -> None:
    asked: list[str] = []
    assert LOOK not in client.get("/counter").text
    assert client.post("/counter/camera").status_code == 409
    counter_shop.counter.scans.ways = ScanSources(request_camera_scan=lambda: asked.append("look"))
    for language in LANGUAGES:
        client.set_cookie("lang", language)
        page = client.get("/counter").text
        assert LOOK in page
        assert load(language).text("counter.camera_scan") in page
        answer = client.post("/counter/camera", follow_redirects=True)
        assert load(language).text("counter.camera_scan_now") in answer.text
    assert asked == ["look"] * len(LANGUAGES)
    client.post("/counter/mode", data={"mode": "in"})
    with watching(counter_shop.counter_board):
        counter_shop.router.on_scan("]C0" + waybill(1))
    assert "shelf-huge" in client.get("/counter").text
    client.post("/counter/lock")
    client.post("/counter/camera")
    assert len(asked) == len(LANGUAGES), "a locked counter asks nobody"


def test_where_a_scanner_is_set_up_what_is_typed_is_no_scan(counter_shop: CounterShop, client: FlaskClient) -> None:
    """The page's script gathers keys only where the field is."""
    assert "data-scan-field" in client.get("/counter").text
    counter_shop.counter.scans.ways = ScanSources(typed=False)
    for path in ("/counter", "/counter/parcels", "/counter/day", "/counter/type"):
        assert "data-scan-field" not in client.get(path).text


def test_every_word_for_a_dropped_scan_has_a_sentence_at_both_faces(
    counter_shop: CounterShop, client: FlaskClient
) -> None:
    for word in ScanRefusal:
        with watching(counter_shop.counter_board):
            counter_shop.router.on_refused(word)
        last = counter_shop.counter.state.view().last
        assert last is not None
        assert (last.kind, last.word, last.path, last.shown) == ("refused", word.value, "", "")
        for language in LANGUAGES:
            texts = load(language)
            client.set_cookie("lang", language)
            wanted = [f"counter.refused.{word}", f"problem.{word}"]
            sentence = next(texts.text(text_id) for text_id in wanted if text_id in texts)
            assert sentence in client.get("/counter").text
    client.post("/counter/lock")
    for word in set(ScanRefusal) - {ScanRefusal.NO_CODE, ScanRefusal.NO_PICTURE}:
        counter_shop.router.on_refused(word)
        assert counter_shop.board.snapshot().notice.word == word.value
        assert scan_sentence(word.value, load("en")).text_id == f"counter.refused.{word}"
