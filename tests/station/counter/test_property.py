"""No sequence of scans, taps, codes and locks breaks a rule of the parcels.

No two parcels in one slot; nobody collects without a right code or a named proxy, and never without a clerk; a damaged
parcel is accepted with its picture only. The model keeps its own account and never asks the store what it should be.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kiosk.domain.parcel import TERMINAL_STATES, WAITING_STATES, ParcelNumber, ParcelState
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.counter.state import ScanResult
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.store import Store
from kiosk.store.database.migrate import migrate
from kiosk.store.database.opening import OpenOptions
from kiosk.store.shared.records import ParcelRow
from tests.depth import many
from tests.station.counter.acts import collect_by_code
from tests.station.counter.rig import PIN, CounterRig, waybill
from tests.station.fakes import CATALOG, STAMP

SLOTS = ParcelSettings(shelves=("A-1:2", "B-2:1"))
NUMBERS = st.integers(0, 3)
ON_SHELF = WAITING_STATES | {ParcelState.SHELVED}
"""Takes up a slot."""


@cache
def template() -> Path:
    """An empty migrated database: made once, copied by every example."""
    folder = Path(tempfile.mkdtemp(prefix="counter-property-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # the folder of the whole run may have gone before
    migrate(folder / "empty.db")
    return folder / "empty.db"


class CounterMachine(RuleBasedStateMachine):
    """A small shelf and few waybills, so that everything soon meets everything."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name)
        self.store = Store.open(path / "station.db", "S0147", STAMP, OpenOptions(template=template(), reserve_bytes=0))
        self.store.catalogs.add(CATALOG, STAMP)
        self.rig = CounterRig(self.store, path, parcels=SLOTS)
        self._unlock()
        self.codes: dict[ParcelNumber, str] = {}
        """The code on the newest slip of each parcel."""
        self.old: set[str] = set()
        self.proved: set[ParcelNumber] = set()
        """A right code was shown to the station and has not been replaced since."""
        self.pictured: set[ParcelNumber] = set()
        self.damaged: set[ParcelNumber] = set()
        self.collected: dict[ParcelNumber, str] = {}
        """Parcels that were handed out, and what for."""

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    # --- taps ------------------------------------------------------------------------------------------------------

    @rule(mode=st.sampled_from(["in", "in", "in", "out", ""]))
    def prepares(self, mode: str) -> None:
        self.rig.counter.receiving.set_mode(self.rig.session, mode)

    @rule(number=NUMBERS)
    def brings_a_damaged_one(self, number: int) -> None:
        self.rig.counter.receiving.set_mode(self.rig.session, "in")
        self.rig.counter.receiving.damaged_next(self.rig.session, True)
        self.scans_a_waybill(number)

    @rule(number=NUMBERS)
    def scans_a_waybill(self, number: int) -> None:
        view = self.rig.counter.state.view()
        result = self._try(lambda: self.rig.scan(waybill(number)))
        if isinstance(result, ScanResult) and result.parcel is not None:
            if result.kind in ("parcel_in", "parcel_damaged"):
                assert view.mode == "in"
                assert view.unlocked_as is not None
                assert (result.kind == "parcel_damaged") == view.damaged_next
            if result.kind == "parcel_in":
                self._got_slip(result.parcel)
            if result.kind == "parcel_damaged":
                self.damaged.add(result.parcel.number)

    @precondition(lambda self: self._waiting())
    @rule(pick=NUMBERS, where=st.sampled_from(["counter", "public scanner", "public pad"]))
    def shows_a_code(self, pick: int, where: str) -> None:
        row = self._picked(pick)
        code = self.codes[row.number]
        slip = row.number.slip_code(code)
        if where == "counter":
            shown = self._try(lambda: self.rig.scan(slip))
            assert isinstance(shown, ScanResult)
            right = shown.word == "code_right"
        else:
            text = slip if where == "public scanner" else code
            right = isinstance(self._try(lambda: self.rig.counter.handovers.public_code(text)), ParcelRow)
        assert right or self._locked()
        if right:
            self.proved.add(row.number)

    @precondition(lambda self: len(self._waiting()) > 1)
    @rule(pick=NUMBERS)
    def shows_a_code_of_another_parcel(self, pick: int) -> None:
        one, other = self._picked(pick), self._picked(pick + 1)
        crossed = other.number.slip_code(self.codes[one.number])
        assert isinstance(self._try(lambda: self.rig.counter.handovers.public_code(crossed)), CounterRefused)
        self.rig.clock.wait(60)

    @precondition(lambda self: self.old - set(self.codes.values()))
    @rule()
    def shows_a_dead_code(self) -> None:
        dead = min(self.old - set(self.codes.values()))
        assert isinstance(self._try(lambda: self.rig.counter.handovers.public_code(dead)), CounterRefused)
        self.rig.clock.wait(60)

    @precondition(lambda self: self._waiting())
    @rule(pick=NUMBERS)
    def types_a_code(self, pick: int) -> None:
        row = self._picked(pick)
        done = self._try(lambda: collect_by_code(self.rig.counter, self.rig.session, self.codes[row.number]))
        self._handed_out(row, done, "code")

    @precondition(lambda self: self._waiting())
    @rule(pick=NUMBERS)
    def confirms(self, pick: int) -> None:
        row = self._picked(pick)
        done = self._try(lambda: self.rig.counter.handovers.confirm(self.rig.session, str(row.number)))
        if isinstance(done, ParcelRow):
            assert row.number in self.proved
        self._handed_out(row, done, "handover")

    @precondition(lambda self: self._waiting())
    @rule(pick=NUMBERS, name=st.sampled_from(["Gulnar", "", "13800138000"]))
    def gives_to_a_proxy(self, pick: int, name: str) -> None:
        row = self._picked(pick)
        done = self._try(lambda: self.rig.counter.handovers.collect_by_proxy(self.rig.session, str(row.number), name))
        if isinstance(done, ParcelRow):
            assert name == "Gulnar"
        self._handed_out(row, done, "proxy")

    @precondition(lambda self: self._undecided())
    @rule(picture=st.booleans())
    def decides_on_a_damaged_one(self, picture: bool) -> None:
        row = self._undecided()[0]
        if picture:
            self.rig.click(row.number, str(row.number).encode())
            self.pictured.add(row.number)
        done = self._try(lambda: self.rig.counter.shelf.accept_damaged(self.rig.session, str(row.number)))
        if isinstance(done, ParcelRow):
            assert row.number in self.pictured
            assert done.photo_sha256 is not None
            assert self.rig.photos.path(done.photo_sha256) is not None
            self._got_slip(done)

    @rule(
        number=NUMBERS,
        act=st.sampled_from(["mark_lost", "mark_found", "mark_due_back", "return_", "refuse", "mark_misrouted"]),
    )
    def moves(self, number: int, act: str) -> None:
        row = self._row(number)
        if row is not None:
            step = getattr(self.rig.counter.shelf, act)
            self._try(lambda: step(self.rig.session, str(row.number)))

    @precondition(lambda self: self._waiting())
    @rule(pick=NUMBERS)
    def reissues(self, pick: int) -> None:
        row = self._picked(pick)
        self.rig.counter.codes.reissue(self.rig.session, str(row.number))
        self.proved.discard(row.number)
        self._got_slip(row)

    @precondition(lambda self: self.rig.counter.state.view().undo_until is not None)
    @rule()
    def takes_back(self) -> None:
        self._try(lambda: self.rig.counter.receiving.undo(self.rig.session))

    @rule(who=st.sampled_from(["nobody", "technician"]), number=NUMBERS)
    def somebody_else_tries(self, who: str, number: int) -> None:
        """Without a clerk nothing goes in and nothing goes out, whatever the page still offers."""
        rig, row = self.rig, self._row(number)
        if who == "nobody":
            rig.access.sign_out(rig.session.token)
        else:
            rig.session = rig.access.sign_in("03", PIN)
        text = str(row.number) if row else "P-0147-A-000001"
        for act in (
            lambda: rig.scan(waybill(number)),
            lambda: rig.counter.handovers.confirm(rig.session, text),
            lambda: rig.counter.handovers.collect_by_proxy(rig.session, text, "Gulnar"),
            lambda: rig.counter.shelf.accept_damaged(rig.session, text),
        ):
            refusal = self._try(act)
            assert isinstance(refusal, CounterRefused)
            assert refusal.code in ("not_unlocked", "forbidden")
        self._unlock()

    @rule(seconds=st.sampled_from([1, 15, 60, 600, 86_400]))
    def time_passes(self, seconds: int) -> None:
        self.rig.clock.wait(seconds)
        self.rig.counter.tick()
        self._unlock()

    # --- rules -----------------------------------------------------------------------------------------------------

    @invariant()
    def a_slot_holds_one_parcel(self) -> None:
        on_shelf = self.store.parcels.in_states(ON_SHELF, limit=100)
        shelves = [row.shelf for row in on_shelf]
        assert None not in shelves
        assert len(shelves) == len(set(shelves))
        assert set(shelves) <= set(SLOTS.slots)

    @invariant()
    def nobody_collects_without_a_proof_and_a_clerk(self) -> None:
        collected = {row.number for row in self.store.parcels.in_states([ParcelState.COLLECTED], limit=100)}
        assert collected == set(self.collected)

    @invariant()
    def a_damaged_one_is_accepted_with_its_picture_only(self) -> None:
        accepted = ON_SHELF | {ParcelState.COLLECTED, ParcelState.RETURNED, ParcelState.LOST}
        for row in self.store.parcels.in_states(accepted, limit=100):
            assert (row.number in self.damaged) == row.damaged
            assert not row.damaged or (row.number in self.pictured and row.photo_sha256 is not None)

    @invariant()
    def a_waybill_is_here_once(self) -> None:
        here = [row.waybill for row in self.store.parcels.in_states(set(ParcelState) - TERMINAL_STATES, limit=100)]
        assert len(here) == len(set(here))

    # --- inside ----------------------------------------------------------------------------------------------------

    def _unlock(self) -> None:
        """A clerk is back; the page begins where deliveries begin."""
        self.rig.session = self.rig.access.sign_in("01", PIN)
        self.rig.counter.receiving.set_mode(self.rig.session, "in")

    def _row(self, number: int) -> ParcelRow | None:
        return self.store.parcels.by_waybill(waybill(number))

    def _waiting(self) -> list[ParcelRow]:
        return self.store.parcels.in_states(WAITING_STATES)

    def _picked(self, pick: int) -> ParcelRow:
        rows = self._waiting()
        return rows[pick % len(rows)]

    def _locked(self) -> bool:
        return self.rig.counter.proofs.guess_limit.wait_s() > 0

    def _undecided(self) -> list[ParcelRow]:
        return self.store.parcels.in_states([ParcelState.ARRIVED])

    def _try(self, act: object) -> object:
        """What came of an act, the refusal included; none of them may leave another exception."""
        assert callable(act)
        try:
            return act()
        except CounterRefused as refusal:
            return refusal

    def _got_slip(self, row: ParcelRow) -> None:
        if row.number in self.codes:
            self.old.add(self.codes[row.number])
        self.codes[row.number] = self.rig.code_of(row)

    def _handed_out(self, row: ParcelRow, done: object, proof: str) -> None:
        if not isinstance(done, ParcelRow):
            return
        assert done.state is ParcelState.COLLECTED
        assert done.number == row.number
        assert row.number not in self.collected, "collected twice"
        person = self.rig.counter.state.view().unlocked_as
        assert person is not None
        assert person.role == "clerk"
        self.collected[row.number] = proof
        self.old.add(self.codes[row.number])


TestCounter = CounterMachine.TestCase
TestCounter.settings = settings(max_examples=many(8, torture=200, quick=3), stateful_step_count=40, deadline=None)
