from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from kiosk.domain.moment import ClockQuality
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports import Figures, Reports, ReportScope
from kiosk.sorting_center.reports.days import sum_by_group
from kiosk.sorting_center.reports.follower import ReportsFollower
from tests.sorting_center.reports.ledgers import ClockedStation, followed
from tests.sorting_center.station_journal import NOW, of_weight

DAY = date(2026, 11, 25)


def test_what_was_brought_stands_on_its_day(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    station = ClockedStation()
    ledger.accept(
        [station.start(), station.intake(1), station.intake(2, **of_weight(1_000)), station.void(1)], "shache", NOW
    )
    followed(follower)
    assert reports.days.total(DAY, DAY) == Figures(1, 1, 1, 0, 0, 1_000, 2_400, 12_450, 29_880)
    (of_station,) = reports.days.each(DAY, DAY, ReportScope("shache", "S0147"))
    assert of_station.figures == Figures(1, 1, 1, 0, 0, 1_000, 2_400, 12_450, 29_880)
    (elsewhere,) = reports.days.each(DAY, DAY, ReportScope("yarkant", "S0147"))
    assert elsewhere.figures == Figures()
    assert [row.stations for row in reports.days.each(DAY, DAY + timedelta(days=1))] == [1, 0]
    compared = reports.days.compare(DAY + timedelta(days=1), 24)
    assert (compared.figures, compared.yesterday_so_far.net_g) == (Figures(), 1_000)
    assert reports.progress().behind == 0


def test_a_clock_set_later_moves_what_was_written_before_it(
    ledger: Ledger, reports: Reports, follower: ReportsFollower
) -> None:
    station = ClockedStation()
    station.quality, station.at = ClockQuality.UNSET, datetime(1970, 1, 1, tzinfo=UTC)
    ledger.accept([station.start(), station.intake(1)], "shache", NOW)
    followed(follower)
    assert reports.days.total(DAY, DAY) == Figures(1, 0, 1, 0, 0, 12_450, 29_880, 0, 0, 0, 1)
    station.passes(timedelta(hours=1))
    station.quality, station.at = ClockQuality.SYNCED, datetime(2026, 11, 23, 3, tzinfo=UTC)
    ledger.accept([station.intake(2)], "shache", NOW)
    followed(follower)
    moved = date(2026, 11, 23)
    assert reports.days.total(DAY, DAY) == Figures()
    assert reports.days.total(moved, moved) == Figures(2, 0, 2, 0, 0, 24_900, 59_760, 0, 0, 2, 0)


def test_the_same_figures_by_hour_goods_station_and_township(
    ledger: Ledger, reports: Reports, follower: ReportsFollower
) -> None:
    for region, number, weight in (("shache", "S0001", 1_000), ("shache", "S0002", 2_000), ("yarkant", "S0001", 4_000)):
        station = ClockedStation(number, f"{weight:016x}")
        told = [station.start(), station.intake(1, **of_weight(weight), product="URUK", mode="purchase")]
        station.passes(timedelta(hours=2))
        ledger.accept([*told, station.intake(2, **of_weight(weight))], region, "2026-11-25T06:00:00.000Z")
    followed(follower)
    assert [(hour, row.net_g) for hour, row in enumerate(reports.days.hours(DAY)) if row.intakes] == [
        (11, 7_000),
        (13, 7_000),
    ]
    assert [(row.product, row.figures.bought_g, row.figures.consigned_g) for row in reports.days.goods(DAY, DAY)] == [
        ("BADAM", 0, 7_000),
        ("URUK", 7_000, 0),
    ]
    assert [(row.product, row.figures.net_g) for row in reports.days.goods_by_day(DAY, DAY)] == [
        ("BADAM", 7_000),
        ("URUK", 7_000),
    ]
    stations = reports.days.stations(DAY, DAY)
    assert [(row.region, row.station, row.figures.net_g) for row in stations] == [
        ("shache", "S0001", 2_000),
        ("shache", "S0002", 4_000),
        ("yarkant", "S0001", 8_000),
    ]
    townships = {("shache", "S0001"): "Tagharchi", ("shache", "S0002"): "Tagharchi"}
    assert {name: figures.net_g for name, figures in sum_by_group(stations, townships).items()} == {
        "Tagharchi": 6_000,
        "": 8_000,
    }


def test_earlier_days_are_compared_up_to_the_same_hour(
    ledger: Ledger, reports: Reports, follower: ReportsFollower
) -> None:
    station = ClockedStation()
    told = [station.start(), station.intake(1)]
    station.passes(timedelta(hours=9))
    told.append(station.intake(2))
    station.passes(timedelta(hours=15))
    ledger.accept([*told, station.intake(3)], "shache", "2026-11-26T04:00:00.000Z")
    followed(follower)
    now = datetime(2026, 11, 26, 4, tzinfo=UTC)
    assert (reports.days.day_of(now), reports.days.hour_of(now)) == (DAY + timedelta(days=1), 12)
    compared = reports.days.compare(reports.days.day_of(now), reports.days.hour_of(now))
    assert (compared.figures.intakes, compared.yesterday_so_far.intakes) == (1, 1)
    assert reports.days.compare(compared.day, 24).yesterday_so_far.intakes == 2
    next_week = reports.days.compare(compared.day + timedelta(days=6), 12)
    assert next_week.week_before_so_far.intakes == 1


def test_more_days_than_a_year_are_not_asked_for_at_once(reports: Reports) -> None:
    with pytest.raises(ValueError, match="at most 400 days"):
        reports.days.each(DAY - timedelta(days=400), DAY)
