"""What buyers see of what is published, in three languages; and that they see nothing else."""

from __future__ import annotations

import os
import re

from kiosk.domain.events.photo import WordsData
from kiosk.sorting_center.web.shared.guard import Hosts
from tests.sorting_center.station_journal import WORDS
from tests.sorting_center.storefront.shops import FIRST, FOURTH, SECOND, SHOTS, THIRD, Shop, many, titled

LANGUAGES = ("zh", "ug", "en")
HOSTILE_TEXT = "</script><img src=x onerror=alert(1)>{{ 7*7 }}"


def test_a_lot_is_shown_with_all_that_is_known_of_it_in_three_languages(shop: Shop) -> None:
    shop.sell(allergens=("tree_nuts", "a_later_one"))
    buyer = shop.buyer()
    told = {
        "zh": ("巴旦木", "新货", "阴凉处", "含坚果。", "中国", "每份"),
        "ug": ("بادام", "يېڭى", "阴凉处", "تەركىبىدە ياڭاق ۋە بادام تۈرى بار", "جۇڭگو"),
        "en": ("Almonds", "Of this autumn", "Keep cool", "Contains tree nuts.", "China", "for"),
    }
    for language in LANGUAGES:
        page = buyer.sees(shop.path(language))
        figures = ('<bdi dir="ltr">¥58.00</bdi>', '<bdi dir="ltr">¥116.00/kg</bdi>', '<bdi dir="ltr">500\xa0g</bdi>')
        codes = ("SHACHE", "A", "2026-09", shop.center.station.lot(1), "a_later_one")
        for text in (*told[language], *figures, *(f'<bdi dir="ltr">{code}</bdi>' for code in codes)):
            assert text in page, (language, text)
        assert f'<html lang="{language}" dir="{"rtl" if language == "ug" else "ltr"}">' in page
        assert re.findall(r"<img src=\"/pictures/(\w+)\.jpg", page) == [FIRST, SECOND]
        assert re.findall(r"<a href=\"/pictures/(\w+)\.jpg\"", page) == [FIRST, SECOND], "each opens in full"
        for other in LANGUAGES:
            place = f"http://localhost{shop.path(other)}"
            assert f'<link rel="alternate" hreflang="{other}" href="{place}">' in page
        assert f'<link rel="canonical" href="http://localhost{shop.path(language)}">' in page
    assert '<bdi lang="zh" dir="ltr">阴凉处</bdi>' in buyer.sees(shop.path("ug")), "in its own direction"
    everything = buyer.sees("/en/")
    assert "Almonds" in everything and "¥58.00" in everything and f"/pictures/{FIRST}.jpg" in everything


def test_origin_and_grade_are_said_in_words_where_the_station_told_some(shop: Shop) -> None:
    shop.sell(**WORDS)
    told = {
        "zh": ('zh" dir="ltr">莎车县', 'zh" dir="ltr">一级'),
        "ug": ('ug" dir="rtl">يەكەن', 'zh" dir="ltr">一级'),
        "en": ('en" dir="ltr">Yarkant', 'en" dir="ltr">First'),
    }
    for language in LANGUAGES:
        page = shop.buyer().sees(shop.path(language))
        for text in told[language]:
            assert f'<bdi lang="{text}</bdi>' in page
        assert "SHACHE" not in page and '<bdi dir="ltr">A</bdi>' not in page
    shop.sell(counter=2, origin_words=WordsData(" ", "", " "))
    page = shop.buyer().sees(shop.path(counter=2))
    assert '<bdi dir="ltr">SHACHE</bdi> · ' in page and '<dd><bdi dir="ltr">A</bdi></dd>' in page


def test_a_text_of_blanks_is_none(shop: Shop) -> None:
    shop.sell(title=WordsData("بادام", " ", "Almonds"))
    assert 'lang="en" dir="ltr">Almonds</' in shop.buyer().sees(shop.path("zh"))


def test_texts_of_stations_are_texts(shop: Shop) -> None:
    words = WordsData(HOSTILE_TEXT, HOSTILE_TEXT, HOSTILE_TEXT)
    shop.sell(title=words, story=words, storage=words, origin_words=words, grade_words=words)
    buyer = shop.buyer()
    for path in (shop.path(), "/en/", "/en/?q=script"):
        page = buyer.sees(path)
        assert "<img src=x" not in page and "49" not in page
        assert page.count("</script>") == page.count("<script ")
    assert "&lt;script&gt;" in buyer.sees("/en/?q=%3Cscript%3E")


def test_what_is_published_is_here_and_nothing_before_or_after(shop: Shop) -> None:
    buyer, path = shop.buyer(), shop.path()

    def seen() -> tuple[int, int, bool, bool]:
        listed, mapped = buyer.sees("/en/"), buyer.sees("/sitemap.xml")
        return buyer.told(path), buyer.told(f"/pictures/{FIRST}.jpg"), path in listed, "sitemap-1" in mapped

    nowhere = (404, 404, False, False)
    here, gone = (200, 200, True, True), (410, 404, False, False)
    assert seen() == nowhere
    shop.offer()
    assert seen() == nowhere, "it is to be reviewed"
    for act, expected in (("publish", here), ("pause", gone), ("publish", here), ("sell_out", gone)):
        shop.do(act)
        assert seen() == expected, act
    shop.do("publish")
    shop.center.take(shop.center.station.void(1))
    assert seen() == gone, "it was voided"
    shop.offer(2, (2,))
    shop.do("withdraw", 2)
    assert buyer.told(shop.path("zh", 2)) == 404, "nobody ever saw it"
    assert "不再出售" in buyer.asks(shop.path("zh")).text


def test_a_newer_offer_changes_nothing_until_it_is_published(shop: Shop) -> None:
    shop.sell()
    shop.center.take(shop.center.station.offer(1, SECOND, price_fen=6200))
    buyer = shop.buyer()
    assert "¥58.00" in buyer.sees(shop.path()) and buyer.told(f"/pictures/{FIRST}.jpg") == 200
    shop.do("publish")
    assert "¥62.00" in buyer.sees(shop.path())
    assert [buyer.told(f"/pictures/{name}.jpg") for name in (FIRST, SECOND)] == [404, 200]


def test_many_are_shown_page_by_page_the_newest_first_and_found_by_words(shop: Shop) -> None:
    many(shop, 30)
    buyer = shop.buyer()
    pages = [buyer.sees(path) for path in ("/en/", "/en/?page=2")]
    names = [re.findall(r"Almonds (\d+)</bdi>", page) for page in pages]
    assert [len(found) for found in names] == [24, 6]
    assert [int(name) for found in names for name in found] == list(range(30, 0, -1))
    assert "Lots: <bdi" in pages[0] and 'rel="next" href="/en/?page=2"' in pages[0]
    assert 'rel="prev" href="/en/"' in pages[1] and 'hreflang="ug" href="http://localhost/ug/?page=2"' in pages[1]
    for words, found in (
        ("almonds 007", ["007"]),
        ("ALMONDS BADAM 011", ["011"]),
        ("巴旦木 030", ["030"]),
        (shop.center.station.lot(5).lower(), ["005"]),
        ("100%", []),
        ("_", []),
        ("pears", []),
    ):
        page = buyer.sees("/en/", query_string={"q": words})
        assert re.findall(r"Almonds (\d+)</bdi>", page) == found, words
        assert 'content="noindex"' in page
    assert 'rel="next" href="/en/?q=almonds&amp;page=2"' in buyer.sees("/en/?q=almonds")
    second = buyer.sees("/en/", query_string={"q": 'almonds & "', "page": "1"})
    for language in LANGUAGES:
        assert f'<a href="http://localhost/{language}/?q=almonds+%26+%22&amp;page=1" lang="{language}"' in second
    assert "almonds" not in "".join(re.findall(r"<link.*?>", second)), "a search is no place of its own for machines"
    for path in (
        "/en/?page=3",
        "/en/?page=0",
        "/en/?page=-1",
        "/en/?page=x",
        f"/en/?page={'9' * 400}",
        "/en/?page=%00",
    ):
        assert buyer.told(path) == 404, path


def test_nothing_for_sale_is_said(shop: Shop) -> None:
    for language, says in (("zh", "没有在售商品"), ("ug", "سېتىلىدىغان مال يوق"), ("en", "Nothing is for sale")):
        assert says in shop.buyer().sees(f"/{language}/")


def test_a_picture_is_the_file_itself_and_no_other_is_given(shop: Shop) -> None:
    shop.sell()
    shop.offer(2, (2,))
    shop.came(SHOTS[3])
    buyer = shop.buyer()
    found = buyer.asks(f"/pictures/{FIRST}.jpg")
    assert (found.status_code, found.mimetype, found.data) == (200, "image/jpeg", SHOTS[0].content)
    assert (found.headers["Cache-Control"], found.headers["ETag"]) == ("public, max-age=86400", f'"{FIRST}"')
    assert buyer.told(f"/pictures/{FIRST}.jpg", headers={"If-None-Match": f'"{FIRST}"'}) == 304
    assert buyer.told(f"/pictures/{FIRST}.jpg", headers={"If-None-Match": f'"a", W/"{FIRST}"'}) == 304
    assert buyer.asks(f"/pictures/{FIRST}.jpg", "HEAD").content_length == len(SHOTS[0].content)
    refused = {
        "only of a listing that is not published": THIRD,
        "of no listing": FOURTH,
        "the natural picture": FIRST[::-1],
        "in capitals": FIRST.upper(),
        "a part": FIRST[:63],
        "more": f"{FIRST}0",
        "escaping": "..%2f..%2f..%2fcounty.desk",
        "escaping twice": "%252e%252e",
        "upwards": "../pictures/../../county.desk",
        "NUL": f"{FIRST}%00",
        "long": "a" * 9_000,
        "a line": f"{FIRST}%0a",
        "no text": "%ff%fe",
        "a pattern": "%25" * 64,
    }
    assert {why: buyer.told(f"/pictures/{name}.jpg") for why, name in refused.items()} == dict.fromkeys(refused, 404)
    for path in (
        f"/pictures/{FIRST}",
        "/pictures/",
        f"/pictures/{FIRST}.png",
        "/static/../app.py",
        "/static/..%2fapp.py",
    ):
        assert buyer.told(path) == 404, path


def test_a_picture_that_is_not_what_its_name_says_is_not_shown(shop: Shop) -> None:
    shop.sell()
    buyer, file = shop.buyer(), shop.file(FIRST)
    for content in (SHOTS[0].content[:-1], b"", SHOTS[1].content, SHOTS[0].content + b"\0"):
        file.write_bytes(content)
        assert buyer.told(f"/pictures/{FIRST}.jpg") == 404
    file.unlink()
    file.mkdir()
    assert buyer.told(f"/pictures/{FIRST}.jpg") == 404
    file.rmdir()
    assert buyer.told(f"/pictures/{FIRST}.jpg") == 404
    os.mkfifo(file)  # nobody waits for who writes to it
    assert buyer.told(f"/pictures/{FIRST}.jpg") == 404
    assert buyer.told(shop.path()) == 200
    assert shop.buyer(pictures=None).told(f"/pictures/{SECOND}.jpg") == 404


def test_what_did_not_change_is_not_sent_again(shop: Shop) -> None:
    shop.sell()
    buyer = shop.buyer()
    for path in (shop.path(), "/zh/", "/sitemap.xml", "/sitemap-1.xml", "/robots.txt"):
        first = buyer.asks(path)
        assert first.headers["Cache-Control"] == "public, no-cache"
        again = {"If-None-Match": first.headers["ETag"]}
        answer = buyer.asks(path, headers=again)
        assert (answer.status_code, answer.data) == (304, b""), path
    tag = {"If-None-Match": buyer.asks(shop.path()).headers["ETag"]}
    shop.center.take(shop.center.station.offer(1, FIRST, price_fen=6200))
    assert buyer.told(shop.path(), headers=tag) == 304
    shop.do("publish")
    assert buyer.told(shop.path(), headers=tag) == 200


def test_the_front_leads_to_the_browsers_language(shop: Shop) -> None:
    buyer = shop.buyer()
    for asked, code in (("ug-CN,ug;q=0.9,zh;q=0.5", "ug"), ("en-GB", "en"), ("zh-TW", "zh"), ("de", "zh"), ("", "zh")):
        answer = buyer.asks("/", headers={"Accept-Language": asked})
        assert (answer.status_code, answer.location, answer.headers["Vary"]) == (302, f"/{code}/", "Accept-Language")
    assert buyer.asks("/ug").location == "http://localhost/ug/"


def test_no_address_makes_it_fail(shop: Shop) -> None:
    shop.sell()
    buyer, lot = shop.buyer(), shop.center.station.lot(1)
    hostile = (
        "%00",
        "%ff",
        "%ED%A0%80",
        "%E2%80%AE",
        "x" * 9_000,
        "..%2f..",
        "'%3b--",
        "9" * 400,
        "%2e%2e",
        lot.lower(),
    )
    for text in hostile:
        for path in (f"/en/shache/S0147/{text}", f"/en/shache/{text}/{lot}", f"/en/{text}/S0147/{lot}", f"/{text}/"):
            assert buyer.told(path) == 404, path
        assert buyer.told(f"/sitemap-{text}.xml") == 404
        assert buyer.told(f"/en/?q={text}") == 200
        assert buyer.told(f"/en/?{text}={text}&page=1") == 200
    assert buyer.told(f"/fr/shache/S0147/{lot}") == buyer.told(f"/en/yarkant/S0147/{lot}") == 404
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert buyer.told(shop.path(), method=method) == 405
    assert buyer.told("/sitemap-2.xml") == buyer.told("/sitemap-0.xml") == 404


def test_it_answers_under_its_own_names_alone(shop: Shop) -> None:
    shop.sell()
    public = "https://goods.county.example"
    buyer = shop.buyer(public, Hosts("127.0.0.1", ["goods.county.example"]))
    port = {"SERVER_PORT": "8088"}
    paths = ("/", "/en/", shop.path(), f"/pictures/{FIRST}.jpg", "/sitemap.xml", "/robots.txt", "/health", "/nothing")
    for path in (*paths, "/static/storefront.css"):
        for host in ("rebound.example:8088", "127.0.0.1.example:8088", "127.0.0.1:9999", "x@127.0.0.1:8088", ""):
            answer = buyer.asks(path, headers={"Host": host}, environ_overrides=port)
            assert (answer.status_code, answer.text) == (403, "403\n"), (path, host)
    for host in ("goods.county.example", "127.0.0.1:8088", "[::1]:8088"):
        page = buyer.sees(shop.path(), headers={"Host": host}, environ_overrides=port)
        assert f'<link rel="canonical" href="{public}{shop.path()}">' in page


def test_search_engines_find_every_page(shop: Shop) -> None:
    many(shop, 3)
    buyer = shop.buyer("https://goods.county.example/lots")
    assert "Sitemap: https://goods.county.example/lots/sitemap.xml\n" in buyer.sees("/robots.txt")
    assert "<loc>https://goods.county.example/lots/sitemap-1.xml</loc>" in buyer.sees("/sitemap.xml")
    part = buyer.sees("/sitemap-1.xml")
    places = re.findall(r"<loc>https://goods\.county\.example/lots(.*?)</loc>", part)
    assert sorted(places) == sorted(shop.path(language, n) for language in LANGUAGES for n in (1, 2, 3))
    assert part.count("<xhtml:link ") == 27 and "<lastmod>2026-11-27T08:00:00.000Z</lastmod>" in part
    for place in places:
        assert buyer.told(place) == 200


def test_below_a_path_of_its_host_links_stay_below_it(shop: Shop) -> None:
    shop.sell(**titled("Almonds"))
    buyer = shop.buyer("https://county.example/goods")
    for asked in ("/en/", "/goods/en/"):
        page = buyer.sees(asked)
        links = re.findall(r'(?:href|src|action)="(/[^"]*)"', page)
        assert links and all(link.startswith("/goods/") for link in links), links
    assert buyer.sees("/goods/en/") == buyer.sees("/en/")
    assert buyer.told(f"/goods/pictures/{FIRST}.jpg") == 200
    assert buyer.asks("/goods").location == "/goods/zh/"


def test_over_tls_browsers_are_told_to_stay_there(shop: Shop) -> None:
    buyer = shop.buyer(hosts=Hosts("127.0.0.1", ["goods.county.example"]))
    answer = buyer.asks("/en/", base_url="https://goods.county.example")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "Strict-Transport-Security" not in buyer.asks("/en/").headers
