"""Programs that read the feed from the ledger itself, and how far each has come: what leaves before is never read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import Table, inspect, select
from sqlalchemy.exc import DBAPIError

from kiosk.sorting_center.desk.shared import schema as desk
from kiosk.sorting_center.desk.shared.database import desk_path
from kiosk.sorting_center.followers.feed_follower import FeedPosition
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database import postgres, sqlite
from kiosk.sorting_center.ledger.database.address import LedgerAddress
from kiosk.sorting_center.ledger.database.faults import translate_error
from kiosk.sorting_center.photos import schema as photos
from kiosk.sorting_center.photos.photos import photos_path
from kiosk.sorting_center.reports.tables import opening as reports
from kiosk.sorting_center.reports.tables.schema import stamp


class _FeedReader(NamedTuple):
    """``table`` has its place. It is in a file beside that of the ledger, or in ``schema`` of the ledger's database."""

    name: str
    table: Table
    schema: str
    path: Callable[[Path], Path]


_READERS: Final = (
    _FeedReader("listings", desk.listing_place, desk.SCHEMA, desk_path),
    _FeedReader("photos", photos.followed, photos.SCHEMA, photos_path),
    _FeedReader("reports", stamp, reports.SCHEMA, reports.reports_path),
)


def feed_positions(ledger_url: str) -> Mapping[str, int]:
    """Return each reader's place in the current feed, by name; without those that never read. Raises LedgerError.

    The place is 0 for a reader of another feed generation: it begins again.
    """
    address = LedgerAddress.parse(ledger_url)
    with Ledger.open_readonly(ledger_url) as ledger:
        generation = ledger.generation
    positions = {}
    for reader in _READERS:
        if (place := _read_position(reader, address)) is not None:
            positions[reader.name] = place.feedseq if place.generation == generation else 0
    return positions


def _read_position(reader: _FeedReader, address: LedgerAddress) -> FeedPosition | None:
    path = reader.path(address.path) if address.path is not None else None
    if path is not None and not path.is_file():
        return None
    engine = sqlite.reader(path) if path is not None else postgres.reader(address.url)
    schema = reader.schema if path is None else None
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table(reader.table.name, schema):
                return None
            translated = connection.execution_options(schema_translate_map={None: schema})
            rows = [row._mapping for row in translated.execute(select(reader.table))]
    except DBAPIError as error:
        raise translate_error(address, error) from error
    finally:
        engine.dispose()
    # One row, or one for each name.
    if "name" in reader.table.columns:
        found = {row["name"]: row["value"] for row in rows}
    else:
        found = dict(rows[0]) if rows else {}
    return FeedPosition(found["generation"], int(found["feedseq"])) if "feedseq" in found else None
