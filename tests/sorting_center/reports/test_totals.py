"""Whatever a county does: the reports say what its events come to, and it does not matter how they were followed."""

from __future__ import annotations

import csv
import random
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, select

from kiosk.sorting_center.export import table
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports import Figures, Reports
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.reports.shared.figures import figures_of, sums, total
from kiosk.sorting_center.reports.tables.schema import SUMS
from tests.depth import many
from tests.sorting_center.histories import crowded_ledger
from tests.sorting_center.reports.counties import County, expected_days
from tests.sorting_center.reports.ledgers import ZONE, content, followed


@settings(max_examples=many(12, torture=500), phases=[Phase.generate])  # a seed has no smaller one
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 120), limit=st.integers(1, 9))
def test_all_totals_are_the_sum_of_the_events(seed: int, steps: int, limit: int) -> None:
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'county.db'}"
        with Ledger.open(url) as ledger, Reports.open(url, ZONE) as reports:
            follower = ReportsFollower(ledger, reports)
            county = County(ledger)
            for _ in range(steps):
                county.step(dice)
                if dice.random() < 0.3:
                    follower.step(limit)
            followed(follower, limit)
            assert_right(ledger, reports)
            county.deliver_all()
            followed(follower)
            assert_right(ledger, reports)
            whole = content(reports)
        for rest in Path(folder).glob("county.reports.db*"):
            rest.unlink()
        with Ledger.open(url) as ledger, Reports.open(url, ZONE) as reports:
            followed(ReportsFollower(ledger, reports), limit + 5)
            assert content(reports) == whole


def assert_right(ledger: Ledger, reports: Reports) -> None:
    """Of this ledger, followed to its end."""
    expected = expected_days(ledger)
    for sums_table in SUMS:
        assert days_of(reports, sums_table) == expected
    overview = ledger.overview("").totals
    whole = total(expected.values())
    assert (whole.intakes, whole.voided, whole.net_g, whole.amount_fen) == (
        *(overview.intakes, overview.voided, overview.net_g, overview.amount_fen),
    )
    assert exported(ledger) == (whole.intakes, whole.net_g, whole.amount_fen)
    for day, figures in expected.items():
        at = date.fromisoformat(day)
        assert reports.days.total(at, at) == figures
        assert total(row.figures for row in reports.receipts.each(at, at)) == figures


def days_of(reports: Reports, of: Table) -> Mapping[str, Figures]:
    with reports.tables.reading() as connection:
        rows = connection.execute(select(of.c.day, *sums(of)).group_by(of.c.day))
        return {row[0]: figures_of(row[1:]) for row in rows}


def exported(ledger: Ledger) -> tuple[int, int, int]:
    """What a spreadsheet adds up: receipts, grams, fen."""
    rows = [row for row in csv.DictReader(table(ledger.events())) if row["counted"] == "yes"]
    return len(rows), sum(_number(row["net_g"]) for row in rows), sum(_number(row["amount_fen"]) for row in rows)


def _number(cell: str) -> int:
    return int(cell.removeprefix("'"))


def test_on_both_databases_a_crowded_ledger_is_added_up_right(
    ledger: Ledger, reports: Reports, follower: ReportsFollower
) -> None:
    dice = random.Random(7)
    for seed in range(many(1, torture=20)):
        crowded_ledger(ledger, random.Random(seed))
        followed(follower, dice.randrange(1, 50))
        assert_right(ledger, reports)


def test_on_both_databases_a_county_is_added_up_right(
    ledger: Ledger, reports: Reports, follower: ReportsFollower
) -> None:
    dice, county = random.Random(3), County(ledger)
    for _ in range(many(150, torture=300)):
        county.step(dice)
        if dice.random() < 0.1:
            follower.step(7)
    county.deliver_all()
    followed(follower)
    assert_right(ledger, reports)
    assert len(expected_days(ledger)) > 3
