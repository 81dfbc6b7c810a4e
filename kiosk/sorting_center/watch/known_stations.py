"""Who ever said something."""

from __future__ import annotations

from sqlalchemy import select, union

from kiosk.sorting_center.desk.registry import StationKey
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.schema import station_status, stream


def known_stations(ledger: Ledger) -> set[StationKey]:
    """Region and station of all that sent an event or told how they are. Raises a LedgerError."""
    of_events = select(stream.c.region, stream.c.station)
    query = union(of_events, select(station_status.c.region, station_status.c.station))
    with ledger.reading() as connection:
        return {(row.region, row.station) for row in connection.execute(query)}
