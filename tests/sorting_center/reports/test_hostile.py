"""Whatever a station tells: the tables go on, and every figure is exact."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.moment import ClockQuality
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports import Figures, Reports, ReportScope
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.reports.projection.closing_checks import ClosingChecks, ClosingVerdict
from tests.sorting_center.reports.ledgers import ClockedStation, closed, followed
from tests.sorting_center.station_journal import NOW, believed, of_weight

DAY = date(2026, 11, 25)
HUGE = 2**53 - 1


def test_no_number_makes_a_sum_overflow(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    station, count = ClockedStation(), 1_100
    told = [station.start()]
    told += [believed(station.intake(one, net_g=HUGE, amount_fen=HUGE)) for one in range(1, count + 1)]
    ledger.accept(told, "shache", NOW)
    followed(follower, 400)
    figures = Figures(count, 0, count, consigned_g=count * HUGE, consigned_fen=count * HUGE)
    assert figures.net_g > 2**63
    for of in (ReportScope(), ReportScope("shache", "S0147")):
        assert reports.days.each(DAY, DAY, of)[0].figures == figures
    assert reports.days.goods(DAY, DAY)[0].figures == figures
    assert reports.members.year("M-04412", "shache", 2026).figures == figures
    assert reports.fleet.rows(DAY)[0].today == figures
    assert ledger.overview("").totals.net_g == figures.net_g


def test_clocks_beyond_every_calendar_are_no_time(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    station = ClockedStation()
    told = [station.start()]
    for quality, at, monotonic_ms in (
        (ClockQuality.SYNCED, datetime(9999, 12, 31, 23, 59, tzinfo=UTC), 1_000),
        (ClockQuality.SYNCED, datetime(1000, 1, 1, tzinfo=UTC), 2_000),
        (ClockQuality.UNSET, datetime(1970, 1, 1, tzinfo=UTC), 10**19 - 1),
        (ClockQuality.SYNCED, datetime(2026, 11, 25, 3, tzinfo=UTC), 10**19 - 1),
        (ClockQuality.UNSET, datetime(1970, 1, 1, tzinfo=UTC), 2**53),
    ):
        station.quality, station.at, station.monotonic_ms = quality, at, monotonic_ms
        told.append(station.intake(len(told)))
    ledger.accept(told, "shache", NOW)
    followed(follower)
    rows = reports.receipts.newest(ReportScope("shache", "S0147"), 10)
    assert [(row.receipt[-1], row.day.isoformat(), row.time_unknown) for row in reversed(rows)] == [
        ("1", "2026-11-25", True),
        ("2", "1000-01-01", False),
        ("3", "2026-11-25", True),
        ("4", "2026-11-25", False),
        ("5", "2026-11-25", True),
    ]
    assert [reports.receipts.find(ReceiptNumber("S0147", "A", one))[0].row is not None for one in range(1, 6)] == [
        True
    ] * 5


def test_texts_that_are_no_codes_stop_nothing(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    station = ClockedStation()
    strange = ("x" * 64, "'; DROP TABLE receipt; --", "\u202e<b>", "")
    told = [station.start()]
    told += [
        believed(station.intake(place, **of_weight(100), product=text, mode=text, party=text))
        for place, text in enumerate(strange, 1)
    ]
    ledger.accept(told, "shache", NOW)
    followed(follower)
    assert reports.days.total(DAY, DAY).net_g == 400
    assert {len(row.product) for row in reports.days.goods(DAY, DAY)} == {64, 25, 4, 0}


def test_what_the_ledger_sets_apart_is_in_no_report(
    ledger: Ledger, reports: Reports, follower: ReportsFollower
) -> None:
    station = ClockedStation()
    told = [station.start(), station.raw(type="station.lot.packed.v1"), station.intake(2, net_g=-1)]
    assert [one.problem for one in told] == [None, "unknown_type", "bad_data"]
    ledger.accept([*told, station.intake(3)], "shache", NOW)
    followed(follower)
    assert reports.days.total(DAY, DAY).intakes == 1
    assert reports.receipts.find(ReceiptNumber("S0147", "A", 2)) == ()
    assert reports.fleet.rows(DAY)[0].quarantined == {"bad_data": 1, "unknown_type": 1}


def test_closes_that_name_what_comes_after_them_are_compared_once(
    ledger: Ledger, reports: Reports, follower: ReportsFollower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of a thousand was gone through again with every event behind it: seconds of the pages' process a page."""
    again: list[int] = []

    def gone_through(_: ClosingChecks, feedseq: int, upto: int) -> list[object]:
        again.append(feedseq)
        return []

    monkeypatch.setattr(ClosingChecks, "_recheck_spans", gone_through)
    station = ClockedStation()
    told = [station.start()]
    for number in range(1, 4):
        here = len(station.sealed) + 1
        told += [station.add(closed(first_seq=here, last_seq=here + 9_000)), station.intake(number)]
    ledger.accept(told, "shache", NOW)
    for limit in (2, 3, 1000):
        follower.step(limit)
    assert again == []
    found = reports.closings.of_station("shache", station.station)
    assert [(one.verdict, one.missing) for one in found] == [(ClosingVerdict.MISSING, 9_001)] * 3
