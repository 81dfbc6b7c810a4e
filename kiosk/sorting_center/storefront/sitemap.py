"""What search engines read to find every page (sitemaps.org, protocol 0.9), with its translations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from xml.sax.saxutils import quoteattr

from markupsafe import escape

from kiosk.sorting_center.listings.addresses import PublicAddresses
from kiosk.sorting_center.listings.records import ListingKey

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
    """A part: lots, each with when it was published."""
    urls = "".join(_urls({code: addresses.page(key, code) for code in languages}, at) for key, at in found)
    return f"{_HEAD}<urlset {_SITEMAPS} {_LINKS}>\n{urls}</urlset>\n"


def _urls(places: dict[str, str], at: str) -> str:
    links = "".join(
        f'<xhtml:link rel="alternate" hreflang="{code}" href={quoteattr(place)}/>' for code, place in places.items()
    )
    return "".join(
        f"<url><loc>{escape(place)}</loc><lastmod>{at}</lastmod>{links}</url>\n" for place in places.values()
    )
