"""The check page's stream: the pan as it is now, the counter beside it, and who may hear it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from kiosk.domain.metrology.pan import NotBookableReason
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.texts import LANGUAGES, load
from kiosk.web.counter.check import PanBoard, message, why_id
from kiosk.web.factory import create_app
from kiosk.web.server import Server, serve
from kiosk.web.shared.settings import WebSettings
from kiosk.web.shared.speech import speech
from tests.web.counter.shop import CounterShop, waybill
from tests.web.public.test_live import Listener

WAIT_S = 60.0


@pytest.fixture
def shop(counter_shop: CounterShop) -> CounterShop:
    return counter_shop


@pytest.fixture
def board(shop: CounterShop) -> PanBoard:
    return PanBoard(shop.desk, shop.board, shop.counter_board)


@pytest.fixture
def server(shop: CounterShop) -> Iterator[Server]:
    server = serve(create_app(shop, WebSettings(language="en")), "127.0.0.1", 0)
    server.start()
    yield server
    server.stop()


def listen(server: Server, token: str) -> Listener:
    return Listener(server, "/counter/check/live?lang=en", {"Cookie": f"counter={token}"})


def test_a_message_tells_the_weight_and_whether_it_can_be_read(shop: CounterShop, board: PanBoard) -> None:
    shop.rest(0)
    told = json.loads(message(board.snapshot(), speech("en"), 3))
    assert (told["weight"]["text"], told["check"]["ready"]) == ("0.000", False)
    assert told["weight"]["why"][0] == load("en").text("counter.check.why.below_min")
    shop.rest(5_000)
    told = json.loads(message(board.snapshot(), speech("ug"), 3))
    assert (told["weight"]["text"], told["weight"]["state"], told["check"]["ready"]) == ("5.000", "stable", True)
    assert told["check"]["reading"] == shop.desk.view().pan.reading_no
    assert told["weight"]["why"][0] == load("ug").text("counter.check.ready")
    shop.desk.readings.on_expired(shop.now)
    told = json.loads(message(board.snapshot(), speech("en"), 3))
    assert (told["weight"]["text"], told["check"]["ready"]) == ("", False)


def test_it_leads_to_the_page_of_a_scan_like_every_page_of_the_counter(shop: CounterShop, board: PanBoard) -> None:
    shop.counter.receiving.set_mode(shop.session, "in")
    before = json.loads(message(board.snapshot(), speech("en"), 3))
    shop.scan(waybill(1))
    after = json.loads(message(board.snapshot(), speech("en"), 3))
    assert before["scan"] != after["scan"]
    assert after["path"].startswith("/counter")
    assert after["n"] > before["n"]
    assert waybill(1) not in str(after)


def test_the_number_grows_with_the_pan_the_counter_and_every_reading(shop: CounterShop, board: PanBoard) -> None:
    numbers = [board.snapshot().number]
    for step in (
        lambda: shop.rest(5_000),
        lambda: shop.read(5_000),
        lambda: shop.scan("13812345678"),
        lambda: shop.board.wake(),
    ):
        step()
        numbers.append(board.snapshot().number)
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("change", ["pan", "counter"])
def test_a_wait_ends_with_a_change_of_either(shop: CounterShop, board: PanBoard, change: str) -> None:
    assert shop.session
    before, found, begun = board.snapshot(), [], threading.Event()

    def watch() -> None:
        begun.set()
        found.append(board.wait(before.number, WAIT_S))

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert begun.wait(WAIT_S)
    shop.read(5_000) if change == "pan" else shop.scan("13812345678")
    watcher.join(WAIT_S)
    assert found[0] is not None
    assert found[0].number > before.number


def test_a_wait_without_a_change_ends_when_its_time_is_up(shop: CounterShop) -> None:
    now = iter((0.0, 0.0, 0.15, 0.31, 0.4))
    board = PanBoard(shop.desk, shop.board, shop.counter_board, clock=lambda: next(now))
    assert board.wait(board.snapshot().number, 0.3) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_the_pan_has_a_sentence(language: str) -> None:
    texts = load(language, strict=True)
    for word in ("", "intake_open", *(row.value for row in NotBookableReason)):
        assert texts.text(why_id(word, speech(language)))


@pytest.mark.parametrize("number", ["01", "03"])
def test_over_the_wire_for_a_clerk_and_a_technician(shop: CounterShop, server: Server, number: str) -> None:
    shop.rest(0)
    with closing(listen(server, shop.unlock(number).token)) as page:
        assert page.message()["weight"]["text"] == "0.000"
        shop.rest(5_000)
        told = page.message()
        while not told["check"]["ready"]:
            told = page.message()
        assert told["weight"]["text"] == "5.000"


@pytest.mark.parametrize("token", ["", "forged"])
def test_nobody_hears_it_without_the_counter_s_cookie(shop: CounterShop, server: Server, token: str) -> None:
    shop.unlock()
    with closing(listen(server, token)) as page:
        assert page.answer.status == 403


def test_it_ends_with_the_session_and_does_not_keep_it(shop: CounterShop, server: Server) -> None:
    with closing(listen(server, shop.unlock().token)) as page:
        page.message()
        shop.later(301)
        lines = iter(page.answer.readline, b"")
        assert sum(1 for _, _ in zip(lines, range(90), strict=False)) < 90, "it goes on"
    assert shop.access.current() is None, "an open page is no touch"


def test_a_scan_meanwhile_is_the_clerk_s(shop: CounterShop, server: Server) -> None:
    """Else a member card held under the scanner would begin an intake on top of the check weight."""
    token = shop.unlock().token
    with closing(listen(server, token)) as page:
        page.message()
        assert shop.counter_board.is_watched(0.0)
    server.stop()
    assert shop.counter_board._watching == 0
    with pytest.raises(CounterRefused):
        shop.check_weight.take(None)
