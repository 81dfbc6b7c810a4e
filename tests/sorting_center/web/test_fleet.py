"""Every station as a tile: which ones, how they look, what it weighs."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from kiosk.messaging.contract.control import Hello, Status
from kiosk.sorting_center.desk.hours import OpeningHours
from kiosk.sorting_center.desk.registry import ExpectedStation, Township
from kiosk.sorting_center.ledger import Delivery, Sighting
from kiosk.sorting_center.web.shared.sources import Stores
from kiosk.sorting_center.web.shared.texts import center_texts
from kiosk.sorting_center.web.staff.fleet import PAGE_SIZE, telephone
from tests.sorting_center.staff import NOON, app_of, looked_after, sign_in
from tests.sorting_center.station_journal import Station, of_weight
from tests.sorting_center.web.looking import page

JUST_NOW = "2026-11-25T12:25:00.000Z"
HOSTILE = '"><img src=x onerror=alert(1)>\u202e{{ 7*7 }}'
TILE = re.compile(r'class="tile m-(\w+)" href="/stations/(\w+)/(\w+)"')
MAX_BYTES = 150_000


def tiles(html: str) -> dict[str, str]:
    """Mark by station, in their order."""
    return {station: mark for mark, _, station in TILE.findall(html)}


def says(station: str, online: bool = True, pending: int = 0, alarm: str = "", software: str = "1.12.0") -> Sighting:
    status = Status(online=online, pending=pending, software=software, epoch="00112233445566aa", alarm=alarm)
    return Sighting("shache", station, status)


def hello(station: str, boot: str, at_ms: int) -> Sighting:
    said = Hello("00112233445566aa", 2, 1, 0, "1.12.0", boot=boot, monotonicms=at_ms)
    return Sighting("shache", station, hello=said)


@pytest.fixture
def county(stores: Stores) -> Stores:
    """One station of each kind."""
    for number in range(1, 10):
        station = Station(f"S{number:04}")
        events = station.run(4)
        stores.ledger.accept(
            [one for one in events if (number, one.seq) != (4, 3)], "shache", "2026-11-25T04:00:00.000Z"
        )
        if number == 2:
            clone = station.clone()
            clone.sealed.pop()
            stores.ledger.accept([clone.intake(9, **of_weight(1000))], "shache", JUST_NOW)
    said = [says(f"S{number:04}") for number in (1, 2, 3, 4, 8, 9)]
    said += [says("S0005", pending=170), says("S0006", alarm="ahead"), says("S0007", software="1.0.0")]
    said += [hello("S0003", boot, at_ms) for boot, at_ms in (("aaaaaaaa", 1), ("bbbbbbbb", 1))]
    stores.ledger.commit(Delivery(sightings=said), JUST_NOW)
    stores.ledger.commit(Delivery(sightings=[hello("S0003", "aaaaaaaa", 9)]), JUST_NOW)
    stores.ledger.commit(Delivery(sightings=[says("S0008", online=False)]), JUST_NOW)
    expected = [
        ExpectedStation("shache", f"S{number:04}", f"village {number}", "Huangdi") for number in (*range(1, 8), 12)
    ]
    lonely = ExpectedStation("shache", "S0008", HOSTILE, HOSTILE)
    towns = [Township("shache", name, OpeningHours.parse("mon-sun 10:00-24:00"), 3) for name in ("Huangdi", HOSTILE)]
    stores.desk.registry.replace([*expected, lonely], towns)
    looked_after(stores)
    return stores


EXPECTED = {
    "S0001": "well",
    "S0002": "fork",
    "S0003": "twin",
    "S0004": "gap",
    "S0005": "late",
    "S0006": "fault",
    "S0007": "old",
    "S0012": "never",
    "S0008": "quiet",
    "S0009": "unexpected",
}


def test_each_station_has_its_tile_with_what_is_wrong(county: Stores) -> None:
    html = page(county, "/fleet")
    assert tiles(html) == EXPECTED
    ids = [f"wrong_{mark}" for mark in ("fork", "twin", "gap", "late", "quiet")]
    ids += ["case_kind_reports", *(f"mark_{mark}" for mark in ("old", "never", "unexpected"))]
    for text_id in ids:
        assert f"<span>{center_texts('en')(text_id)}" in html, text_id


def test_townships_and_stations_in_trouble_stand_first_and_the_well_ones_are_a_count(county: Stores) -> None:
    html = page(county, "/fleet")
    order = [html.index(f">{name}<") for name in ("Huangdi", "S0002", "S0012", "S0001", "S0008", "S0009")]
    assert order == sorted(order)
    (well,) = re.findall(r"<details id=.*?</details>", html, re.DOTALL)
    assert list(tiles(well)) == ["S0001"]
    assert "<summary>" in well and "1 well" in re.sub(r"<[^>]+>", "", well)
    assert well.startswith('<details id="shache/Huangdi">'), "folded, and found again when it is brought up to date"
    for query in ("state=well", "q=S0001"):
        assert '<details id="shache/Huangdi" open>' in page(county, f"/fleet?{query}"), query


def test_a_township_that_is_worse_off_stands_before_another(stores: Stores) -> None:
    rows = [ExpectedStation("shache", f"S000{n}", "", town) for n, town in ((1, "Aral"), (2, "Mixia"), (3, "Beshik"))]
    stores.desk.registry.replace(rows, [])
    stores.ledger.commit(Delivery(sightings=[says("S0001"), says("S0002", alarm="ahead"), says("S0003")]), JUST_NOW)
    html = page(stores, "/fleet")
    assert list(tiles(html)) == ["S0002", "S0001", "S0003"]


def test_a_tile_in_trouble_says_since_when_and_whom_to_call(county: Stores) -> None:
    contact = "Aynur +86 998 555-0147"
    row = ExpectedStation("shache", "S0008", "Aral", "Huangdi", contact)
    register = county.desk.registry.current()
    others = [one for one in register.stations.values() if one.station != row.station]
    county.desk.registry.replace([row, *others], list(register.townships.values()))
    html = page(county, "/fleet?state=quiet")
    assert f'<a class="tel" href="tel:+869985550147"><bdi>{contact}</bdi></a>' in html
    assert "since" in html


@pytest.mark.parametrize(
    ("contact", "number"),
    [
        ("0998-555-0147", "09985550147"),
        ("Aynur +86 998 555 0147, evenings", "+869985550147"),
        ("post 12", ""),
        ("", ""),
        ("12-34", ""),
        ("javascript:alert(1)", ""),
        ("9" * 10_000, "9" * 22),
    ],
)
def test_a_contact_has_the_number_to_dial(contact: str, number: str) -> None:
    assert telephone(contact) == number


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=fork", ["S0002"]),
        ("state=well", ["S0001"]),
        ("state=nonsense", list(EXPECTED)),
        ("q=s0005", ["S0005"]),
        ("q=VILLAGE+3", ["S0003"]),
        ("q=huangdi&state=gap", ["S0004"]),
        ("q=nowhere", []),
        ("q=%22%3E%3Cscript%3E", []),
        ("q=" + "x" * 10_000, []),
        ("page=99999999999999", list(EXPECTED)),
        ("page=-1", list(EXPECTED)),
    ],
)
def test_tiles_are_found_by_state_and_words(county: Stores, query: str, found: list[str]) -> None:
    html = page(county, f"/fleet?{query}")
    assert sorted(tiles(html)) == sorted(found)
    assert "<script>" not in html
    assert len(html.encode()) < MAX_BYTES


def test_text_of_the_registry_stays_text(county: Stores) -> None:
    for path in ("/fleet", "/fleet/live", "/stations/shache/S0008", "/"):
        for lang in ("en", "ug"):
            html = page(county, path, lang=lang)
            assert "<img src=x" not in html
            assert "49" not in re.sub(r"<[^>]+>", " ", html).split()


def test_a_fault_is_shown_until_its_case_is_closed(county: Stores) -> None:
    (case,) = (one for one in county.desk.cases.of_station("shache", "S0002") if one.kind == "fork")
    county.desk.cases.close(case.id, case.version, "aygul", "the copied card is out", NOON)
    looked_after(county)
    assert tiles(page(county, "/fleet"))["S0002"] == "well"


@pytest.fixture
def client(stores: Stores) -> Iterator[FlaskClient]:
    with app_of(stores).test_client() as client:
        sign_in(client, stores.desk)
        yield client


def test_two_thousand_are_paged_and_no_page_is_heavy(stores: Stores, client: FlaskClient) -> None:
    towns = [f"{HOSTILE} township {number}" for number in range(20)]
    rows = [
        ExpectedStation("shache", f"S{n:04}", f"village {n}", towns[n % 20], f"0998-555-{n:04}") for n in range(1, 2001)
    ]
    stores.desk.registry.replace(rows, [Township("shache", name, OpeningHours.parse("")) for name in towns])
    found: list[str] = []
    for number in range(1, 9):
        html = client.get(f"/fleet?lang=ug&page={number}").text
        assert len(html.encode()) < MAX_BYTES
        assert len(tiles(html)) == PAGE_SIZE
        found += tiles(html)
    assert len(set(found)) == 2000
    assert tiles(client.get("/fleet?page=9").text) == tiles(html)


@pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"], indirect=True)
def test_tiles_are_sent_only_when_one_is_another(stores: Stores, client: FlaskClient) -> None:
    first = client.get("/fleet/live?q=a")
    seen = {"If-None-Match": first.headers["ETag"]}
    assert client.get("/fleet/live?q=a", headers=seen).status_code == 304
    for other in ("/fleet/live", "/fleet/live?q=b", "/fleet/live?q=a&page=2", "/fleet/live?q=a&state=fork"):
        assert client.get(other, headers=seen).status_code == 200
