"""When a receipt was written, and on which day it counts.

For events whose clock was not set, a set clock of the same boot gives the time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from sqlalchemy import ColumnElement, func, select

from kiosk.sorting_center.reports.tables.schema import clock_point

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_DAY_MS: Final = 24 * 60 * 60 * 1000

MAX_MS: Final = 2**53  # No boot lasts that long: such a value proves nothing about the clock

# More than this between the corrected time and the arrival is late: a station that was offline for a night is not.
LATE_AFTER_MS: Final = _DAY_MS
# Nothing arrives before it has happened. A time that is further ahead of the arrival comes from a wrong clock, whatever
# its quality field says, and is unknown: such a receipt would count on a day that no page shows.
MAX_AHEAD_MS: Final = _DAY_MS


@dataclass(frozen=True, slots=True)
class ReceiptTiming:
    """The time and day of a receipt. ``at_ms`` is None when its time is not known, and then it is not late either."""

    at_ms: int | None
    day: str
    hour: int
    late: bool


def to_milliseconds(utc: datetime) -> int:
    """Return milliseconds since 1970."""
    return (utc - _EPOCH) // _MILLISECOND


def from_milliseconds(ms: int) -> datetime:
    """Invert `to_milliseconds`; raises OverflowError for what no calendar has."""
    return _EPOCH + ms * _MILLISECOND


def from_milliseconds_or_none(ms: int | None) -> datetime | None:
    """Invert `to_milliseconds`; None for an unknown time or one that no calendar has."""
    try:
        return None if ms is None else from_milliseconds(ms)
    except OverflowError:
        return None


def receipt_timing(at_ms: int | None, received_ms: int, zone: tzinfo) -> ReceiptTiming:
    """Return the timing of a receipt; ``at_ms`` is the corrected time."""
    if at_ms is not None and at_ms <= received_ms + MAX_AHEAD_MS:
        found = _local(at_ms, zone)
        if found is not None:
            return ReceiptTiming(at_ms, *found, late=received_ms - at_ms > LATE_AFTER_MS)
    day, hour = _local(received_ms, zone) or ("1970-01-01", 0)
    return ReceiptTiming(None, day, hour, late=False)


def _local(ms: int, zone: tzinfo) -> tuple[str, int] | None:
    try:
        local = from_milliseconds(ms).astimezone(zone)
    except OverflowError:
        return None
    return f"{local.year:04}-{local.month:02}-{local.day:02}", local.hour


def boot_number(boot_id: str) -> int:
    """Return a number that replaces a boot id in the tables, in a fourth of its size."""
    return int.from_bytes(hashlib.sha256(boot_id.encode()).digest()[:8], "big", signed=True)


def counting_offset(
    station: ColumnElement[str], boot: ColumnElement[int], region: ColumnElement[str], ms: ColumnElement[int]
) -> ColumnElement[int]:
    """Select what to add to ``ms``: the next offset of the boot, else the last one before; null when it has none."""
    c = clock_point.c
    of_boot = select(c.offset_ms).where(c.station == station, c.boot == boot, c.region == region)
    following = of_boot.where(c.monotonic_ms >= ms).order_by(c.monotonic_ms, c.offset_ms).limit(1)
    before = of_boot.order_by(c.monotonic_ms.desc(), c.offset_ms.desc()).limit(1)
    return func.coalesce(following.scalar_subquery(), before.scalar_subquery())
