"""What members brought: sums to the gram and fen, whatever is void, and quick however much there is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.domain.moment import ClockQuality
from kiosk.domain.statement import BroughtSums
from kiosk.domain.trade import Mode, Party
from kiosk.store import NewPaper, Store
from kiosk.store.shared.records import ConfirmedRow, Stamp
from tests.store.village import CATALOG, JOBS, change, open_intake, open_store, rows, stamp, void_of, weighed

MEMBER = "M-00001"
YEAR, DAY = "2025-12-31T16:00:00.000Z", "2026-11-23T16:00:00.000Z"


def at(year: int, quality: ClockQuality = ClockQuality.SYNCED) -> Stamp:
    moment = replace(stamp().moment, utc=datetime(year, 6, 1, tzinfo=UTC), quality=quality)
    return Stamp(moment, stamp().software)


def bring(store: Store, when: Stamp | None = None, *, mode: Mode = Mode.PURCHASE, party: str = MEMBER) -> ConfirmedRow:
    intake = open_intake(store, mode=mode, party=Party(party))
    return store.intakes.confirm(weighed(intake), str(intake.receipt), JOBS, when or stamp())


def sums_of(found: list[ConfirmedRow]) -> BroughtSums:
    return BroughtSums.of((1, row.mode, row.voided, row.net_g, row.amount_fen) for row in found)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["M-00001", "M-00002", None]),
        st.sampled_from(Mode),
        st.lists(st.integers(161, 60_000), min_size=1, max_size=4),
        st.booleans(),
    ),
    max_size=25,
)


@settings(max_examples=25)
@given(steps=STEPS)
def test_sums_are_those_of_the_rows_and_of_the_sealed_events(
    steps: list[tuple[str | None, Mode, list[int], bool]], template: Path
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "s.db"
        store = open_store(path, template)
        store.catalogs.add(CATALOG, stamp())
        for party, mode, bags, is_void in steps:
            intake = open_intake(store, mode=mode, party=Party(party))
            store.intakes.confirm(weighed(intake, *bags), str(intake.receipt), JOBS, stamp())
            if is_void:
                store.intakes.void(void_of(intake), stamp())
        events = [json.loads(body) for (body,) in rows(path, "SELECT body FROM journal ORDER BY position")]
        void = {e["data"]["receipt"] for e in events if e["type"] == "station.intake.voided.v1"}
        told = [e["data"] for e in events if e["type"] == "station.intake.confirmed.v1"]
        for member in ("M-00001", "M-00002"):
            found = store.members.brought(member, YEAR, DAY, 1000)
            mine = [data for data in told if data["party"] == member]
            ledger = BroughtSums.of((1, d["mode"], d["receipt"] in void, d["net_g"], d["amount_fen"]) for d in mine)
            assert found.sums == found.today == sums_of(found.rows) == ledger
            assert [row.receipt for row in found.rows] == [data["receipt"] for data in mine[::-1]]
            assert [row.bags for row in found.rows] == [len(data["bags"]) for data in mine[::-1]]
            pages = [store.members.brought(member, YEAR, DAY, 4, start).rows for start in range(0, 30, 4)]
            assert [row for page in pages for row in page] == found.rows
            ends = (mine[0]["receipt"], mine[-1]["receipt"]) if mine else ("", "")
            assert (found.first, found.last) == ends
        store.close()


def test_the_year_begins_behind_the_last_receipt_before_it(store: Store) -> None:
    """A receipt without a date belongs to those around it; without a date now, all are one period."""
    unset = at(1970, ClockQuality.UNSET)
    old, between, new, late = (bring(store, when) for when in (at(2025), unset, at(2026), unset))
    this = store.members.brought(MEMBER, YEAR, DAY, 10)
    assert {row.receipt for row in this.rows} >= {between.receipt, new.receipt, late.receipt}
    assert this.today == BroughtSums(), "none of them is of today"
    everything = store.members.brought(MEMBER, "", "", 10)
    assert everything.sums.receipts == 4 and everything.first == old.receipt
    next_year = store.members.brought(MEMBER, "2026-12-31T16:00:00.000Z", DAY, 10)
    assert [row.receipt for row in next_year.rows] == [late.receipt], "after the last one with a date"


def test_a_code_is_good_until_the_next_and_its_slip_with_it(store: Store) -> None:
    slip = NewPaper("member_code", "receipt", b"seed")
    assert not store.members.has_code(MEMBER, b"1")
    store.members.set_code(MEMBER, b"1", slip)
    store.members.set_code(MEMBER, b"2", slip)
    store.members.set_code("M-00002", b"1", slip)
    assert [store.members.has_code(MEMBER, mac) for mac in (b"1", b"2", b"")] == [False, True, False]
    first, *waiting = store.papers.open_jobs()
    assert [job.about for job in (first, *waiting)] == [MEMBER, "M-00002"]


def test_what_a_slip_is_made_of_is_gone_when_it_is_out(store: Store, path: Path) -> None:
    store.members.set_code(MEMBER, b"1", NewPaper("member_code", "receipt", b"seed"))
    (job,) = store.papers.open_jobs()
    store.papers.sending(job.id)
    store.papers.done(job.id)
    assert rows(path, "SELECT body FROM print_job WHERE document = 'member_code'") == [(b"",)]


def test_three_thousand_receipts_are_read_page_by_page(store: Store, path: Path, template: Path) -> None:
    bring(store)
    for _ in range(3):
        bring(store, party="M-00002")
    store.close()
    count = "WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 2999) INSERT INTO"
    rest = (
        "state, party, product, mode, catalog_version, price_fen_per_kg, gross_g, tare_g, net_g, amount_fen, "
        "certificate_kind, certificate_ref, certificate_reason, metrology, position, opened_at, closed_at"
    )
    change(
        path,
        f"{count} intake (number, receipt, token, {rest}) "
        f"SELECT 10 + v, printf('0147-A-%06d', 10 + v), 't' || v, {rest} FROM intake, n WHERE number = 1",
        f"{count} lot SELECT 10 + v, lot, product, owner, net_g FROM lot, n WHERE intake = 1",
    )
    store = open_store(path, template, check=False)
    found = store.members.brought(MEMBER, YEAR, DAY, 4, 1000)
    assert (found.sums.receipts, len(found.rows), found.rows[0].receipt) == (3000, 4, "0147-A-002009")
    assert store.members.brought(MEMBER, YEAR, DAY, 4, 5000).rows == []
    store.close()
