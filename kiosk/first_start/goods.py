"""The goods a new station begins with: a catalog file is read and checked when it is chosen, and kept in the draft.

From then on the file is not needed any more: the stick may be pulled, and one durable write keeps the answer with it.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from kiosk.domain.catalog import Catalog
from kiosk.first_start.shared.draft import GoodsDraft
from kiosk.station.catalog.file import CatalogError, parse_catalog, read_catalog_file
from kiosk.texts import LANGUAGES

SAMPLE: Final = "sample"  # Stands for the catalog that comes with the program
_SAMPLE_FILE: Final = "yarkant.toml"
FIRST: Final = 6  # So many names are shown: enough to know a catalog again


def read_goods(source: str) -> GoodsDraft:
    """The catalog at ``source``, a path or ``SAMPLE``, checked. Raises CatalogError with name and reason."""
    name = Path(_SAMPLE_FILE if source == SAMPLE else source).name
    try:
        content = (
            files("kiosk.catalogs").joinpath(_SAMPLE_FILE).read_bytes()
            if source == SAMPLE
            else read_catalog_file(Path(source))
        )
    except OSError as error:
        raise CatalogError(name, "", f"cannot be read: {error.strerror or error}") from error
    catalog = parse_catalog(content, name)
    return GoodsDraft(
        source=source,
        name=name,
        content=content,
        products=len(catalog.products),
        prices=len(catalog.prices),
        containers=len(catalog.containers),
        members=len(catalog.members),
        first=_first_names(catalog),
    )


def catalog_of(goods: GoodsDraft) -> Catalog:
    """The catalog that was kept, checked again: the draft is a file as well. Raises CatalogError."""
    return parse_catalog(goods.content, goods.name)


def _first_names(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    return {code: tuple(getattr(row.names, code) for row in catalog.products[:FIRST]) for code in LANGUAGES}
