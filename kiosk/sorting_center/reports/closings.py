"""Day closings beside the ledger: the totals that a station reported, and those of its events that count here."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, exists, or_, select

from kiosk.sorting_center.reports.projection.closing_checks import TOTAL_FIELDS, ClosingTotals, ClosingVerdict
from kiosk.sorting_center.reports.tables.opening import ReportTables
from kiosk.sorting_center.reports.tables.schema import closing, receipt, void

MAX_CLOSINGS: Final = 5_000  # Of one answer: a day of 2,000 stations, some of which close twice


@dataclass(frozen=True, slots=True)
class Difference:
    field: str
    reported: int
    found: int


@dataclass(frozen=True, slots=True)
class ClosingSnapshot:
    verdict: ClosingVerdict
    missing: int
    reported: ClosingTotals
    found: ClosingTotals

    @classmethod
    def parse(cls, figures: str) -> ClosingSnapshot | None:
        """Parse what `Closing.figures` was then; None for "" and for what a later version wrote."""
        try:
            values = json.loads(figures)
            reported, found = (ClosingTotals(*(int(one) for one in values[name])) for name in ("said", "found"))
            return cls(ClosingVerdict(values["verdict"]), int(values["missing"]), reported, found)
        except (ValueError, TypeError, KeyError):
            return None


@dataclass(frozen=True, slots=True)
class Closing:
    """One close of a day, reported by the event ``epoch``, ``seq``. ``day`` is when it was closed, or when it arrived
    if the station's clock was not set.

    ``reported`` are the station's totals, ``found`` the totals of the events ``first_seq`` to ``last_seq`` of the epoch
    that are in the feed; ``missing`` counts those that are not. ``not_counted`` are receipts of that day for which
    another event counts: sent again from an earlier epoch, or sent twice. ``voided_since`` are those voided after the
    close: they were in its totals, and are no longer in any total of the ledger.
    """

    region: str
    station: str
    epoch: str
    seq: int
    feedseq: int
    day: date
    first_seq: int
    last_seq: int
    reported: ClosingTotals
    found: ClosingTotals
    verdict: ClosingVerdict
    missing: int
    not_counted: tuple[str, ...]
    voided_since: tuple[str, ...]
    prints_unknown: int

    @property
    def figures(self) -> str:
        """All that is compared, as JSON: another text as soon as any of it is another."""
        values = {
            "verdict": self.verdict.value,
            "missing": self.missing,
            "said": astuple(self.reported),
            "found": astuple(self.found),
            "not_counted": self.not_counted,
            "voided_since": self.voided_since,
        }
        return json.dumps(values, separators=(",", ":"))

    @property
    def differs(self) -> bool:
        """Whether a person should look at it."""
        return self.verdict is not ClosingVerdict.SAME or bool(self.voided_since or self.not_counted)

    @property
    def differences(self) -> tuple[Difference, ...]:
        if self.verdict in (ClosingVerdict.OVERLAPS, ClosingVerdict.TOO_LONG):
            return ()
        return tuple(
            Difference(name, reported, found)
            for name in TOTAL_FIELDS
            if (reported := getattr(self.reported, name)) != (found := getattr(self.found, name))
        )


class Closings:
    """Raises ReportsUnusable."""

    def __init__(self, tables: ReportTables) -> None:
        self._tables = tables

    def of_station(self, region: str, station: str, limit: int = 30) -> tuple[Closing, ...]:
        """Return the closes, newest first. A close that was reported again in a later epoch is one close."""
        c = closing.c
        query = select(closing).where(c.station == station, c.region == region)
        return self._closings(query.order_by(c.feedseq.desc()).limit(limit))

    def of_event(self, region: str, station: str, epoch: str, seq: int) -> tuple[Closing, ...]:
        """Return the close that this event reported; none if it reported no close, or repeated one."""
        c = closing.c
        query = select(closing).where(c.station == station, c.region == region)
        return self._closings(query.where(c.told_epoch == epoch, c.told_seq == seq))

    def of_day(self, day: date) -> tuple[Closing, ...]:
        """Return all closes of this day, by region and station, at most MAX_CLOSINGS."""
        c = closing.c
        query = select(closing).where(c.day == day.isoformat())
        return self._closings(query.order_by(c.region, c.station, c.feedseq).limit(MAX_CLOSINGS))

    def differing(self, since: date) -> tuple[Closing, ...]:
        """Return the closes that differ, of this day or later, the oldest first, at most MAX_CLOSINGS."""
        c = closing.c
        same_station = (void.c.station == c.station) & (void.c.region == c.region)
        may_differ = or_(
            c.verdict != ClosingVerdict.SAME.value,
            c.not_counted != "[]",
            exists().where(same_station, void.c.feedseq > c.feedseq),
        )
        query = select(closing).where(c.day >= since.isoformat(), may_differ).order_by(c.feedseq).limit(MAX_CLOSINGS)
        return tuple(one for one in self._closings(query) if one.differs)

    def _closings(self, query: Select[Any]) -> tuple[Closing, ...]:
        with self._tables.reading() as connection:
            rows = connection.execute(query).all()
            voided = _voided_since(connection, query)
        return tuple(
            _closing(row, tuple(voided.get((row.station, row.region, row.epoch, row.seq), ()))) for row in rows
        )


def _voided_since(connection: Connection, query: Select[Any]) -> dict[tuple[str, str, str, int], list[str]]:
    """Find by close the receipts of the day whose void came after the close."""
    close = query.subquery()
    # A station has few voids: from them to their receipts, and not the other way.
    later = (void.c.station == close.c.station) & (void.c.region == close.c.region) & (void.c.feedseq > close.c.feedseq)
    of_day = (
        (receipt.c.station == void.c.station)
        & (receipt.c.receipt == void.c.receipt)
        & (receipt.c.region == void.c.region)
        & (receipt.c.epoch == close.c.epoch)
        & receipt.c.seq.between(close.c.first_seq, close.c.last_seq)
    )
    rows = connection.execute(
        select(close.c.station, close.c.region, close.c.epoch, close.c.seq, receipt.c.receipt)
        .select_from(close.join(void, later).join(receipt, of_day))
        .order_by(receipt.c.receipt)
    )
    found: dict[tuple[str, str, str, int], list[str]] = {}
    for station, region, epoch, seq, number in rows:
        found.setdefault((station, region, epoch, seq), []).append(number)
    return found


def _closing(row: Row[Any], voided_since: tuple[str, ...]) -> Closing:
    return Closing(
        row.region,
        row.station,
        row.told_epoch,
        row.told_seq,
        row.feedseq,
        date.fromisoformat(row.day),
        row.first_seq,
        row.last_seq,
        ClosingTotals(*json.loads(row.said)),
        ClosingTotals(*json.loads(row.found)),
        ClosingVerdict(row.verdict),
        row.missing,
        tuple(json.loads(row.not_counted)),
        voided_since,
        row.prints_unknown,
    )
