"""What time it was at events whose clock was not set, from what a set clock said in the same boot."""

from __future__ import annotations

import hashlib
from typing import Final

from sqlalchemy import ColumnElement, func, select

from kiosk.sorting_center.reports.tables.schema import clock_point

MAX_MS: Final = 2**53  # No boot lasts that long: an event that says so says nothing of its clock


def boot_number(boot_id: str) -> int:
    """Stands for a boot id in the tables: a fourth of its size."""
    return int.from_bytes(hashlib.sha256(boot_id.encode()).digest()[:8], "big", signed=True)


def counting_offset(
    station: ColumnElement[str], boot: ColumnElement[int], region: ColumnElement[str], ms: ColumnElement[int]
) -> ColumnElement[int]:
    """What is to be added to ``ms``: the next offset of the boot, else the last one before; null when it has none."""
    c = clock_point.c
    of_boot = select(c.offset_ms).where(c.station == station, c.boot == boot, c.region == region)
    following = of_boot.where(c.monotonic_ms >= ms).order_by(c.monotonic_ms, c.offset_ms).limit(1)
    before = of_boot.order_by(c.monotonic_ms.desc(), c.offset_ms.desc()).limit(1)
    return func.coalesce(following.scalar_subquery(), before.scalar_subquery())
