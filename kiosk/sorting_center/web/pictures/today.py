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
from kiosk.sorting_center.reports.days import Compared, GoodsRow
from kiosk.sorting_center.reports.figures import Figures, total
from kiosk.sorting_center.reports.reports import Reports
from kiosk.sorting_center.watch.marks import Mark
from kiosk.sorting_center.web.pictures.fleet import FleetPicture

NEWEST: Final = 12
GOODS: Final = 8
BEHIND: Final = 1000
"""Events that the reports may be behind before it is said: a step of the follower."""
_LOOKED_THROUGH: Final = 200
"""Places at the end of the feed in which the newest receipts are looked for: an intake tells a handful of events."""


@dataclass(frozen=True, slots=True)
class NewestRow:
    """``at`` is when it was written, None where nobody knows."""

    intake: IntakeRow
    at: datetime | None
    late: bool


@dataclass(frozen=True, slots=True)
class Goods:
    """One product, in both modes together; ``product`` is "" of all that is not among the heaviest."""

    product: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class TodayPicture:
    """``hour`` is the one that is not over. ``stations`` are those that brought: today, yesterday and a week before.

    ``behind`` is 0 as long as it is not worth a word. ``marks`` are the stations by their gravest mark.
    """

    compared: Compared
    hour: int
    stations: tuple[int, int, int]
    hours: tuple[Figures, ...]
    yesterday_hours: tuple[Figures, ...]
    goods: tuple[Goods, ...]
    newest: tuple[NewestRow, ...]
    marks: tuple[tuple[Mark, int], ...]
    cases: tuple[tuple[str, int], ...]
    heard: int
    set_apart: int
    behind: int
    names: tuple[tuple[str, WordsData | None], ...] = ()
    """Of the goods in it: a name that is told makes another picture."""

    @property
    def day(self) -> date:
        """In the zone of the county."""
        return self.compared.day


class Today:
    """Makes the pictures."""

    def __init__(self, ledger: Ledger, reports: Reports, fleet: Callable[[], FleetPicture]) -> None:
        self._ledger = ledger
        self._reports = reports
        self._fleet = fleet

    def picture(self, now: datetime) -> TodayPicture:
        """Raises LedgerError and DeskError."""
        days = self._reports.days
        day, hour = days.day_of(now), days.hour_of(now)
        yesterday, week_before = day - timedelta(days=1), day - timedelta(days=7)
        fleet = self._fleet()
        behind = self._reports.progress().behind
        goods, newest = heaviest(days.goods(day, day)), self._newest()
        codes = sorted({*(one.product for one in goods), *(row.intake.product for row in newest)})
        return TodayPicture(
            days.compared(day, hour),
            hour,
            (fleet.bringing, self._stations(yesterday), self._stations(week_before)),
            days.hours(day),
            days.hours(yesterday),
            goods,
            newest,
            tuple(fleet.counts.items()),
            fleet.cases,
            fleet.heard,
            fleet.set_apart,
            behind if behind >= BEHIND else 0,
            tuple((code, self._reports.names.of(code)) for code in codes),
        )

    def _stations(self, day: date) -> int:
        return self._reports.days.each(day, day)[0].stations

    def _newest(self) -> tuple[NewestRow, ...]:
        """The newest in the feed, the newest first."""
        after = max(0, self._ledger.feed_end() - _LOOKED_THROUGH)
        found = self._ledger.intakes(after, _LOOKED_THROUGH)[-NEWEST:]
        return tuple(self._dated(intake) for intake in reversed(found))

    def _dated(self, intake: IntakeRow) -> NewestRow:
        try:
            number = ReceiptNumber.parse(intake.receipt)
        except ValueError:
            return NewestRow(intake, None, late=False)
        row = self._reports.receipts.row(number, intake.region)
        return NewestRow(intake, row.at if row is not None else None, late=row is not None and row.late)


def heaviest(rows: Sequence[GoodsRow]) -> tuple[Goods, ...]:
    """By product, the heaviest first; what is not among them together at the end."""
    found: dict[str, list[Figures]] = {}
    for row in rows:
        found.setdefault(row.product, []).append(row.figures)
    goods = [Goods(product, total(figures)) for product, figures in found.items()]
    goods.sort(key=lambda one: (-one.figures.net_g, one.product))
    rest = goods[GOODS:]
    return (*goods[:GOODS], *([Goods("", total(one.figures for one in rest))] if rest else []))
