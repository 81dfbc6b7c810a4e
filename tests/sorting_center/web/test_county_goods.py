"""Goods, containers, settings and labels in the draft; hostile names; how stations would show them."""

from __future__ import annotations

import io
from importlib.resources import files
from pathlib import Path

import pytest
from flask import Flask
from markupsafe import Markup
from PIL import Image

from kiosk.labels.layout import shipped_text
from kiosk.messaging.contract.slip import parse_slip
from kiosk.protocols.barcodes.reader import read
from kiosk.sorting_center.configuration.goods_form import form_fields, row_content
from kiosk.sorting_center.configuration.rendering import read_content
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.web.shared.county import CONTAINER_DRAWINGS, GOODS_DRAWINGS
from kiosk.sorting_center.web.shared.sources import Stores
from kiosk.web.shared.signs import known_drawings
from tests.sorting_center.staff import app_of
from tests.sorting_center.web import county_rows
from tests.sorting_center.web.county_rows import REGION, content, product
from tests.sorting_center.web.test_alarms import HOSTILE, Person

PATH = f"/county-goods?region={REGION}&lang=en"
FIG = {"names.ug": "ئەنجۈر", "names.zh": "无花果", "names.en": "Fig", "picture": "fig"}
SALE = {
    **{f"sale.title.{one}": text for one, text in (("ug", "ئەنجۈر"), ("zh", "无花果"), ("en", "Figs"))},
    **{f"sale.storage.{one}": text for one, text in (("ug", "سالقىن"), ("zh", "阴凉"), ("en", "Cool"))},
    **{f"sale.origin.names.{one}": text for one, text in (("ug", "يەكەن"), ("zh", "莎车"), ("en", "Yarkant"))},
    "sale.origin.code": "YARKANT",
    "sale.harvest": "2026-09",
    "sale.packs": "500 29.00\r\n1000 56",
    "sale.grades": "1 | 1-دەرىجە | 一级 | Grade 1",
    "sale.allergens": "tree_nuts",
}


@pytest.fixture
def app(stores: Stores) -> Flask:
    county_rows.fill(stores.desk)
    return app_of(stores)


@pytest.fixture
def operator(app: Flask, desk: CenterDesk) -> Person:
    return Person(app, desk)


def to(kind: str, scope: str = "") -> str:
    return f"/county-goods/{kind}?region={REGION}&scope={scope}&lang=en"


def test_goods_are_added_changed_hidden_in_a_township_and_inherited_again(operator: Person, desk: CenterDesk) -> None:
    assert operator.does(to("product"), act="save", new=1, code="FIG", revision=2, **FIG, **SALE).status_code == 303
    found = read_content("product", "FIG", content(desk, "product", "FIG") or "")
    assert (found.names.zh, found.sale.packs[1].price_fen, found.sale.grades[0].names.en) == ("无花果", 5600, "Grade 1")
    stored = content(desk, "product", "FIG") or ""
    assert row_content("product", "FIG", form_fields("product", stored)) == stored, (
        "a form that nobody touches changes nothing"
    )
    again = operator.does(to("product"), act="save", new=1, code="FIG", revision=3, **FIG)
    assert (again.status_code, "with this code already" in again.text) == (409, True)
    assert 'name="new"' in again.text, "saving it once more does not write over the other goods"
    scope = "township:核桃乡"
    assert operator.does(to("product", scope), act="hide", code="FIG", revision=3).status_code == 303
    assert content(desk, "product", "FIG", scope) == ""
    assert "not here" in Markup(operator.sees(f"{PATH}&scope={scope}")).striptags()
    assert "These goods are not used here" in operator.sees(to("product/FIG", scope))
    assert operator.does(to("product", scope), act="remove", code="FIG", revision=4).status_code == 303
    assert content(desk, "product", "FIG", scope) is None
    assert operator.does(to("product"), act="hide", code="FIG", revision=5).status_code == 303
    assert content(desk, "product", "FIG") is None
    assert [row.detail for row in desk.audit.page(act=AuditAction.GOODS_CHANGED)][-1] == "save product FIG"


def test_each_fault_stands_beside_its_field_and_nothing_is_saved(operator: Person, desk: CenterDesk) -> None:
    for changed, said in (
        ({"names.ug": "Fig"}, "has a character that does not belong"),
        ({"names.zh": "无花果 一斤"}, "only kilograms and grams"),
        ({"names.en": "best figs"}, "advertising law"),
        ({"names.zh": "无花果\u202e"}, "a character that nobody sees"),
        ({"names.en": HOSTILE}, "has a character"),
        ({"names.en": ""}, "empty or too long"),
        ({"code": "fig!"}, "1-16"),
        ({**SALE, "sale.packs": "half a kilo"}, "cannot be used"),
        ({"sale.title.en": "Figs"}, "cannot be used"),
    ):
        form = {"act": "save", "new": 1, "code": "FIG", "revision": 2, **FIG, **changed}
        answer = operator.does(to("product"), **form)
        assert answer.status_code == 422, changed
        assert said in Markup(answer.text).striptags() or "letters of another language" in answer.text, changed
        assert "<script>alert" not in answer.text
        assert f'value="{form["code"]}"' in answer.text, "what was typed stands there again"
    tare = operator.does(to("container"), act="save", new=1, code="BOX", revision=2, **FIG, tare_g="heavy")
    assert (tare.status_code, 'value="heavy"' in tare.text) == (422, True)
    assert desk.book.draft(REGION).revision == 2


def test_names_of_a_stored_row_are_never_markup(operator: Person, desk: CenterDesk) -> None:
    names = dict.fromkeys(("ug", "zh", "en"), f"{HOSTILE}\u202e")
    desk.book.change(
        REGION, [product("EVIL", names), county_rows.price(1, "EVIL/purchase/")], 2, HOSTILE, county_rows.NOW
    )
    for path in (PATH, to("product/EVIL"), f"/prices?region={REGION}", f"/publish?region={REGION}"):
        page = operator.sees(path)
        assert "<script>alert" not in page, path
        assert "EVIL" in page, path


def test_the_second_of_two_people_sees_the_words_of_the_first(app: Flask, operator: Person, desk: CenterDesk) -> None:
    seen = content(desk, "product", "BADAM") or ""
    fields = form_fields("product", seen) | {"names.en": "Almond"}
    theirs = {**fields, "names.en": "Sweet almond"}
    assert (
        Person(app, desk).does(to("product"), act="save", code="BADAM", revision=2, seen=seen, **theirs).status_code
        == 303
    )
    answer = operator.does(to("product"), act="save", code="BADAM", revision=2, seen=seen, **fields)
    assert answer.status_code == 409
    assert "operator-1 put Sweet almond here" in Markup(answer.text).striptags()
    assert 'value="Almond"' in answer.text
    other = content(desk, "product", "WALNUT") or ""
    fields = form_fields("product", other) | {"names.en": "Walnuts"}
    answer = operator.does(to("product"), act="save", code="WALNUT", revision=2, seen=other, **fields)
    assert answer.status_code == 303, "nobody has touched walnuts"


def test_settings_and_labels_are_the_countys_where_it_chooses(operator: Person, desk: CenterDesk) -> None:
    answer = operator.does(to("settings"), revision=2, payment_zh="现金，当日付清", phone="")
    assert answer.status_code == 303
    assert content(desk, "setting", "payment_zh") == '{"value":"现金，当日付清"}'
    assert content(desk, "setting", "phone") is None
    assert operator.does(to("settings"), revision=2, phone="1").status_code == 409
    assert operator.does(to("labels"), revision=3, kind="bag", layout="bag_small").status_code == 303
    assert read_content("layout", "bag", content(desk, "layout", "bag") or "") == shipped_text("bag_small")
    broken = {"csrf": operator.csrf, "revision": "4", "kind": "bag", "file": (io.BytesIO(b"no layout"), "x.toml")}
    refused = operator.client.post(to("labels"), data=broken)
    assert (refused.status_code, "This layout cannot be drawn" in refused.text) == (422, True)
    assert operator.does(to("labels"), revision=4, kind="bag").status_code == 303
    assert content(desk, "layout", "bag") is None
    assert operator.does(to("labels"), revision=5, kind="wall").status_code == 404


def test_the_page_of_signed_codes_is_a_name_and_its_code_is_in_the_preview(operator: Person, desk: CenterDesk) -> None:
    refused = operator.does(to("settings"), revision=2, slip_host="https://slip.example.cn/")
    assert (refused.status_code, "without https:// before it" in refused.text) == (422, True)
    assert 'value="https://slip.example.cn/"' in refused.text
    path = f"/county-goods/product/BADAM/receipt.png?mode=purchase&region={REGION}"
    for host, codes in (("", 0), ("slip.example.cn", 1)):
        operator.does(to("settings"), revision=2, slip_host=host)
        found = [symbol.text for symbol in read(Image.open(io.BytesIO(operator.client.get(path).data)))]
        signed = [parse_slip(text).slip for text in found if "#" in text]
        assert [(one.product, one.region) for one in signed] == [("BADAM", "sample")] * codes


def test_papers_are_drawn_as_stations_draw_them(app: Flask, desk: CenterDesk) -> None:
    viewer = Person(app, desk, StaffRole.VIEWER)
    sizes = {}
    for path in ("label.png?", "receipt.png?mode=purchase&"):
        answer = viewer.client.get(f"/county-goods/product/BADAM/{path}region={REGION}")
        assert (answer.status_code, answer.mimetype) == (200, "image/png"), path
        sizes[path] = Image.open(io.BytesIO(answer.data)).size
    assert sizes["label.png?"] == (480, 320)
    assert sizes["receipt.png?mode=purchase&"][0] == 576
    bag = viewer.client.get(f"/county-goods/labels/crate.png?region={REGION}")
    assert Image.open(io.BytesIO(bag.data)).size == (800, 1200)
    for path in ("product/BADAM/receipt.png?mode=consignment&", "product/NOTHING/label.png?", "labels/wall.png?"):
        assert viewer.client.get(f"/county-goods/{path}region={REGION}").status_code == 404, path


def test_every_drawing_is_the_one_of_the_stations(operator: Person) -> None:
    stations = files("kiosk.web").joinpath("static", "drawings")
    names = {*GOODS_DRAWINGS, *CONTAINER_DRAWINGS}
    own = Path(str(files("kiosk.sorting_center.web"))) / "static" / "goods"
    assert {path.stem for path in own.glob("*.svg")} == names <= known_drawings()
    for name in names:
        assert (own / f"{name}.svg").read_bytes() == stations.joinpath(f"{name}.svg").read_bytes(), name
    assert "/static/goods/badam.svg" in operator.sees(PATH)
