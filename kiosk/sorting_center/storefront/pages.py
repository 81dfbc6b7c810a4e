"""The public pages: the goods that are published, and what programs need to find them."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr
from zoneinfo import ZoneInfo

import msgspec
from flask import Blueprint, current_app, redirect, render_template, request, url_for
from markupsafe import Markup, escape
from werkzeug.exceptions import Gone, NotFound
from werkzeug.wrappers import Response

from kiosk.domain.events.photo import WordsData
from kiosk.domain.money import unit_price_fen
from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.domain.slip import SlipVerdict
from kiosk.messaging.contract.photos import PictureName
from kiosk.sorting_center.listings.addresses import PublicAddresses
from kiosk.sorting_center.listings.exports.table import item_id
from kiosk.sorting_center.listings.records import ListingKey
from kiosk.sorting_center.photos.folder import PictureFolder, read_picture
from kiosk.sorting_center.storefront.published import GoodsKey, NoLongerPublished, PublishedListings, PublishedLot
from kiosk.sorting_center.storefront.seller import NO_SELLER, Seller, qr_svg
from kiosk.sorting_center.storefront.slip_keys import SlipKeys
from kiosk.sorting_center.storefront.small_pictures import CARD_PX, MAX_BYTES, PAGE_PX, small_path
from kiosk.sorting_center.web.shared.query_params import query_with
from kiosk.sorting_center.web.shared.texts import CenterTexts, center_texts
from kiosk.texts import html
from kiosk.texts.languages import LANGUAGES, Language
from kiosk.texts.plain import plain

storefront = Blueprint("storefront", __name__)

# Of two requested with equal weight the first is used; so is the first when none of them is requested.
LANGUAGE_CODES: Final = ("zh", "ug", "en")
PAGE_SIZE: Final = 24
MAX_SEARCH: Final = 60
# A picture never changes; one withdrawn from buyers is removed from their machines after that.
PICTURE_MAX_AGE_S: Final = 24 * 3600
_MASTER_MAX_AGE_S: Final = 60  # A master that is given while its small picture is made
LOG_INTERVAL_S: Final = 300.0
_SLIPS_MAX_AGE_S: Final = 24 * 3600  # So long a telephone checks receipts without a line, and knows no newer voids
_TEXTS_PACKAGE: Final = "kiosk.sorting_center.storefront"
_LANGUAGE_PREFIX: Final = "/<any(zh, ug, en):language>"
_LOT_ROUTE: Final = f"{_LANGUAGE_PREFIX}/<region>/<station>/<lot>"
_ZONE: Final = ZoneInfo("Asia/Shanghai")  # In which the stations' days begin
_LOCALES: Final = {"zh": "zh_CN", "ug": "ug_CN", "en": "en_US"}
_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,40}")
_GOODS_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,40}(~[A-Za-z0-9._-]{1,40})?")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,5}")

_log = RateLimitedLog(logging.getLogger(__name__), time.monotonic, LOG_INTERVAL_S)


@dataclass(frozen=True, slots=True)
class StorefrontSources:
    """``pictures``: None for none. ``public``: None for addresses with the host of each request."""

    listings: PublishedListings
    slips: SlipKeys
    pictures: PictureFolder | None
    public: PublicAddresses | None
    seller: Seller = NO_SELLER


def sources() -> StorefrontSources:
    found = current_app.extensions["storefront"]
    if not isinstance(found, StorefrontSources):
        raise TypeError("the storefront was not made by create_app")
    return found


def addresses() -> PublicAddresses:
    return sources().public or PublicAddresses(request.host_url)


def texts() -> CenterTexts:
    """Return the texts in the language of the address, else in that of the browser."""
    requested = (request.view_args or {}).get("language", "") or request.path[1:3]
    return center_texts(requested if requested in LANGUAGE_CODES else _browser_language(), _TEXTS_PACKAGE)


@storefront.get("/")
def front() -> Response:
    answer = redirect(url_for("storefront.everything", language=_browser_language()))
    answer.headers["Vary"] = "Accept-Language"
    return answer


@storefront.get(f"{_LANGUAGE_PREFIX}/")
def everything(language: str) -> Response:
    """List the goods, the last published first. ``?q=`` words; ``page=`` from 1."""
    search = plain(request.args.get("q", ""), MAX_SEARCH)
    page = _requested_page()
    found = sources().listings.page(search, (page - 1) * PAGE_SIZE, PAGE_SIZE)
    pages = _page_count(found.kinds, page)
    return _page("list.html", _places("", page), found=found, page=page, pages=pages, search=search)


@storefront.get(f"{_LANGUAGE_PREFIX}/<region>/<goods>")
def lots(language: str, region: str, goods: str) -> Response:
    """Show the goods of one grade, with their lots to choose from; ``?page=`` from 1."""
    page, key = _requested_page(), GoodsKey.parse(region, goods)
    if not (_NAME.fullmatch(region) and _GOODS_NAME.fullmatch(goods)):
        raise NotFound("no goods are called so")
    found = sources().listings.goods(key, (page - 1) * PAGE_SIZE, PAGE_SIZE)
    if found is None:
        raise NotFound(f"nothing of {goods} is published")
    offer, lots = found
    pages = _page_count(offer.lots, page)
    return _page("goods.html", _places(f"{region}/{goods}", page), offer=offer, lots=lots, page=page, pages=pages)


@storefront.get(_LOT_ROUTE)
def one(language: str, region: str, station: str, lot: str) -> Response:
    goods = _published_lot(region, station, lot)
    places = {code: addresses().page(goods.key, code) for code in LANGUAGE_CODES}
    document = json_ld(goods, addresses(), language, sources().seller)
    others = sources().listings.goods(GoodsKey.of(goods), 0, 1)
    offer = others[0] if others is not None and others[0].lots > 1 else None
    return _page("product.html", places, goods=goods, json_ld=document, offer=offer)


@storefront.get(f"{_LOT_ROUTE}/way")
def way(language: str, region: str, station: str, lot: str) -> Response:
    """Show where and when a lot was weighed, for a buyer who scans its code."""
    goods = _published_lot(region, station, lot)
    if goods.published.weighing is None:
        raise NotFound(f"the weighing of {goods.key} was not published")
    places = {code: f"{addresses().page(goods.key, code)}/way" for code in LANGUAGE_CODES}
    since = datetime.fromisoformat(goods.published.at).astimezone(_ZONE).date().isoformat()
    return _page("way.html", places, goods=goods, since=since)


def _published_lot(region: str, station: str, lot: str) -> PublishedLot:
    key = ListingKey(region, station, lot)
    if not all(_NAME.fullmatch(part) for part in (region, station, lot)):
        raise NotFound("no lot is called so")
    try:
        goods = sources().listings.get(key)
    except NoLongerPublished as error:
        raise Gone(f"{error} is not published any more") from error
    if goods is None:
        raise NotFound(f"there is no lot {key}")
    return goods


def _requested_page() -> int:
    requested = request.args.get("page", "1")
    if not _NUMBER.fullmatch(requested):
        raise NotFound(f"{requested[:20]!r} is no page")
    return int(requested)


def _page_count(rows: int, page: int) -> int:
    pages = max(1, -(-rows // PAGE_SIZE))
    if page > pages:
        raise NotFound(f"there are {pages} pages")
    return pages


def _places(path: str, page: int) -> dict[str, str]:
    here = path if page == 1 else f"{path}?page={page}"
    return {code: f"{addresses().base}/{code}/{here}" for code in LANGUAGE_CODES}


@storefront.get("/pictures/<sha256>.jpg")
def picture(sha256: str) -> Response:
    """Send a master of a published lot, and no other file; only when its hash is its name. ``?width=480``: its small
    picture of this width, as soon as there is one.
    """
    holders = sources().listings.stations_of(sha256) if _HASH.fullmatch(sha256) else []
    folder = sources().pictures
    if not holders or folder is None:
        raise NotFound("no published lot has such a picture")
    max_age_s = PICTURE_MAX_AGE_S
    width_px = next((one for one in MAX_BYTES if request.args.get("width") == str(one)), None)
    if width_px is not None:
        max_age_s = _MASTER_MAX_AGE_S
        small = _read_small_picture(small_path(folder, sha256, width_px), MAX_BYTES[width_px])
        if small:
            return _picture_response(
                Response(small, mimetype="image/jpeg"), f"{sha256}-{width_px}", PICTURE_MAX_AGE_S
            ).make_conditional(request)
    if request.if_none_match.contains_weak(sha256):  # as a proxy that compresses asks
        return _picture_response(Response(status=304), sha256, max_age_s)
    for region, station in holders:
        content = _read_master(folder.path(PictureName(region, station, sha256)), sha256)
        if content is not None:
            return _picture_response(Response(content, mimetype="image/jpeg"), sha256, max_age_s)
    raise NotFound("the picture is not here")


@storefront.get("/s")
def slip() -> Response:
    """Show the page in all languages at once, as the paper does: the phone need not belong to the paper's owner.

    The browser checks: the digits follow ``#`` in the address, which no browser sends. All that it needs is in the
    page, which works offline once it is loaded.
    """
    counties = sources().slips.counties()
    data = {
        "counties": [one.keys for one in counties],
        "goods": {one.keys.region: one.goods for one in counties},
        "offset_minutes": (datetime.now(_ZONE).utcoffset() or timedelta()) // timedelta(minutes=1),
    }
    words = [(language, center_texts(language.code, _TEXTS_PACKAGE)) for language in LANGUAGES.values()]
    states = (*SlipVerdict, "wait", "too_old")  # While nothing is found, and in a browser that cannot check
    body = render_template("slip.html", words=words, states=states, data=_script_data(data))
    return _slips_response(body, "text/html")


@storefront.get("/keys.json")
def public_keys() -> Response:
    """Send the county's public keys. ``?region=``, where the center has several."""
    region = request.args.get("region", "")
    found = [one.keys for one in sources().slips.counties() if region in ("", one.keys.region)]
    if len(found) != 1:
        raise NotFound("name one region that there is")
    return _slips_response(found[0].encode().decode(), "application/json")


@storefront.get("/robots.txt")
def robots() -> Response:
    """Allow all but searches, which lead to nothing that is not in the list."""
    body = f"User-agent: *\nAllow: /\nDisallow: /*?q=\n\nSitemap: {addresses().base}/sitemap.xml\n"
    return _cacheable_response(body, "text/plain")


@storefront.get("/sitemap.xml")
def sitemaps() -> Response:
    count = -(-sources().listings.count() // PER_SITEMAP)
    return _cacheable_response(sitemap_index(addresses(), min(count, MAX_SITEMAPS)), "application/xml")


@storefront.get("/sitemap-<int:number>.xml")
def sitemap_part(number: int) -> Response:
    found = sources().listings.keys((number - 1) * PER_SITEMAP, PER_SITEMAP) if 0 < number <= MAX_SITEMAPS else []
    if not found:
        raise NotFound("there is no such part")
    return _cacheable_response(sitemap(addresses(), LANGUAGE_CODES, found), "application/xml")


@storefront.get("/health")
def health() -> Response:
    sources().listings.count()
    return _cacheable_response("ok\n", "text/plain")


def render_page(template: str, **values: object) -> str:
    return render_template(
        template,
        t=texts(),
        languages=[LANGUAGES[code] for code in LANGUAGE_CODES],
        said=localized,
        fen_per_kg=unit_price_fen,
        warning=_warning,
        widths={"card": CARD_PX, "page": PAGE_PX, "small": CARD_PX[:1]},
        locales=_LOCALES,
        seller=sources().seller,
        qr=qr_svg,
        picture_address=addresses().picture,
        **values,
    )


def _warning(word: str) -> Markup:
    """Translate an allergen as in the files for shops; one that only newer software knows appears as its code."""
    words, text_id = center_texts(texts().language.code), f"export_warning_{word}"
    return words(text_id) if text_id in words else html.bdi_code(word)


def _page(template: str, places: dict[str, str], **values: object) -> Response:
    """Render a page. ``places``: its address by language; ``ways`` there keep the other query parameters."""
    query = query_with(request.args.items(multi=True))
    ways = {code: place.partition("?")[0] + query for code, place in places.items()}
    return _cacheable_response(
        render_page(template, places=places, ways=ways, home=f"{addresses().base}/", **values), "text/html"
    )


def _cacheable_response(body: str, mimetype: str) -> Response:
    answer = Response(body, mimetype=mimetype)
    answer.add_etag()
    return answer.make_conditional(request)


def _slips_response(body: str, mimetype: str) -> Response:
    answer = _cacheable_response(body, mimetype)
    answer.headers["Cache-Control"] = f"public, max-age={_SLIPS_MAX_AGE_S}"
    return answer


def _picture_response(answer: Response, etag: str, max_age_s: int) -> Response:
    answer.set_etag(etag)
    answer.cache_control.public = True
    answer.cache_control.max_age = max_age_s
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # shops that sell the goods show it, too
    return answer


def _read_master(path: Path, sha256: str) -> bytes | None:
    try:
        content = read_picture(path, sha256)
    except OSError as error:
        _log.write(f"A published picture cannot be read: {error}", kind="unreadable")
        return None
    if content is None:
        _log.write(f"A published picture is damaged: {path}", kind="damaged")
    return content


def _read_small_picture(path: Path, size_bytes: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(size_bytes + 1)
    except OSError:
        return None


def _browser_language() -> str:
    return request.accept_languages.best_match(LANGUAGE_CODES, LANGUAGE_CODES[0]) or LANGUAGE_CODES[0]


# Lots: each is three addresses, of 50,000 that one file may have; so a part is written in an instant.
PER_SITEMAP: Final = 1_000
MAX_SITEMAPS: Final = 1_000
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SITEMAPS: Final = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
_LINKS: Final = 'xmlns:xhtml="http://www.w3.org/1999/xhtml"'


def sitemap_index(addresses: PublicAddresses, count: int) -> str:
    parts = "".join(
        f"<sitemap><loc>{escape(addresses.base)}/sitemap-{number}.xml</loc></sitemap>\n"
        for number in range(1, count + 1)
    )
    return f"{_HEAD}<sitemapindex {_SITEMAPS}>\n{parts}</sitemapindex>\n"


def sitemap(addresses: PublicAddresses, languages: Sequence[str], found: Iterable[tuple[ListingKey, str]]) -> str:
    urls = "".join(_urls({code: addresses.page(key, code) for code in languages}, at) for key, at in found)
    return f"{_HEAD}<urlset {_SITEMAPS} {_LINKS}>\n{urls}</urlset>\n"


def _urls(places: dict[str, str], at: str) -> str:
    links = "".join(
        f'<xhtml:link rel="alternate" hreflang="{code}" href={quoteattr(place)}/>' for code, place in places.items()
    )
    return "".join(
        f"<url><loc>{escape(place)}</loc><lastmod>{at}</lastmod>{links}</url>\n" for place in places.values()
    )


_FALLBACK_LANGUAGES: Final = ("zh", "en", "ug")  # Of a text that is not written in the requested language
_COUNTRY: Final = "CN"  # ISO 3166-1: all stations are there
_KILOGRAM: Final = "KGM"  # UN/ECE Recommendation 20
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
# No text can end the element it is in, or start another one.
_SCRIPT_ESCAPES: Final = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


@dataclass(frozen=True, slots=True)
class LocalizedText:
    text: str
    language: Language


def localized(words: WordsData, language: str) -> LocalizedText | None:
    """Return the text in this language, else in the first other with a text; None when there is none."""
    texts = {"ug": words.ug, "zh": words.zh, "en": words.en}
    for code in (language, *_FALLBACK_LANGUAGES):
        if texts[code].strip():
            return LocalizedText(texts[code], LANGUAGES[code])
    return None


def json_ld(goods: PublishedLot, addresses: PublicAddresses, language: str, sold_by: Seller) -> Markup:
    """Build a Product with its Offer (schema.org), escaped for a script element."""
    lot, here = goods.published, addresses.page(goods.key, language)
    seller = _organization(sold_by, language)
    title, story = localized(lot.texts.title, language), localized(lot.texts.story, language)
    origin, grade = localized(lot.origin_words, language), localized(lot.grade_words, language)
    facts = {
        "grade": grade.text if grade is not None else lot.grade,
        "lot": goods.key.lot,
        "harvest": lot.harvest,
        "origin": origin.text if origin is not None else lot.origin,
    }
    document = {
        "@context": "https://schema.org",
        "@type": "Product",
        "@id": here,
        "name": title.text if title is not None else lot.product,
        **({"description": story.text} if story is not None else {}),
        "url": here,
        "sku": item_id(goods.key),
        **({"brand": {"@type": "Brand", "name": seller["name"]}} if seller else {}),
        "image": [addresses.picture(sha256) for sha256 in lot.photos],
        "countryOfOrigin": {"@type": "Country", "name": _COUNTRY},
        "weight": {"@type": "QuantitativeValue", "value": _kilograms(lot.pack_g), "unitCode": _KILOGRAM},
        "additionalProperty": [
            {"@type": "PropertyValue", "name": name, "value": value} for name, value in facts.items() if value
        ],
        "offers": {
            "@type": "Offer",
            "url": here,
            "price": f"{lot.price_fen // 100}.{lot.price_fen % 100:02d}",
            "priceCurrency": "CNY",
            "availability": "https://schema.org/InStock",
            "itemCondition": "https://schema.org/NewCondition",
            **({"seller": seller} if seller else {}),
        },
    }
    return _script_data(document)


def _script_data(document: object) -> Markup:
    """Encode JSON that is safe in a script element."""
    return Markup(_encode(document).decode().translate(_SCRIPT_ESCAPES))  # noqa: S704 - no sign of markup is left in it


def _organization(seller: Seller, language: str) -> dict[str, str]:
    """Build the schema.org Organization; empty while the seller has no name."""
    name = localized(seller.name, language)
    further = {"telephone": seller.phone, "identifier": seller.licence}
    known = {field: value for field, value in further.items() if value}
    return {"@type": "Organization", "name": name.text, **known} if name is not None else {}


def _kilograms(grams: int) -> Decimal:
    """Convert to kilograms without trailing zeros or exponent."""
    return Decimal(f"{grams // 1000}.{grams % 1000:03d}".rstrip("0").rstrip("."))
