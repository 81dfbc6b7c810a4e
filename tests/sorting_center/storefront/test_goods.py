"""Lots of the same goods and grade stand on one card; a buyer chooses among them, and sees where each was weighed."""

from __future__ import annotations

import json
import re

import pytest

from kiosk.domain.events.photo import NO_WORDS, WordsData
from kiosk.sorting_center.listings.records import ListingTexts, LotWeighing
from kiosk.sorting_center.storefront.published import PublishedListings
from tests.sorting_center.storefront.shops import FIRST, WEIGHED, Shop, many, titled

CARD = re.compile(r'<li class="card">\s*<a href="([^"]+)">')
HOSTILE = '"><script>alert(1)</script>{{ 7*7 }}'


def test_200_lots_of_the_same_almonds_are_one_card(shop: Shop) -> None:
    many(shop, 50, apart=False)
    buyer = shop.buyer()
    (link,) = CARD.findall(page := buyer.sees("/en/"))
    assert link == "/en/shache/BADAM~A"
    assert '<bdi dir="ltr">50</bdi> lots to choose from' in page and "Lots: <bdi" in page
    assert page.count('<img src="/pictures/') == 1, "of the newest"
    first, last = buyer.sees(link), buyer.sees(f"{link}?page=3")
    assert f'rel="next" href="{link}?page=2"' in first and 'rel="next"' not in last
    assert 'hreflang="ug" href="http://localhost/ug/shache/BADAM~A?page=3"' in last
    lots = [shop.path(counter=counter) for counter in range(50, 0, -1)]
    assert re.findall(r'<h3><a href="([^"]+)"', first) == lots[:24]
    assert re.findall(r'<h3><a href="([^"]+)"', last) == lots[48:]
    assert buyer.told(f"{link}?page=4") == 404
    assert link in buyer.sees(shop.path()), "a lot leads to the others"
    assert buyer.sees("/sitemap-1.xml").count("<loc>") == 150, "each keeps an address of its own"


def test_a_card_says_from_which_price_and_the_page_what_each_lot_costs(shop: Shop) -> None:
    shop.weigh(2, LotWeighing("2026-11-20", 2, 40_050, "Yengi Kent"))
    shop.sell(1, (0,), price_fen=5800, pack_g=500)
    shop.sell(2, (1,), price_fen=2950, pack_g=250, harvest="2026-08")
    shop.sell(3, (2,), price_fen=9900, pack_g=1000, grade="B")
    buyer = shop.buyer()
    page = buyer.sees("/en/")
    assert len(CARD.findall(page)) == 2
    assert 'from <bdi dir="ltr">¥29.50</bdi>' in page
    assert 'packs of <bdi dir="ltr">250\xa0g</bdi> to <bdi dir="ltr">500\xa0g</bdi>' in page
    assert 'for <bdi dir="ltr">1\xa0kg</bdi>' in page and "¥99.00/kg" not in page, "the same price is not said twice"
    goods = buyer.sees("/en/shache/BADAM~A")
    for text in ("¥58.00", "¥29.50", "¥118.00/kg", "2026-08", "Yengi Kent", 'had <bdi dir="ltr">40.05\xa0kg</bdi>'):
        assert text in goods, text
    assert "¥99.00" not in goods
    assert buyer.sees("/zh/").count("起") == 1
    (only,) = CARD.findall(buyer.sees("/en/", query_string={"q": shop.center.station.lot(2)}))
    assert only == shop.path(counter=2), "one that is found by its code is shown at once"


def test_goods_go_with_their_last_lot_and_one_lot_names_no_others(shop: Shop) -> None:
    shop.sell(1, (0,))
    shop.sell(2, (1,))
    buyer = shop.buyer()
    assert buyer.told("/en/shache/BADAM~A") == 200
    shop.do("sell_out", 2)
    assert CARD.findall(buyer.sees("/en/")) == [shop.path()]
    assert "BADAM~A" not in buyer.sees(shop.path())
    assert shop.path(counter=2) not in buyer.sees("/en/shache/BADAM~A")
    shop.center.take(shop.center.station.void(1))
    assert buyer.told("/en/shache/BADAM~A") == 404
    assert CARD.findall(buyer.sees("/en/")) == []


def test_goods_without_a_grade_have_an_address_too(shop: Shop) -> None:
    shop.sell(1, (0,), grade="")
    shop.sell(2, (1,), grade="")
    buyer = shop.buyer()
    assert CARD.findall(buyer.sees("/en/")) == ["/en/shache/BADAM"]
    assert "Grade" not in buyer.sees("/en/shache/BADAM")
    for path in ("BADAM~", "BADAM~A", "badam", "~", "BADAM~A~B", "%00", "%ff", "x" * 9_000, "'%3b--", "BADAM%7eA%0a"):
        assert buyer.told(f"/en/shache/{path}") == 404, path
    assert buyer.told("/en/hotan/BADAM") == buyer.told("/en/%00/BADAM") == 404


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_a_lot_that_vanishes_between_two_questions_hurts_nobody(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list was read, and an operator ends the offer before the buyer goes on."""
    many(shop, 25, apart=False)
    buyer = shop.buyer()
    link = "/en/shache/BADAM~A?page=2"
    assert f'href="{link}"' in buyer.sees("/en/shache/BADAM~A")
    shop.do("sell_out", 25)
    assert buyer.told(link) == 404
    get = PublishedListings.get

    def vanishes(self: PublishedListings, *of: object) -> object:
        found = get(self, *of)  # type: ignore[arg-type]
        for counter in range(1, 25):
            if shop.center.one(counter).state == "published":
                shop.do("sell_out", counter)
        return found

    monkeypatch.setattr(PublishedListings, "get", vanishes)
    assert buyer.told(shop.path()) == 200
    assert buyer.told(shop.path()) == 410


def test_where_it_was_weighed_is_told_without_anything_about_the_grower(shop: Shop) -> None:
    shop.weigh()
    shop.sell()
    buyer = shop.buyer("https://goods.county.example")
    lot = shop.center.station.lot(1)
    for language, day, verified in (
        ("en", "Day", "valid on that day"),
        ("zh", "日期", "当日有效"),
        ("ug", "كۈنى", "كۈچكە"),
    ):
        page = buyer.sees(f"{shop.path(language)}/way")
        told = ("2026-11-25", "S0147", "61.2\xa0kg", "3", "2026-09", lot)
        assert [one for one in told if f'<bdi dir="ltr">{one}</bdi>' not in page] == []
        for text in ("<bdi>栗子村 Kashtan</bdi>", "<bdi>米夏 Mixia</bdi>", day, verified):
            assert text in page, (language, text)
        assert f'rel="canonical" href="https://goods.county.example{shop.path(language)}/way"' in page
        assert f'{shop.path(language)}/way"' in buyer.sees(shop.path(language))
        assert 'class="qr" role="img"' in page
        assert not re.search(r"[0-9a-f]{64}", re.sub(r'(src|content)="[^"]*"', "", page)), "no hashes but of pictures"
    shop.do("sell_out")
    assert buyer.told(f"{shop.path()}/way") == 410


def test_a_weighing_that_nobody_knows_is_not_made_up(shop: Shop) -> None:
    shop.sell()
    buyer = shop.buyer()
    page = buyer.sees(shop.path())
    assert "/way" not in page and "The lot had" not in page
    assert buyer.told(f"{shop.path()}/way") == 404
    shop.weigh(1, LotWeighing("", 0, 999))
    assert buyer.told(f"{shop.path()}/way") == 404, "it is what was published"
    shop.do("publish")
    page = buyer.sees(f"{shop.path()}/way")
    for text in ("Village", "Township", "Day", "Bags", "Scale"):
        assert f"<dt>{text}</dt>" not in page
    assert '<bdi dir="ltr">0.999\xa0kg</bdi>' in page


def test_hostile_texts_are_texts_on_every_page(shop: Shop) -> None:
    words = WordsData("", HOSTILE, "")
    shop.weigh(1, LotWeighing(HOSTILE, 1, 1, HOSTILE, HOSTILE, HOSTILE))
    shop.offer(1, title=words, origin_words=words, grade_words=words)
    long = ListingTexts(words, WordsData("", HOSTILE * 300, ""))
    shop.center.listings.edit(shop.center.key(1), long, shop.center.seen())
    shop.do("publish")
    shop.sell(2, (2,), title=words, story=NO_WORDS)
    buyer = shop.buyer()
    for path in ("/ug/", "/en/shache/BADAM~A", shop.path("ug"), f"{shop.path()}/way", shop.path("en", 2)):
        page = buyer.sees(path)
        assert "<script>" not in page and "49" not in page, path
        assert len(page) < 60_000


def test_what_others_show_of_a_link_is_said_in_its_language(shop: Shop) -> None:
    shop.weigh()
    shop.sell(story=WordsData("", "新货 “好”", 'Of "this" autumn'))
    shop.sell(2, (2,), **titled("Almonds"))
    buyer = shop.buyer("https://goods.county.example")
    kinds = ("website", "product", "website", "website")
    paths = ("/en/", shop.path(), "/en/shache/BADAM~A", f"{shop.path()}/way")
    for path, kind in zip(paths, kinds, strict=True):
        page = buyer.sees(path)
        told = dict(re.findall(r'<meta property="(og:[a-z_:]+)" content="([^"]*)">', page))
        assert told["og:type"] == kind
        assert told["og:url"] == f"https://goods.county.example{path}"
        assert told["og:locale"] == "en_US" and told["og:title"] and told["og:description"]
        assert told["og:image"].startswith("https://goods.county.example/pictures/")
        assert re.findall(r'locale:alternate" content="(\w+)"', page) == ["zh_CN", "ug_CN"]
    page = buyer.sees(shop.path())
    assert f'og:image" content="https://goods.county.example/pictures/{FIRST}.jpg"' in page
    assert 'og:description" content="Of &#34;this&#34; autumn"' in page
    assert "og:" not in buyer.asks("/en/nothing").text
    assert json.loads(re.findall(r'ld\+json">(.*?)</script>', page)[0])["name"] == "Almonds"


def test_a_published_weighing_stays_until_it_is_published_again(shop: Shop) -> None:
    shop.weigh()
    shop.sell()
    shop.weigh(1, LotWeighing("2026-11-26", 1, 1_000))
    found = shop.center.one().published
    assert found is not None and found.weighing == WEIGHED
