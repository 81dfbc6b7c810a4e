"""The day so far, beside yesterday and the same weekday a week ago."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from kiosk.domain.events import WordsData
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.overview import IntakeRow
from kiosk.sorting_center.reports.days import DayComparison, GoodsRow
from kiosk.sorting_center.reports.reports import Reports
from kiosk.sorting_center.reports.shared.figures import Figures, total
from kiosk.sorting_center.watch.measure import StationMark
from kiosk.sorting_center.web.shared.fleet import FleetSnapshot

MAX_NEWEST: Final = 12
MAX_GOODS: Final = 8
MIN_SHOWN_LAG: Final = 1000  # Events that the reports may be behind before it is shown: a step of the follower
# Places at the end of the feed that are searched for the newest receipts: an intake reports a handful of events.
_MAX_SCANNED_PLACES: Final = 200


@dataclass(frozen=True, slots=True)
class NewestRow:
    """``at`` is when it was written, None if unknown."""

    intake: IntakeRow
    at: datetime | None
    late: bool


@dataclass(frozen=True, slots=True)
class TodaySnapshot:
    """``hour`` is the one that is not over. ``stations`` are those that brought: today, yesterday and a week before.

    ``behind`` is 0 as long as it is not worth a word. ``marks`` are the stations by their gravest mark.
    """

    compared: DayComparison
    hour: int
    stations: tuple[int, int, int]
    hours: tuple[Figures, ...]
    yesterday_hours: tuple[Figures, ...]
    goods: tuple[GoodsRow, ...]
    newest: tuple[NewestRow, ...]
    marks: tuple[tuple[StationMark, int], ...]
    cases: tuple[tuple[str, int], ...]
    stations_seen: int
    quarantined: int
    behind: int
    unheard: int  # Stations that may still hold what they took in today
    # Of the goods in it: a newly reported name makes the snapshot differ.
    names: tuple[tuple[str, WordsData | None], ...] = ()

    @property
    def day(self) -> date:
        return self.compared.day


class TodaySource:
    def __init__(self, ledger: Ledger, reports: Reports, fleet: Callable[[], FleetSnapshot]) -> None:
        self._ledger, self._reports, self._fleet = ledger, reports, fleet

    def snapshot(self, now: datetime) -> TodaySnapshot:
        days = self._reports.days
        day, hour = days.day_of(now), days.hour_of(now)
        yesterday, week_before = day - timedelta(days=1), day - timedelta(days=7)
        fleet = self._fleet()
        behind = self._reports.progress().behind
        after = max(0, self._ledger.feed_end() - _MAX_SCANNED_PLACES)
        found = self._ledger.intakes(after, _MAX_SCANNED_PLACES)[-MAX_NEWEST:]
        goods, newest = top_goods(days.goods(day, day)), tuple(self._with_time(intake) for intake in reversed(found))
        codes = sorted({*(one.product for one in goods), *(row.intake.product for row in newest)})
        return TodaySnapshot(
            days.compare(day, hour),
            hour,
            (sum(tile.has_intakes for tile in fleet.tiles), self._stations(yesterday), self._stations(week_before)),
            days.hours(day),
            days.hours(yesterday),
            goods,
            newest,
            tuple(fleet.counts.items()),
            fleet.cases,
            fleet.stations_seen,
            fleet.quarantined,
            behind if behind >= MIN_SHOWN_LAG else 0,
            self._reports.fleet.unheard_since(now.replace(hour=0, minute=0, second=0, microsecond=0)),
            tuple((code, self._reports.names.of(code)) for code in codes),
        )

    def _stations(self, day: date) -> int:
        return self._reports.days.each(day, day)[0].stations

    def _with_time(self, intake: IntakeRow) -> NewestRow:
        try:
            number = ReceiptNumber.parse(intake.receipt)
        except ValueError:
            return NewestRow(intake, None, late=False)
        row = self._reports.receipts.row(number, intake.region)
        return NewestRow(intake, row.at if row is not None else None, late=row is not None and row.late)


def top_goods(rows: Sequence[GoodsRow]) -> tuple[GoodsRow, ...]:
    """Return the first rows; the others are summed up at the end, as product ""."""
    rest = rows[MAX_GOODS:]
    return (*rows[:MAX_GOODS], *([GoodsRow("", total(one.figures for one in rest))] if rest else []))
