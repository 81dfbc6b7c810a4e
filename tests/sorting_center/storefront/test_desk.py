"""The desk that the storefront reads: missing, busy, broken, put back; and that nobody there waits for it."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.ledger import LedgerAddressError
from kiosk.sorting_center.storefront.database import DeskReader
from kiosk.sorting_center.storefront.published import PublishedListings
from tests.messaging.ports import claimed_port
from tests.sorting_center.storefront.shops import FIRST, Buyer, Shop, many, titled

PATHS = (
    "/zh/",
    "/en/shache/S0147/Y1L0147A000001",
    f"/pictures/{FIRST}.jpg",
    "/sitemap.xml",
    "/sitemap-1.xml",
    "/health",
)
SQLITE = pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
"""The shop itself is not what is looked at."""
NEEDS_NO_DESK = ("/robots.txt", "/static/storefront.css")


def assert_says_so(buyer: Buyer) -> None:
    for path in PATHS:
        answer = buyer.asks(path)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30"), path
        assert answer.headers["Cache-Control"] == "no-store"
    assert "商品暂时无法显示" in buyer.asks("/zh/").text
    assert buyer.asks("/health").text == "503\n"
    assert [buyer.told(path) for path in NEEDS_NO_DESK] == [200, 200]


@SQLITE
def test_one_that_is_not_there_is_waited_for_and_not_made(shop: Shop, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere' / 'county.db'}"
    with closing(DeskReader(url)) as reader:
        buyer = shop.buyer(listings=PublishedListings(reader))
        assert_says_so(buyer)
        assert not (tmp_path / "elsewhere").exists()
        (tmp_path / "elsewhere").mkdir()
        assert_says_so(buyer)
        assert list((tmp_path / "elsewhere").iterdir()) == []
        with CenterDesk.open(url):
            assert buyer.told("/health") == 200
        assert buyer.told("/zh/") == 200


@SQLITE
def test_one_that_is_broken_or_put_back_is_no_trouble_of_its_own(shop: Shop, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'other.db'}"
    file = tmp_path / "other.desk.db"
    with CenterDesk.open(url):
        pass
    shutil.copyfile(file, tmp_path / "backup")
    with closing(DeskReader(url)) as reader:
        buyer = shop.buyer(listings=PublishedListings(reader))
        assert buyer.told("/health") == 200
        file.write_bytes(b"not a database at all, but long enough to be looked at " * 40)
        assert_says_so(buyer)
        (tmp_path / "backup").replace(file)
        assert buyer.told("/health") == 200


@SQLITE
def test_a_file_that_somebody_keeps_for_themselves_is_not_waited_for_long(shop: Shop, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'other.db'}"
    with CenterDesk.open(url):
        pass
    with closing(DeskReader(url)) as reader, closing(sqlite3.connect(tmp_path / "other.desk.db")) as alone:
        alone.execute("PRAGMA locking_mode = EXCLUSIVE")
        alone.execute("BEGIN IMMEDIATE")
        alone.execute("UPDATE desk_version SET version_num = version_num")
        assert shop.buyer(listings=PublishedListings(reader)).told("/health") == 503


@SQLITE
def test_a_server_that_is_away_is_said(shop: Shop) -> None:
    with claimed_port() as port, closing(DeskReader(f"postgresql://x@127.0.0.1:{port}/ledger")) as reader:
        assert_says_so(shop.buyer(listings=PublishedListings(reader)))


def test_a_desk_that_lacks_a_table_is_left_as_it_is(shop: Shop) -> None:
    shop.sell()
    buyer = shop.buyer()
    for change, status in (("{0} RENAME TO {0}_away", 503), ("{0}_away RENAME TO {0}", 200)):
        with shop.center.desk.database.writing() as connection:
            for table in ("listing_shown", "listing_picture"):
                connection.execute(text(f"ALTER TABLE {change.format(table)}"))
        assert [buyer.told(path) for path in ("/en/", f"/pictures/{FIRST}.jpg", "/sitemap.xml")] == [status] * 3
    assert "Almonds" in buyer.sees("/en/?q=almonds")
    shop.do("pause")
    assert buyer.told(f"/pictures/{FIRST}.jpg") == 404


def test_the_staff_work_while_it_is_read_and_it_is_read_while_they_work(shop: Shop) -> None:
    shop.sell()
    shop.offer(2, (2,), **titled("Second"))
    buyer = shop.buyer()
    database = shop.center.desk.database
    with database.writing() as connection:
        connection.execute(text("UPDATE listing SET version = version WHERE state = 'published'"))
        assert "Second" not in buyer.sees("/en/") and buyer.told(shop.path()) == 200
    with reading(shop):
        shop.do("publish", 2)
    assert "Second" in buyer.sees("/en/")


@contextmanager
def reading(shop: Shop) -> Iterator[None]:
    """A buyer in the middle of a question."""
    with closing(DeskReader(shop.center.ledger.url)) as reader, reader.reading() as connection:
        connection.execute(text("SELECT * FROM listing")).first()
        yield


def test_nothing_can_be_written_through_it(shop: Shop) -> None:
    shop.sell()
    with (
        closing(DeskReader(shop.center.ledger.url)) as reader,
        pytest.raises(DeskError, match="read"),
        reader.reading() as connection,
    ):
        connection.execute(text("UPDATE listing SET state = 'withdrawn'"))
    assert shop.buyer().told(shop.path()) == 200


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(LedgerAddressError):
        DeskReader("mysql://nowhere")


@SQLITE
def test_no_question_looks_through_all_listings(shop: Shop) -> None:
    """As SQLite plans it: a search alone reads the words of each published one."""
    shop.sell(9)
    many(shop, 3)
    asked: list[tuple[str, object]] = []

    def note(_c: object, _u: object, statement: str, parameters: object, *_: object) -> None:
        asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        pages = ("/en/", "/en/?page=1", "/en/shache/BADAM~A", shop.path())
        for path in (*pages, f"/pictures/{FIRST}.jpg", "/sitemap.xml", "/sitemap-1.xml"):
            assert shop.buyer().told(path) == 200
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert len(asked) >= 8
    path = shop.center.desk.database.path
    assert path is not None
    with closing(sqlite3.connect(path)) as database:
        for statement, parameters in asked:
            for *_, step in database.execute(f"EXPLAIN QUERY PLAN {statement}", parameters):  # type: ignore[arg-type]
                assert not step.startswith("SCAN listing") or "listing_shown USING" in step, step
                if "max(" not in statement:  # a row for each kind of goods, not for each lot
                    assert not re.match("USE TEMP B-TREE FOR (LAST TERM OF )?ORDER BY", step), (statement, step)
