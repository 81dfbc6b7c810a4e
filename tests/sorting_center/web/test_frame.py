"""What is around every page: the places, the menus, and the way into another language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from flask.testing import FlaskClient

from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.cases import Condition
from kiosk.sorting_center.web.shared.access import FIRST_RANK_IN_MORE, access_policy
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.staff import app_of, sign_in

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
ADDRESSES = (
    *("/", "/settle?kind=quiet&q=azat&page=2", "/alarms?state=closed&kind=fork", "/goods?month=2026-11&product=BADAM"),
    *("/search?q=%E6%A0%B8%E6%A1%83", "/fleet?state=quiet&q=a&page=2", "/days?month=2026-10", "/registry", "/people"),
    *("/notices", "/audit?who=gulnar&before=7", "/listings", "/quarantine?reason=fork&state=all", "/account"),
    *("/reconciliation?day=2026-11-24&page=2", "/reconciliation/receipts"),
)


@pytest.fixture
def admin(stores: Stores) -> Iterator[FlaskClient]:
    with app_of(stores).test_client() as client:
        sign_in(client, stores.desk, StaffRole.ADMIN)
        yield client


def links(page: str, name: str) -> list[str]:
    part = re.findall(rf'<nav class="{name}".*?</nav>', page, re.DOTALL)[0]
    return [unescape(link) for link in re.findall(r'href="([^"]*)"', part)]


@pytest.mark.parametrize("address", ADDRESSES)
def test_another_language_leaves_everything_else_as_it_is(admin: FlaskClient, address: str) -> None:
    page = admin.get(address)
    assert page.status_code == 200
    for link in links(page.text, "languages"):
        there = urlsplit(urljoin(address, link))
        asked, language = parse_qs(there.query), parse_qs(there.query)["lang"][0]
        assert (there.path, {**asked, "lang": []}) == (
            urlsplit(address).path,
            {**parse_qs(urlsplit(address).query), "lang": []},
        )
        assert f'<html lang="{language}"' in admin.get(urljoin(address, link)).text


def test_an_answer_that_refuses_leads_back_to_the_page_of_the_form(stores: Stores) -> None:
    (case,) = stores.desk.cases.observe([Condition("quiet", "shache", "S0001")], NOW)
    with app_of(stores).test_client() as client:
        csrf = sign_in(client, stores.desk, StaffRole.ADMIN)
        for path, page in (
            (f"/alarms/{case.id}/close", f"/alarms/{case.id}"),
            ("/settle?kind=quiet&page=1", "/settle?kind=quiet&page=1"),
            ("/people/add", "/people"),
            ("/notices/add", "/notices"),
        ):
            answer = client.post(path, data={"csrf": csrf, "version": 9})
            assert answer.status_code == 409, path
            for link in links(answer.text, "languages"):
                assert urlsplit(link).path == urlsplit(page).path
                assert parse_qs(urlsplit(page).query).items() <= parse_qs(urlsplit(link).query).items()
                assert client.get(link).status_code == 200
        assert links(client.post("//evil.example/x", data={"csrf": csrf}).text, "languages")[0].startswith("/?")


def test_places_are_in_order_and_the_rest_is_folded(admin: FlaskClient, stores: Stores) -> None:
    page = admin.get("/?lang=en").text
    row, _, folded = page.partition('<nav class="places"')[2].partition("</nav>")[0].partition("<details")
    places = re.findall(r'href="([^"]*)"', row)
    assert places[:5] == ["/", "/fleet", "/settle", "/days", "/listings"]
    assert re.findall(r'href="([^"]*)" class="also"', folded) == places[3:], "a telephone has no room"
    with admin.application.app_context():
        ranks = [rank for rank, _, _ in access_policy().menu]
    assert ranks == sorted(ranks)
    rest = re.findall(r'<a href="([^"]*)">', folded)
    assert set(rest) >= {"/goods", "/registry", "/people", "/notices", "/audit"}
    assert len(rest) == sum(rank >= FIRST_RANK_IN_MORE for rank in ranks)
    with app_of(stores).test_client() as viewer:
        sign_in(viewer, stores.desk)
        assert not {"/people", "/notices", "/audit"} & set(links(viewer.get("/").text, "places")), "what one may open"


def test_the_count_is_that_of_the_rows_and_goes_with_them(admin: FlaskClient, stores: Stores) -> None:
    assert 'class="waiting"' not in admin.get("/settle").text
    stores.desk.cases.observe([Condition("quiet", "shache", f"S000{number}") for number in (1, 2)], NOW)
    with app_of(stores).test_client() as client:
        sign_in(client, stores.desk)
        client.get("/settle")
        assert '<b class="waiting"><bdi dir="ltr">2</bdi></b>' in client.get("/registry").text


def test_who_is_not_signed_in_finds_the_languages_openly(stores: Stores) -> None:
    with app_of(stores).test_client() as client:
        page = client.get("/sign-in").text
    assert len(links(page, "languages")) == 3
    assert "<details" not in page
    assert 'class="places"' not in page
