"""The counter's stream: what it tells, to whom, and that scans go where somebody watches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from kiosk.web.counter.live import MAX_STREAMS, badges, counter_source, message, scan_id
from kiosk.web.factory import create_app
from kiosk.web.public.live import Streams
from kiosk.web.server import Server, serve
from kiosk.web.shared.roles import COOKIE
from kiosk.web.shared.settings import WebSettings
from tests.web.counter.shop import CounterShop, waybill
from tests.web.public.test_live import Listener


@pytest.fixture
def shop(counter_shop: CounterShop) -> CounterShop:
    return counter_shop


@pytest.fixture
def server(shop: CounterShop) -> Iterator[Server]:
    server = serve(create_app(shop, WebSettings(language="en")), "127.0.0.1", 0)
    server.start()
    yield server
    server.stop()


def listen(server: Server, token: str) -> Listener:
    return Listener(server, "/counter/live?lang=en", {"Cookie": f"counter={token}"})


def test_a_message_leads_to_the_page_of_the_scan_and_names_nothing(shop: CounterShop) -> None:
    parcel = shop.bring(1)
    shop.scan(parcel.number.slip_code(shop.code_of(parcel)))
    snapshot = shop.counter_board.snapshot()
    body = json.loads(message(snapshot))
    assert body["path"] == f"/counter/parcels/{parcel.number}"
    assert body["scan"] == scan_id(snapshot.view) != ""
    assert body["counts"] == {"scan": "1", "intakes": "", "queue": "2"}
    text = message(snapshot).decode()
    assert waybill(1) not in text
    assert shop.code_of(parcel) not in text


def test_no_scan_and_nothing_waiting_are_empty(shop: CounterShop) -> None:
    view = shop.counter.state.view()
    assert (scan_id(view), badges(view)) == ("", {"scan": "", "intakes": "", "queue": ""})


def test_a_refused_scan_leads_home_from_every_page(shop: CounterShop) -> None:
    shop.scan("13812345678")
    assert json.loads(message(shop.counter_board.snapshot()))["path"] == "/counter"


def test_over_the_wire_a_scan_is_told_at_once(shop: CounterShop, server: Server) -> None:
    token = shop.unlock().token
    with closing(listen(server, token)) as page:
        first = page.message()
        shop.bring(1)
        told = page.message()
        while told["scan"] == first["scan"]:
            told = page.message()
        assert (told["path"], told["n"] > first["n"]) == ("/counter", True)


@pytest.mark.parametrize("token", ["", "forged"])
def test_nobody_hears_it_without_the_counter_s_cookie(shop: CounterShop, server: Server, token: str) -> None:
    shop.unlock()
    with closing(listen(server, token)) as page:
        assert page.answer.status == 403


def test_it_ends_with_the_session_and_does_not_keep_it(shop: CounterShop, server: Server) -> None:
    token = shop.unlock().token
    with closing(listen(server, token)) as page:
        page.message()
        shop.later(301)
        lines = iter(page.answer.readline, b"")
        assert sum(1 for _, _ in zip(lines, range(90), strict=False)) < 90, "it goes on beating"
    assert shop.access.current() is None, "an open page is no touch"


def test_scans_belong_to_the_counter_while_it_is_watched(shop: CounterShop, server: Server) -> None:
    token = shop.unlock().token
    shop.counter.receiving.set_mode(shop.session, "in")
    assert not shop.counter_board.is_watched(0.0)
    with closing(listen(server, token)) as page:
        page.message()
        assert shop.counter_board.is_watched(0.0)
        shop.router.on_scan(waybill(1))
        assert shop.store.parcels.by_waybill(waybill(1)) is not None
    server.stop()
    assert shop.counter_board._watching == 0, "told once for every page that is gone"


def test_a_scan_right_after_the_pin_is_the_clerk_s_although_no_page_listens_yet(shop: CounterShop) -> None:
    client = create_app(shop, WebSettings(language="en")).test_client()
    client.set_cookie(COOKIE, shop.unlock().token)
    shop.counter.receiving.set_mode(shop.session, "in")
    assert not shop.counter_board.is_watched()
    assert client.get("/counter").status_code == 200
    shop.router.on_scan(waybill(1))
    assert shop.store.parcels.by_waybill(waybill(1)) is not None


def test_one_page_too_many_ends_the_oldest(shop: CounterShop) -> None:
    streams = Streams(counter_source(shop.counter_board), MAX_STREAMS)
    pages = [streams.open(message) for _ in range(MAX_STREAMS + 1)]
    assert list(pages[0]) == []
    assert len(streams) == MAX_STREAMS
    for page in pages:
        page.close()
        page.close()
    assert shop.counter_board._watching == 0
