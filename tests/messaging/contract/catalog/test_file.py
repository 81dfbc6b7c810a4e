"""The catalog file: what is taken, what is refused, and in which words."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kiosk.catalogs
from kiosk.domain.catalog import (
    Allergen,
    Catalog,
    Container,
    Grade,
    Member,
    Names,
    Origin,
    Pack,
    Price,
    Product,
    Sale,
)
from kiosk.domain.identifiers import internal_code
from kiosk.domain.trade import Mode
from kiosk.messaging.contract.catalog.file import CatalogError, parse_catalog
from kiosk.messaging.contract.catalog.name_rules import UYGHUR_LETTERS
from tests.depth import many

SAMPLE = Path(kiosk.catalogs.__path__[0]) / "yarkant.toml"
DOCS = Path(__file__).parents[4] / "docs" / "catalog.md"


def sale() -> dict[str, Any]:
    return {
        "title": {"ug": "يەكەن بادىمى", "zh": "莎车巴旦木", "en": "Yarkant almonds"},
        "story": {"ug": "", "zh": "村里收获，太阳晒干。", "en": "Dried in the sun: nothing is added!"},
        "storage": {"ug": "قۇرۇق، سالقىن جايدا ساقلاڭ.", "zh": "存放于阴凉干燥处。", "en": "Keep cool and dry."},
        "origin": {"code": "YARKANT", "names": {"ug": "يەكەن", "zh": "莎车县", "en": "Yarkant County"}},
        "grades": [{"code": "1", "names": {"ug": "1-دەرىجە", "zh": "一级", "en": "Grade 1"}}],
        "harvest": "2026-09",
        "allergens": ["tree_nuts"],
        "packs": [{"net_g": 500, "price_fen": 2900}, {"net_g": 1000, "price_fen": 5600}],
    }


def document() -> dict[str, Any]:
    return {
        "products": [
            {
                "code": "BADAM",
                "picture": "badam",
                "names": {"ug": "بادام", "zh": "巴旦木", "en": "Almond (badam)"},
                "sale": sale(),
            },
            {"code": "HONEY", "picture": "honey", "names": {"ug": "ھەسەل", "zh": "蜂蜜", "en": "Honey"}},
        ],
        "prices": [
            {"product": "BADAM", "mode": "purchase", "fen_per_kg": 2400},
            {"product": "BADAM", "mode": "consignment", "fen_per_kg": 2500},
        ],
        "containers": [
            {"code": "SACK", "picture": "sack", "tare_g": 160, "names": {"ug": "خالتا", "zh": "布袋", "en": "Sack"}},
            {
                "code": "OWN",
                "picture": "own",
                "tare_g": 0,
                "weighed": True,
                "names": {"ug": "قاچا", "zh": "自带", "en": "Own"},
            },
        ],
        "members": [
            {"number": "M-04412", "short_name": "ئايگۈل", "card": internal_code("P", "04412")},
            {"number": "M-04413", "short_name": "王芳"},
        ],
    }


SALE = Sale(
    title=Names("يەكەن بادىمى", "莎车巴旦木", "Yarkant almonds"),
    story=Names("", "村里收获，太阳晒干。", "Dried in the sun: nothing is added!"),
    storage=Names("قۇرۇق، سالقىن جايدا ساقلاڭ.", "存放于阴凉干燥处。", "Keep cool and dry."),
    origin=Origin("YARKANT", Names("يەكەن", "莎车县", "Yarkant County")),
    grades=(Grade("1", Names("1-دەرىجە", "一级", "Grade 1")),),
    harvest="2026-09",
    allergens=(Allergen.TREE_NUTS,),
    packs=(Pack(500, 2900), Pack(1000, 5600)),
)
EXPECTED = Catalog(
    products=(
        Product("BADAM", Names("بادام", "巴旦木", "Almond (badam)"), "badam", SALE),
        Product("HONEY", Names("ھەسەل", "蜂蜜", "Honey"), "honey"),
    ),
    prices=(Price("BADAM", Mode.PURCHASE, 2400), Price("BADAM", Mode.CONSIGNMENT, 2500)),
    containers=(
        Container("SACK", Names("خالتا", "布袋", "Sack"), 160, "sack", False),
        Container("OWN", Names("قاچا", "自带", "Own"), 0, "own", True),
    ),
    members=(Member("M-04412", "ئايگۈل", "Y1P04412J"), Member("M-04413", "王芳", None)),
)


def as_json(table: object) -> bytes:
    return json.dumps(table, ensure_ascii=False).encode()


def as_toml(value: object) -> str:
    """The table as inline TOML: JSON's text and number forms are TOML's too."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {as_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def toml_document(table: dict[str, Any]) -> bytes:
    return "\n".join(f"{key} = {as_toml(value)}" for key, value in table.items()).encode()


def changed(path: str, value: object) -> dict[str, Any]:
    """The good document with one value replaced; a path like ``products.0.code``."""
    table = document()
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place: Any = table
    for step in way:
        place = place[step]
    place[last] = value
    return table


def refusal(table: object) -> CatalogError:
    with pytest.raises(CatalogError) as caught:
        parse_catalog(as_json(table), "c.json")
    return caught.value


def test_toml_and_json_give_the_same_catalog() -> None:
    assert parse_catalog(as_json(document()), "c.json") == EXPECTED
    assert parse_catalog(toml_document(document()), "c.toml") == EXPECTED


def test_a_file_without_a_telling_name_is_recognized_by_its_first_character() -> None:
    assert parse_catalog(b"\n  " + as_json(document()), "-") == EXPECTED
    assert parse_catalog(toml_document(document()), "-") == EXPECTED


def test_a_byte_order_mark_from_a_windows_editor_is_no_obstacle() -> None:
    assert parse_catalog(b"\xef\xbb\xbf" + toml_document(document()), "c.toml") == EXPECTED


def test_the_sample_is_a_good_catalog() -> None:
    catalog = parse_catalog(SAMPLE.read_bytes(), SAMPLE.name)
    assert len(catalog.products) == 12
    assert [p.code for p in catalog.products[:6]] == ["BADAM", "WALNUT", "JUJUBE", "HONEY", "RAISIN", "APRICOT"]
    assert {product.code for product in catalog.products} == {price.product for price in catalog.prices}
    assert catalog.price("BADAM", Mode.PURCHASE) == 2400
    assert {c.code: c.tare_g for c in catalog.containers} == {
        "NONE": 0,
        "SACK": 160,
        "CRATE": 1850,
        "BUCKET": 640,
        "OWN": 0,
    }
    assert [c.code for c in catalog.containers if c.weighed] == ["OWN"]
    assert all(product.sale for product in catalog.products), "each can be offered"
    assert [m.card for m in catalog.members] == [internal_code("P", m.number[2:]) for m in catalog.members]
    assert parse_catalog(as_json(tomllib.loads(SAMPLE.read_text("utf-8"))), "s.json") == catalog


def test_every_picture_of_the_sample_is_drawn() -> None:
    drawn = {file.stem for file in (SAMPLE.parents[1] / "web" / "static" / "drawings").glob("*.svg")}
    catalog = parse_catalog(SAMPLE.read_bytes(), SAMPLE.name)
    assert {product.picture for product in catalog.products} <= drawn
    assert {container.picture for container in catalog.containers} <= drawn


def test_the_example_and_the_limits_of_the_manual_are_true() -> None:
    manual = DOCS.read_text("utf-8")
    example = manual.split("```toml\n")[1].split("```")[0]
    assert parse_catalog(example.encode(), "example.toml").member("M-04412") == EXPECTED.members[0]
    bad = refusal(
        changed("prices", [*document()["prices"], {"product": "HONEY", "mode": "purchase", "fen_per_kg": 12.5}])
    )
    assert str(bad).replace("c.json", "yarkant.toml") in manual


def test_a_forgotten_list_is_refused_but_an_empty_one_is_meant(subtests: pytest.Subtests) -> None:
    for missing in ["products", "prices", "containers", "members"]:
        with subtests.test(missing=missing):
            table = document()
            del table[missing]
            assert refusal(table).place == missing
            if missing == "products":
                assert "at least one" in str(refusal(changed(missing, []) | {"prices": []}))
            else:
                assert getattr(parse_catalog(as_json(changed(missing, [])), "c.json"), missing) == ()


def test_what_is_refused_names_the_place_and_what_is_allowed(subtests: pytest.Subtests) -> None:
    for path, value, place, words in [
        ("prices.0.fen_per_kg", 24.0, "prices[1].fen_per_kg", "whole number of fen"),
        ("prices.0.fen_per_kg", -1, "prices[1].fen_per_kg", "from 1 to 10000000"),
        ("prices.0.fen_per_kg", 0, "prices[1].fen_per_kg", "from 1"),
        ("prices.0.fen_per_kg", 10_000_001, "prices[1].fen_per_kg", "to 10000000"),
        ("prices.0.fen_per_kg", True, "prices[1].fen_per_kg", "is True"),
        ("prices.0.fen_per_kg", "2400", "prices[1].fen_per_kg", "is '2400'"),
        ("prices.0.fen_per_kg", None, "prices[1].fen_per_kg", "whole number"),
        ("prices.0.fen_per_jin", 1200, "prices[1].'fen_per_jin'", "only kilograms"),
        ("prices.0.note", "x", "prices[1].'note'", "allowed here: product, mode, fen_per_kg"),
        ("prices.0.product", "SILK", "prices[1].product", "no product of this file"),
        ("prices.0.mode", "gift", "prices[1].mode", "purchase or consignment"),
        ("prices.1.mode", "purchase", "prices[2].product", "stands twice"),
        ("products.1.code", "BADAM", "products[2].code", "stands twice"),
        ("products.0.code", "badam", "products[1].code", "A-Z, 0-9"),
        ("products.0.code", "B" * 17, "products[1].code", "1 to 16"),
        ("products.0.code", "BADAM\n", "products[1].code", "1 to 16"),
        ("products.0.code", "٣", "products[1].code", "A-Z, 0-9"),
        ("products.0.picture", "../x", "products[1].picture", "a-z, 0-9"),
        ("products.0.names", "badam", "products[1].names", "must be a table with ug, zh, en"),
        ("products.0.names.fr", "amande", "products[1].names.'fr'", "allowed here: ug, zh, en"),
        ("products.0.sale", "yes", "products[1].sale", "must be a table with title, story, storage, origin, packs"),
        ("products.0.sale.note", "x", "products[1].sale.'note'", "allowed here: title, story"),
        ("products.0.sale.packs", [], "products[1].sale.packs", "must be a list of 1 to 8 tables"),
        ("products.0.sale.packs.1.net_g", 500, "products[1].sale.packs[2].net_g", "stands twice"),
        ("products.0.sale.packs.0.net_g", 0.5, "products[1].sale.packs[1].net_g", "whole number of grams from 1"),
        ("products.0.sale.packs.0.price_fen", 0, "products[1].sale.packs[1].price_fen", "whole number of fen from 1"),
        ("products.0.sale.grades.0.code", "one", "products[1].sale.grades[1].code", "A-Z, 0-9"),
        ("products.0.sale.grades", [sale()["grades"][0]] * 2, "products[1].sale.grades[2].code", "stands twice"),
        ("products.0.sale.grades", [sale()["grades"][0]] * 7, "products[1].sale.grades", "at most 6 tables"),
        ("products.0.sale.origin.names.zh", "", "products[1].sale.origin.names.zh", "1 to 40"),
        ("products.0.sale.harvest", "2026-13", "products[1].sale.harvest", "a month like 2026-09, or empty"),
        ("products.0.sale.harvest", "2026-09\n", "products[1].sale.harvest", "a month like 2026-09, or empty"),
        ("products.0.sale.allergens.0", "nuts", "products[1].sale.allergens[1]", "gluten or crustaceans or"),
        ("products.0.sale.allergens", ["fish"] * 2, "products[1].sale.allergens[2]", "stands twice"),
        ("products.0.sale.allergens", ["fish"] * 10, "products[1].sale.allergens", "at most 9 words"),
        ("products.0.sale.title.en", "a" * 61, "products[1].sale.title.en", "1 to 60 are allowed"),
        ("products.0.sale.story.en", "a" * 501, "products[1].sale.story.en", "1 to 500 are allowed"),
        ("products.0.sale.storage.en", "a" * 121, "products[1].sale.storage.en", "1 to 120 are allowed"),
        ("products.0.sale.title.ug", "", "products[1].sale.title.ug", "1 to 60 are allowed"),
        ("products.0", 7, "products[1]", "must be a table"),
        ("products", {}, "products", "must be a list"),
        ("extra", 1, "'extra'", "allowed here: products, prices, containers, members"),
        ("containers.0.tare_g", 20_001, "containers[1].tare_g", "from 0 to 20000"),
        ("containers.0.tare_g", -1, "containers[1].tare_g", "from 0"),
        ("containers.0.tare_g", 160.0, "containers[1].tare_g", "whole number of grams"),
        ("containers.1.tare_g", 5, "containers[2].tare_g", "must be 0 when weighed"),
        ("containers.1.weighed", "yes", "containers[2].weighed", "true or false"),
        ("containers.1.code", "SACK", "containers[2].code", "stands twice"),
        ("members.1.number", "M-04412", "members[2].number", "stands twice"),
        ("members.0.number", "04412", "members[1].number", "like M-04412"),
        ("members.0.number", "M-٠٤٤١٢", "members[1].number", "like M-04412"),
        ("members.1.card", "Y1P04412J", "members[2].card", "stands twice"),
        ("members.0.card", "Y1P04412K", "members[1].card", "check character"),
        ("members.0.card", internal_code("R", "04412"), "members[1].card", "must be Y1P"),
        ("members.0.card", internal_code("P", "0441"), "members[1].card", "five digits"),
        ("members.0.card", "", "members[1].card", "must be Y1P"),
    ]:
        with subtests.test(path=path, value=value, place=place, words=words):
            error = refusal(changed(path, value))
            assert error.file == "c.json"
            assert error.place == place
            assert words in str(error)
            assert str(error).startswith(f"c.json: {place}: ")
            assert "\n" not in str(error)


@pytest.mark.parametrize("path", ["prices.0.mode", "prices.0.jin\ud800", "members"])
def test_half_a_character_is_refused_and_named(path: str) -> None:
    data = json.dumps(changed(path, "\ud800")).encode()
    with pytest.raises(CatalogError, match=r"has half a character in '(jin)?\\ud800': remove it"):
        parse_catalog(data, "c.json")


def test_a_missing_key_is_named() -> None:
    table = document()
    del table["members"][1]["short_name"]
    assert str(refusal(table)) == "c.json: members[2].short_name: is missing"


def test_phone_and_id_numbers_are_refused_and_not_repeated(subtests: pytest.Subtests) -> None:
    for number in ["13812345678", "M-13812345678", "653125199001011234", "65312519900101123X", "٠٩٠٣١٢٣٤٥٦٧"]:
        for key in ["number", "short_name"]:
            with subtests.test(number=number, key=key):
                error = refusal(changed(f"members.0.{key}", number))
                assert "phone" in str(error) and "ID number" in str(error)
                assert number not in str(error)


HOSTILE = (
    *("", " ", "x" * 41, " x", "x "),
    *("a\nb", "a\x00b", "a\x1bb", "a\u202eb", "a\u200fb", "a\u2066b", "a\u200bb", "a\u00a0b", "a\u2028b"),
    *("\ue000a", "\ud800a"),
)


def test_names_that_do_not_show_what_they_are_are_refused(subtests: pytest.Subtests) -> None:
    for name in HOSTILE:
        for path in ["products.0.names.en", "containers.0.names.en", "members.0.short_name"]:
            with subtests.test(name=name, path=path):
                table = json.dumps(changed(path, name)).encode()
                with pytest.raises(CatalogError):
                    parse_catalog(table, "c.json")


def test_names_that_only_look_dangerous_are_text(subtests: pytest.Subtests) -> None:
    for name in ["<script>alert(1)</script>", "^XZ", "A \"B\" 'C'", "{% A %}", "A; DROP TABLE", "=A1+1", "Crème"]:
        with subtests.test(name=name):
            assert parse_catalog(as_json(changed("products.0.names.en", name)), "c.json").products[0].names.en == name


def test_uyghur_is_written_in_its_own_letters(subtests: pytest.Subtests) -> None:
    for name, words in [
        ("ھهسەل", "type ھ U+06BE or ە U+06D5"),
        ("بادامی", "type ى U+0649 or ي U+064A"),
        ("کىشمىش", "type ك U+0643"),
        ("ةبا", "type ە U+06D5"),
        ("أبا", "U+0623, which is no Uyghur letter"),
        ("ﺑﺎﺩﺍﻡ", "which is no Uyghur letter"),
        ("بادام badam", "only Uyghur letters"),
        ("巴旦木", "only Uyghur letters"),
        ("Бадам", "only Uyghur letters"),
        ("12", "has no Uyghur letter"),
        ("بىر جىڭ بادام", "only kilograms and grams"),
    ]:
        with subtests.test(name=name, words=words):
            error = refusal(changed("products.0.names.ug", name))
            assert error.place == "products[1].names.ug"
            assert words in str(error)


def test_a_look_alike_in_a_persons_name_is_refused_too() -> None:
    assert "U+06BE" in str(refusal(changed("members.0.short_name", "هاجى")))


def test_decomposed_letters_are_composed() -> None:
    table = changed("products.0.names.ug", "\u064a\u0654انار")
    assert parse_catalog(as_json(table), "c.json").products[0].names.ug == "\u0626انار"


def test_swapped_languages_and_the_jin_are_refused(subtests: pytest.Subtests) -> None:
    for path, name in [
        ("products.0.names.zh", "Almond"),
        ("products.0.names.zh", "بادام"),
        ("products.0.names.zh", "巴旦木 بادام"),
        ("products.0.names.zh", "巴旦木一斤装"),
        ("products.0.names.en", "巴旦木"),
        ("products.0.names.en", "Almond 巴旦木"),
        ("products.0.names.en", "Almond per jin"),
        ("products.0.names.en", "500"),
    ]:
        with subtests.test(path=path, name=name):
            refusal(changed(path, name))


def test_buyers_are_promised_nothing_that_no_offer_may_say(subtests: pytest.Subtests) -> None:
    for path, text, said in [
        ("title.zh", "新疆最好的巴旦木", "最"),
        ("title.zh", "莎车第一巴旦木", "第一"),
        ("story.zh", "国家级产品。", "国家级"),
        ("title.en", "The BEST almonds", "BEST"),
        ("story.en", "National-level almonds.", "National-level"),
        ("story.ug", "ئەڭ ياخشى بادام.", "ئەڭ"),
        ("story.zh", "有抗癌作用。", "抗癌"),
        ("story.en", "Lowers blood pressure.", "blood pressure"),
        ("title.zh", "有机红枣", "有机"),
        ("title.en", "Organic jujubes", "Organic"),
        ("storage.ug", "ئورگانىك", "ئورگانىك"),
    ]:
        with subtests.test(path=path, text=text, said=said):
            error = refusal(changed(f"products.0.sale.{path}", text))
            assert error.place == f"products[1].sale.{path}"
            assert f"says {said!r}" in str(error)


def test_words_that_only_hold_such_a_word_are_none(subtests: pytest.Subtests) -> None:
    for path, text in [
        ("story.zh", ""),
        ("story.ug", "ئەڭگۈشتەر؛ «بادام»: ياخشىمۇ؟"),
        ("story.en", "Almost all of it is air-cured; organisms aside."),
        ("grades.0.names.zh", "特级"),
    ]:
        with subtests.test(path=path, text=text):
            assert (
                parse_catalog(as_json(changed(f"products.0.sale.{path}", text)), "c.json").products[0].sale is not None
            )


def test_a_story_has_the_letters_of_its_language() -> None:
    for path, text in (("ug", "badam"), ("zh", "بادام"), ("en", "巴旦木"), ("en", "a\nb"), ("en", "500 g is one jin.")):
        assert refusal(changed(f"products.0.sale.story.{path}", text)).place == f"products[1].sale.story.{path}"


def test_the_kilogram_and_a_person_called_jin_are_allowed() -> None:
    table = changed("products.0.names.zh", "巴旦木(公斤装)")
    table["members"][1]["short_name"] = "Jin Hua"
    assert parse_catalog(as_json(table), "c.json").members[1].short_name == "Jin Hua"


def test_files_that_cannot_be_read(subtests: pytest.Subtests) -> None:
    for data, name, words in [
        (b"products = [", "c.toml", "end of document"),
        (b"a = 1\nb = \n", "c.toml", "line 2"),
        (b"a = 1\na = 2\n", "c.toml", "cannot be read"),
        (b'{"a": 1,\n "b" 2}', "c.json", "line 2: is not JSON"),
        (b'{"a": 1, "a": 2}', "c.json", "'a' stands twice"),
        (b'{"a": NaN}', "c.json", "NaN is not allowed"),
        (b"[1]", "c.json", "must be a table"),
        (b"a = 1\nb = '\xff'\n", "c.toml", "line 2: is not UTF-8"),
        (b"", "c.toml", "products: is missing"),
        (b"", "c.json", "line 1"),
        (b"a = " + b"9" * 5_000, "c.toml", "cannot be read"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "c.json", "cannot be read"),
        (b"[" * 100_000, "c.json", "nested too deep"),
        (b"a = " + b"[" * 100_000, "c.toml", ""),
        (b" " * 4_000_001, "c.toml", "at most 4000000"),
    ]:
        with subtests.test(data=data, name=name, words=words):
            with pytest.raises(CatalogError) as caught:
                parse_catalog(data, name)
            assert str(caught.value).startswith(name)
            assert words in str(caught.value)


def test_too_many_rows_are_refused() -> None:
    assert "at most 500" in str(refusal(changed("products", [document()["products"][0]] * 501)))


def test_the_alphabet_is_complete() -> None:
    assert len(UYGHUR_LETTERS) == 33, "32 letters of the alphabet and the seat of the hamza"


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PATHS = (
    "products",
    "products.0",
    "products.0.code",
    "products.1.names",
    "products.0.names.ug",
    "products.0.names.zh",
    "products.0.sale",
    "products.0.sale.story.zh",
    "products.0.sale.packs.0",
    "products.0.sale.allergens",
    "prices.0",
    "prices.0.fen_per_kg",
    "prices.1.mode",
    "containers.0.tare_g",
    "containers.1.weighed",
    "members.0.number",
    "members.0.short_name",
    "members.0.card",
    "members.0.new",
)


@settings(max_examples=many(70, torture=600), deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["c.toml", "c.json", "-"]))
def test_random_bytes_are_a_catalog_error(data: bytes, name: str) -> None:
    with pytest.raises(CatalogError):
        parse_catalog(data, name)


@settings(max_examples=many(100, torture=900), deadline=None)
@given(st.sampled_from(PATHS), ANY_JSON)
def test_any_value_anywhere_is_taken_or_a_catalog_error(path: str, value: object) -> None:
    try:
        catalog = parse_catalog(json.dumps(changed(path, value)).encode(), "c.json")
    except CatalogError as error:
        assert len(str(error)) < 600
        assert str(error).isprintable()
    else:
        assert isinstance(catalog, Catalog)


@settings(max_examples=many(50, torture=450), deadline=None)
@given(st.integers(0, 13_000), st.integers(0, 30), st.text(max_size=12))
def test_a_damaged_sample_is_taken_or_a_catalog_error(at: int, cut: int, put: str) -> None:
    text = SAMPLE.read_text("utf-8")
    damaged = text[:at] + put + text[at + cut :]
    try:
        parse_catalog(damaged.encode("utf-8", "surrogatepass"), "c.toml")
    except CatalogError as error:
        assert error.file == "c.toml"


UYGHUR_NAMES = st.text(st.sampled_from(sorted(UYGHUR_LETTERS)), min_size=1, max_size=40)


@settings(max_examples=many(40, torture=300), deadline=None)
@given(UYGHUR_NAMES, st.integers(1, 10_000_000), st.integers(0, 20_000))
def test_both_formats_agree_on_every_good_file(name: str, price: int, tare: int) -> None:
    table = changed("products.0.names.ug", name)
    table["prices"][0]["fen_per_kg"], table["containers"][0]["tare_g"] = price, tare
    try:
        from_json = parse_catalog(as_json(table), "c.json")
    except CatalogError as error:
        assert "jin" in str(error)
        return
    assert from_json == parse_catalog(toml_document(table), "c.toml")
    assert (from_json.prices[0].fen_per_kg, from_json.containers[0].tare_g) == (price, tare)
