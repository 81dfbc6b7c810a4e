"""Every route through Flask's own client: what it shows, what it does, what it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kiosk.domain.catalog import Member, Names, Product
from kiosk.domain.identifiers import internal_code
from kiosk.station.desk.view import DeskStep, PhotoRequest
from kiosk.store.shared.errors import DiskFull
from kiosk.texts import load
from kiosk.web.counter.acts import ACTS as COUNTER_ACTS
from kiosk.web.counter.forgotten import POSTS
from kiosk.web.factory import create_app
from kiosk.web.public.payload import message, page_version
from kiosk.web.public.routes import ACTS
from kiosk.web.shared.guard import CSP
from kiosk.web.shared.settings import WebSettings
from kiosk.web.shared.speech import Speech
from tests.station.fakes import CARD
from tests.station.hardware import BLUR, TILT, judged
from tests.web.shop import CATALOG, HOSTILE, Shop

PATHS = {
    "/": DeskStep.HOME,
    "/who": DeskStep.WHO,
    "/what": DeskStep.WHAT,
    "/agree": DeskStep.AGREE,
    "/take": DeskStep.TAKE,
}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def app(shop: Shop) -> Flask:
    return create_app(shop, WebSettings(language="en"))


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as client:
        yield client


def at(shop: Shop, step: DeskStep) -> None:
    {
        DeskStep.HOME: lambda: shop.rest(0),
        DeskStep.WHO: shop.at_who,
        DeskStep.WHAT: shop.at_what,
        DeskStep.AGREE: shop.at_agree,
        DeskStep.TAKE: shop.at_take,
    }[step]()


def proof(page: str) -> dict[str, str]:
    """What the page itself would post."""
    return {
        name: re.findall(f'name="{name}" value="([^"]*)"', page)[0]
        for name in ("reading_no", "token")
        if f'name="{name}"' in page
    }


@pytest.mark.parametrize("step", list(DeskStep))
def test_each_step_has_its_own_page_and_every_other_leads_to_it(
    shop: Shop, client: FlaskClient, step: DeskStep
) -> None:
    at(shop, step)
    for path, owner in PATHS.items():
        answer = client.get(path)
        if owner is step:
            assert answer.status_code == 200
            assert f'data-step="{step.value}"' in answer.text
        else:
            assert answer.status_code == 303
            assert PATHS[answer.location] is step


def test_two_taps_for_a_member_with_a_card(shop: Shop, client: FlaskClient) -> None:
    shop.rest(0)
    assert client.post("/scan", data={"text": CARD}).location == "/what"
    shop.rest(12_480)
    chosen = client.post("/product", data={"code": "BADAM", "catalog_version": "1"}, follow_redirects=True)
    assert chosen.request.path == "/agree"
    assert "12.320" in chosen.text
    taken = client.post("/agree", data=proof(chosen.text), follow_redirects=True)
    assert taken.request.path == "/take"
    assert len(shop.store.booked) == 1


def test_a_stranger_needs_three_taps(shop: Shop, client: FlaskClient) -> None:
    shop.rest(0)
    assert client.post("/begin").location == "/who"
    assert client.post("/party", data={"party": "non_member"}).location == "/what"
    shop.rest(5_000)
    assert client.post("/product", data={"code": "HONEY", "catalog_version": "1"}).location == "/agree"


def test_the_pad_is_complete_without_scripts(shop: Shop, client: FlaskClient) -> None:
    shop.at_who()
    page = client.get("/who?ask=number&number=0441").text
    assert 'href="/who?ask=number&amp;number=04412"' in page
    full = client.get("/who?ask=number&number=04412").text
    assert 'name="party" value="04412"' in full
    assert client.post("/party", data={"party": "04412"}).location == "/what"


@pytest.mark.parametrize("typed", ["", "abc", "٠٤٤", "123456", "-1", "<b>"])
def test_nonsense_on_the_pad_is_an_empty_pad(shop: Shop, client: FlaskClient, typed: str) -> None:
    shop.at_who()
    page = client.get("/who", query_string={"ask": "number", "number": typed}).text
    assert 'data-typed=""' in page


def test_containers_modes_and_bags(shop: Shop, client: FlaskClient) -> None:
    shop.at_agree()
    assert "Crate" in client.get("/agree?ask=container").text
    assert "1.250" in client.post("/container", data={"code": "CRATE"}, follow_redirects=True).text
    sold = client.post("/mode", data={"mode": "purchase"}, follow_redirects=True).text
    assert load("en").text("agree.purchase") in sold
    counted = client.post("/bag", data=proof(sold), follow_redirects=True).text
    assert "/agree?ask=leave" in counted, "fixed bags are not thrown away by one wrong tap"
    assert client.post("/leave").location == "/"


def test_an_own_container_is_weighed_first(shop: Shop, client: FlaskClient) -> None:
    shop.at_agree(0)
    page = client.post("/container", data={"code": "OWN"}, follow_redirects=True).text
    assert 'action="/container/take"' in page
    assert " disabled>" in page
    shop.rest(2_350)
    page = client.get("/agree").text
    assert client.post("/container/take", data=proof(page)).location == "/agree"
    assert shop.desk.view().tare_g == 2_350


def test_a_stale_page_is_refused_with_the_screen_and_the_reason(shop: Shop, client: FlaskClient) -> None:
    shop.at_agree()
    old = proof(client.get("/agree").text)
    shop.read(13_000, stable=False)
    shop.rest(13_000)
    answer = client.post("/agree", data=old)
    assert answer.status_code == 409
    assert load("en").text("problem.stale_page") in unescape(answer.text)
    assert 'data-step="agree"' in answer.text
    assert not shop.store.booked


def test_a_second_post_gives_the_first_result(shop: Shop, client: FlaskClient) -> None:
    shop.at_agree()
    data = proof(client.get("/agree").text)
    first, second = (client.post("/agree", data=data, follow_redirects=True) for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert first.text == second.text
    assert len(shop.store.booked) == 1


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/agree", {}),
        ("/agree", {"reading_no": "1e3", "token": "x"}),
        ("/agree", {"reading_no": "9" * 400, "token": "x"}),
        ("/agree", {"reading_no": "-1", "token": "x"}),
        ("/bag", {"reading_no": "", "token": ""}),
        ("/container", {"code": "'; DROP TABLE intake; --"}),
        ("/mode", {"mode": "gift"}),
        ("/finish", {}),
        ("/photo", {}),
        ("/product", {"code": "BADAM", "catalog_version": "1"}),
        ("/party", {"party": "04412"}),
        ("/party", {"party": "M-99999"}),
        ("/scan", {"text": "x" * 10_000}),
        ("/scan", {"text": "https://example.invalid/\u202e"}),
        ("/scan", {"text": internal_code("L", "ABC123")}),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(
    shop: Shop, client: FlaskClient, path: str, data: dict[str, str]
) -> None:
    shop.at_agree()
    before = shop.desk.view()
    answer = client.post(path, data=data)
    assert answer.status_code == 409
    assert 'role="alertdialog"' in answer.text
    assert shop.desk.view() == before


def test_every_refusal_has_a_sentence_in_every_language(shop: Shop, client: FlaskClient) -> None:
    from kiosk.domain.metrology.pan import NotBookableReason
    from kiosk.web.public.sentences import refusal
    from kiosk.web.shared.signs import known_drawings

    codes = {word.value for word in NotBookableReason} | {
        *("stale_page", "wrong_step", "unknown_product", "no_price", "unknown_member", "not_a_member_card", "busy"),
        *("goods_on_pan", "printing", "disk_full", "store_failed", "damaged_store", "camera_missing", "camera_failed"),
        *("bags_counted", "unknown_container", "tare_too_heavy", "too_many_bags", "nothing_weighed", "never_heard_of"),
    }
    for language in ("ug", "zh", "en"):
        texts = load(language)
        for code in codes:
            for step in DeskStep:
                sentence = refusal(code, step, texts)
                assert sentence.text_id in texts, (code, step)
                assert sentence.picture in known_drawings()
    vague = {code for code in codes if refusal(code, DeskStep.AGREE, load("en")).text_id == "problem.error"}
    assert vague == {"never_heard_of"}


def test_a_full_disk_is_named(shop: Shop, client: FlaskClient) -> None:
    shop.at_agree()
    data = proof(client.get("/agree").text)
    shop.store.fail = DiskFull("no space left")
    answer = client.post("/agree", data=data)
    assert answer.status_code == 409
    assert load("en").text("problem.disk_full") in unescape(answer.text)
    assert "no space left" not in answer.text


def test_something_unexpected_is_a_page_without_details(
    shop: Shop, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("secret 4711")

    monkeypatch.setattr(shop.desk, "view", broken)
    answer = client.get("/")
    assert answer.status_code == 500
    assert "4711" not in answer.text
    assert load("en").text("problem.error") in unescape(answer.text)
    assert "secret 4711" in caplog.text


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_unknown_addresses_have_the_same_look(client: FlaskClient, method: str) -> None:
    answer = client.open("/nowhere", method=method)
    assert answer.status_code == 404
    assert "css/tokens.css" in answer.text
    assert client.open("/begin", method="GET").status_code == 405


def test_a_large_body_is_refused(client: FlaskClient) -> None:
    answer = client.post("/party", data={"party": "x" * 100_000})
    assert answer.status_code == 413


def test_reading_pages_changes_nothing(shop: Shop, app: Flask, client: FlaskClient) -> None:
    shop.at_take()
    before = (shop.desk.view(), shop.board.snapshot(), dict(shop.store.opened), list(shop.store.booked))
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or set()) and rule.endpoint not in ("static", "live.stream"):
            client.get(rule.rule.replace("<sha256>", "0" * 64))
    assert (shop.desk.view(), shop.board.snapshot(), dict(shop.store.opened), list(shop.store.booked)) == before


def test_every_act_is_a_post_and_nothing_else(app: Flask) -> None:
    acts = {rule.rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or set())}
    doors = {
        "/alive",
        "/language",
        "/parcel/code",
        "/slip/check",
        "/slip/time_up",
        "/slip/done",
        "/clock",
        "/counter/unlock",
        "/counter/lock",
    }
    doors |= {"/brought/code", "/brought/print"}
    doors |= {f"/counter/forgotten/{act}" for act in POSTS}
    doors.add("/counter/check/take")  # no act of the clerk's alone
    doors.add("/counter/parcels/<about>/shown")  # a code is shown once: a page that no address leads back to
    assert {act for act in acts if not act.startswith("/technician")} == {*ACTS, *COUNTER_ACTS, *doors}
    assert all("weight" not in name and "grams" not in name for name in acts), "no address takes a weight"


def test_hostile_names_are_text(tmp_path: Path) -> None:
    evil = Names(HOSTILE, HOSTILE, HOSTILE)
    catalog = replace(
        CATALOG,
        products=(Product("BADAM", evil, "../../etc/passwd"), *CATALOG.products[1:]),
        containers=tuple(replace(row, names=evil, picture="<svg onload=x>") for row in CATALOG.containers),
        members=(Member("M-04412", HOSTILE, CARD),),
    )
    shop = Shop(tmp_path, catalog)
    client = create_app(shop, WebSettings(language="ug")).test_client()
    shop.at_what()
    pages = [client.get("/what").text]
    shop.desk.choices.choose_product("BADAM", 1)
    pages += [client.get(path).text for path in ("/agree", "/agree?ask=container", "/agree?ask=mode")]
    shop.desk.agreement.agree(shop.desk.view().reading_no, shop.desk.view().token)
    pages.append(client.get("/take").text)
    for page in pages:
        assert "<script>alert" not in page
        assert " onload=x" not in re.sub(r">[^<]*<", "><", page), "never outside text"
        assert "\u202e" not in page
        assert "passwd" not in page
    assert "&lt;script&gt;" in pages[0]


def test_who_is_booked_is_shown_and_gone_afterwards(shop: Shop, client: FlaskClient) -> None:
    shop.at_agree()
    page = client.get("/agree").text
    assert '<p class="person"><bdi>&lt;script&gt;alert(1' in page
    assert "M-04412" not in page, "the short name is enough"
    shop.desk.intake_exit.leave()
    assert 'class="person"' not in client.get("/").text
    shop.rest(0)
    shop.desk.choices.begin()
    shop.desk.choices.choose_party("non_member")
    assert load("en").text("party.non_member") in client.get("/what").text


def test_a_typed_number_is_shown_as_it_was_typed_and_opens_no_name(shop: Shop, client: FlaskClient) -> None:
    shop.at_who()
    client.post("/party", data={"party": "00017"})
    shop.rest(12_480)
    pages = [client.get("/what").text]
    client.post("/product", data={"code": "BADAM", "catalog_version": "1"})
    pages.append(client.get("/agree").text)
    for page in pages:
        assert '<p class="person"><bdi dir="ltr">M-00017</bdi></p>' in page
        assert "Aygul" not in page
    assert "Aygul" not in client.get("/agree?ask=container").text


def test_the_photo_of_the_result_and_no_other(shop: Shop, client: FlaskClient) -> None:
    own, other = "ab" * 32, "cd" * 32
    for name in (own, other):
        (shop.settings.data / f"{name}.jpg").write_bytes(b"\xff\xd8jpeg")
    view = shop.at_take()
    assert client.get(f"/photos/{own}.jpg").status_code == 404
    assert view.result is not None
    shop.desk.result_screen.photo_done(PhotoRequest(view.result.lot), own)
    answer = client.get(f"/photos/{own}.jpg")
    assert (answer.status_code, answer.mimetype) == (200, "image/jpeg")
    assert answer.headers["Cache-Control"] == "no-store"
    answer.close()
    assert client.get(f"/photos/{other}.jpg").status_code == 404
    assert client.get("/photos/..%2f..%2fetc%2fpasswd.jpg").status_code == 404
    shop.desk.result_screen.finish()
    assert client.get(f"/photos/{own}.jpg").status_code == 404


def test_photo_wanted_and_not(shop: Shop, client: FlaskClient) -> None:
    shop.at_take()
    assert client.post("/photo").location == "/take"
    assert len(shop.photos) == 1
    assert client.post("/photo").status_code == 409, "one at a time"
    shop.desk.result_screen.photo_failed(shop.shots[-1], "camera_missing")
    assert load("en").text("problem.camera_missing") in unescape(client.get("/take").text)
    assert client.post("/photo/skip").location == "/take"
    assert client.post("/finish").location == "/"


def test_a_shot_that_was_not_accepted_says_why_and_after_three_a_clerk_helps(shop: Shop, client: FlaskClient) -> None:
    shop.at_take()
    for said in ("photo.act.blur", "photo.act.blur", "take.photo_help"):
        client.post("/photo")
        shop.desk.result_screen.photo_retake(shop.shots[-1], judged(b"", BLUR, TILT))
        assert load("en").text(said) in unescape(client.get("/take").text)
    assert client.post("/photo").status_code == 409
    told = json.loads(message(shop.board.snapshot(), Speech(load("en"), load("zh")), 3))
    assert (told["photo"], told["photo_tries"]) == ("help", 3)
    assert told["photo_reasons"] == [{"code": code, "value": 4_000, "limit": 3_000} for code in ("blur", "tilt")]


def test_idle_never_clears_goods_or_paper(shop: Shop, client: FlaskClient) -> None:
    shop.at_agree()
    assert client.post("/leave", data={"idle": "1"}).status_code == 409
    assert shop.desk.view().step is DeskStep.AGREE
    shop.rest(0)
    assert client.post("/leave", data={"idle": "1"}).location == "/"


def test_the_start_has_no_door_that_leads_nowhere(client: FlaskClient) -> None:
    doors = re.findall(r'<(?:form[^>]*action|a class="tile[^"]*" href)="([^"]*)"', client.get("/").text)
    assert doors == ["/language", "/begin", "/parcel", "/slip/check"]
    assert client.get("/check").status_code == 404
    assert client.get("/parcel").status_code == 200


@pytest.mark.parametrize("language", ["ug", "zh", "en"])
def test_the_language_is_one_tap_and_keeps_the_intake(shop: Shop, client: FlaskClient, language: str) -> None:
    shop.at_agree()
    before = shop.desk.view()
    answer = client.post("/language", data={"lang": language, "here": "/agree"})
    assert answer.location == "/agree"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    page = client.get("/agree").text
    assert f'<html lang="{language}" dir="{"rtl" if language == "ug" else "ltr"}" ' in page
    assert shop.desk.view() == before
    assert {"ug", "zh"} <= set(re.findall(r'class="(?:main|second)" lang="(..)"', page)) or language == "en"


def test_a_language_nobody_has_and_an_address_elsewhere(client: FlaskClient) -> None:
    answer = client.post("/language", data={"lang": "xx", "here": "https://example.invalid/"})
    assert answer.location == "/"
    assert "Set-Cookie" not in answer.headers
    client.set_cookie("lang", '"><script>')
    assert '<html lang="en"' in client.get("/").text


def test_every_number_in_a_page_is_isolated(shop: Shop, client: FlaskClient) -> None:
    shop.at_agree()
    client.set_cookie("lang", "ug")
    page = client.get("/agree").text
    for figure in ("12.320", "739.20", "60.00", "0.160"):
        assert re.search(rf'<bdi dir="ltr">[^<]*{re.escape(figure)}', page), figure


@pytest.mark.parametrize("number", ["0", "99", "-1", "x", "٢", "9" * 50])
def test_a_page_of_goods_that_is_not_there_is_the_first(shop: Shop, client: FlaskClient, number: str) -> None:
    shop.at_what()
    assert client.get("/what", query_string={"page": number}).text == client.get("/what").text


def test_all_goods_can_be_reached_over_the_arrows(shop: Shop, client: FlaskClient) -> None:
    shop.at_what()
    address, seen = "/what", []
    for _ in range(9):
        page = client.get(address).text
        seen += re.findall(r'name="code" value="([A-Z]+)"', page)
        assert page.count('class="tile ') <= 6
        following = re.search(r'turn-next" href="([^"]+)"', page)
        if following is None:
            break
        address = following[1]
    assert seen == [product.code for product in CATALOG.products]


def test_about_and_health_keep_persons_out(shop: Shop, client: FlaskClient) -> None:
    shop.at_agree()
    about, health = client.get("/about").text, client.get("/health")
    assert "station-kiosk/test" in about
    assert "1+00000000" in about
    assert health.json == {
        "ok": True,
        "software": "station-kiosk/test",
        "scale": "ok",
        "printer": "ok",
        "link": "ok",
        "store": "ok",
        "pending": 0,
    }
    for text in (about, health.text):
        assert "04412" not in text
        assert str(shop.settings.data) not in text


def test_a_store_that_cannot_keep_anything_is_told_on_the_first_screen(shop: Shop, client: FlaskClient) -> None:
    before = page_version(shop.desk.view(), shop.board.snapshot().marks)
    sentence = load("en").text("problem.store_failed")
    assert sentence not in unescape(client.get("/").text)
    shop.board.mark(store="store_failed")
    health = client.get("/health").json
    assert health is not None
    assert (health["ok"], health["store"]) == (False, "store_failed")
    assert sentence in unescape(client.get("/").text)
    assert page_version(shop.desk.view(), shop.board.snapshot().marks) != before, "an open page is drawn again"


def test_the_panel_s_own_millimeters(tmp_path: Path) -> None:
    for settings, expected in [
        (WebSettings(800, 480, 7.0), "--mm:5.25px;--room:1.00;--columns:3;--rows:2"),
        (WebSettings(1280, 800, 10.1), "--mm:5.88px"),
        (WebSettings(1366, 768, 15.6), "--columns:4;--rows:3"),
    ]:
        answer = create_app(Shop(tmp_path), settings).test_client().get("/station.css")
        assert answer.mimetype == "text/css"
        assert expected in answer.text


@pytest.mark.parametrize("bad", [{"width_px": 10}, {"diagonal_in": 0.0}, {"weight_decimals": 4}])
def test_impossible_settings_are_named(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        WebSettings(**bad)  # type: ignore[arg-type]


def test_a_page_says_that_it_lives(shop: Shop) -> None:
    told: list[str] = []
    client = create_app(shop, WebSettings(), alive=lambda: told.append("alive")).test_client()
    assert client.get("/alive").status_code == 405
    assert told == []
    assert client.post("/alive").status_code == 204
    assert told == ["alive"]


def test_headers_stand_on_every_answer(app: Flask, client: FlaskClient) -> None:
    for path in ("/", "/nowhere", "/about", "/health", "/station.css", "/help", "/static/js/kiosk.js", "/static/none"):
        answer = client.get(path)
        assert answer.headers["Content-Security-Policy"] == CSP
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        cached = path.startswith("/static/js")
        assert answer.headers["Cache-Control"] == ("no-cache" if cached else "no-store")
        assert "Set-Cookie" not in answer.headers
        answer.close()


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("[::1]", True),
        ("LOCALHOST", True),
        ("localhost:80", True),
        ("localhost:8081", False),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost@evil.example", False),
        ("0.0.0.0", False),
        ("localhost:x", False),
        ("", False),
    ],
)
def test_only_loopback_names_are_answered(client: FlaskClient, host: str, good: bool) -> None:
    assert client.get("/", headers={"Host": host}).status_code == (200 if good else 403)


@pytest.mark.parametrize(
    ("headers", "good"),
    [
        ({}, True),
        ({"Origin": "http://localhost"}, True),
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "null"}, False),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "http://localhost:8070"}, False),
        ({"Origin": "https://localhost"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
    ],
)
def test_only_own_pages_may_act(shop: Shop, client: FlaskClient, headers: dict[str, str], good: bool) -> None:
    answer = client.post("/begin", headers=headers)
    assert answer.status_code == (303 if good else 403)
    assert (shop.desk.view().step is DeskStep.WHO) is good
