"""The year of a member: lines, sums and ledger say the same, on both databases."""

from __future__ import annotations

import random

from kiosk.domain.statement import BroughtSums
from kiosk.domain.trade import NON_MEMBER
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports import Figures, Reports
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.reports.members import event_key, statement_of
from kiosk.sorting_center.reports.shared.figures import total
from tests.sorting_center.reports.counties import County, expected_intakes
from tests.sorting_center.reports.ledgers import followed


def test_lines_are_the_receipts_are_the_ledger(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    """Whatever a county does: void, told twice, restored, without a clock."""
    dice, county = random.Random(7), County(ledger)
    for _ in range(160):
        county.step(dice)
    county.deliver_all()
    followed(follower)
    brought: dict[tuple[str, str], Figures] = {}
    for one in expected_intakes(ledger):
        if one.party != NON_MEMBER:
            brought[one.region, one.party] = brought.get((one.region, one.party), Figures()) + one.figures
    assert brought
    for (region, member), figures in brought.items():
        years = [reports.members.year(member, region, year) for year in reports.members.years(member, region)]
        assert total(year.figures for year in years) == figures
        for year in years:
            assert total(year.stations.values()) == year.figures
            hashes = reports.journal.hashes([event_key(row) for row in year.receipts])
            file, of = statement_of(year, hashes), year.figures
            assert len(file.lines) == len(year.receipts) == of.intakes + of.voided
            assert file.sums == BroughtSums(
                of.intakes, of.voided, of.bought_g, of.bought_fen, of.consigned_g, of.consigned_fen
            )
