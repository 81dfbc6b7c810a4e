"""The pages of what stations offer for sale."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from kiosk.domain.events.photo import PictureData, WordsData
from kiosk.messaging.contract.photos import PictureName
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.registry import ExpectedStation
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.listings.listings import ActionContext, CenterListings
from kiosk.sorting_center.listings.offer_follower import OfferFollower
from kiosk.sorting_center.listings.records import Listing, ListingKey, ListingState, ListingTexts, LotWeighing
from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.photos.photos import AnnouncedPicture, PhotoIndex
from kiosk.sorting_center.photos.received_pictures import ReceivedPictures
from kiosk.sorting_center.shared.http_server import WebServer
from kiosk.sorting_center.web.shared.sources import Stores
from tests.depth import TORTURE
from tests.sorting_center.photos.lanes import jpeg
from tests.sorting_center.staff import NOON, app_of, followed
from tests.sorting_center.station_journal import NOW, WORDS, Station
from tests.sorting_center.web.test_alarms import Person
from tests.sorting_center.web.test_browser_cases import LANGUAGES, LONG, Pages
from tests.web import browsing

SHOTS = [jpeg(seed) for seed in (1, 2)]
FIRST, SECOND = (hashlib.sha256(shot).hexdigest() for shot in SHOTS)
HOSTILE = "<script>alert(1)</script>{{ 7*7 }}"


class Offered:
    """A lot of almonds with two photos, and the pictures that came."""

    def __init__(self, stores: Stores, photos: PhotoIndex, folder: PictureFolder) -> None:
        self.station = Station()
        self._photos, self._folder = photos, folder
        self.stores = replace(stores, photos=ReceivedPictures(photos, folder))
        self.key = ListingKey("shache", self.station.station, self.station.lot(1))
        told = [PictureData(name, len(shot), 64, 64) for name, shot in zip((FIRST, SECOND), SHOTS, strict=True)]
        events = [self.station.start(), self.station.intake(1), *self.station.shot(1, *told)]
        self.take(*events, self.station.offer(1, FIRST, SECOND, origin_words=WORDS["origin_words"]))

    def take(self, *events: ReceivedEvent) -> None:
        self.stores.ledger.accept(events, "shache", NOW)
        while self.stores.ledger.number(1000):
            pass
        arrivals = OfferFollower(self.stores.ledger, self.stores.desk.database)
        while arrivals.step():
            pass

    def came(self, *numbers: int) -> None:
        for number in numbers:
            name = PictureName("shache", self.station.station, (FIRST, SECOND)[number])
            path = self._folder.path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(SHOTS[number])
            self._photos.receive(AnnouncedPicture(name, len(SHOTS[number]), 64, 64, 1), NOW)

    @property
    def path(self) -> str:
        return f"/listings/{self.key}"

    @property
    def listing(self) -> Listing:
        found = CenterListings(self.stores.desk.database, self.stores.photos).get(self.key)
        assert found is not None
        return found


@pytest.fixture
def offered(stores: Stores, tmp_path: Path) -> Iterator[Offered]:
    with PhotoIndex(stores.ledger.url) as photos:
        yield Offered(stores, photos, PictureFolder(tmp_path / "photos"))


@pytest.fixture
def app(offered: Offered) -> Flask:
    return app_of(offered.stores)


@pytest.fixture
def operator(app: Flask, offered: Offered) -> Person:
    return Person(app, offered.stores.desk)


def test_what_is_published_says_where_and_when_the_lot_was_weighed(operator: Person, offered: Offered) -> None:
    """Once its receipt is counted; the village is that of the list of stations, without the telephone number there."""
    offered.came(0)
    operator.does(f"{offered.path}/publish", version=1)
    assert offered.listing.published is not None and offered.listing.published.weighing is None
    followed(offered.stores)
    place = ExpectedStation("shache", "S0147", "栗子村", "Tomosteng", "0998-555-0147", "XK3190")
    offered.stores.desk.registry.replace([place], [])
    operator.does(f"{offered.path}/publish", version=2)
    published = offered.listing.published
    assert published is not None
    assert published.weighing == LotWeighing("2026-11-25", 1, 12_450, "栗子村", "Tomosteng")


@pytest.mark.parametrize("lang", ["en", "zh", "ug"])
def test_a_lot_is_listed_with_what_is_known_of_it(operator: Person, offered: Offered, lang: str) -> None:
    offered.came(0)
    title = {"en": "Almonds", "zh": "巴旦木", "ug": "بادام"}[lang]
    everything = operator.sees(f"/listings?lang={lang}")
    one = operator.sees(f"{offered.path}?lang={lang}")
    for page in (everything, one):
        assert f'<bdi lang="{lang}">{title}</bdi>' in page
        assert page.count("/photos/") == 1
        assert "¥58.00" in page and "0.500\xa0kg" in page
    assert FIRST in one and f"/photos/{SECOND}" not in one
    origin = {"en": "Yarkant", "zh": "莎车县", "ug": "يەكەن"}[lang]
    assert f'<bdi lang="{lang}">{origin}</bdi>' in one and '<span title="SHACHE">' in one
    assert '<dd><bdi dir="ltr">A</bdi></dd>' in one, "a grade without words"


def test_counts_lead_to_each_state(operator: Person, offered: Offered) -> None:
    offered.came(0, 1)
    assert "Almonds" in operator.sees("/listings")
    operator.does(f"{offered.path}/publish", version=1)
    assert "Nothing waits to be reviewed" in operator.sees("/listings")
    assert "Almonds" in operator.sees("/listings?state=published")
    assert "Almonds" in operator.sees("/listings?state=all")
    for state in ("paused", "sold_out", "withdrawn"):
        assert "Almonds" not in operator.sees(f"/listings?state={state}")
    assert "Almonds" not in operator.sees("/listings?state=all&page=2")
    assert operator.client.get("/listings?state=x&page=-1").status_code == 200


def test_the_page_of_a_station_leads_to_what_it_offers(operator: Person, offered: Offered) -> None:
    key = offered.listing.key
    for station, found in ((key.station, 1), ("S0999", 0)):
        offered.stores.desk.registry.replace([ExpectedStation(key.region, station)], [])
        assert operator.sees(f"/stations/{key.region}/{station}").count(f'href="{offered.path}"') == found


def test_it_is_published_paused_and_withdrawn_by_an_operator(operator: Person, offered: Offered) -> None:
    offered.came(0, 1)
    ways = (("publish", ListingState.PUBLISHED), ("pause", ListingState.PAUSED), ("sell_out", ListingState.SOLD_OUT))
    for version, (deed, state) in enumerate(ways, 1):
        assert operator.does(f"{offered.path}/{deed}", version=version).status_code == 303
        assert offered.listing.state is state
    assert operator.does(f"{offered.path}/withdraw", version=4, reason=" ").status_code == 409
    assert operator.does(f"{offered.path}/withdraw", version=4, reason="moldy").status_code == 303
    assert offered.listing.state is ListingState.WITHDRAWN
    assert operator.does(f"{offered.path}/burn", version=5).status_code == 404
    page = operator.sees(offered.path)
    assert "moldy" in page and "<form class" not in page.split('id="photos"')[1]
    kept = [row.act for row in offered.stores.desk.audit.page() if row.subject == str(offered.key)]
    assert kept == [
        AuditAction.LISTING_WITHDRAWN,
        AuditAction.LISTING_SOLD_OUT,
        AuditAction.LISTING_PAUSED,
        AuditAction.LISTING_PUBLISHED,
    ]


def test_a_photo_that_is_pending_is_said_and_waited_for(operator: Person, offered: Offered) -> None:
    assert operator.sees(offered.path).count("photo pending") == 3
    answer = operator.does(f"{offered.path}/publish", version=1)
    assert (answer.status_code, "Its first photo has not arrived" in answer.text) == (409, True)
    offered.came(0, 1)
    assert "photo pending" not in operator.sees(offered.path)
    assert operator.does(f"{offered.path}/publish", version=1).status_code == 303


def test_a_photo_is_the_file_itself_and_no_other_is_given(operator: Person, offered: Offered) -> None:
    offered.came(0)
    found = operator.client.get(f"{offered.path}/photos/{FIRST}.jpg")
    assert (found.status_code, found.mimetype, found.data) == (200, "image/jpeg", SHOTS[0])
    found.close()
    for name in (SECOND, FIRST[::-1], "..%2f..%2fetc"):
        assert operator.client.get(f"{offered.path}/photos/{name}.jpg").status_code == 404


def test_a_photo_whose_file_is_gone_or_cannot_be_read(
    operator: Person, offered: Offered, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered.came(0, 1)
    operator.does(f"{offered.path}/publish", version=1)
    path = offered.stores.photos.path(offered.key.region, offered.key.station, FIRST)
    assert path is not None
    with monkeypatch.context() as patch:
        patch.setattr(Path, "is_file", lambda _: True)
        path.unlink()
        assert operator.client.get(f"{offered.path}/photos/{FIRST}.jpg").status_code == 404
    path.write_bytes(SHOTS[1])
    assert operator.client.get(f"{offered.path}/photos/{FIRST}.jpg").status_code == 404, "another file"
    path.unlink()
    path.symlink_to(__file__)
    assert operator.client.get(f"{offered.path}/photos/{FIRST}.jpg").status_code == 404
    assert operator.sees(offered.path).count("photo pending") == 3, "of the offer, and of what buyers see"
    assert "photo pending" in operator.sees("/listings?state=published")


def test_a_title_of_nothing_leaves_the_lot_to_be_pointed_at(operator: Person, offered: Offered) -> None:
    offered.take(offered.station.offer(1, FIRST, title=WordsData(" ", "", "  ")))
    for path in ("/listings", offered.path):
        heading = operator.sees(path).split("offer is-review")[-1].split("<h", 2)[-1].split("</h")[0]
        assert offered.key.lot in heading


def test_texts_are_written_in_three_languages_and_a_mistake_keeps_what_was_typed(
    operator: Person, offered: Offered
) -> None:
    form = {"title_ug": "بادام مېغىزى", "title_zh": "", "title_en": HOSTILE, "story_en": "By hand"}
    assert operator.does(f"{offered.path}/edit", version=1, **form).status_code == 303
    edited = offered.listing.edited
    assert edited is not None
    assert (edited.title, edited.story.en) == (WordsData("بادام مېغىزى", "", HOSTILE), "By hand")
    assert "<script>" not in operator.sees(offered.path)
    late = operator.does(f"{offered.path}/edit", version=1, title_en="Too late")
    assert (late.status_code, "Too late" in late.text, "changed in the meantime" in late.text) == (409, True, True)
    empty = operator.does(f"{offered.path}/edit", version=2, story_en="a story without title")
    assert (empty.status_code, "a story without title" in empty.text) == (409, True)
    assert offered.stores.desk.audit.page()[0].act == AuditAction.LISTING_EDITED


def test_a_newer_offer_and_a_void_are_shown(operator: Person, offered: Offered) -> None:
    offered.came(0, 1)
    operator.does(f"{offered.path}/publish", version=1)
    offered.take(offered.station.offer(1, FIRST, price_fen=6200))
    page = operator.sees(offered.path)
    assert f"/photos/{SECOND}.jpg" in page, "buyers see it still"
    found = operator.client.get(f"{offered.path}/photos/{SECOND}.jpg")
    assert found.data == SHOTS[1]
    found.close()
    assert "newer offer waits" in page and "¥58.00" in page and "¥62.00" in page
    offered.take(offered.station.void(1))
    page = operator.sees(offered.path)
    assert "Its intake was voided." in page and "automatically" in page and "newer offer waits" not in page


def test_of_two_operators_the_second_is_told(app: Flask, operator: Person, offered: Offered) -> None:
    offered.came(0)
    other = Person(app, offered.stores.desk)
    assert operator.does(f"{offered.path}/publish", version=1).status_code == 303
    answer = other.does(f"{offered.path}/withdraw", version=1, reason="I saw it in review")
    assert (answer.status_code, "I saw it in review" in answer.text) == (409, True)
    assert offered.listing.state is ListingState.PUBLISHED


def test_a_viewer_sees_and_does_nothing(app: Flask, offered: Offered) -> None:
    offered.came(0)
    viewer = Person(app, offered.stores.desk, StaffRole.VIEWER)
    page = viewer.sees(offered.path)
    assert "Of this autumn" in page and f"{offered.path}/publish" not in page and "title_en" not in page
    assert viewer.does(f"{offered.path}/publish", version=1).status_code == 403


def test_what_is_not_listed_is_no_page(operator: Person, offered: Offered) -> None:
    for path in ("/listings/shache/S0147/L-1", f"{offered.path}x"):
        assert operator.client.get(path).status_code == 404
        assert operator.does(f"{path}/publish", version=1).status_code == 404


@pytest.fixture
def pages(app: Flask, offered: Offered, browser: Browser) -> Iterator[Pages]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = WebServer(app, listening)
        server.start()
        yield Pages(f"http://127.0.0.1:{listening.getsockname()[1]}", browser, offered.stores.desk)
        for context in browser.contexts:
            context.close()
        server.stop(5)


@pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"], indirect=True)
def test_it_is_reviewed_and_published_in_a_browser(pages: Pages, offered: Offered) -> None:
    offered.came(0, 1)
    page = pages.page("turdi", StaffRole.OPERATOR)
    page.goto(f"{pages.url}/listings")
    page.get_by_role("link", name="Almonds").click()
    photo = page.get_by_role("img", name="Photo 1")
    photo.scroll_into_view_if_needed()
    expect(photo).to_have_js_property("naturalWidth", 64)
    page.locator("#title-en").fill("Sweet almonds")
    page.get_by_role("button", name="Save the texts").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sweet almonds")
    page.get_by_role("button", name="Publish").click()
    expect(page.locator(".listing-head .state")).to_have_text("published")
    published = offered.listing.published
    assert published is not None
    assert (published.texts.title.en, published.photos) == ("Sweet almonds", (FIRST, SECOND))


def test_the_pages_are_clean_and_fit_on_a_telephone(pages: Pages, offered: Offered) -> None:
    offered.came(0)
    listings = CenterListings(offered.stores.desk.database, offered.stores.photos)
    long = WordsData(LONG, LONG, LONG)
    listings.edit(offered.key, ListingTexts(long, long), ActionContext("turdi", 1, NOON))
    listings.publish(offered.key, ActionContext("turdi", 2, NOON))
    offered.take(offered.station.offer(1, FIRST, SECOND, "ef" * 32, price_fen=6200))
    wrong: list[str] = []
    for turn, (language, width_px) in enumerate(zip(LANGUAGES, (360, 360, 1280), strict=True)):
        page = pages.page(f"operator-{language}", StaffRole.OPERATOR, width_px, language)
        for number, path in enumerate(("/listings?state=published", offered.path, "/listings/exports")):
            page.goto(pages.url + path)
            browsing.painted(page)
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wrong.append(f"{path} {language} {width_px}: wider than the screen")
            if TORTURE or number == turn:  # accessibility: in one language, from page to page another
                wrong += [f"{path} {language}: {fault}" for fault in browsing.axe_faults(page)]
            wrong += [f"{path} {language}: {table}" for table in browsing.cut_tables(page)]
    assert wrong == []
