"""Figures that obey every rule and still cannot be: which are found, and that honest ones are not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from kiosk.domain.events import ScaleChanged
from kiosk.domain.moment import ClockQuality
from kiosk.messaging.contract.receive import ReceivedEvent
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports import Reports
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.reports.implausible import MIN_OTHER_STATIONS, ImplausibleFigure, price_outliers
from tests.depth import many
from tests.sorting_center.reports.ledgers import ClockedStation, content, followed
from tests.sorting_center.station_journal import NOW, of_weight

TODAY = date(2026, 11, 25)
DAY = "2026-11-25"


def scale(max_g: int, e_g: int = 10) -> ScaleChanged:
    return ScaleChanged(1, "ab" * 32, "cd" * 32, "mt_sics", e_g, max_g, "kg", True)


def found(ledger: Ledger, reports: Reports, *events: ReceivedEvent, received_at: str = NOW) -> list[ImplausibleFigure]:
    ledger.accept(events, "shache", received_at)
    followed(ReportsFollower(ledger, reports))
    return sorted(reports.implausible.findings(TODAY), key=repr)


# --- a bag heavier than the scale shows


def test_a_bag_above_max_and_nine_e_is_found_once_a_day(ledger: Ledger, reports: Reports) -> None:
    one = ClockedStation()
    told = [one.start(), one.add(scale(30_000)), one.intake(1, **of_weight(30_090 - 160))]
    assert found(ledger, reports, *told) == [], "what the scale still shows"
    told = [one.intake(2, **of_weight(30_091 - 160)), one.intake(3, **of_weight(90_000))]
    assert found(ledger, reports, *told) == [
        ImplausibleFigure("impossible_mass", "shache", "S0147", DAY, "0147-A-000002", 30_091, 30_090)
    ]
    later = [one.intake(4, **of_weight(90_000))]
    assert len(found(ledger, reports, *later, received_at="2026-11-26T04:00:00.000Z")) == 2, "another day"


def test_of_a_scale_of_which_nothing_is_known_and_of_a_larger_one_nothing_is_said(
    ledger: Ledger, reports: Reports
) -> None:
    one, other = ClockedStation(), ClockedStation("S0148", "00112233445566bb")
    told = [one.start(), one.intake(1, **of_weight(290_000)), other.start(), other.add(scale(30_000))]
    told += [other.add(scale(300_000, 100)), other.intake(1, **of_weight(290_000))]
    assert found(ledger, reports, *told) == []
    assert len(found(ledger, reports, one.add(scale(6_000, 2)), one.intake(2, **of_weight(7_000)))) == 1


# --- a clock that is set and cannot be


def test_a_set_clock_before_its_epoch_or_before_2025_is_found(ledger: Ledger, reports: Reports) -> None:
    one, other = ClockedStation(), ClockedStation("S0148", "00112233445566bb")
    began, told = one.at, [one.start()]
    one.at = began - timedelta(minutes=5)
    told.append(one.intake(1, **of_weight(1000)))
    assert found(ledger, reports, *told) == [], "it was set back a little"
    one.at = began - timedelta(hours=5)
    told = [one.intake(2, **of_weight(1000)), one.intake(3, **of_weight(1000))]
    other.at = datetime(2024, 12, 31, 23, 59, tzinfo=UTC)
    told.append(other.start())
    first, second = found(ledger, reports, *told)
    assert (first.station, first.about, first.limit - first.figure) == ("S0147", "0147-A-000002", 5 * 3_600_000)
    assert (second.station, second.about, second.limit - second.figure) == ("S0148", "00112233445566bb-1", 60_000)
    assert {first.kind, second.kind} == {"impossible_clock"}


def test_a_clock_that_is_not_set_and_what_is_told_again_may_show_any_time(ledger: Ledger, reports: Reports) -> None:
    one = ClockedStation()
    one.at, one.quality = datetime(2040, 1, 1, tzinfo=UTC), ClockQuality.RESTORED
    told = [one.start()]
    one.at = datetime(1970, 1, 1, tzinfo=UTC)
    told.append(one.intake(1, **of_weight(1000)))
    one.at, one.quality = datetime(2026, 11, 25, tzinfo=UTC), ClockQuality.SYNCED
    told.append(one.intake(2, **of_weight(1000)))
    next_epoch = ClockedStation(epoch="00112233445566bb")
    told.append(next_epoch.start())
    next_epoch.at -= timedelta(days=20)
    told.append(next_epoch.add(scale(30_000), reissued=f"{one.epoch}-9"))
    assert found(ledger, reports, *told) == []


# --- a price far from all others


def sold(*prices: int, first: int = 1, **changes: object) -> list[ReceivedEvent]:
    """One intake of each station, of the same product."""
    stations = [ClockedStation(f"S{number:04}", f"{number:016x}") for number in range(first, first + len(prices))]
    return [
        event
        for station, price in zip(stations, prices, strict=True)
        for event in (station.start(), station.intake(1, **of_weight(1000, price), **changes))
    ]


def test_a_price_is_found_when_enough_others_have_another(ledger: Ledger, reports: Reports) -> None:
    assert found(ledger, reports, *sold(24_000, 2400)) == [], "the first of a day have nothing to be compared with"
    assert found(ledger, reports, *sold(2400, first=3)) == []
    assert found(ledger, reports, *sold(2400, first=4)) == [
        ImplausibleFigure("impossible_price", "shache", "S0001", DAY, "0001-A-000001", 24_000, 2400)
    ]
    more = sold(480, 479, 12_000, 12_001, first=5)
    assert [(one.station, one.figure) for one in found(ledger, reports, *more)] == [
        *(("S0001", 24_000), ("S0006", 479), ("S0008", 12_001)),
    ]
    assert len(found(ledger, reports, *sold(99_000, first=9, product="URUK"))) == 3, "another product"
    ledger.accept(sold(99_000, first=10), "yarkant", NOW)
    assert len(found(ledger, reports)) == 3, "another county"


def test_one_station_alone_moves_no_usual_price(ledger: Ledger, reports: Reports) -> None:
    """However much it sells, and at however many prices; one that is voided is none."""
    found(ledger, reports, *sold(2400, 2400, 2400))
    one = ClockedStation("S0147", f"{147:016x}")
    told = [one.start(), *(one.intake(counter, **of_weight(1000, 24_000 + counter)) for counter in range(1, 40))]
    (finding,) = found(ledger, reports, *told)
    assert (finding.station, finding.about, finding.limit) == ("S0147", "0147-A-000001", 2400)
    voids = [one.void(counter) for counter in range(1, 40)]
    assert found(ledger, reports, *voids) == []


def test_the_middle_of_the_others() -> None:
    assert list(price_outliers([("a", 100, 1), ("b", 100, 1), ("c", 100, 1)])) == [], (
        f"fewer than {MIN_OTHER_STATIONS} others"
    )
    prices = [("a", 1, 1), ("b", 10, 1), ("c", 11, 5), ("c", 900, 1), ("d", 12, 1)]
    assert list(price_outliers(prices)) == [("a", 11), ("c", 10)]


# --- all of them


def test_made_again_in_other_steps_it_is_the_same_and_of_many_there_is_one_each(
    ledger: Ledger, reports: Reports
) -> None:
    stations = many(3, torture=60)
    told = sold(*[2400] * (stations + MIN_OTHER_STATIONS), first=9000)
    for number in range(1, stations + 1):
        one = ClockedStation(f"S{number:04}", f"{number:016x}")
        told += [one.start(), one.add(scale(30_000))]
        told += [one.intake(counter, **of_weight(90_000, counter)) for counter in range(1, many(4, torture=40))]
        one.at -= timedelta(days=900)
        told += [one.intake(counter, **of_weight(90_000, 2400)) for counter in range(50, many(53, torture=90))]
    findings = found(ledger, reports, *told)
    assert len({(one.kind, one.station, one.day) for one in findings}) == len(findings) == 3 * stations
    before = content(reports)
    with reports.tables.writing() as connection:
        connection.exec_driver_sql("UPDATE stamp SET value = 'another' WHERE name = 'generation'")
    ReportsFollower(ledger, reports).step(1)
    assert reports.implausible.findings(TODAY) == [], "while they are made again"
    followed(ReportsFollower(ledger, reports), many(7, torture=97))
    assert content(reports) == before
    assert sorted(reports.implausible.findings(TODAY), key=repr) == findings
