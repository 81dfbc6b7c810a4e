"""The live picture of the mat: for the page that asks for a shot, for nobody else, and kept by no browser."""

from __future__ import annotations

from flask.testing import FlaskClient

from kiosk.devices.ports import LiveViewFrame
from kiosk.domain.verdict import Reason
from kiosk.station.counter.settings import CounterSettings
from kiosk.web.factory import create_app
from kiosk.web.shared.settings import WebSettings
from tests.station.counter.rig import PIN
from tests.station.hardware import BLUR, bring_in, judged, shot_of
from tests.web.counter.shop import CounterShop

PICTURE = shot_of(b"\xff\xd8\xff look \xff\xd9", 420, 300)
LIT = LiveViewFrame((Reason.HAND, Reason.FRAMING), picture=PICTURE)
TECHNICIAN = "03"


def browser_of(shop: CounterShop) -> FlaskClient:
    return create_app(shop, WebSettings(language="en")).test_client()


def unlocked(shop: CounterShop, number: str) -> FlaskClient:
    client = browser_of(shop)
    assert client.post("/counter/unlock", data={"number": number, "pin": PIN}).location == "/counter"
    return client


def test_at_take_it_is_there_only_while_a_shot_is_asked_for(counter_shop: CounterShop) -> None:
    shop, client = counter_shop, browser_of(counter_shop)
    shop.live_view.look = LIT
    assert client.get("/mat.jpg").status_code == 204
    result = shop.at_take().result
    assert result is not None
    assert 'data-address="/mat.jpg"' in client.get("/take").text
    answer = client.get("/mat.jpg")
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/jpeg", PICTURE.jpeg)
    assert (answer.headers["Lights"], answer.headers["Cache-Control"]) == ("hand framing", "no-store")
    (watch,) = shop.live_view.asked
    assert watch.lot == result.lot
    for look in (None, LiveViewFrame((Reason.MAT,))):
        shop.live_view.look = look
        assert (client.get("/mat.jpg").status_code, client.get("/mat.jpg").data) == (204, b"")
    watch.shoot()
    assert shop.photos == [(result.lot, result.product)]
    shop.live_view.look = LIT
    assert client.get("/mat.jpg").status_code == 204, "it is being taken"
    shop.desk.result_screen.photo_retake(shop.shots[-1], judged(b"", BLUR))
    assert client.get("/mat.jpg").status_code == 200
    shop.desk.result_screen.finish(anyway=True)
    asked = len(shop.live_view.asked)
    assert client.get("/mat.jpg").status_code == 204
    watch.shoot()
    assert (len(shop.photos), len(shop.live_view.asked)) == (1, asked), "the next villager's screen"


def test_at_the_counter_it_is_the_clerks_and_keeps_no_counter_open(counter_shop: CounterShop) -> None:
    shop = counter_shop
    shop.live_view.look = LIT
    row = bring_in(shop.store)
    address = f"/counter/intakes/{row.receipt}/mat.jpg"
    assert browser_of(shop).get(address).location == "/counter"
    assert unlocked(shop, TECHNICIAN).get(address).status_code == 403
    client = unlocked(shop, "01")
    assert address in client.get(f"/counter/intakes/{row.receipt}").text
    answer = client.get(address)
    assert (answer.status_code, answer.data, answer.headers["Cache-Control"]) == (200, PICTURE.jpeg, "no-store")
    assert client.get("/counter/intakes/R-0147-999999/mat.jpg").status_code == 404
    (watch,) = shop.live_view.asked
    watch.shoot()
    assert (watch.lot, shop.lots.asked) == (row.lot, [(row.lot, row.product)])
    for _ in range(4):
        shop.later(CounterSettings().lock_after_s / 3)
        where = client.get(address).location
    assert where == "/counter", "pictures alone do not keep it open"
    watch.shoot()
    assert len(shop.lots.asked) == 1
