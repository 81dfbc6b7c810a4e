"""The listing desk through Flask's own client: what is shown, what is told once, and what a hurried clerk cannot do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from PIL import Image

from kiosk.domain.catalog import Allergen, Names, Pack
from kiosk.station.clerk.access import CounterSession
from kiosk.station.counter.listings import HINDRANCES, CounterListings, ListingView
from kiosk.texts import LANGUAGES, load
from kiosk.texts.formats import kg_text, money, price_per_kg
from kiosk.web.factory import create_app
from kiosk.web.shared.settings import WebSettings
from tests.station.counter.rig import PIN, SECOND_PIN
from tests.station.hardware import BLUR, FACE, judged
from tests.web.counter.selling import SALE, lot_of, offers, photograph, sell
from tests.web.counter.shop import CounterShop
from tests.web.shop import HOSTILE

EN = load("en")


@pytest.fixture
def shop(counter_shop: CounterShop) -> CounterShop:
    return counter_shop


@pytest.fixture
def client(shop: CounterShop) -> FlaskClient:
    """Clerk 01 has unlocked the counter."""
    client = create_app(shop, WebSettings(language="en")).test_client()
    client.post("/counter/unlock", data={"number": "01", "pin": PIN})
    return client


class Desk:
    """The listing desk of one intake, as a browser sees it."""

    def __init__(self, shop: CounterShop, client: FlaskClient, photos: int = 0) -> None:
        self.shop, self.client, self.receipt = shop, client, shop.book()
        self.here = f"/counter/intakes/{self.receipt}/listing"
        self.hashes = [photograph(shop, self.receipt, seed) for seed in range(photos)]

    def page(self, path: str = "") -> str:
        with self.client.get(f"{self.here}{path}") as answer:
            assert answer.status_code == 200, (path, answer.status_code)
            return answer.text

    def post(self, act: str, **form: object) -> tuple[int, str]:
        """Status, and where it leads or what it says."""
        answer = self.client.post(f"{self.here}/{act}", data=form)
        return answer.status_code, answer.location or plain(answer.text)

    def shown(self) -> list[str]:
        """The pictures of the page in their order, those left out behind a minus."""
        found = re.findall(r'<li class="picture( picture-out)?">.*?/([0-9a-f]{64})\.jpg', self.page(), re.DOTALL)
        return [f"{'-' if out else ''}{sha256}" for out, sha256 in found]

    def seen(self) -> str:
        (seen,) = re.findall(r'name="seen" value="([^"]*)"', self.page("/review"))
        return str(seen)


def plain(page: str) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", page))


@pytest.fixture
def desk(shop: CounterShop, client: FlaskClient) -> Desk:
    """Badam with two shots, and a price list that says how it is sold."""
    sell(shop)
    return Desk(shop, client, 2)


def test_the_intake_leads_here_and_a_void_one_does_not(shop: CounterShop, client: FlaskClient) -> None:
    sell(shop)
    desk = Desk(shop, client)
    address = f"/counter/intakes/{desk.receipt}"
    assert f'href="{desk.here}"' in client.get(address).text
    assert client.post("/counter/scan", data={"text": lot_of(desk.receipt)}).location == address
    shop.counter.voids.void(shop.session, desk.receipt, "wrong_product", "02", SECOND_PIN)
    assert f'href="{desk.here}"' not in client.get(address).text
    page = desk.page()
    assert EN.text("counter.listing.why.voided") in plain(page)
    assert not re.search(r'action="[^"]*/listing/(?!submit)', page)


def test_what_is_missing_is_said_in_every_language(shop: CounterShop, client: FlaskClient) -> None:
    desk = Desk(shop, client)
    for language in LANGUAGES:
        client.set_cookie("lang", language)
        page = plain(desk.page())
        assert load(language, strict=True).text("counter.listing.why.no_sale_data") in page, language
        assert load(language).text("counter.listing.none") not in page, "no picture helps against that"
        for word in HINDRANCES:
            assert f"counter.listing.why.{word}" in load(language)
        for allergen in Allergen:
            assert f"counter.listing.allergen.{allergen.value}" in load(language)
    assert "/listing/photo" not in desk.page()
    assert client.get(f"{desk.here}/review").location == desk.here
    assert desk.post("submit", seen="")[0] == 409
    sell(shop)
    assert "/listing/photo" in desk.page()
    assert EN.text("counter.listing.none") in plain(desk.page())
    assert client.get(f"{desk.here}/sent").location == desk.here


def test_pictures_in_their_order_from_the_first_tap_to_the_event(desk: Desk) -> None:
    first, second = desk.hashes
    third = photograph(desk.shop, desk.receipt, 7)
    assert desk.shown() == [first, second, third]
    assert desk.post("move", sha256=third, place=2, way="earlier") == (303, desk.here)
    assert desk.post("move", sha256=first, place=0, way="earlier") == (303, desk.here), "at an end it stays"
    assert desk.post("leave", sha256=second, out="1") == (303, desk.here)
    assert desk.shown() == [first, third, f"-{second}"]
    assert desk.post("pack", pack_g=1000) == (303, desk.here)
    assert desk.post("grade", grade="FIRST") == (303, desk.here)
    assert 'name="pack_g" value="1000" aria-pressed="true"' in desk.page("?ask=pack")
    assert 'name="grade" value="FIRST" aria-pressed="true"' in desk.page("?ask=grade")
    seen = desk.seen()
    for _ in range(2):
        assert desk.post("submit", seen=seen) == (303, f"{desk.here}/sent")
    (told,) = offers(desk.shop)
    assert told["photos"] == [first, third]
    assert (told["pack_g"], told["price_fen"], told["grade"], told["actor"]) == (1000, 5600, "FIRST", "clerk:01")
    assert told["lot"] == lot_of(desk.receipt)
    page = plain(desk.page("/sent"))
    for text in ("state.submitted", "offer_waits", "sent_more"):
        assert EN.text(f"counter.listing.{text}") in page
    assert "Pictures still to send: 2" in " ".join(page.split())


def test_after_it_was_sent(desk: Desk) -> None:
    desk.post("submit", seen=desk.seen())
    desk.shop.store.outbox.acknowledge(desk.shop.store.outbox.counts().last_seq, ())
    for sha256 in desk.hashes:
        row = next(row for row in desk.shop.store.photos.of_lot(lot_of(desk.receipt)) if row.sha256 == sha256)
        desk.shop.store.photos.mark_sent(sha256)
        desk.shop.store.photos.mark_sent(row.pictures.natural.sha256)
    page = plain(desk.page("/sent"))
    assert EN.text("counter.listing.offer_there") in page
    assert EN.text("counter.listing.pictures_there") in page
    assert EN.text("counter.listing.state.submitted") in plain(desk.page())
    desk.post("leave", sha256=desk.hashes[0], out="1")
    assert EN.text("counter.listing.state.changed") in plain(desk.page())
    assert desk.client.get(f"{desk.here}/sent").location == desk.here
    desk.post("submit", seen=desk.seen())
    assert [offer["photos"] for offer in offers(desk.shop)] == [desk.hashes[1:]]


def test_an_offer_that_the_center_keeps_apart_is_not_said_to_be_offered(desk: Desk) -> None:
    outbox, seen = desk.shop.store.outbox, desk.seen()
    for again in (False, True):
        for _ in range(2):
            assert desk.post("submit", seen=seen) == (303, f"{desk.here}/sent")
        last = outbox.counts().last_seq
        assert EN.text("counter.listing.offer_waits") in plain(desk.page("/sent")), again
        outbox.acknowledge(last, (last,))
        assert desk.client.get(f"{desk.here}/sent").location == desk.here
        page = plain(desk.page())
        for text in ("state.not_accepted", "not_accepted_do"):
            assert EN.text(f"counter.listing.{text}") in page
        assert EN.text("counter.listing.state.submitted") not in page
    desk.post("leave", sha256=desk.hashes[0], out="1")
    assert EN.text("counter.listing.not_accepted_do") in plain(desk.page()), "it was not sent yet"
    outbox.acknowledge(outbox.counts().last_seq, ())
    assert EN.text("counter.listing.state.changed") in plain(desk.page()), "a person has taken it in after all"
    desk.post("leave", sha256=desk.hashes[0], out="0")
    assert EN.text("counter.listing.state.submitted") in plain(desk.page())


def test_a_picture_that_the_center_keeps_apart_does_not_wait_to_be_sent(desk: Desk) -> None:
    outbox, text = desk.shop.store.outbox, EN.text("counter.listing.picture_not_accepted")
    desk.post("submit", seen=desk.seen())
    assert text not in plain(desk.page())
    assert EN.text("counter.listing.pictures_refused") not in plain(desk.page("/sent"))
    last = outbox.counts().last_seq
    outbox.acknowledge(last, tuple(range(1, last)))
    page = " ".join(plain(desk.page("/sent")).split())
    assert EN.text("counter.listing.pictures_refused") in page and EN.text("counter.listing.pictures_there") not in page
    assert plain(desk.page()).count(text) == len(desk.hashes)
    for sha256 in desk.hashes:
        desk.post("leave", sha256=sha256, out="1")
    assert text not in plain(desk.page()), "buyers do not see it anyway"


def test_the_review_has_every_word_in_its_own_direction(desk: Desk) -> None:
    facts = plain(desk.page("/review"))
    pack = SALE.packs[0]
    for text in (
        kg_text(pack.net_g),
        money(pack.price_fen),
        price_per_kg(5_800),
        "Extra",
        "Yarkant",
        "2026-09",
        "nuts",
    ):
        assert text in facts, text
    for code, language in LANGUAGES.items():
        page = desk.page(f"/review?text={code}")
        (told,) = re.findall(r'<section class="card told" lang="(\w+)" dir="(\w+)">(.*?)</section>', page, re.DOTALL)
        assert told[:2] == (code, language.direction)
        words = [SALE.title, SALE.story, SALE.storage, SALE.origin.names, SALE.grades[0].names]
        for names in words:
            assert getattr(names, code) in plain(told[2]), code
        assert load(code).text("counter.listing.allergen.tree_nuts") in plain(told[2])


def test_a_price_of_a_kilogram_is_rounded_and_its_signs_stay_together(desk: Desk) -> None:
    desk.client.set_cookie("lang", "ug")
    page = desk.page("?ask=pack")
    assert f'<bdi dir="ltr">{price_per_kg(6_663)}</bdi>' in page, "1999 fen for 300 g"
    assert f'<bdi dir="ltr">{kg_text(300)}</bdi>' in page


def test_what_was_not_seen_is_not_sent(desk: Desk) -> None:
    """Two tabs, another price list, a void: what is told is what the clerk has looked through, or nothing is."""
    stale = EN.text("counter.refused.stale_page")
    old = desk.seen()
    desk.post("pack", pack_g=1000)
    for seen in (old, "", "0" * 64, HOSTILE):
        status, said = desk.post("submit", seen=seen)
        assert (status, stale in said) == (409, True), seen
    assert desk.post("submit")[0] == 409
    now = desk.seen()
    sell(desk.shop, BADAM=replace(SALE, packs=(Pack(1000, 5_700),)))
    assert desk.post("submit", seen=now)[0] == 409
    now = desk.seen()
    desk.shop.counter.voids.void(desk.shop.session, desk.receipt, "wrong_product", "02", SECOND_PIN)
    status, said = desk.post("submit", seen=now)
    assert (status, EN.text("counter.refused.already_void") in said) == (409, True)
    assert offers(desk.shop) == []


def test_what_is_void_is_offered_no_more(desk: Desk) -> None:
    desk.post("submit", seen=desk.seen())
    desk.shop.counter.voids.void(desk.shop.session, desk.receipt, "wrong_product", "02", SECOND_PIN)
    assert desk.client.get(f"{desk.here}/sent").location == desk.here
    page = plain(desk.page())
    assert EN.text("counter.listing.why.voided") in page
    assert EN.text("counter.listing.state.submitted") not in page


def test_a_page_is_as_old_as_what_it_shows(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shot that is kept while the page is read: the page says the state from before, so that it is drawn again."""
    read, before = CounterListings.view, desk.shop.counter.state.view().revision

    def late(self: CounterListings, session: CounterSession, number: str) -> ListingView:
        view = read(self, session, number)
        photograph(desk.shop, desk.receipt, 8)
        desk.shop.counter.state.change()
        return view

    monkeypatch.setattr(CounterListings, "view", late)
    page = desk.page()
    assert page.count('class="picture-seen"') == 2
    assert f'data-drawn="{before}"' in page


def test_a_locked_counter_sends_nothing(desk: Desk) -> None:
    seen = desk.seen()
    desk.client.post("/counter/lock")
    assert desk.post("submit", seen=seen)[0] == 403
    for path in ("", "/review", "/sent", f"/{desk.hashes[0]}.jpg"):
        assert desk.client.get(f"{desk.here}{path}").location == "/counter"
    desk.client.post("/counter/unlock", data={"number": "01", "pin": PIN})
    assert desk.post("submit", seen=seen) == (303, f"{desk.here}/sent"), "nothing has changed meanwhile"


def test_a_picture_of_another_lot_is_neither_shown_nor_moved(desk: Desk) -> None:
    other = desk.shop.book(7_300)
    foreign = photograph(desk.shop, other, 9)
    for act, form in (("move", {"place": 0, "way": "later"}), ("leave", {"out": "1"})):
        assert desk.post(act, sha256=foreign, **form)[0] == 409
    assert desk.client.get(f"{desk.here}/{foreign}.jpg").status_code == 404
    with desk.client.get(f"{desk.here}/{desk.hashes[0]}.jpg") as picture:
        assert (picture.status_code, picture.mimetype) == (200, "image/jpeg")
        assert picture.headers["Cache-Control"] == "no-store"
        with Image.open(BytesIO(picture.data)) as image:
            assert max(image.size) == 400, "a browser needs ten megabytes for a master"
    assert desk.shown() == desk.hashes


def test_a_page_that_is_old_moves_nothing_twice(desk: Desk) -> None:
    first, second = desk.hashes
    form = {"sha256": first, "place": 0, "way": "later"}
    assert desk.post("move", **form)[0] == 303
    status, said = desk.post("move", **form)
    assert (status, EN.text("counter.refused.stale_page") in said) == (409, True)
    assert desk.shown() == [second, first]
    for _ in range(2):
        assert desk.post("leave", sha256=first, out="1")[0] == 303
    assert desk.shown() == [second, f"-{first}"]
    assert EN.text("counter.listing.why.no_photo") not in plain(desk.page())
    desk.post("leave", sha256=second, out="1")
    assert EN.text("counter.listing.why.no_photo") in plain(desk.page())


HOSTILE_FORMS: tuple[tuple[str, dict[str, object]], ...] = (
    ("pack", {}),
    ("pack", {"pack_g": ""}),
    ("pack", {"pack_g": "-500"}),
    ("pack", {"pack_g": "٥٠٠"}),
    ("pack", {"pack_g": "499"}),
    ("pack", {"pack_g": "9" * 40}),
    ("grade", {}),
    ("grade", {"grade": "SECOND"}),
    ("grade", {"grade": HOSTILE}),
    ("move", {}),
    ("move", {"sha256": "x", "place": "0", "way": "later"}),
    ("move", {"place": "0", "way": "later"}),
    ("leave", {}),
    ("leave", {"sha256": HOSTILE, "out": "1"}),
)


def test_what_no_page_of_ours_sends_changes_nothing(desk: Desk) -> None:
    before = desk.seen()
    ways: Iterator[tuple[str, dict[str, object]]] = (
        ("move", {"sha256": desk.hashes[0], "place": place, "way": way})
        for place, way in (("0", "up"), ("0", ""), ("1", "later"), ("-1", "later"), ("०", "later"), ("9" * 30, "later"))
    )
    for act, form in (*HOSTILE_FORMS, *ways):
        assert desk.post(act, **form)[0] == 409, (act, form)
    for query in ("?ask=price", "?page=0", "?page=-1", "?page=9999", "?page=x", "/review?text=xx", "/review?text="):
        desk.page(query)
    assert desk.seen() == before
    answer = desk.client.post(f"{desk.here}/submit", data={"seen": before}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert offers(desk.shop) == []
    for address in ("/counter/intakes/0999-A-000001/listing", "/counter/intakes/nothing/listing/review"):
        assert desk.client.get(address).status_code == 404


def test_words_of_the_price_list_stay_words(desk: Desk) -> None:
    hostile = Names(HOSTILE, HOSTILE, HOSTILE)
    grade = replace(SALE.grades[0], names=hostile)
    sell(desk.shop, BADAM=replace(SALE, title=hostile, story=hostile, grades=(grade,)))
    for path in ("", "?ask=grade", "/review", *(f"/review?text={code}" for code in LANGUAGES)):
        page = desk.page(path)
        assert "<script>alert" not in page
        assert "\u202e" not in page


def test_a_language_nobody_wrote_in_says_so(desk: Desk) -> None:
    empty = Names("", SALE.story.zh, "")
    sell(desk.shop, BADAM=replace(SALE, title=replace(SALE.title, ug=""), story=empty, storage=empty, allergens=()))
    page = plain(desk.page("/review?text=ug"))
    assert load("ug").text("counter.listing.nothing") in page
    assert load("ug").text("counter.listing.storage") not in page


def test_a_picture_follows_its_arrow_to_the_next_page(shop: CounterShop, client: FlaskClient) -> None:
    sell(shop)
    desk = Desk(shop, client, 5)
    assert desk.shown() == desk.hashes[:3]
    assert desk.post("move", sha256=desk.hashes[2], place=2, way="later") == (303, f"{desk.here}?page=2")
    assert desk.hashes[2] in desk.page("?page=2")
    last = re.findall(r'aria-label="Show later"( disabled)?', desk.page("?page=2"))
    assert last == ["", " disabled"]


def test_nearly_the_same_picture_is_named_and_stops_nothing(shop: CounterShop, client: FlaskClient) -> None:
    sell(shop)
    other = shop.book(7_300)
    photograph(shop, other, 3, likeness="00ff00ff00ff00ff")
    desk = Desk(shop, client)
    photograph(shop, desk.receipt, 4, likeness="00ff00ff00ff00fe")
    photograph(shop, desk.receipt, 5, likeness="ffffffff00000000")
    photograph(shop, desk.receipt, 6, likeness="ffffffff00000001")
    page = " ".join(plain(desk.page()).split())
    assert "Similar to A-000001 . Is this the right lot?" in page
    assert page.count(EN.text("counter.listing.like_own")) == 1
    assert desk.post("submit", seen=desk.seen())[0] == 303


def test_a_shot_from_here_is_judged_here(desk: Desk) -> None:
    assert desk.post("photo") == (303, desk.here)
    assert desk.shop.lots.asked[-1] == (lot_of(desk.receipt), "BADAM")
    page = desk.page()
    assert EN.text("counter.shot.taking") in plain(page)
    assert "/listing/photo" not in page, "one at a time"
    assert desk.post("photo")[0] == 409
    desk.shop.counter.state.photo_retake(desk.shop.lots.shots[-1], judged(b"one", FACE))
    page = desk.page()
    assert EN.text("photo.reason.face") in plain(page)
    assert "/photo/overrule" not in page
    desk.post("photo")
    desk.shop.counter.state.photo_retake(desk.shop.lots.shots[-1], judged(b"two", BLUR))
    page, token = desk.page(), desk.shop.lots.shots[-1].token
    assert f'action="{desk.here}/photo/overrule"' in page and f'name="shot" value="{token}"' in page
    for wrong in ({}, {"shot": ""}, {"shot": desk.shop.lots.shots[0].token}):
        assert desk.post("photo/overrule", **wrong)[0] == 409
    assert desk.post("photo/overrule", shot=token) == (303, desk.here)
    assert desk.shop.lots.kept


def test_a_picture_that_has_left_the_card_keeps_its_place(desk: Desk) -> None:
    (desk.shop.settings.data / f"{desk.hashes[0]}.jpg").unlink()
    assert EN.text("counter.listing.gone") in plain(desk.page())
    (desk.shop.settings.data / f"{desk.hashes[1]}.jpg").write_bytes(b"\xff\xd8\xff half of it")
    for sha256 in desk.hashes:
        assert desk.client.get(f"{desk.here}/{sha256}.jpg").status_code == 404
    desk.post("submit", seen=desk.seen())
    (told,) = offers(desk.shop)
    assert told["photos"] == desk.hashes


def test_the_queue_says_how_many_pictures_wait(desk: Desk) -> None:
    """Also those whose events the sorting center does not have: a picture is not sent before its event."""
    page = " ".join(plain(desk.client.get("/counter/queue").text).split())
    assert "Pictures to send: 4" in page, "two of each shot"
    desk.shop.store.photos.mark_sent(desk.hashes[0])
    assert "Pictures to send: 3" in " ".join(plain(desk.client.get("/counter/queue").text).split())
