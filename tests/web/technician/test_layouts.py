"""The page of a layout: a technician's alone, with sample data, and what is refused comes back with its reason."""

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
from kiosk.labels import documents
from kiosk.labels.layout import shipped_layout, shipped_text
from kiosk.labels.papers.printer_test import render_test_label
from kiosk.labels.papers.samples import SAMPLES
from kiosk.protocols.barcodes.reader import read
from kiosk.protocols.printers.page_setup import PrintHead
from kiosk.station.clerk.access import Session
from kiosk.station.clerk.people import Person
from kiosk.station.doctor.doctor import Doctor
from kiosk.station.papers.own_layouts import OwnLayouts
from kiosk.store.database.migrate import migrate
from kiosk.texts import LANGUAGES, load
from kiosk.web import guard, roles
from kiosk.web.factory import _FILTERS
from kiosk.web.settings import WebSettings
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
        lambda token: Session(token, Person("01", "Reyhan", Role.TECHNICIAN)),
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


def seen(client: FlaskClient, kind: str) -> Image.Image:
    answer = client.get(f"{HOME}.png?kind={kind}")
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    return Image.open(io.BytesIO(answer.data))


def test_every_kind_in_every_language_with_its_picture(client: FlaskClient) -> None:
    for language in LANGUAGES:
        client.set_cookie("lang", language)
        for kind in SAMPLES:
            page = client.get(f"{HOME}?kind={kind}")
            assert page.status_code == 200
            assert load(language).text(f"technician.layouts.kind.{kind}") in unescape(page.text)
            assert shipped_text(kind).splitlines()[-1] in unescape(page.text)
    for kind in SAMPLES:
        layout = shipped_layout(kind)
        assert seen(client, kind).size == (round(layout.width * 8), round(layout.height * 8))
    assert client.get(f"{HOME}?kind=poster").status_code == client.get(f"{HOME}.png?kind=poster").status_code == 404


def test_looked_at_then_kept_then_put_back(client: FlaskClient, clinic: Clinic) -> None:
    folder = clinic.settings.data / "layouts"
    wider = shipped_text("bag").replace("width = 60", "width = 62")
    assert post(client, "look", kind="bag", text=wider) == (303, f"{HOME}?kind=bag")
    assert (seen(client, "bag").width, bag_width(clinic), folder.exists()) == (62 * 8, 60, False)
    assert post(client, "keep", kind="bag", text=wider.replace("\n", "\r\n"))[0] == 303
    assert (bag_width(clinic), (folder / "bag_60x40.toml").read_text()) == (62, wider)
    assert post(client, "shipped", kind="bag", text="anything")[0] == 303
    assert (seen(client, "bag").width, bag_width(clinic), list(folder.iterdir())) == (480, 60, [])


@pytest.mark.parametrize(("spoiled", "word"), [(b"\xff\xfe", "file"), (b"width = 1", "rows")])
def test_a_file_that_the_card_has_spoiled_is_told_and_can_be_put_back(
    client: FlaskClient, clinic: Clinic, spoiled: bytes, word: str
) -> None:
    folder = clinic.settings.data / "layouts"
    folder.mkdir()
    (folder / "bag_60x40.toml").write_bytes(spoiled)
    clinic.own_layouts = OwnLayouts(folder)
    client = client_of(clinic, clinic.doctor)
    page = client.get(HOME)
    assert page.status_code == 200
    assert "aria-invalid" in page.text
    assert load("en").text(f"technician.layouts.fault.{word}") in unescape(page.text)
    assert seen(client, "bag").width == 480
    assert post(client, "shipped", kind="bag", text="")[0] == 303
    assert "aria-invalid" not in client.get(HOME).text


def test_a_refused_layout_comes_back_with_the_loader_s_own_words(client: FlaskClient, clinic: Clinic) -> None:
    wrong = shipped_text("bag").replace('field = "grade"', 'field = "harvest"') + "# </textarea><script>"
    for name in ("look", "keep"):
        status, page = post(client, name, kind="bag", text=wrong)
        assert status == 409
        assert "must show grade" in page
    raw = client.post(f"{HOME}/look", data={"kind": "bag", "text": wrong}).text
    assert "</textarea><script>" not in raw
    too_long = shipped_text("bag").replace("w = 60", "w = 30")
    assert "needs" in post(client, "keep", kind="bag", text=too_long)[1]
    assert bag_width(clinic) == 60
    assert seen(client, "bag").size == (480, 320)


@pytest.mark.parametrize(
    ("word", "old", "new"),
    [
        ("rows", "width = 60", "width = "),
        ("rows", "width = 60", "width = 6000"),
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
    ],
)
def test_a_refused_layout_is_told_in_the_technician_s_language(
    client: FlaskClient, word: str, old: str, new: str
) -> None:
    shipped = shipped_text("bag")
    assert old in shipped
    form = {"kind": "bag", "text": shipped.replace(old, new)}
    for language in LANGUAGES:
        client.set_cookie("lang", language)
        said = load(language, strict=True).text(f"technician.layouts.fault.{word}")
        answer = client.post(f"{HOME}/draw", data=form)
        assert (answer.status_code, answer.get_json()["said"]) == (409, said)
        status, page = post(client, "look", **form)
        assert (status, said in page, answer.get_json()["problem"] in page) == (409, True, True)


def test_what_is_typed_is_drawn_or_refused_and_nothing_is_remembered(client: FlaskClient, clinic: Clinic) -> None:
    wider = shipped_text("bag").replace("width = 60", "width = 62")
    typed = client.post(f"{HOME}/draw", data={"kind": "bag", "text": wider.replace("\n", "\r\n")})
    assert (typed.status_code, typed.mimetype) == (200, "image/png")
    assert Image.open(io.BytesIO(typed.data)).width == 62 * 8
    for broken, why in (("width = 6", "edge of the label"), ("width = ", "Invalid value"), ("width = inf", "<= 400")):
        answer = client.post(f"{HOME}/draw", data={"kind": "bag", "text": wider.replace("width = 62", broken)})
        assert answer.status_code == 409
        assert why in answer.get_json()["problem"]
    assert client.post(f"{HOME}/draw", data={"kind": "poster", "text": wider}).status_code == 404
    assert (seen(client, "bag").width, bag_width(clinic)) == (480, 60)


def test_the_small_stock_is_offered_and_kept_only_when_asked(client: FlaskClient, clinic: Clinic) -> None:
    assert post(client, "other", kind="bag", other="small")[0] == 303
    assert seen(client, "bag").size == (320, 240)
    assert bag_width(clinic) == 60
    assert post(client, "keep", kind="bag", text=shipped_text("bag_small"))[0] == 303
    assert bag_width(clinic) == 40
    for kind, other, size in (("bag", "shop", (480, 320)), ("member", "card", (685, 432))):
        assert f'value="{other}"' in client.get(f"{HOME}?kind={kind}").text
        assert post(client, "other", kind=kind, other=other)[0] == 303
        assert seen(client, kind).size == size
    assert {symbol.text for symbol in read(seen(client, "bag"))} == {"TEST", "2099999000007"}
    assert post(client, "other", kind="bag", other="card")[0] == 404


def test_a_print_is_a_label_with_no_code_of_the_station(client: FlaskClient, clinic: Clinic) -> None:
    assert post(client, "print", kind="poster")[0] == 404
    assert post(client, "print", kind="bag") == (303, f"{HOME}?kind=bag&printed=1")
    job = clinic.store.papers.next("label")
    assert job is not None
    assert (job.document, job.about, clinic.woken) == ("test_label", "test-label", 1)
    raster = render_test_label(msgspec.json.decode(job.body, type=documents.TestLabel), PrintHead(203, 832))
    assert raster.to_image().tobytes() == seen(client, "bag").tobytes()
    assert {symbol.text for symbol in read(raster.to_image())} == {"TEST"}
    clinic.store.papers.sending(job.id)
    clinic.store.papers.done(job.id)
    assert post(client, "print", kind="bag", calibration="1")[0] == 303
    job = clinic.store.papers.next("label")
    assert job is not None
    assert msgspec.json.decode(job.body, type=documents.TestLabel).sample == "calibration"
    assert load("en").text("technician.tests.printed") in client.get(f"{HOME}?kind=bag&printed=1").text


def test_a_station_without_a_doctor_says_so(clinic: Clinic) -> None:
    client = client_of(clinic, None)
    assert client.get(HOME).status_code == 503
    assert client.post(f"{HOME}/keep", data={"text": ""}).status_code in (409, 503)


def test_rows_that_are_nested_without_end_are_refused_as_all_others(client: FlaskClient) -> None:
    answer = client.post(f"{HOME}/draw", data={"kind": "bag", "text": "q = " + "[" * 20_000})
    assert (answer.status_code, "deeply" in answer.get_json()["problem"]) == (409, True)
