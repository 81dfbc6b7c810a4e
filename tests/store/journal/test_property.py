"""Whatever happens in whatever order: the store against a model of plain lists."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kiosk.domain.identifiers import SERIES_LETTERS
from kiosk.domain.intake import AbandonReason, Intake
from kiosk.domain.void import VoidReason
from kiosk.store import ConfirmedRow, Store, StoreError
from tests.depth import many
from tests.store.village import (
    CATALOG,
    JOBS,
    epochs,
    events,
    open_intake,
    open_store,
    rows,
    stamp,
    void_of,
    weighed,
)

_GRAMS = st.lists(st.integers(161, 60_000), min_size=1, max_size=4)


class Station(RuleBasedStateMachine):
    """A station's day; ``template`` is set by the test."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "kiosk.sqlite"
        self.new_epoch = epochs()
        self.opened: list[Intake] = []
        self.confirmed: dict[str, tuple[Intake, ConfirmedRow]] = {}
        self.abandoned: set[str] = set()
        self.voided: set[str] = set()
        self.last_receipt = ("A", 0)
        self.events = 1
        self.acked = 0

    def _open(self) -> Store:
        return open_store(self.path, self.template, new_epoch=self.new_epoch)

    @initialize()
    def begin(self) -> None:
        self.store = self._open()
        self.store.catalogs.add(CATALOG, stamp())
        self.events += 1

    @rule()
    def choose_goods(self) -> None:
        intake = open_intake(self.store)
        series, counter = self.last_receipt
        assert (intake.receipt.series, intake.receipt.counter) == (series, counter + 1)
        self.last_receipt = (series, counter + 1)
        self.opened.append(intake)

    @precondition(lambda self: self.opened)
    @rule(data=st.data(), grams=_GRAMS)
    def confirm(self, data: st.DataObject, grams: list[int]) -> None:
        intake = self.opened.pop(data.draw(st.integers(0, len(self.opened) - 1)))
        agreed = weighed(intake, *grams)
        token = f"token {intake.receipt}"
        row = self.store.intakes.confirm(agreed, token, JOBS, stamp())
        assert (row.gross_g, row.tare_g, row.net_g) == (sum(grams), 160 * len(grams), sum(grams) - 160 * len(grams))
        assert not row.repeated
        self.confirmed[token] = (intake, row)
        self.events += 1

    @precondition(lambda self: self.confirmed)
    @rule(data=st.data(), grams=_GRAMS)
    def tap_again(self, data: st.DataObject, grams: list[int]) -> None:
        token = data.draw(st.sampled_from(sorted(self.confirmed)))
        intake, first = self.confirmed[token]
        row = self.store.intakes.confirm(weighed(intake, *grams), token, JOBS, stamp())
        assert row.repeated and (row.receipt, row.net_g, row.lot) == (first.receipt, first.net_g, first.lot)

    @precondition(lambda self: self.opened)
    @rule(data=st.data())
    def walk_away(self, data: st.DataObject) -> None:
        intake = self.opened.pop(data.draw(st.integers(0, len(self.opened) - 1)))
        for _ in range(2):
            self.store.intakes.abandon(intake.receipt, "opened", AbandonReason.LEFT, stamp())
        self.abandoned.add(str(intake.receipt))
        self.events += 1

    @precondition(lambda self: self.confirmed)
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        intake, _ = self.confirmed[data.draw(st.sampled_from(sorted(self.confirmed)))]
        document = void_of(intake, VoidReason.GOODS_RETURNED)
        if str(intake.receipt) in self.voided:
            with pytest.raises(StoreError, match="void already"):
                self.store.intakes.void(document, stamp())
            return
        self.store.intakes.void(document, stamp())
        self.voided.add(str(intake.receipt))
        self.events += 1

    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        self.acked = data.draw(st.integers(0, self.events))
        self.store.outbox.acknowledge(self.acked, data.draw(st.lists(st.integers(1, self.events), max_size=3)))

    @rule(printer=st.sampled_from(["label", "receipt"]), sure=st.booleans())
    def print_one(self, printer: str, sure: bool) -> None:
        job = self.store.papers.next(printer)
        if job is None:
            return
        self.store.papers.sending(job.id)
        if sure:
            self.store.papers.done(job.id)
        else:
            self.store.papers.unknown(job.id, "device", stamp())
            self.events += 1

    @rule(while_sending=st.booleans())
    def power_cut(self, while_sending: bool) -> None:
        job = self.store.papers.next("label") if while_sending else None
        if job is not None:
            self.store.papers.sending(job.id)
        self.store.close()
        self.store = self._open()
        left = self.store.intakes.abandon_left_open(stamp())
        assert sorted(left) == sorted(intake.receipt for intake in self.opened)
        self.abandoned |= {str(receipt) for receipt in left}
        self.opened.clear()
        unknown = self.store.papers.recover(stamp())
        assert [one.id for one in unknown] == ([job.id] if job is not None else [])
        self.events += len(left) + len(unknown)

    @precondition(lambda self: self.last_receipt[0] < "D")
    @rule()
    def center_has_more(self) -> None:
        waiting = [row for row in self.store.outbox.pending(1_000_000) if b"station.epoch.started.v1" not in row.body]
        self.store.epochs.start("behind")
        self.events, self.acked = 1 + len(waiting), 0
        self.last_receipt = (SERIES_LETTERS[SERIES_LETTERS.index(self.last_receipt[0]) + 1], 0)

    @invariant()
    def outbox_is_what_is_not_acknowledged(self) -> None:
        counts = self.store.outbox.counts()
        assert (counts.last_seq, counts.acked_upto) == (self.events, self.acked)
        assert [row.seq for row in self.store.outbox.pending(10_000)] == list(range(self.acked + 1, self.events + 1))

    @invariant()
    def documents_are_what_was_agreed(self) -> None:
        found = {row.receipt: row for row in self.store.intakes.recent(10_000)}
        assert set(found) == {row.receipt for _, row in self.confirmed.values()}
        for _, row in self.confirmed.values():
            assert (found[row.receipt].net_g, found[row.receipt].amount_fen) == (row.net_g, row.amount_fen)
            assert found[row.receipt].voided == (row.receipt in self.voided)

    @invariant()
    def receipts_have_no_gap(self) -> None:
        taken = [text for (text,) in rows(self.path, "SELECT receipt FROM intake ORDER BY number")]
        for series in {text[5] for text in taken}:
            mine = [int(text[7:]) for text in taken if text[5] == series]
            assert mine == list(range(1, len(mine) + 1))
        assert set(taken) == (
            {row.receipt for _, row in self.confirmed.values()}
            | self.abandoned
            | {str(intake.receipt) for intake in self.opened}
        )

    @invariant()
    def mass_is_balanced(self) -> None:
        total = sum(row.net_g for _, row in self.confirmed.values())
        for table in ("lot", "intake_line", "intake"):
            assert rows(self.path, f"SELECT coalesce(sum(net_g), 0) FROM {table}") == [(total,)]

    def teardown(self) -> None:
        self.store.journal.verify()
        assert _projection(events(self.path)) == _documents(self.path)
        self.store.close()
        self._open().close()
        self.folder.cleanup()


def _projection(told: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    """The documents, from the events alone."""
    documents: set[tuple[Any, ...]] = set()
    for event in told:
        data = event["data"]
        match event["type"]:
            case "station.intake.confirmed.v1":
                for bag in data["bags"]:
                    documents.add(("bag", data["receipt"], bag["bag"], bag["gross_g"], bag["net_g"], bag["amount_fen"]))
                documents.add(("confirmed", data["receipt"], data["party"], data["net_g"], data["amount_fen"]))
                documents.add(("lot", data["lot"], data["owner"], data["product"], data["net_g"]))
            case "station.intake.abandoned.v1":
                documents.add(("abandoned", data["receipt"]))
            case "station.intake.voided.v1":
                documents.add(("void", data["receipt"], data["reason"], *data["actors"]))
    return documents


def _documents(path: Path) -> set[tuple[Any, ...]]:
    """The same documents, from the tables."""
    queries = (
        "SELECT 'bag', receipt, bag, bags.gross_g, bags.net_g, bags.amount_fen "
        "FROM intake_line bags JOIN intake ON number = intake",
        "SELECT 'confirmed', receipt, party, net_g, amount_fen FROM intake WHERE state = 'confirmed'",
        "SELECT 'lot', lot, owner, product, net_g FROM lot",
        "SELECT 'abandoned', receipt FROM intake WHERE state = 'abandoned'",
        "SELECT 'void', receipt, reason, actor, witness FROM void JOIN intake ON number = intake",
    )
    return {row for query in queries for row in rows(path, query)}


def test_a_station_in_any_order(template: Path) -> None:
    Station.template = template
    run_state_machine_as_test(
        Station,
        settings=settings(
            max_examples=many(6, torture=200, quick=2),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
