"""Every page of the county that an administrator gets to by links: words in the reader's language, hashes folded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.registry import ExpectedStation
from kiosk.sorting_center.listings.offer_follower import OfferFollower
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.reports.ledgers import ClockedStation
from tests.sorting_center.staff import app_of, looked_after, sign_in
from tests.sorting_center.station_journal import NOW, WORDS
from tests.sorting_center.web import county_month, county_rows, test_browser_walk
from tests.sorting_center.web.county_month import MEMBER, PARCEL, RECEIPT, REGION, VOIDED, read

LATIN: Final = re.compile(r"[A-Za-z]{3,}")
HASH: Final = re.compile(r"[0-9a-f]{16,}")
READ_ALOUD: Final = ("alt", "aria-label", "placeholder")
EXCEPTIONS: Final = frozenset(
    {
        *("CSV", "TSV", "XLSX", "ZIP"),  # kinds of files
        *("GS1", "MQTT", "JSON", "POST", "TLS", "STARTTLS", "SHA"),  # standards and protocols have no other name
        *("PIN", "MiB"),
        *("Google", "Merchant", "Center"),  # the name of a product
    }
)
TYPED: Final = re.compile(r"--[a-z-]+|[\w-]+\.(?:csv|txt|zip)")
"""Options of a command and names of files, which are written as they are."""
VOID: Final = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
BEGIN: Final = (
    *("/", "/search?q=xyzzy", "/search?q=A-000001", f"/receipts/{REGION}/{VOIDED}", f"/parcels/{REGION}/{PARCEL}"),
    *(
        f"/members/{REGION}/{MEMBER}",
        f"/receipts/{REGION}/{RECEIPT}?bag=1",
        f"/receipts/{REGION}/{county_month.DOUBLE}",
    ),
    *(f"/lots/{REGION}/{RECEIPT.lot}", "/reconciliation?day=2026-11-25"),
)
_FILES: Final = re.compile(r"/exports/\d|/static/|\.(csv|tsv|xlsx|zip|jpg|png|json)$")
_NAMES: Final = re.compile(r"[A-Z]?\d[\w-]*")


class PageText(HTMLParser):
    """What people read on a page: its text nodes, and the attributes that are read aloud."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.words: list[str] = []
        self.open_hashes: list[str] = []
        self._path: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "a" and (found.get("href") or "").startswith("/"):
            self.links.append(str(found["href"]))
        self._path.append((tag, found))
        if not self._is_code:
            self.words += [word for name in READ_ALOUD for word in latin(found.get(name) or "")]
        if tag in VOID:
            self._path.pop()

    def handle_endtag(self, tag: str) -> None:
        while self._path and self._path.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not self._is_code:
            self.words += latin(data)
        if not any(tag == "details" and "open" not in attrs for tag, attrs in self._path):
            self.open_hashes += HASH.findall(data)

    @property
    def _is_code(self) -> bool:
        """In an isolate for a code, in an own name, or in an element that says its language."""
        return any(
            tag in ("bdi", "code", "script", "style", "title") or attrs.get("dir") == "ltr" or "lang" in attrs
            for tag, attrs in self._path
            if tag != "html"
        )


def latin(text: str) -> list[str]:
    return [word for word in LATIN.findall(TYPED.sub("", text)) if word not in EXCEPTIONS]


def kind_of(address: str) -> str:
    parts = urlsplit(address)
    return "-".join([_NAMES.sub("one", parts.path), *sorted(parse_qs(parts.query))])


def pages(client: FlaskClient) -> Iterator[tuple[str, PageText]]:
    """One page of each kind, and each of those at which it begins."""
    waiting, seen = list(BEGIN), set[str]()
    while waiting:
        address = waiting.pop(0)
        if "lang=" in address or _FILES.search(urlsplit(address).path):
            continue
        kind = address if address in BEGIN else kind_of(address)
        if kind in seen:
            continue
        seen.add(kind)
        answer = client.get(address)
        assert answer.status_code == 200, address
        found = PageText(answer.text)
        yield address, found
        waiting += found.links


@pytest.fixture
def client(stores: Stores, tmp_path: Path) -> Iterator[FlaskClient]:
    """A county with everything that goes wrong, an offer, a station with a case."""
    county_month.fill(stores.ledger)
    test_browser_walk.fill(stores.ledger)
    offering = ClockedStation("S0150", "00112233445566dd")
    told = [offering.start(), offering.intake(1, product="BADAM"), offering.offer(1, "ab" * 32, **WORDS)]
    stores.ledger.accept(told, REGION, NOW)
    read(stores)
    while OfferFollower(stores.ledger, stores.desk.database).step():
        pass
    stores.desk.registry.replace([ExpectedStation(REGION, "S0147", "栗子村 Kashtan", "核桃乡")], [])
    county_rows.fill_rows(stores.desk, REGION)
    looked_after(stores)
    with app_of(stores).test_client() as client:
        sign_in(client, stores.desk, StaffRole.ADMIN)
        yield client


@pytest.mark.parametrize("lang", ["zh", "ug"])
def test_no_page_has_a_latin_word_and_none_a_hash_that_is_not_folded(client: FlaskClient, lang: str) -> None:
    client.set_cookie("language", lang)
    found, seen = list[str](), dict(pages(client))
    for address, page in seen.items():
        found += [f"{address}: the word {word}" for word in dict.fromkeys(page.words)]
        found += [f"{address}: the hash {text}" for text in dict.fromkeys(page.open_hashes)]
    assert len(seen) >= 25
    assert not found, "\n".join(found)


def test_a_word_and_a_hash_are_noticed() -> None:
    folded = PageText(f"<p title=x>核桃<bdi dir=ltr>BADAM</bdi><details><p>{'12' * 8}</p></details><img alt=''>")
    assert (folded.words, folded.open_hashes) == ([], [])
    seen = PageText(f"<p>Walnut<br><input placeholder=Search><bdi>Kashtan</bdi> abc<details open>{'12' * 8}</details>")
    assert (seen.words, seen.open_hashes) == (["Walnut", "Search", "abc"], ["12" * 8])
