"""People of a station, members and documents of the county in a browser: by whoever holds the telephone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import insert

from kiosk.domain.clerk import Role
from kiosk.domain.events import CatalogImported, ConfigApplied, ConfigRefused
from kiosk.domain.telephone_pin import answer
from kiosk.messaging.contract.control import Status
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.registry import ExpectedStation
from kiosk.sorting_center.desk.shared.schema import station_document
from kiosk.sorting_center.desk.station_people import Station as Place
from kiosk.sorting_center.ledger import Delivery, Sighting
from kiosk.sorting_center.listings.offer_follower import OfferFollower
from kiosk.sorting_center.stations.shared.subject import MachineKind
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.staff import PASSWORD, app_of, looked_after
from tests.sorting_center.station_journal import NOW, Station
from tests.sorting_center.web.test_browser import served
from tests.web.browsing import axe_faults, painted

SECRET: Final = bytes(range(32))
AT: Final = datetime.fromisoformat(NOW)
PEOPLE: Final = "/stations/shache/S0001/people"
PAGES: Final = (PEOPLE, "/members", "/fleet", "/fleet?state=behind", "/stations/shache/S0003")


def fill(stores: Stores) -> None:
    """Four stations: one has the newest document, one waits, one refused it, one has goods of its own."""
    rows = [ExpectedStation("shache", f"S000{n}", f"village {n}", "Azat Bagh", f"0998-555-000{n}") for n in range(1, 5)]
    stores.desk.registry.replace(rows, [])
    said = {
        1: [CatalogImported(2, "ab" * 32, 3, 3, 1, 9), ConfigApplied(1, 5, "cd" * 32, 2)],
        2: [ConfigApplied(1, 4, "ab" * 32, 2)],
        3: [ConfigApplied(1, 4, "ab" * 32, 2), ConfigRefused(1, 5, "cd" * 32, "clerks")],
        4: [ConfigApplied(1, 5, "cd" * 32, 2), CatalogImported(3, "ef" * 32, 3, 3, 1, 9)],
    }
    for number, events in said.items():
        station = Station(f"S000{number}", f"{number:016x}")
        stores.ledger.accept([station.start(), *map(station.add, events)], "shache", NOW)
        status = Status(online=True, pending=0, software="1.0.0", epoch=station.epoch)
        stores.ledger.commit(Delivery(sightings=[Sighting("shache", station.station, status)]), NOW)
        values = {"region": "shache", "station": station.station, "key": 1, "number": 5, "parts_sha256": ""}
        with stores.desk.database.writing() as connection:
            connection.execute(insert(station_document).values(**values, sha256="cd" * 32, made_at=NOW, document=b""))
    while stores.ledger.number(100):
        pass
    follower = OfferFollower(stores.ledger, stores.desk.database)
    while follower.step():
        pass
    here, people = Place("shache", "S0001"), stores.desk.station_people
    for name, role in (("تۇردى ئەخمەت", Role.TECHNICIAN), ("阿依古丽", Role.CLERK), ("Ali", Role.CLERK)):
        people.add(here, ("", name, role), (), "gulnar", AT)
    people.end(here, "03", "gulnar", AT)
    subject = stores.desk.certificates.next_subjects("shache", MachineKind.STATION, ["S0001"])[0]
    row = (subject, AT + timedelta(days=999), b"")
    stores.desk.certificates.add([row], AT, replacing=False, pin_secrets={subject: SECRET})
    looked_after(stores, AT + timedelta(minutes=30))


@pytest.fixture
def page(stores: Stores, browser: Browser, tmp_path: Path) -> Iterator[Page]:
    fill(stores)
    with served(app_of(stores, now=AT + timedelta(minutes=30))) as url:
        now = datetime.now(UTC)
        person = stores.desk.people.add("gulnar", StaffRole.OPERATOR, PASSWORD, now)
        token = stores.desk.sessions.begin(person, url.removeprefix("http://"), now)
        context = browser.new_context(base_url=url, locale="en-US")
        context.add_cookies([{"name": "center", "value": token, "url": url}])
        yield context.new_page()
        context.close()


def looked_at(page: Page, language: str, width: int) -> list[str]:
    """What is wrong with the page as it is."""
    page.set_viewport_size({"width": width, "height": 900})
    painted(page)
    wider = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    wrong = [f"{page.url} {language} {width} {fault}" for fault in axe_faults(page)]
    return [*wrong, *([f"{page.url} {language} {width}: wider than the screen"] if wider else [])]


@pytest.mark.parametrize(("language", "width"), [("ug", 360), ("zh", 1440)])
def test_a_forgotten_pin_and_a_new_member(page: Page, stores: Stores, language: str, width: int) -> None:
    wrong = []
    for path in PAGES:
        page.goto(f"{path}{'&' if '?' in path else '?'}lang={language}")
        for summary in page.locator("main .acts summary").all()[:1]:
            summary.click()
        wrong += looked_at(page, language, width)
    page.goto("/fleet?state=behind")
    expect(page.locator(".tile small:not(.document)")).to_have_text(["S0003", "S0002", "S0004"])
    assert [one["state"] for one in page.request.get("/stations.json").json()["stations"]] == [
        *("current", "waiting", "refused", "current")
    ]
    page.goto(PEOPLE)
    page.locator("#pin-number").select_option("02")
    page.locator("#challenge").fill("1234 5678")
    page.locator("#pin input[type=checkbox]").check()
    page.locator("#pin button").click()
    digits = answer(SECRET, "S0001", "02", "12345678")
    expect(page.locator(".read-aloud")).to_have_text(re.compile(rf"{digits[:4]}\s*{digits[4:]}"))
    assert page.locator(".read-aloud").evaluate("one => one.scrollWidth <= one.parentElement.clientWidth")
    wrong += looked_at(page, language, width)
    page.goto("/members")
    page.locator("#new-name").fill("ئايگۈل")
    page.locator("#add button").click()
    expect(page.locator("table")).to_contain_text("M-00001")
    expect(page.locator("table")).to_contain_text("Y1P00001")
    page.locator("summary").filter(has_text="M-00001").first.click()
    wrong += looked_at(page, language, width)
    assert wrong == []
