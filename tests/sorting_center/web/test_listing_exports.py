"""Files of what is published, as an operator gets them from the pages."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from click.testing import CliRunner
from flask import Flask

from kiosk.cli.sorting_center import main
from kiosk.domain.events.photo import PictureData
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.listings.addresses import PublicAddresses
from kiosk.sorting_center.listings.exports import pictures as child
from kiosk.sorting_center.listings.exports.picture_process import make
from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.photos.photos import PhotoIndex
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.web.app import ExternalAddresses, create_app
from kiosk.sorting_center.web.shared.settings import BadWebSettings, CenterWebSettings
from kiosk.sorting_center.web.shared.sources import Stores
from kiosk.sorting_center.web.shared.texts import center_texts
from kiosk.sorting_center.web.staff import listing_exports as exports
from tests.sorting_center.staff import NOON, app_of
from tests.sorting_center.web.test_alarms import Person
from tests.sorting_center.web.test_listings import FIRST, SECOND, SHOTS, Offered

BASE = "https://goods.example.org"
FILES = ("listings.csv", "merchant-zh.tsv", "pictures.zip?channel=jd")


@pytest.fixture
def offered(stores: Stores, tmp_path: Path) -> Iterator[Offered]:
    with PhotoIndex(stores.ledger.url) as photos:
        yield Offered(stores, photos, PictureFolder(tmp_path / "photos"))


@pytest.fixture
def app(offered: Offered) -> Flask:
    return create_app(offered.stores, CenterHealth(), lambda: NOON, ExternalAddresses(storefront=PublicAddresses(BASE)))


@pytest.fixture
def operator(app: Flask, offered: Offered) -> Person:
    return Person(app, offered.stores.desk)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are made in this process: beginning another one takes a second."""
    monkeypatch.setattr(exports, "make_in_subprocess", make)


def got(person: Person, name: str, status: int = 200) -> bytes:
    answer = person.client.get(f"/listings/exports/{name}", buffered=True)
    assert answer.status_code == status, answer.text
    return answer.data


def told(person: Person) -> list[list[str]]:
    """The ids in the table and in the product data, and the names in the ZIP's report and beside it."""
    table = csv.DictReader(io.StringIO(got(person, "listings.csv").decode("utf-8-sig"), newline=""))
    data = csv.DictReader(io.StringIO(got(person, "merchant-ug.tsv").decode(), newline=""), dialect="excel-tab")
    with ZipFile(io.BytesIO(got(person, "pictures.zip?channel=jd"))) as archive:
        report = csv.DictReader(io.StringIO(archive.read("report.csv").decode("utf-8-sig"), newline=""))
        pictures = [row["picture"] for row in report]
    return [[row["id"] for row in table], [row["id"] for row in data], pictures]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"], indirect=True)
def test_what_is_published_is_in_every_file_and_nothing_else(operator: Person, offered: Offered) -> None:
    offered.came(0, 1)
    assert told(operator) == [[], [], []]
    one = f"shache-S0147-{offered.key.lot}"
    shown = [[one], [one], [f"{one}/1.jpg", f"{one}/2.jpg"]]
    for version, (deed, expected) in enumerate((("publish", shown), ("pause", [[], [], []]), ("publish", shown)), 1):
        assert operator.does(f"{offered.path}/{deed}", version=version).status_code == 303
        assert told(operator) == expected, deed
    offered.take(offered.station.void(1))
    assert told(operator) == [[], [], []]


def test_the_files_are_named_and_each_is_in_the_audit(operator: Person, offered: Offered) -> None:
    offered.came(0, 1)
    operator.does(f"{offered.path}/publish", version=1)
    for name, kind, saved in (
        ("listings.csv", "text/csv; charset=utf-8", "listings.csv"),
        ("merchant-zh.tsv", "text/tab-separated-values; charset=utf-8", "merchant-zh.tsv"),
        ("pictures.zip?channel=taobao_white&page=1", "application/zip", "pictures-taobao_white-1.zip"),
    ):
        answer = operator.client.get(f"/listings/exports/{name}", buffered=True)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
        assert answer.headers["Content-Disposition"] == f"attachment; filename={saved}"
        assert int(answer.headers["Content-Length"]) == len(answer.data)
        row = offered.stores.desk.audit.page(act=AuditAction.EXPORTED)[0]
        assert (row.who, row.subject) == ("operator-0", f"listings {saved}")
    data = got(operator, "merchant-zh.tsv").decode()
    assert f"\t{BASE}/zh/{offered.key}\t{BASE}/pictures/{FIRST}.jpg\t{BASE}/pictures/{SECOND}.jpg\t" in data
    assert "含坚果。" in data
    before = len(offered.stores.desk.audit.page())
    for name in ("merchant-xx.tsv", "pictures.zip", "pictures.zip?channel=pinduoduo_detail", "other.csv"):
        got(operator, name, 404)
    for page in ("0", "2", "-1", "x", "1.0", "9" * 5000):
        got(operator, f"pictures.zip?channel=jd&page={page}", 404)
    assert len(offered.stores.desk.audit.page()) == before


@pytest.mark.usefixtures("here")
def test_pictures_that_are_not_here_any_more_are_named(operator: Person, offered: Offered, tmp_path: Path) -> None:
    offered.came(0, 1)
    operator.does(f"{offered.path}/publish", version=1)
    for file, content in zip(sorted((tmp_path / "photos").rglob("*.jpg")), (None, b"\xff\xd8 torn"), strict=True):
        file.unlink() if content is None else file.write_bytes(content)
    with ZipFile(io.BytesIO(got(operator, "pictures.zip?channel=jd&lang=zh"))) as archive:
        assert archive.namelist() == ["report.csv"]
        rows = list(csv.DictReader(io.StringIO(archive.read("report.csv").decode("utf-8-sig"), newline="")))
    assert {(row["reason"], row["meaning"]) for row in rows} == {
        ("missing", "照片不在这里，或文件无法读取。"),
        ("damaged", "照片文件已损坏。"),
    }


@pytest.mark.usefixtures("here")
def test_many_listings_are_in_more_than_one_file(
    operator: Person, offered: Offered, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered.came(0)
    operator.does(f"{offered.path}/publish", version=1)
    station = offered.station
    shot = PictureData(FIRST, len(SHOTS[0]), 64, 64)
    offered.take(station.intake(2), *station.shot(2, shot), station.offer(2, FIRST))
    operator.does(offered.path.replace(offered.key.lot, station.lot(2)) + "/publish", version=1)
    monkeypatch.setattr(exports, "MAX_LISTINGS", 1)
    assert '<select id="page"' in operator.sees("/listings/exports")
    found = []
    for page in (1, 2):
        with ZipFile(io.BytesIO(got(operator, f"pictures.zip?channel=jd&page={page}"))) as archive:
            found.append(archive.read("report.csv").decode().count(f"shache-S0147-{station.lot(page)}/"))
    assert found == [1, 1]
    got(operator, "pictures.zip?channel=jd&page=3", 404)


@pytest.mark.parametrize("lang", ["en", "zh", "ug"])
def test_without_a_public_address_there_are_no_product_data(offered: Offered, lang: str) -> None:
    person = Person(app_of(offered.stores), offered.stores.desk)
    why = str(center_texts(lang)("refused_no_public_address").unescape())
    assert "--storefront-url" in why
    assert why in person.sees(f"/listings/exports?lang={lang}")
    assert why in got(person, f"merchant-en.tsv?lang={lang}", 409).decode()
    assert offered.stores.desk.audit.page(act=AuditAction.EXPORTED) == []
    assert got(person, f"listings.csv?lang={lang}").startswith(b"\xef\xbb\xbf")


def test_the_page_says_how_much_each_file_has(operator: Person, offered: Offered) -> None:
    assert "/listings/exports" in operator.sees("/listings?lang=en")
    offered.came(0, 1)
    operator.does(f"{offered.path}/edit", version=1, title_en="Sweet almonds")
    operator.does(f"{offered.path}/publish", version=2)
    page = operator.sees("/listings/exports?lang=en")
    assert BASE in page and ">taobao_white (800 × 800)<" in page and "pinduoduo_detail" not in page
    counts = page.split('class="files"')[1].split("</ul>")[0]
    assert [row.count(">1<") for row in counts.split("<li>")[1:]] == [1, 1, 2]
    assert 'id="page"' not in page


def test_a_viewer_hands_nothing_on(app: Flask, offered: Offered) -> None:
    viewer = Person(app, offered.stores.desk, StaffRole.VIEWER)
    assert "/listings/exports" not in viewer.sees("/listings")
    for name in FILES:
        got(viewer, name, 403)
    assert viewer.client.get("/listings/exports").status_code == 403


def test_one_file_of_pictures_is_made_at_a_time(operator: Person) -> None:
    with exports._PICTURES_LOCK:
        assert b"wait until they are done" in got(operator, "pictures.zip?channel=jd&lang=en", 409)
    got(operator, "pictures.zip?channel=jd")


def test_what_the_process_cannot_do_is_said(
    operator: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(child, "_COMMAND", (sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"))
    for _ in range(2):
        assert b"Tell the person who looks after the server." in got(operator, "pictures.zip?channel=jd&lang=en", 409)
    assert "status -9" in caplog.text


def test_a_public_address_that_is_none_is_refused_at_the_start() -> None:
    assert CenterWebSettings(storefront_url=f"{BASE}/").validate().storefront() is not None
    with pytest.raises(
        BadWebSettings, match=r"--storefront-url: the public address 'goods' .* must look like https://"
    ):
        CenterWebSettings(storefront_url="goods").validate()
    options = ["--ledger", "sqlite:////nowhere/ledger.db", "--http", "127.0.0.1:0"]
    for command in (["web"], ["run", "--broker", "mqtt://127.0.0.1:1"]):
        called = CliRunner().invoke(main, [*command, *options], env={"STOREFRONT_URL": "goods"})
        assert (called.exit_code, "must look like https://" in called.output) == (2, True), called.output
