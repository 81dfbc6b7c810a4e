"""Files of what is published, field by field, held against the tables of docs/listings.md."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from kiosk.domain.catalog import Allergen
from kiosk.domain.events.photo import WordsData
from kiosk.sorting_center.export.spreadsheet import BYTE_ORDER_MARK, plain_text
from kiosk.sorting_center.listings.addresses import PublicAddresses
from kiosk.sorting_center.listings.exports.merchant import FIELDS, ProductData, has_title, tsv_of
from kiosk.sorting_center.listings.exports.table import COLUMNS, LANGUAGES, MAX_ID, csv_of, item_id
from kiosk.sorting_center.listings.records import ListingKey, ListingTexts, Published
from kiosk.sorting_center.web.shared.exporting import SheetTexts
from kiosk.sorting_center.web.shared.texts import center_texts
from tests.sorting_center.listings.centers import FIRST, REGION, SECOND, Center, almonds, masters

DOCS: Final = Path(__file__).resolve().parents[3] / "docs" / "listings.md"
BASE: Final = "https://goods.example.org/shop"
ADDRESSES: Final = PublicAddresses(BASE)
KEY: Final = ListingKey("shache", "S0147", "Y1L0147A0000019")
ALMONDS: Final = Published(
    texts=ListingTexts(WordsData("بادام", "巴旦木", "Almonds"), WordsData("يېڭى", "新货", "Of this autumn")),
    storage=WordsData("", "阴凉处", "Keep cool"),
    product="almond",
    photos=(FIRST, SECOND),
    pack_g=500,
    price_fen=5800,
    origin="SHACHE",
    grade="A",
    harvest="2026-09",
    allergens=("tree_nuts", "not_for_infants"),
    at="2026-11-27T08:00:00.000Z",
    offer="ab" * 32,
    origin_words=WordsData("يەكەن", "莎车县", "Yarkant"),
    grade_words=WordsData("", "一级", ""),
)
FORMULAS: Final = ("=1+1", "+1", "-1", "@SUM(A1)", "＝1+1", "\t=1", " \u200e=1", "'=1", "=+-@=1")
HOSTILE: Final = (
    *FORMULAS,
    *("a\tb\nc\rd\u2028e\x0bf", "\u202eabc\u2066d\u200bf\ufeff", 'say "good", 5\'', '"quoted"', "\x00\x1b[31mred"),
    *(
        "<script>alert(1)</script>",
        "a\ud800b",
        "x" * 2000,
        "ئا" * 1000,
        "e\u0301" * 1000,
        "\u0301" * 2000,
        "word " * 400,
    ),
)


def words(text: str) -> WordsData:
    return WordsData(text, text, text)


def hostile(text: str) -> Published:
    told = words(text)
    return replace(ALMONDS, texts=ListingTexts(told, told), storage=told, origin_words=told, grade_words=told)


def table_of(heading: str, number: int = 0) -> list[Mapping[str, str]]:
    """One of the tables below a heading of the document, by the names in its head."""
    section = DOCS.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)[number].splitlines()
    head, _, *rows = [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines
    ]
    return [dict(zip(head, row, strict=True)) for row in rows]


@dataclass(frozen=True)
class Field:
    """As the document has it; ``form`` is for the whole of it."""

    name: str
    required: bool
    form: str
    longest: int

    def faults(self, value: str) -> Iterator[str]:
        if self.required and not value:
            yield f"{self.name} is empty"
        if len(value) > self.longest:
            yield f"{self.name} has {len(value)} characters"
        if re.fullmatch(self.form, value) is None:
            yield f"{self.name} is {value!r}"
        if any(unicodedata.category(sign)[0] == "C" for sign in value):
            yield f"{self.name} has a control character: {value!r}"


def fields_of(heading: str, name: str, required: str) -> list[Field]:
    found = []
    for row in table_of(heading):
        longest = int(row.get("longest") or 100_000)
        found.append(Field(row[name].strip("`"), row[required] == "yes", row["form"].strip("`"), longest))
    return found


CSV_FIELDS: Final = fields_of("Fields of listings.csv", "column", "always there")
TSV_FIELDS: Final = fields_of("Fields of product data", "field", "required")


def read_csv(
    *published: tuple[ListingKey, Published], addresses: PublicAddresses | None = ADDRESSES
) -> list[dict[str, str]]:
    data = b"".join(csv_of(published, addresses)).decode()
    assert data.startswith(BYTE_ORDER_MARK)
    assert data.count("\r\n") == data.count("\n") == len(published) + 1
    return list(csv.DictReader(io.StringIO(data.removeprefix(BYTE_ORDER_MARK), newline=""), strict=True))


def read_tsv(language: str, *published: tuple[ListingKey, Published]) -> list[dict[str, str]]:
    data = b"".join(tsv_of(published, ProductData(language, ADDRESSES, SheetTexts(center_texts(language))))).decode()
    head, *lines = data.split("\n")[:-1]
    assert data.endswith("\n") and "\r" not in data and not data.startswith(BYTE_ORDER_MARK)
    assert [line.count("\t") for line in lines] == [head.count("\t")] * len(lines)
    return list(csv.DictReader(io.StringIO(data, newline=""), dialect="excel-tab", strict=True))


def test_the_document_has_the_columns_of_the_files_in_their_order() -> None:
    assert [field.name for field in CSV_FIELDS] == list(COLUMNS)
    assert [field.name for field in TSV_FIELDS] == list(FIELDS)
    required = {field.name for field in TSV_FIELDS if field.required}
    assert required == {"id", "title", "description", "link", "image_link", "availability", "price"}


def test_each_field_of_the_table() -> None:
    (row,) = read_csv((KEY, ALMONDS))
    assert row == {
        "id": "shache-S0147-Y1L0147A0000019",
        "region": "shache",
        "station": "S0147",
        "lot": KEY.lot,
        "product": "almond",
        "title_ug": "بادام",
        "title_zh": "巴旦木",
        "title_en": "Almonds",
        "story_ug": "يېڭى",
        "story_zh": "新货",
        "story_en": "Of this autumn",
        "storage_ug": "",
        "storage_zh": "阴凉处",
        "storage_en": "Keep cool",
        "pack_g": "500",
        "price_yuan": "58.00",
        "price_yuan_per_kg": "116.00",
        "origin": "SHACHE",
        "grade": "A",
        "harvest": "2026-09",
        "allergens": "tree_nuts not_for_infants",
        "published_at": "2026-11-27T08:00:00.000Z",
        **{f"page_{language}": f"{BASE}/{language}/shache/S0147/{KEY.lot}" for language in LANGUAGES},
        "photos": f"{FIRST} {SECOND}",
        "pictures": f"{BASE}/pictures/{FIRST}.jpg {BASE}/pictures/{SECOND}.jpg",
        "origin_ug": "يەكەن",
        "origin_zh": "莎车县",
        "origin_en": "Yarkant",
        "grade_ug": "",
        "grade_zh": "一级",
        "grade_en": "",
    }
    (bare,) = read_csv((KEY, ALMONDS), addresses=None)
    assert {name: value for name, value in row.items() if bare[name] != value}.keys() == {
        *(f"page_{language}" for language in LANGUAGES),
        "pictures",
    }
    assert bare["pictures"] == bare["page_ug"] == ""


def test_each_field_of_product_data() -> None:
    (row,) = read_tsv("zh", (KEY, ALMONDS))
    assert row == {
        "id": "shache-S0147-Y1L0147A0000019",
        "title": "巴旦木",
        "description": "新货 阴凉处 含坚果。 不适合一岁以下婴儿。",
        "link": f"{BASE}/zh/shache/S0147/{KEY.lot}",
        "image_link": f"{BASE}/pictures/{FIRST}.jpg",
        "additional_image_link": f"{BASE}/pictures/{SECOND}.jpg",
        "availability": "in_stock",
        "price": "58.00 CNY",
        "condition": "new",
        "brand": "",
        "identifier_exists": "no",
        "unit_pricing_measure": "500g",
        "unit_pricing_base_measure": "1kg",
        "shipping_weight": "500 g",
        "custom_label_0": "shache",
        "custom_label_1": "S0147",
    }
    (other,) = read_tsv("ug", (KEY, replace(ALMONDS, allergens=("tree_nuts", "of_a_newer_station"))))
    assert (other["title"], other["link"]) == ("بادام", f"{BASE}/ug/shache/S0147/{KEY.lot}")
    assert other["description"] == "يېڭى تەركىبىدە ياڭاق ۋە بادام تۈرى بار. of a newer station"


def test_every_allergen_is_said_in_every_language() -> None:
    for allergen in Allergen:
        one = replace(ALMONDS, allergens=(allergen.value,), storage=words(""))
        said = {language: read_tsv(language, (KEY, one))[0]["description"] for language in LANGUAGES}
        assert len(set(said.values())) == len(LANGUAGES)
        assert not [text for text in said.values() if text.endswith(allergen.value.replace("_", " "))], allergen


@pytest.mark.parametrize("language", LANGUAGES)
def test_product_data_have_one_language(language: str) -> None:
    other = replace(
        ALMONDS, texts=ListingTexts(replace(ALMONDS.texts.title, **{language: " \u200b"}), ALMONDS.texts.story)
    )
    none = replace(ALMONDS, texts=ListingTexts(ALMONDS.texts.title, words("")), storage=words(""), allergens=())
    found = read_tsv(language, (KEY, other), (replace(KEY, lot="Y1L0147A0000029"), none))
    assert [row["id"] for row in found] == ["shache-S0147-Y1L0147A0000029"]
    assert found[0]["description"] == found[0]["title"], "for want of a story"
    assert (has_title(other, language), has_title(none, language)) == (False, True)


def test_every_field_keeps_its_rule_whatever_a_text_says() -> None:
    published = [(replace(KEY, lot=f"Y1L0147A{n:06d}X"), hostile(text)) for n, text in enumerate(HOSTILE)]
    huge = replace(ALMONDS, photos=tuple(f"{n:064x}" for n in range(14)), pack_g=200_000_000, price_fen=1, grade="")
    tiny = replace(ALMONDS, photos=(FIRST,), pack_g=1, price_fen=2_000_000_000_000 - 1, harvest="", allergens=())
    ends = [(replace(KEY, lot=f"Y1L{n}"), one) for n, one in enumerate((huge, tiny))]
    wrong = [
        f"{row['id']} {language}: {fault}"
        for language in LANGUAGES
        for row in read_tsv(language, *published, *ends)
        for field in TSV_FIELDS
        for fault in field.faults(row[field.name])
    ]
    # A person or a station writes no longer texts than the table of CSV says: those that do are shortened nowhere.
    short = [(key, one) for key, one in published if len(one.texts.title.zh) < 150]
    assert len(short) > len(FORMULAS)
    wrong += [
        f"{row['id']}: {fault}"
        for row in read_csv(*short, (KEY, replace(huge, photos=huge.photos[:10])), ends[1])
        for field in CSV_FIELDS
        for fault in field.faults(plain_text(row[field.name]))
    ]
    assert wrong == []
    assert {row["id"] for row in read_tsv("en", *published, *ends)} == {item_id(key) for key, _ in (*published, *ends)}


def test_no_cell_is_calculated() -> None:
    starts = tuple("=+-@\t\r\n'\uff1d\uff0b\uff0d\uff20")
    for text in FORMULAS:
        (row,) = read_csv((KEY, hostile(text)))
        for language in LANGUAGES:
            told = row[f"title_{language}"]
            assert told.startswith("'") and plain_text(told).startswith(starts), repr(text)
            assert row[f"origin_{language}"] == row[f"grade_{language}"] == told
        (fed,) = read_tsv("en", (KEY, hostile(text)))
        assert not [cell for cell in (fed["title"], fed["description"]) if cell[0] not in "1S'"], repr(text)
    assert read_tsv("en", (KEY, replace(ALMONDS, texts=ListingTexts(words("=-@ +"), words("a"))))) == []


def test_a_long_text_loses_its_end_and_no_letter_its_marks() -> None:
    long = replace(ALMONDS, texts=ListingTexts(words("e\u0301" * 1000), words("s" * 6000)))
    (row,) = read_tsv("en", (KEY, long))
    assert row["title"] == "e\u0301" * 75
    assert len(row["description"]) == 5000
    assert row["description"].endswith("s Keep cool Contains tree nuts. Not for children below one year.")
    (odd,) = read_tsv("en", (KEY, replace(long, texts=ListingTexts(words("x" + "e\u0301" * 1000), words("")))))
    assert odd["title"] == "x" + "e\u0301" * 74, "not half of the last one"


def test_prices_are_to_the_fen() -> None:
    for pack_g, price_fen, yuan, per_kg in (
        *((1000, 1, "0.01", "0.01"), (500, 5800, "58.00", "116.00"), (3000, 100, "1.00", "0.33")),
        *((2000, 1, "0.01", "0.01"), (2001, 1, "0.01", "0.00"), (7, 99, "0.99", "141.43"), (1, 5, "0.05", "50.00")),
    ):
        one = replace(ALMONDS, pack_g=pack_g, price_fen=price_fen)
        (row,), (fed,) = read_csv((KEY, one)), read_tsv("en", (KEY, one))
        assert (row["price_yuan"], row["price_yuan_per_kg"], fed["price"]) == (yuan, per_kg, f"{yuan} CNY")


def test_an_id_is_of_one_listing_alone_and_stays() -> None:
    assert item_id(KEY) == "shache-S0147-Y1L0147A0000019"
    keys = [ListingKey(region, station, lot) for region in ("a", "a-b", "-", "shache") for station in ("S0147", "S0148")
            for lot in ("Y1L0147A0000019", "Y1L0147A0000029")]  # fmt: skip
    keys += [
        ListingKey("x" * 16, "S9999", "Z" * 27),
        ListingKey("a", "S0147-B", "C"),
        ListingKey("a", "S0147", "B-C"),
        ListingKey("A", "B", "C"),
    ]
    keys += [
        ListingKey("../..", "S0147", "L"),
        ListingKey("a/b", "c", "d"),
        ListingKey("a", "b/c", "d"),
        ListingKey("ئ" * 300, "S0147", "L"),
    ]
    ids = [item_id(key) for key in keys]
    assert len(set(ids)) == len(keys)
    assert [one for one in ids if re.fullmatch(r"[A-Za-z0-9-]+", one) is None or len(one) > MAX_ID] == []
    assert ids == [item_id(key) for key in keys]


def test_only_what_is_published_is_in_them(center: Center) -> None:
    """On both databases: one lot in each state, and one that is published again with what is new."""
    almonds(center)
    station = center.station
    for counter in range(2, 7):
        shots = station.shot(counter, *masters(FIRST))
        center.take(station.intake(counter), *shots, station.offer(counter, FIRST, price_fen=1000 + counter))
    publish, pause = center.listings.publish, center.listings.pause
    for counter, acts in {
        1: (publish,),
        3: (publish, pause),
        4: (publish, center.listings.sell_out),
        5: (publish, center.listings.withdraw),
        6: (publish, pause, publish),
    }.items():
        for act in acts:
            act(center.key(counter), center.seen(reason="for the test", counter=counter))
    center.take(station.offer(6, FIRST, price_fen=9999))
    published = list(center.listings.published())
    shown = {f"{REGION}-S0147-{center.key(counter).lot}": price for counter, price in ((1, "58.00"), (6, "10.06"))}
    assert {row["id"]: row["price_yuan"] for row in read_csv(*published)} == shown
    for language in LANGUAGES:
        fed = read_tsv(language, *published)
        assert {row["id"]: row["price"] for row in fed} == {one: f"{price} CNY" for one, price in shown.items()}
    assert [
        fault
        for row in read_csv(*published)
        for field in CSV_FIELDS
        for fault in field.faults(plain_text(row[field.name]))
    ] == []
