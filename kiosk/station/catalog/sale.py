"""What a catalog file tells buyers of a product, checked: also against what no offer of goods may say."""

from __future__ import annotations

from functools import partial

from kiosk.domain.catalog import Allergen, Grade, Origin, Pack, Sale
from kiosk.station.catalog.claims import reject_claims
from kiosk.station.catalog.name_rules import chinese_name, english_name, uyghur_text
from kiosk.station.catalog.table_location import Check, NameChecks, TableLocation
from kiosk.station.catalog.tables import SaleTable

MAX_TITLE, MAX_STORY, MAX_STORAGE = 60, 500, 120  # Characters: less than the event of an offer takes


def read_sale(table: SaleTable, place: TableLocation) -> Sale:
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


def _texts(max_length: int, *, may_be_empty: bool = False) -> NameChecks:
    def rule(check: Check) -> Check:
        return lambda text: "" if may_be_empty and not text else reject_claims(check(text))

    uyghur, chinese, english = (
        partial(check, max_length=max_length) for check in (uyghur_text, chinese_name, english_name)
    )
    return NameChecks(rule(uyghur), rule(chinese), rule(english))


def _grades(table: SaleTable, place: TableLocation) -> tuple[Grade, ...]:
    seen: set[object] = set()
    grades = []
    for number, row in enumerate(table.grades, 1):
        inside = place.child(f"grades[{number}]")
        inside.require_unique(seen, row.code, "code")
        grades.append(Grade(row.code, inside.names("names", row.names)))
    return tuple(grades)


def _allergens(table: SaleTable, place: TableLocation) -> tuple[Allergen, ...]:
    seen: set[object] = set()
    for number, allergen in enumerate(table.allergens, 1):
        place.require_unique(seen, allergen, f"allergens[{number}]")
    return table.allergens


def _packs(table: SaleTable, place: TableLocation) -> tuple[Pack, ...]:
    seen: set[object] = set()
    packs = []
    for number, row in enumerate(table.packs, 1):
        place.child(f"packs[{number}]").require_unique(seen, row.net_g, "net_g")
        packs.append(Pack(row.net_g, row.price_fen))
    return tuple(packs)
