"""What the events of a parcel make of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from kiosk.domain.events import (
    ParcelArrived,
    ParcelCollected,
    ParcelFound,
    ParcelLost,
    ParcelMisrouted,
    ParcelMissing,
    ParcelNotAccepted,
    ParcelNoticed,
    ParcelOverdue,
    ParcelReturnable,
    ParcelReturned,
    ParcelShelved,
    ParcelWithdrawn,
)
from kiosk.domain.parcel import ParcelState
from kiosk.sorting_center.reports.projection.feed_batch import FeedEvent

# What a parcel is after such an event; the other ones leave it as it is.
_STATES: Final[Mapping[str, ParcelState]] = {
    ParcelArrived.TYPE: ParcelState.ARRIVED,
    ParcelShelved.TYPE: ParcelState.SHELVED,
    ParcelNoticed.TYPE: ParcelState.NOTICED,
    ParcelCollected.TYPE: ParcelState.COLLECTED,
    ParcelOverdue.TYPE: ParcelState.OVERDUE,
    ParcelReturnable.TYPE: ParcelState.RETURN_DUE,
    ParcelReturned.TYPE: ParcelState.RETURNED,
    ParcelNotAccepted.TYPE: ParcelState.REFUSED,
    ParcelMisrouted.TYPE: ParcelState.MISROUTED,
    ParcelLost.TYPE: ParcelState.LOST,
    ParcelFound.TYPE: ParcelState.SHELVED,
    ParcelMissing.TYPE: ParcelState.MISSING,
    ParcelWithdrawn.TYPE: ParcelState.WITHDRAWN,
}

# In the order of the columns of `parcel`; None leaves what is there.
ParcelColumns = tuple[str, str, str, str | None, str | None, str | None, str | None, int]


def parcel_rows(events: Iterable[FeedEvent]) -> list[ParcelColumns]:
    """One for each parcel that is told of. What is told last holds, also when a station tells it again: it has gone
    back to there.
    """
    rows: dict[tuple[str, str, str], ParcelColumns] = {}
    for one in events:
        number = one.data.parcel
        if not number:
            continue
        key = (one.station, number, one.region)
        *_, digest, carrier, state, shelf, _ = rows.get(key, (*key, None, None, None, None, 0))
        data, state = one.data, _STATES.get(one.type, state)
        shelf = data.shelf or shelf
        rows[key] = (*key, data.waybill_sha256_8 or digest, data.carrier or carrier, state, shelf, one.feedseq)
    return list(rows.values())
