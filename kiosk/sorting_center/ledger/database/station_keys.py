"""The keys with which stations sign, and what stations with a key have sent without a signature that is believed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select, update

from kiosk.base.ed25519 import key_id_of
from kiosk.domain.events import KeyMade
from kiosk.sorting_center.ledger.database.rows import Keys, as_parameter, insert_missing
from kiosk.sorting_center.ledger.database.schema import station_key, unsigned
from kiosk.sorting_center.shared.stored_events import decode_event

# Of one station; more than it begins epochs, and repairs its key. All of a county's have room in a part of a document.
MAX_KEYS: Final = 100
REVOKED: Final = "revoked"
CLONED: Final = "cloned"

_c = station_key.c


class StationKeyRow(NamedTuple):
    """A row of ``station_key``, in the order of its columns."""

    region: str
    station: str
    public: str
    state: str
    made_epoch: str
    made_seq: int
    received_at: str

    @property
    def key_id(self) -> bytes:
        return _key_id(self.public)


@lru_cache(maxsize=4096)
def _key_id(public: str) -> bytes:
    return key_id_of(bytes.fromhex(public))


class UnsignedEvents(NamedTuple):
    """Of one station: how many, not covered by a later signature, and since when they come (RFC 3339, this clock)."""

    region: str
    station: str
    events: int
    since: str


def load(connection: Connection, stations: Iterable[str]) -> dict[tuple[str, str], list[StationKeyRow]]:
    """Return the keys of these stations by region and station, the oldest first."""
    found: dict[tuple[str, str], list[StationKeyRow]] = {}
    parameters = as_parameter((station,) for station in sorted(set(stations)))
    for row in connection.execute(_keys_query(connection.dialect.name), parameters):
        found.setdefault((row.region, row.station), []).append(StationKeyRow(*row))
    return found


@cache
def _keys_query(dialect: str) -> Select[Any]:
    keys = Keys(dialect)
    query = select(station_key).select_from(keys.table).join(station_key, _c.station == keys.text(0))
    return query.order_by(_c.received_at, _c.made_seq)


def of_region(connection: Connection, region: str) -> Sequence[StationKeyRow]:
    """Return the keys by station, the oldest first: a stable order."""
    query = select(station_key).where(_c.region == region)
    rows = connection.execute(query.order_by(_c.station, _c.received_at, _c.made_seq, _c.public))
    return [StationKeyRow(*row) for row in rows]


def register(connection: Connection, rows: Sequence[StationKeyRow]) -> None:
    """Store keys as trusted. An existing one stays as it is."""
    insert_missing(connection, station_key, rows)


def register_released(connection: Connection, events: Iterable[Any]) -> None:
    """Register the keys in released events, which are rows with columns of `projection.EVENT_COLUMNS`."""
    made = [row for row in events if row.type == KeyMade.TYPE]
    publics = [decode_event(KeyMade, bytes(row.body)).public for row in made]
    register(
        connection,
        [
            StationKeyRow(row.region, row.station, public, "", row.epoch, row.seq, row.received_at)
            for row, public in zip(made, publics, strict=True)
        ],
    )


def mark_cloned(connection: Connection, row: StationKeyRow) -> None:
    """Mark a key that two machines have used. A revoked one stays revoked."""
    connection.execute(update(station_key).where(_is_key(row), _c.state == "").values(state=CLONED))


def revoke(connection: Connection, region: str, station: str, key_id: str) -> int:
    """Revoke the station's keys with this id, in hex, so that none is trusted any more; return how many."""
    rows = [row for row in load(connection, [station]).get((region, station), []) if row.key_id.hex() == key_id]
    for row in rows:
        connection.execute(update(station_key).where(_is_key(row)).values(state=REVOKED))
    return len(rows)


def _is_key(row: StationKeyRow) -> ColumnElement[bool]:
    return and_(_c.region == row.region, _c.station == row.station, _c.public == row.public)


def unsigned_events(connection: Connection) -> list[UnsignedEvents]:
    """Sum the unsigned events of every station that has any."""
    c = unsigned.c
    query = select(c.region, c.station, func.sum(c.events), func.min(c.since)).group_by(c.region, c.station)
    rows = connection.execute(query.order_by(c.region, c.station))
    return [UnsignedEvents(region, station, int(events), since) for region, station, events, since in rows]
