from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from kiosk.domain.moment import ClockQuality
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports import Figures, Part, Reports
from kiosk.sorting_center.reports.follower import Follower
from tests.sorting_center.reports.ledgers import ClockedStation, followed
from tests.sorting_center.stations import NOW, of_weight

DAY = date(2026, 11, 25)


def test_what_was_brought_stands_on_its_day(ledger: Ledger, reports: Reports, follower: Follower) -> None:
    station = ClockedStation()
    ledger.accept(
        [station.start(), station.intake(1), station.intake(2, **of_weight(1_000)), station.void(1)], "shache", NOW
    )
    followed(follower)
    assert reports.days.total(DAY, DAY) == Figures(1, 1, 1, 1_000, 2_400, 0, 0)
    assert reports.days.total(DAY, DAY, Part("shache", "S0147")) == Figures(1, 1, 1, 1_000, 2_400, 0, 0)
    assert reports.days.total(DAY, DAY, Part("yarkant")) == Figures()
    assert [row.stations for row in reports.days.each(DAY, DAY + timedelta(days=1))] == [1, 0]
    compared = reports.days.compared(DAY + timedelta(days=1))
    assert (compared.figures, compared.yesterday.net_g) == (Figures(), 1_000)
    assert reports.progress().behind == 0


def test_a_clock_set_later_moves_what_was_written_before_it(
    ledger: Ledger, reports: Reports, follower: Follower
) -> None:
    station = ClockedStation()
    station.quality, station.at = ClockQuality.UNSET, datetime(1970, 1, 1, tzinfo=UTC)
    ledger.accept([station.start(), station.intake(1)], "shache", NOW)
    followed(follower)
    assert reports.days.total(DAY, DAY) == Figures(1, 0, 1, 12_450, 29_880, 0, 1)
    station.passes(timedelta(hours=1))
    station.quality, station.at = ClockQuality.SYNCED, datetime(2026, 11, 23, 3, tzinfo=UTC)
    ledger.accept([station.intake(2)], "shache", NOW)
    followed(follower)
    moved = date(2026, 11, 23)
    assert reports.days.total(DAY, DAY) == Figures()
    assert reports.days.total(moved, moved) == Figures(2, 0, 2, 24_900, 59_760, 2, 0)
