"""Whatever a county does: the reports say what its events come to, and it does not matter how they were followed."""

from __future__ import annotations

import csv
import random
import tempfile
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, select

from kiosk.sorting_center.export import table
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.schema import intake
from kiosk.sorting_center.reports import Figures, Reports
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.reports.shared.figures import figures_of, sums, total
from kiosk.sorting_center.reports.tables.schema import SUMS
from tests.depth import many
from tests.sorting_center.histories import crowded_ledger
from tests.sorting_center.reports.counties import County, ExpectedIntake, expected_days, expected_intakes
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
        assert_sums(reports, sums_table, expected_intakes(ledger))
    overview = ledger.overview("").totals
    whole = total(expected.values())
    assert (whole.intakes, whole.voided, whole.net_g) == (overview.intakes, overview.voided, overview.net_g)
    assert (whole.bought_fen, whole.consigned_fen) == (overview.bought_fen, overview.consigned_fen)
    assert exported(ledger) == (whole.intakes, whole.net_g, whole.bought_fen, whole.consigned_fen, whole.void_fen)
    assert_parts_are_the_ledger(ledger, reports)
    for day, figures in expected.items():
        at = date.fromisoformat(day)
        assert reports.days.total(at, at) == figures
        assert total(row.figures for row in reports.receipts.each(at, at)) == figures


def assert_sums(reports: Reports, of: Table, intakes: Iterable[ExpectedIntake]) -> None:
    """By those of the columns of its key that an intake has: day or year, region, station, product."""
    names = [column.name for column in of.primary_key if column.name not in ("hour", "price_fen")]
    keys = [of.c[name] for name in names]
    expected: dict[tuple[str, ...], Figures] = {}
    for one in intakes:
        parts = {"day": one.day, "year": one.day[:4], "region": one.region}
        parts |= {"station": one.station, "product": one.product}
        key = tuple(parts[name] for name in names)
        expected[key] = expected.get(key, Figures()) + one.figures
    with reports.tables.reading() as connection:
        rows = connection.execute(select(*keys, *sums(of)).group_by(*keys)).all()
    assert {tuple(row[: len(keys)]): figures_of(row[len(keys) :]) for row in rows} == expected


def assert_parts_are_the_ledger(ledger: Ledger, reports: Reports) -> None:
    """Bought, consigned and void together are what the ledger holds, whichever way they are parted."""
    with ledger.reading() as connection:
        rows = connection.execute(
            select(intake.c.net_g, intake.c.amount_fen).where(intake.c.feedseq.is_not(None))
        ).all()
    held = (sum(row[0] for row in rows), sum(row[1] for row in rows))
    first, last = (date.fromisoformat(end(expected_days(ledger), default="2026-11-25")) for end in (min, max))
    years = [(date(year, 1, 1), date(year, 12, 31)) for year in range(first.year, last.year + 1)]
    for figures in (
        [row.figures for ends in years for row in reports.days.goods(*ends)],
        [row.figures for ends in years for row in reports.days.stations(*ends)],
        [row.figures for ends in years for row in reports.days.each(*ends)],
        [reports.days.total(*ends) for ends in years],
    ):
        whole = total(figures)
        assert (whole.net_g + whole.void_g, whole.bought_fen + whole.consigned_fen + whole.void_fen) == held


def exported(ledger: Ledger) -> tuple[int, ...]:
    """What a spreadsheet adds up: receipts, grams, fen bought, on consignment and void."""
    rows = [row for row in csv.DictReader(table(ledger.events())) if row["counted"] or row["void_fen"]]
    counted = [row for row in rows if row["counted"] == "yes"]
    parts = (sum(_number(row[name]) for row in rows) for name in ("bought_fen", "consigned_fen", "void_fen"))
    return len(counted), sum(_number(row["net_g"]) for row in counted), *parts


def _number(cell: str) -> int:
    return int(cell.removeprefix("'") or "0")


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
