"""What a catalog file tells buyers of a product, checked: also against what no offer of goods may say."""

from __future__ import annotations

from functools import partial

from kiosk.domain.catalog import Allergen, Grade, Origin, Pack, Sale
from kiosk.station.catalog.claims import without_claims
from kiosk.station.catalog.place import Check, Checks, Place
from kiosk.station.catalog.tables import SaleTable
from kiosk.station.catalog.words import chinese_name, english_name, uyghur_text

MAX_TITLE, MAX_STORY, MAX_STORAGE = 60, 500, 120
"""Characters: less than the event of an offer takes."""


def read_sale(table: SaleTable, place: Place) -> Sale:
    """``place`` is that of the ``sale`` table. Raises CatalogError."""
    return Sale(
        title=place.names("title", table.title, _texts(MAX_TITLE)),
        story=place.names("story", table.story, _texts(MAX_STORY, may_be_empty=True)),
        storage=place.names("storage", table.storage, _texts(MAX_STORAGE)),
        origin=Origin(table.origin.code, place.names("origin.names", table.origin.names)),
        grades=_grades(table, place),
        harvest=table.harvest,
        allergens=_allergens(table, place),
        packs=_packs(table, place),
    )


def _texts(most: int, *, may_be_empty: bool = False) -> Checks:
    def rule(check: Check) -> Check:
        return lambda text: "" if may_be_empty and not text else without_claims(check(text))

    uyghur, chinese, english = (partial(check, most=most) for check in (uyghur_text, chinese_name, english_name))
    return Checks(rule(uyghur), rule(chinese), rule(english))


def _grades(table: SaleTable, place: Place) -> tuple[Grade, ...]:
    seen: set[object] = set()
    grades = []
    for number, row in enumerate(table.grades, 1):
        inside = place.inside(f"grades[{number}]")
        inside.once(seen, row.code, "code")
        grades.append(Grade(row.code, inside.names("names", row.names)))
    return tuple(grades)


def _allergens(table: SaleTable, place: Place) -> tuple[Allergen, ...]:
    seen: set[object] = set()
    for number, allergen in enumerate(table.allergens, 1):
        place.once(seen, allergen, f"allergens[{number}]")
    return table.allergens


def _packs(table: SaleTable, place: Place) -> tuple[Pack, ...]:
    seen: set[object] = set()
    packs = []
    for number, row in enumerate(table.packs, 1):
        place.inside(f"packs[{number}]").once(seen, row.net_g, "net_g")
        packs.append(Pack(row.net_g, row.price_fen))
    return tuple(packs)
