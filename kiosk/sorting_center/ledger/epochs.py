"""The epochs of a station's database, side by side: a restored backup continues in a new epoch of the same station.

Only the station id links them, and nothing else may: an event that was pending when the backup was made arrives twice,
once in each epoch, and the second one has ``reissued`` set. Totals count it once (see `projection`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select

from kiosk.domain.events import EpochStarted
from kiosk.sorting_center.ledger.database.schema import event, intake, same_stream
from kiosk.sorting_center.ledger.database.schema import stream as stream_table
from kiosk.sorting_center.shared.stored_events import decode_event

MAX_EPOCHS: Final = 8  # The newest of one station; a station with more needs an operator anyway


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One epoch of a station's database. ``series`` and ``why`` are None until its first event has arrived.

    ``events`` are stored without a gap below them; ``intakes`` are receipts counted from this epoch: one that was
    reported before, in another epoch, is counted there.
    """

    epoch: str
    series: str | None
    why: str | None
    events: int
    intakes: int
    first_received_at: str
    last_received_at: str


StationKey = tuple[str, str]  # Region and station


def by_station(connection: Connection) -> Mapping[StationKey, tuple[EpochRow, ...]]:
    """Return the newest epochs of every station, in the order in which they began."""
    first_events = _first_events(connection)
    of_stream = (intake.c.region, intake.c.station, intake.c.epoch)
    counts = connection.execute(select(*of_stream, func.count()).group_by(*of_stream))
    intake_counts = {(region, station, epoch): count for region, station, epoch, count in counts}
    found: dict[StationKey, list[EpochRow]] = defaultdict(list)
    order = (stream_table.c.station, stream_table.c.first_received_at, stream_table.c.epoch)
    rows = connection.execute(select(stream_table).order_by(*order))
    for row in rows:
        key = (row.region, row.station, row.epoch)
        series, why = first_events.get(key, (None, None))
        found[row.region, row.station].append(
            EpochRow(
                row.epoch, series, why, row.upto, intake_counts.get(key, 0), row.first_received_at, row.last_received_at
            )
        )
    return {key: tuple(sorted(epochs, key=_sort_key)[-MAX_EPOCHS:]) for key, epochs in found.items()}


def _sort_key(row: EpochRow) -> tuple[str, str]:
    """Order by receipt letter, which only grows; an epoch whose beginning is missing by when it was first received."""
    return (row.series or "~", row.first_received_at)


def _first_events(connection: Connection) -> dict[tuple[str, str, str], tuple[str, str]]:
    # Looked up for each stream: of a join SQLite may begin with all events instead.
    is_first = same_stream(event, stream_table.c) & (event.c.seq == 1)
    body = select(event.c.body).where(is_first, event.c.type == EpochStarted.TYPE, event.c.problem.is_(None))
    first = select(
        stream_table.c.region,
        stream_table.c.station,
        stream_table.c.epoch,
        body.limit(1).scalar_subquery().label("body"),
    )
    found = {}
    for row in connection.execute(first):
        if row.body is not None:
            began = decode_event(EpochStarted, bytes(row.body))
            found[row.region, row.station, row.epoch] = (began.series, began.why)
    return found
