"""No sequence of shots, choices, catalogs, voids and offers tells buyers what no clerk has seen.

The model keeps its own account: the photos in their order, what is chosen, and what was told last.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from kiosk.domain.catalog import Pack
from kiosk.domain.events.rules import event_fault
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.counter.listings import ListingView
from kiosk.store import Store
from kiosk.store.database.opening import OpenOptions
from tests.depth import many
from tests.station.counter.rig import SECOND_PIN, CounterRig, refused
from tests.station.counter.test_listings import SALE, photo, selling, told
from tests.station.fakes import STAMP
from tests.station.hardware import bring_in
from tests.store.failing import Plan, failing_connect

PACKS = (500, 1000)
PHOTOS = st.integers(0, 3)


class ListingMachine(RuleBasedStateMachine):
    """One lot, few photos, two packs and grades, so that everything soon meets everything."""

    begun: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name)
        shutil.copytree(self.begun, path, dirs_exist_ok=True)
        self.store = Store.open(path / "station.db", "S0147", STAMP, OpenOptions(check=False, reserve_bytes=0))
        self.store.catalogs.add(selling(), STAMP)
        self.rig = CounterRig(self.store, path)
        self.row = bring_in(self.store)
        self.order: list[str] = []
        self.out: set[str] = set()
        self.pack, self.grade, self.extra_fen = 500, "A", 0
        self.void = False
        self.told: list[dict[str, Any]] = []
        self.page: ListingView = self._view()
        """What a clerk has on the screen."""

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    def _view(self) -> ListingView:
        return self.rig.counter.listings.view(self.rig.session, self.row.receipt)

    def _offer(self) -> tuple[object, ...]:
        """What is told now: photos, pack, price, grade."""
        price = {500: 2900, 1000: 5600}[self.pack] + self.extra_fen
        return ([sha for sha in self.order if sha not in self.out], self.pack, price, self.grade)

    @rule()
    def look(self) -> None:
        self.page = self._view()

    @rule(number=PHOTOS)
    def shoot(self, number: int) -> None:
        sha256 = photo(self.store, self.row.lot, f"a{number}")
        if sha256 not in self.order:
            self.order.append(sha256)

    @precondition(lambda self: not self.void)
    @rule(pack=st.sampled_from(PACKS), grade=st.sampled_from("AB"))
    def choose(self, pack: int, grade: str) -> None:
        self.rig.counter.listings.choose(self.rig.session, self.row.receipt, pack, grade)
        self.pack, self.grade = pack, grade

    @precondition(lambda self: self.order and not self.void)
    @rule(number=PHOTOS, places=st.integers(-3, 3))
    def move(self, number: int, places: int) -> None:
        sha256 = self.order[number % len(self.order)]
        place = self.order.index(sha256)
        self.order.insert(max(0, place + places), self.order.pop(place))
        self.rig.counter.listings.move(self.rig.session, self.row.receipt, sha256, places)

    @precondition(lambda self: self.order and not self.void)
    @rule(number=PHOTOS, out=st.booleans())
    def leave_out(self, number: int, out: bool) -> None:
        sha256 = self.order[number % len(self.order)]
        self.out = self.out | {sha256} if out else self.out - {sha256}
        self.rig.counter.listings.leave_out(self.rig.session, self.row.receipt, sha256, out)

    @rule(extra_fen=st.integers(0, 1))
    def other_prices(self, extra_fen: int) -> None:
        packs = tuple(Pack(pack.net_g, pack.price_fen + extra_fen) for pack in SALE.packs)
        self.store.catalogs.add(selling(replace(SALE, packs=packs)), STAMP)
        self.extra_fen = extra_fen

    @precondition(lambda self: self.told)
    @rule()
    def void_it(self) -> None:
        if not self.void:
            self.rig.counter.voids.void(self.rig.session, self.row.receipt, "wrong_party", "02", SECOND_PIN)
        self.void = True

    @rule(again=st.booleans())
    def submit(self, again: bool) -> None:
        """From the page as it is on the screen, which may be an old one; perhaps with a second tap."""
        listings, page = self.rig.counter.listings, self.page
        for _ in range(1 + again):
            if self.void or page.offer is None or self._seen(page) != self._offer():
                code = refused(lambda: listings.submit(self.rig.session, self.row.receipt, page.seen)).code
                assert code == ("already_void" if self.void else "stale_page")
                continue
            is_new = not self.told or self._told() != self._offer()
            before = len(self.told)
            assert listings.submit(self.rig.session, self.row.receipt, page.seen).state == "submitted"
            self.told = told(self.rig)
            assert len(self.told) == before + is_new
            assert self._told() == self._offer()
            assert event_fault(page.offer, "S0147") is None

    @staticmethod
    def _seen(page: ListingView) -> tuple[object, ...]:
        assert page.offer is not None
        return (list(page.offer.photos), page.offer.pack_g, page.offer.price_fen, page.offer.grade)

    def _told(self) -> tuple[object, ...]:
        return tuple(self.told[-1][name] for name in ("photos", "pack_g", "price_fen", "grade"))

    @invariant()
    def the_desk_and_the_model_agree(self) -> None:
        view = self._view()
        assert [one.sha256 for one in view.photos] == self.order
        assert {one.sha256 for one in view.photos if one.left_out} == self.out & set(self.order)
        assert (view.pack and view.pack.net_g, view.grade) == (self.pack, self.grade)
        assert ("voided" in view.hindrances) == self.void
        if not self.told:
            assert view.state in ("none", "draft")
        elif not self.void:
            assert (view.state == "submitted") == (self._told() == self._offer())


def test_what_is_told_was_seen(begun: Path) -> None:
    machine = type("Machine", (ListingMachine,), {"begun": begun})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=many(6, torture=150), stateful_step_count=30, deadline=None)
    )


@pytest.mark.parametrize("success_lost", [False, True])
def test_whichever_operation_of_a_submit_fails_it_is_told_once(begun: Path, tmp_path: Path, success_lost: bool) -> None:
    """The clerk who was told that it failed presses again, on the same page."""
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    plan = Plan(after=success_lost)
    opening = OpenOptions(check=False, reserve_bytes=0, connect=failing_connect(plan))
    with closing(Store.open(tmp_path / "station.db", "S0147", STAMP, opening)) as store:
        store.catalogs.add(selling(), STAMP)
        rig, row = CounterRig(store, tmp_path), bring_in(store)
        photo(store, row.lot, "ab", "0" * 16)
        for operation in range(1_000):
            view = rig.counter.listings.choose(rig.session, row.receipt, PACKS[operation % 2], "A")
            plan.left, plan.struck = operation, False
            struck = _fails(rig, row.receipt, view.seen, plan)
            assert rig.counter.listings.submit(rig.session, row.receipt, view.seen).state == "submitted"
            packs = [data["pack_g"] for data in told(rig)]
            assert packs == [PACKS[number % 2] for number in range(operation + 1)], operation
            if not struck:
                break
        assert operation > 5
        assert store.journal.verify() > operation


def _fails(rig: CounterRig, receipt: str, seen: str, plan: Plan) -> bool:
    """Whether a submit has so many operations; the clerk hears of it, unless all that failed was counting papers."""
    try:
        rig.counter.listings.submit(rig.session, receipt, seen)
    except CounterRefused as refusal:
        assert plan.struck and refusal.code == "store_failed"
    plan.left = None
    return plan.struck
