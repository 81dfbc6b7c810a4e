"""The page of labels: sample data, the layouts that are shipped, and why an own one is not used."""

from __future__ import annotations

import io
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import StrictUndefined
from PIL import Image

from kiosk.domain.clerk import Role
from kiosk.labels.layout import shipped_layout, shipped_text
from kiosk.labels.papers.printer_diagnostics import TestLabel as LabelTest
from kiosk.labels.papers.printer_diagnostics import render_test_label
from kiosk.labels.papers.samples import SAMPLES
from kiosk.protocols.barcodes.reader import read
from kiosk.protocols.printers.page_setup import PrintHead
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.pin_hash import Person
from kiosk.station.doctor.doctor import Doctor
from kiosk.station.papers.own_layouts import OwnLayouts
from kiosk.store.database.migrate import migrate
from kiosk.texts import LANGUAGES, load
from kiosk.web.factory import _FILTERS
from kiosk.web.shared import guard, roles
from kiosk.web.shared.settings import WebSettings
from kiosk.web.technician import layouts, technical
from kiosk.web.technician import routes as technician
from tests.station.doctor.clinic import Clinic

HOME = layouts.HOME


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.sqlite"
    migrate(path)
    return path


@pytest.fixture
def clinic(tmp_path: Path, template: Path) -> Iterator[Clinic]:
    clinic = Clinic(tmp_path, template)
    yield clinic
    clinic.store.close()


def client_of(clinic: Clinic, doctor: Doctor | None) -> FlaskClient:
    settings = WebSettings(language="en")
    app = Flask("kiosk.web")
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(_FILTERS)
    guard.install(app)
    roles.install(
        app,
        roles.merge([technician.NEEDS, technical.NEEDS, layouts.NEEDS]),
        lambda token: CounterSession(token, Person("01", "Reyhan", Role.TECHNICIAN)),
    )
    app.register_blueprint(technical.blueprint(cast(Any, clinic), settings, cast(Any, None)))
    app.register_blueprint(technician.blueprint(cast(Any, clinic), settings, doctor))
    app.register_blueprint(layouts.blueprint(settings, doctor))
    client = app.test_client()
    client.set_cookie(roles.COOKIE, "t")
    return client


@pytest.fixture
def client(clinic: Clinic) -> FlaskClient:
    return client_of(clinic, clinic.doctor)


def post(client: FlaskClient, name: str, **form: str) -> tuple[int, str]:
    answer = client.post(f"{HOME}/{name}", data=form)
    return answer.status_code, unescape(answer.text) if answer.status_code != 303 else answer.location


def bag_width(clinic: Clinic) -> float:
    """Of the labels that are printed now."""
    return clinic.own_layouts.layouts.of("bag").width


def restarted(clinic: Clinic, bag: bytes) -> FlaskClient:
    """With this file as the station's own layout of a bag."""
    folder = clinic.settings.data / "layouts"
    folder.mkdir(exist_ok=True)
    (folder / "bag_60x40.toml").write_bytes(bag)
    clinic.own_layouts = OwnLayouts(folder)
    return client_of(clinic, clinic.doctor)


def seen(client: FlaskClient, kind: str, other: str = "") -> Image.Image:
    answer = client.get(f"{HOME}.png?kind={kind}&other={other}")
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    return Image.open(io.BytesIO(answer.data))


def test_every_kind_in_every_language_with_its_picture(client: FlaskClient) -> None:
    for language in LANGUAGES:
        client.set_cookie("lang", language)
        for kind in SAMPLES:
            page = client.get(f"{HOME}?kind={kind}")
            assert page.status_code == 200
            assert load(language).text(f"technician.layouts.kind.{kind}") in unescape(page.text)
            assert load(language).text("technician.layouts.as_shipped") in unescape(page.text)
            assert "<textarea" not in page.text
    for kind in SAMPLES:
        layout = shipped_layout(kind)
        assert seen(client, kind).size == (round(layout.width * 8), round(layout.height * 8))


def test_what_there_is_none_of_is_not_found(subtests: pytest.Subtests, client: FlaskClient, clinic: Clinic) -> None:
    for query in ["kind=poster", "kind=bag&other=card", "kind=seal&other=small", "kind=bag&other=bag"]:
        with subtests.test(query=query):
            assert [client.get(f"{HOME}{end}?{query}").status_code for end in ("", ".png")] == [404, 404]
            asked = dict(part.split("=") for part in query.split("&"))
            assert [client.post(f"{HOME}/{name}", data=asked).status_code for name in ("choose", "print")] == [404, 404]
            assert not (clinic.settings.data / "layouts").exists()


def test_another_shipped_layout_is_looked_at_then_kept_then_put_back(client: FlaskClient, clinic: Clinic) -> None:
    folder = clinic.settings.data / "layouts"
    for kind, other, size in (
        ("bag", "small", (320, 240)),
        ("bag", "shop", (480, 320)),
        ("member", "card", (685, 432)),
    ):
        assert f"kind={kind}&other={other}" in unescape(client.get(f"{HOME}?kind={kind}").text)
        page = client.get(f"{HOME}?kind={kind}&other={other}").text
        assert load("en").text("technician.layouts.draft") in unescape(page)
        assert (f'value="{other}"' in page, seen(client, kind, other).size) == (True, size)
    assert {symbol.text for symbol in read(seen(client, "bag", "shop"))} == {"TEST", "2099999000007"}
    assert (seen(client, "bag").width, bag_width(clinic), folder.exists()) == (480, 60, False)
    assert post(client, "choose", kind="bag", other="small") == (303, f"{HOME}?kind=bag")
    assert (seen(client, "bag").width, bag_width(clinic)) == (320, 40)
    assert load("en").text("technician.layouts.own") in unescape(client.get(HOME).text)
    assert post(client, "choose", kind="bag")[0] == 303
    assert (seen(client, "bag").width, bag_width(clinic), list(folder.iterdir())) == (480, 60, [])


def test_while_the_county_s_layout_is_used_no_other_can_be_chosen(client: FlaskClient, clinic: Clinic) -> None:
    clinic.own_layouts.choose("bag", "bag_shop")
    clinic.own_layouts.use_county({"bag": shipped_layout("bag_small")})
    for language in LANGUAGES:
        client.set_cookie("lang", language)
        for query in ("kind=bag", "kind=bag&other=small"):
            page = unescape(client.get(f"{HOME}?{query}").text)
            assert load(language, strict=True).text("technician.layouts.of_county") in page
            assert (page.count(" disabled>") >= 2, "kind=bag&other=shop" in page) == (True, False)
        for other in ("", "small"):
            status, page = post(client, "choose", kind="bag", other=other)
            assert (status, load(language).text("technician.layouts.of_county") in page) == (409, True)
    assert (seen(client, "bag").width, clinic.own_layouts.is_own("bag")) == (320, True)
    assert post(client, "choose", kind="member", other="card")[0] == 303, "the county has none of its own"
    clinic.own_layouts.use_county({})
    assert (seen(client, "bag").width, post(client, "choose", kind="bag")[0]) == (480, 303)


def test_a_layout_of_the_station_s_own_is_shown_and_printed(clinic: Clinic) -> None:
    client = restarted(clinic, shipped_text("bag").replace("width = 60", "width = 62").encode())
    assert (seen(client, "bag").width, bag_width(clinic)) == (62 * 8, 62)
    assert load("en").text("technician.layouts.own") in unescape(client.get(HOME).text)


@pytest.mark.parametrize(
    ("word", "old", "new"),
    [
        ("rows", "width = 60", "width = "),
        ("rows", "width = 60", "width = 6000"),
        ("rows", "width = 60", "q = " + "[" * 20_000),
        ("long", "width = 60", "width = 60 #" + "x" * 32_000),
        ("name", 'name = "bag"', 'name = "seal"'),
        ("field", 'field = "bag_caption"', 'field = "color"'),
        ("edge", "width = 60", "width = 6"),
        ("overlap", "height = 40", "height = 40\nruler = { x = 0, y = 0, w = 60, h = 40 }"),
        ("small", "h = 6.1", "h = 1.1"),
        ("bold", "smallest = 1.6, bold = true", "smallest = 1.6"),
        ("missing", 'field = "grade"', 'field = "harvest"'),
        ("code", "w = 60", "w = 30"),
        ("code", "module = 0.25", "module = 0.1"),
        ("file", "width = 60", "\udcff"),
    ],
)
def test_why_a_layout_of_the_station_s_own_is_not_used_is_told_and_the_shipped_one_can_be_put_back(
    clinic: Clinic, word: str, old: str, new: str
) -> None:
    shipped = shipped_text("bag")
    assert old in shipped
    client = restarted(clinic, shipped.replace(old, new).encode(errors="surrogateescape"))
    for language in LANGUAGES:
        client.set_cookie("lang", language)
        page = client.get(HOME)
        assert page.status_code == 200
        assert load(language, strict=True).text(f"technician.layouts.fault.{word}") in unescape(page.text)
        assert str(clinic.own_layouts.damage("bag")) in unescape(page.text)
    assert (seen(client, "bag").width, bag_width(clinic)) == (480, 60)
    assert post(client, "choose", kind="bag")[0] == 303
    assert "layout-problem" not in client.get(HOME).text


def test_a_reason_is_text_and_nothing_else(clinic: Clinic) -> None:
    page = restarted(clinic, shipped_text("bag").replace('"bag_caption"', '"<script>"').encode()).get(HOME).text
    assert "there is no field &lt;script&gt;" in page
    assert "<script>" not in page


def test_a_print_is_a_label_with_no_code_of_the_station(client: FlaskClient, clinic: Clinic) -> None:
    assert post(client, "print", kind="bag") == (303, f"{HOME}?kind=bag&printed=1")
    job = clinic.store.papers.next("label")
    assert job is not None
    assert (job.document, job.about, clinic.woken) == ("test_label", "test-label", 1)
    raster = render_test_label(msgspec.json.decode(job.body, type=LabelTest), PrintHead(203, 832))
    assert raster.to_image().tobytes() == seen(client, "bag").tobytes()
    assert {symbol.text for symbol in read(raster.to_image())} == {"TEST"}
    clinic.store.papers.sending(job.id)
    clinic.store.papers.done(job.id)
    assert post(client, "print", kind="bag", calibration="1")[0] == 303
    job = clinic.store.papers.next("label")
    assert job is not None
    assert msgspec.json.decode(job.body, type=LabelTest).sample == "calibration"
    assert load("en").text("technician.tests.printed") in client.get(f"{HOME}?kind=bag&printed=1").text


def test_a_station_without_a_doctor_says_so(clinic: Clinic) -> None:
    client = client_of(clinic, None)
    assert [client.get(f"{HOME}{end}").status_code for end in ("", ".png")] == [503, 503]
    assert [client.post(f"{HOME}/{name}").status_code for name in ("choose", "print")] == [503, 503]
