"""The share of the ledger that one station may fill in a day, so that no station fills the disk.

What is above the share is neither accepted nor acknowledged: the station keeps it, asks again once a minute, and is
accepted the next day. While the disk is nearly full the shares are smaller, so that the station that has sent most
today is held back first, and the last room is left to stations that send little.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import Connection, Select, select

from kiosk.sorting_center.ledger.database.rows import Keys, as_parameter, upsert_rows
from kiosk.sorting_center.ledger.database.schema import meta

# 200 weighings and 500 scans are 700 events, of 0.7 KB and a row: 1.2 MB a day, and 25 MB after three weeks without a
# line. Twice as busy a station that was away as long still fits.
DAY_BYTES: Final = 64 * 1024 * 1024
ROW_BYTES: Final = 1024  # What the ledger needs for an event besides its body: its row, and what is counted of it
# What remains of a share when the disk has only its reserve left: an ordinary day, and a good part of another one.
MIN_SHARE_BYTES: Final = 2 * 1024 * 1024
MAX_RESERVE_BYTES: Final = 2 * 1024 * 1024 * 1024
# The reserve is this part of the disk, at most MAX_RESERVE_BYTES. In the three reserves above it the shares shrink.
RESERVE_SHARE: Final = 10
_SHRINK_RESERVES: Final = 3
# So much of a station is counted in memory before it is written down, and forgotten when the process ends.
_STEP_BYTES: Final = 1024 * 1024
# A station is held back for so long after the last time: one that is tries again once a minute.
HOLD_BACK_TIME: Final = timedelta(minutes=15)
_HOLD_BACK_WRITE_INTERVAL: Final = timedelta(minutes=1)
_KEY_PREFIX: Final = "share "  # Before station and region; a row of `meta` each, with a `_Spent` as JSON

StationKey = tuple[str, str]  # Station and region
HoldBackReason = Literal["share", "disk"]


class _DailyUsage(NamedTuple):
    """``day`` is UTC; ``held_at``: when it was last held back, "" for not on that day."""

    day: str
    size_bytes: int = 0
    why: str = ""
    held_at: str = ""


@dataclass(slots=True)
class _CountedUsage:
    """What is written down, and what this process has taken in since."""

    spent: _DailyUsage
    more_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        return self.spent.size_bytes + self.more_bytes


@dataclass(frozen=True, slots=True)
class HeldBack:
    """``size_bytes`` of it were taken in on this day (UTC)."""

    station: str
    region: str
    size_bytes: int
    why: HoldBackReason


class DailyShares:
    """Of one process; used in the transaction of a commit by one thread at a time. ``folder``: where the ledger's file
    is; None when it is not known on which disk the ledger is.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._day = ""
        self._counted: dict[StationKey, _CountedUsage] = {}

    def held_back(self, connection: Connection, stations: Collection[StationKey], now: str) -> set[StationKey]:
        """Return the stations from which nothing more is taken in at this time (RFC 3339, UTC)."""
        if now[:10] != self._day:
            self._day, self._counted = now[:10], {}
        unknown = [key for key in stations if key not in self._counted]
        stored = self._load_stored(connection, unknown) if unknown else {}
        self._counted |= {key: _CountedUsage(stored.get(key, _DailyUsage(self._day))) for key in unknown}
        limit = _share_bytes(self._folder)
        held = {key for key in stations if self._usage(key).size_bytes >= limit}
        noted = []
        for key in sorted(held):
            spent = self._usage(key).spent
            if not spent.held_at or _time_between(now, spent.held_at) >= _HOLD_BACK_WRITE_INTERVAL:
                why: HoldBackReason = "share" if self._usage(key).size_bytes >= DAY_BYTES else "disk"
                noted.append((key, spent._replace(why=why, held_at=now)))
        self._write(connection, noted)
        return held

    def spend(self, connection: Connection, accepted_bytes: Mapping[StationKey, int]) -> None:
        """Add the bytes taken in from each station; `held_back` must have been asked for all of them before."""
        grown = []
        for key, size_bytes in sorted(accepted_bytes.items()):
            counted = self._usage(key)
            counted.more_bytes += size_bytes
            if counted.more_bytes >= _STEP_BYTES:
                grown.append((key, counted.spent))
        self._write(connection, grown)

    def forget(self) -> None:
        """Forget the counts of a failed transaction: only what is stored counts."""
        self._day = ""

    def _usage(self, key: StationKey) -> _CountedUsage:
        return self._counted.setdefault(key, _CountedUsage(_DailyUsage(self._day)))

    def _load_stored(self, connection: Connection, stations: Iterable[StationKey]) -> dict[StationKey, _DailyUsage]:
        names = {_KEY_PREFIX + " ".join(key): key for key in stations}
        rows = connection.execute(_rows_of(connection.dialect.name), as_parameter((name,) for name in sorted(names)))
        found = {names[row.name]: _DailyUsage(*json.loads(row.value)) for row in rows}
        return {key: spent for key, spent in found.items() if spent.day == self._day}

    def _write(self, connection: Connection, changed: list[tuple[StationKey, _DailyUsage]]) -> None:
        """Store the usage together with what other processes have stored since."""
        if not changed:
            return
        before = self._load_stored(connection, (key for key, _ in changed))
        for key, spent in changed:
            counted = self._usage(key)
            size_bytes = before.get(key, spent).size_bytes + counted.more_bytes
            self._counted[key] = _CountedUsage(spent._replace(size_bytes=size_bytes))
        rows = [(_KEY_PREFIX + " ".join(key), json.dumps(self._usage(key).spent)) for key, _ in changed]
        upsert_rows(connection, meta, rows)


def held_back(connection: Connection, now: str) -> list[HeldBack]:
    """Return the stations that any process holds back at this time."""
    rows = connection.execute(select(meta.c.name, meta.c.value).where(meta.c.name.startswith(_KEY_PREFIX)))
    found = []
    for name, value in rows:
        spent = _DailyUsage(*json.loads(value))
        if spent.held_at and _time_between(now, spent.held_at) < HOLD_BACK_TIME:
            station, region = name.removeprefix(_KEY_PREFIX).split(" ")
            found.append(HeldBack(station, region, spent.size_bytes, "share" if spent.why == "share" else "disk"))
    return found


def _share_bytes(folder: Path | None) -> int:
    """Compute the current share of every station."""
    if folder is None:
        return DAY_BYTES
    disk = os.statvfs(folder)
    free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    reserve = max(1, min(total // RESERVE_SHARE, MAX_RESERVE_BYTES))
    left = min(max(free - reserve, 0), _SHRINK_RESERVES * reserve)
    return MIN_SHARE_BYTES + (DAY_BYTES - MIN_SHARE_BYTES) * left // (_SHRINK_RESERVES * reserve)


def _time_between(one: str, other: str) -> timedelta:
    return abs(datetime.fromisoformat(one) - datetime.fromisoformat(other))


@cache
def _rows_of(dialect: str) -> Select[Any]:
    keys = Keys(dialect)
    return select(meta.c.name, meta.c.value).select_from(keys.table).join(meta, meta.c.name == keys.text(0))
