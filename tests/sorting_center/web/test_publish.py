"""A second person publishes the draft: what changes where, faults, releases and the way back."""

from __future__ import annotations

import pytest
from flask import Flask
from markupsafe import Markup

from kiosk.sorting_center.desk.county_book import BookRow
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.staff import app_of
from tests.sorting_center.web import county_rows
from tests.sorting_center.web.county_rows import NOW, REGION, content, price
from tests.sorting_center.web.test_alarms import HOSTILE, Person

PATH = f"/publish?region={REGION}&lang=en"


@pytest.fixture
def app(stores: Stores) -> Flask:
    county_rows.fill(stores.desk)
    return app_of(stores)


@pytest.fixture
def operator(app: Flask, desk: CenterDesk) -> Person:
    return Person(app, desk)


def seen(person: Person) -> str:
    return " ".join(Markup(person.sees(PATH)).striptags().split())


def test_what_changes_is_shown_with_its_stations_and_published_by_another(
    app: Flask, operator: Person, desk: CenterDesk
) -> None:
    own = price(2700, "BADAM/purchase/", "station:S0003")
    desk.book.change(
        REGION, [price(2600), own, price(2000, "WALNUT/purchase/", "township:核桃乡")], 2, "operator-0", NOW
    )
    page = seen(operator)
    for shown in (
        "Prices 3",
        "Stations that change 4",
        "¥24.00 ¥26.00 +8.3% Stations: 3",
        "¥24.00 ¥27.00 +12.5%",
        "¥18.00 ¥20.00 +11.1% Stations: 2",
        "somebody else has to publish it",
    ):
        assert shown in page, shown
    assert operator.does(PATH, revision=3).status_code == 409
    other = Person(app, desk)
    stale = other.does(PATH, revision=2)
    assert (stale.status_code, "Somebody else has changed the draft" in stale.text) == (409, True)
    assert other.does(PATH, revision=3, note=f"week 48 {HOSTILE}").status_code == 303
    made = desk.book.releases(REGION)[0]
    assert (made.number, made.changed_by, made.published_by, made.alone) == (2, "operator-0", "operator-1", False)
    assert desk.audit.page(act=AuditAction.CONFIGURATION_PUBLISHED)[0].subject == f"{REGION} 2"
    page = operator.sees(PATH)
    assert "there is nothing to publish" in page
    assert "<script>alert" not in page
    assert other.does(PATH, revision=4).status_code == 409, "nothing new"


def test_faults_keep_a_draft_from_the_stations(operator: Person, desk: CenterDesk) -> None:
    desk.book.change(
        REGION,
        [
            price(2600, "FIG/purchase/"),
            BookRow("product", "", "WALNUT", "{}"),
            BookRow("price", "", "BADAM/purchase/", "{}"),
        ],
        2,
        "turdi",
        NOW,
    )
    page = seen(operator)
    assert "Faults that forbid publishing" in page
    operator.sees(f"/prices?region={REGION}")
    assert operator.does(PATH, revision=3).status_code == 409
    assert desk.book.releases(REGION)[0].number == 1


def test_alone_only_where_the_county_allows_it_and_marked(stores: Stores, desk: CenterDesk) -> None:
    county_rows.fill(desk)
    operator = Person(app_of(stores, publish_alone=True), desk)
    desk.book.change(REGION, [price(2600)], 2, "operator-0", NOW)
    assert "nobody else has looked at it" in operator.sees(PATH)
    assert operator.does(PATH, revision=3).status_code == 303
    assert desk.book.releases(REGION)[0].alone
    assert "published alone" in desk.audit.page(act=AuditAction.CONFIGURATION_PUBLISHED)[0].detail
    assert "alone" in seen(operator)


def test_a_release_is_the_draft_once_more(app: Flask, operator: Person, desk: CenterDesk) -> None:
    desk.book.change(REGION, [price(2600), price(900, "WALNUT/purchase/2026-12-01")], 2, "aygul", NOW)
    assert operator.does(PATH, revision=3).status_code == 303
    page = " ".join(Markup(operator.sees(f"/publish/2?region={REGION}&lang=en")).striptags().split())
    for shown in ("Release 2", "aygul", "¥24.00 ¥26.00", "¥18.00 ¥9.00 -50.0%"):
        assert shown in page, shown
    assert "Almond" in operator.sees(f"/publish/1?region={REGION}&lang=en")
    restore = f"/publish/1/restore?region={REGION}&lang=en"
    assert operator.does(restore, revision=3).status_code == 409
    assert operator.does(restore, revision=4).status_code == 303
    assert content(desk, "price", "BADAM/purchase/") == '{"fen_per_kg":2400}'
    assert content(desk, "price", "WALNUT/purchase/2026-12-01") is None
    assert desk.book.in_force(REGION)[0] == 2, "in force stays what it was until somebody publishes"
    assert desk.audit.page(act=AuditAction.RELEASE_RESTORED)[0].subject == f"{REGION} 1"
    assert Person(app, desk, StaffRole.VIEWER).client.get(f"/publish/9?region={REGION}").status_code == 404
