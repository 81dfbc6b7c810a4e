"""What can we sell: one step from today, and nothing is promised that the ledger does not hold."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from kiosk.sorting_center.desk.registry import ExpectedStation
from kiosk.sorting_center.ledger.database.times import to_rfc3339
from kiosk.sorting_center.listings.listings import CenterListings
from kiosk.sorting_center.listings.records import ListingKey, Published
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.reports.ledgers import ClockedStation
from tests.sorting_center.staff import NOON
from tests.sorting_center.station_journal import of_weight
from tests.sorting_center.web.county_month import read
from tests.sorting_center.web.looking import page
from tests.sorting_center.web.test_today import bare


@pytest.fixture
def county(stores: Stores) -> Stores:
    """Almonds bought and on consignment at two prices, some void, some of last year; apricots that are all void."""
    first, second = ClockedStation("S0147", "00112233445566aa"), ClockedStation("S0148", "00112233445566bb", "boot-9")
    first.at = NOON - timedelta(days=400)
    told = [first.start(), first.intake(1, **of_weight(900_000))]
    first.passes(timedelta(days=399))
    told += [first.intake(2, **of_weight(1_500_000, 2_000), mode="purchase"), first.intake(3, **of_weight(250_000))]
    told += [first.intake(4, **of_weight(70_000, 9_900)), first.void(4)]
    told += [first.intake(5, **of_weight(30_000), product="URUK"), first.void(5)]
    stores.ledger.accept(told, "shache", to_rfc3339(NOON))
    second.at = NOON - timedelta(days=1)
    stores.ledger.accept([second.start(), second.intake(1, **of_weight(250_000))], "shache", to_rfc3339(NOON))
    read(stores)
    return stores


def test_it_is_one_step_from_today(county: Stores) -> None:
    assert '<a href="/stock">What can we sell</a>' in page(county, "/")


@pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"], indirect=True)
def test_goods_of_this_year_that_are_not_void_are_listed(county: Stores) -> None:
    html = page(county, "/stock")
    row = "BADAM 1.50 t ¥30,000.00 0.50 t ≈ ¥12,000.00 3 ¥20.00 – ¥24.00/kg Stations: 2 not offered"
    assert row in bare(html)
    assert 'title="1,500.000\u00a0kg"' in html, "exactly, for who points at it"
    assert "URUK" not in html, "all of it is void"
    assert "The county does not know what was sold" in html


def test_a_product_says_where_it_is_and_leads_to_its_lots(county: Stores) -> None:
    county.desk.registry.replace([ExpectedStation("shache", "S0147", township="<b>Tömür</b>")], [])
    html = page(county, "/stock?product=BADAM")
    assert "&lt;b&gt;Tömür&lt;/b&gt;" in html
    (there,) = re.findall(r'href="([^"]*station=S0147)#lots"', html)
    lots = page(county, there.replace("&amp;", "&"))
    assert re.findall(r'href="/receipts/shache/([^"]+)"', lots) == ["0147-A-000002", "0147-A-000003"]


def test_what_buyers_see_is_marked_with_its_grade(county: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    lot = ClockedStation("S0147").lot(2)
    words = {"texts": None, "storage": None, "photos": (), "pack_g": 500, "price_fen": 1, "origin": "", "harvest": ""}
    one = Published(product="BADAM", grade="<i>A1</i>", allergens=(), at="", offer="", **words)  # type: ignore[arg-type]
    monkeypatch.setattr(CenterListings, "published", lambda _: iter([(ListingKey("shache", "S0147", lot), one)]))
    html = page(county, "/stock")
    assert "&lt;i&gt;A1&lt;/i&gt;" in html and "lots: 1" in bare(html)
    lots = page(county, "/stock?product=BADAM&region=shache&station=S0147")
    assert lots.count(f'href="/listings/shache/S0147/{lot}"') == 1


@pytest.mark.parametrize("language", ["zh", "ug"])
def test_it_speaks_every_language_and_fears_no_address(county: Stores, language: str) -> None:
    for asked in ("", "?product=BADAM", "?product=<script>alert(1)</script>", "?product=" + "x" * 10_000):
        assert "<script>alert" not in page(county, f"/stock{asked}", lang=language)
