"""Every load that settled and left is booked, checked, or in the journal of the pan: exactly once, whatever happens.

The real desk over the real store; the pan, the people and the power do what they like. No load is booked twice and no
event counter goes back on the way.
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

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

from kiosk.domain.metrology import pan_journal
from kiosk.domain.metrology.pan import Hold
from kiosk.domain.metrology.pan_journal import PanNote
from kiosk.domain.trade import Certificate, CertificateKind, NoCertificateReason
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.station.desk.desk import Desk
from kiosk.station.desk.ports import DeskTools
from kiosk.station.desk.view import DeskRefused, DeskStep
from kiosk.store import Store
from kiosk.store.database.opening import OpenOptions
from kiosk.store.shared.records import CheckRow, NewCheck
from tests.depth import many
from tests.station.fakes import CATALOG, PROFILE, STAMP
from tests.store.village import rows


@dataclass
class Load:
    """Something that was put on the empty pan; every weight it ever had is used by no other load."""

    grams: list[int]
    settled: bool = False
    used: bool = False
    lain_s: float = 0.0
    lost_in_the_dark: bool = False
    settled_g: list[int] = field(default_factory=list)


class PanMachine(RuleBasedStateMachine):
    """``template`` is set by the test."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "station.db"
        self.loads: list[Load] = []
        self.on_pan: Load | None = None
        self.weights = itertools.count(505, 50)
        self.above_max = iter(range(PROFILE.max_g + 5, PROFILE.limit_g + 1, 5))
        self.heavier = itertools.count(20_025, 50)
        self.tokens = itertools.count(1)
        self.counters = (0, 0, 0)
        self.now = 100.0

    @initialize()
    def begin(self) -> None:
        self._start()
        self.store.catalogs.add(CATALOG, STAMP)
        self._read(0, 8)

    def _start(self) -> None:
        self.store = Store.open(self.path, "S0147", STAMP, OpenOptions(template=self.template, reserve_bytes=0))
        self.notes: list[PanNote] = []
        self.desk = Desk(
            PROFILE,
            DeskTools(
                store=self.store,
                stamps=lambda: STAMP,
                new_token=lambda: f"token-{next(self.tokens)}",
                documents=lambda confirmed, catalog, stamp: lambda head: [],
                certificate=Certificate(CertificateKind.NONE, reason=NoCertificateReason.NOT_PRESENTED),
                on_view=lambda view: None,
                on_scale=lambda state: None,
                on_event=lambda: None,
                on_photo=lambda asked, product: None,
                on_note=self.notes.append,
                clock=lambda: self.now,
            ),
        )
        self.desk.readings.resume(self.store.pan_loads.before())
        self.store.intakes.abandon_left_open(STAMP)

    def _write_notes(self) -> None:
        while self.notes:
            self.store.pan_loads.note(self.notes.pop(0), STAMP)

    def _read(self, grams: int, count: int, step_s: float = 0.1) -> None:
        for _ in range(count):
            self.now += step_s
            raw = b"%d\r\n" % grams
            self.desk.readings.on_reading(
                Reading(Decimal(grams).scaleb(-3), "kg", None, None, None, None, raw), self.now
            )

    # --- hands at the pan

    @precondition(lambda self: self.on_pan is None)
    @rule(heavy=st.sampled_from([False, False, False, True]), rests=st.booleans())
    def put(self, heavy: bool, rests: bool) -> None:
        grams = next(self.above_max, 0) if heavy else 0
        grams = grams or next(self.weights)
        self.on_pan = Load([grams])
        self.loads.append(self.on_pan)
        if rests:
            self._rest()
        else:
            self._read(grams, 2)

    @precondition(lambda self: self.on_pan is not None)
    @rule(long=st.booleans())
    def wait(self, long: bool) -> None:
        self._rest()
        if long and self.on_pan is not None:
            self._read(self.on_pan.grams[-1], 40, 0.9)
            self.on_pan.lain_s += 36.0

    @precondition(lambda self: self.on_pan is not None and not self.on_pan.used)
    @rule()
    def add(self) -> None:
        assert self.on_pan is not None
        self.on_pan.grams.append(next(self.weights))
        self._rest()

    def _rest(self) -> None:
        assert self.on_pan is not None
        self._read(self.on_pan.grams[-1], 8)
        if self.on_pan.grams[-1] <= PROFILE.limit_g:
            self.on_pan.settled = True
            self.on_pan.settled_g.append(self.on_pan.grams[-1])

    @precondition(lambda self: self.on_pan is not None)
    @rule()
    def take_off(self) -> None:
        self._read(0, 8)
        self.on_pan = None

    @rule()
    def scale_is_lost(self) -> None:
        self.desk.readings.on_expired(self.now)

    @rule(seconds=st.sampled_from([0.9, 1.1, 3.0]))
    def process_sleeps(self, seconds: float) -> None:
        """It is stopped while hands and clocks go on."""
        self.now += seconds

    @precondition(lambda self: self.on_pan is None and self.desk.view().step is DeskStep.HOME)
    @rule(seconds=st.sampled_from([1.1, 3.0]), what=st.sampled_from(["agree", "bag"]))
    def process_sleeps_while_the_load_is_taken_off(self, seconds: float, what: str) -> None:
        """The tap waited in the line: a load that has left is not booked, and is told as unbooked."""
        self._read(0, 8)
        self._begin_intake()
        self.desk.choices.choose_container("BARE")
        self._put_down(next(self.heavier))
        view = self.desk.view()
        assert view.can_agree
        act = {"agree": self.desk.agreement.agree, "bag": self.desk.loads.another_bag}[what]
        self.now += seconds
        with pytest.raises(DeskRefused):
            act(view.reading_no, view.token)
        self._read(0, 8)
        self.on_pan = None

    @rule(grams=st.sampled_from([20, 95, 100]))
    def light(self, grams: int) -> None:
        if self.on_pan is None:
            self._read(grams, 8)
            self._read(0, 8)

    # --- hands at the screen

    @rule(tap=st.sampled_from(["intake", "intake", "intake", "back", "leave", "idle", "finish"]))
    def taps(self, tap: str) -> None:
        desk = self.desk
        with contextlib.suppress(DeskRefused):
            if tap == "back":
                desk.intake_exit.back()
            elif tap == "leave":
                desk.intake_exit.leave()
            elif tap == "idle":
                desk.intake_exit.leave(idle=True)
            elif tap == "finish":
                desk.result_screen.finish()
            else:
                self._begin_intake()

    @precondition(lambda self: self.on_pan is None and self.desk.view().step is DeskStep.HOME)
    @rule(kinds=st.lists(st.sampled_from(["BARE", "OWN", "OWN then BARE"]), min_size=1, max_size=3), ends=st.booleans())
    def whole_intake(self, kinds: list[str], ends: bool) -> None:
        """As it should go: bag after bag, some in containers weighed before; agreed on at the end, or left there."""
        self._read(0, 8)
        self._begin_intake()
        for number, kind in enumerate(kinds, 1):
            if kind != "BARE":
                self._container_first()
            if kind != "OWN":
                self.desk.choices.choose_container("BARE")
            self._put_down(next(self.heavier))
            if ends and number == len(kinds):
                break
            self._fix(self.desk.loads.another_bag)
        if ends:
            self._fix(self.desk.agreement.agree)

    def _begin_intake(self) -> None:
        self.desk.choices.begin()
        self.desk.choices.choose_party("non_member")
        self.desk.choices.choose_product("BADAM", self.desk.view().catalog_version)

    def _container_first(self) -> None:
        self.desk.choices.choose_container("OWN")
        self._put_down(next(self.weights))
        self._fix(self.desk.loads.take_container)

    def _put_down(self, grams: int) -> None:
        self.on_pan = Load([grams])
        self.loads.append(self.on_pan)
        self._rest()

    def _fix(self, act: Callable[[int, str], object]) -> None:
        view = self.desk.view()
        act(view.reading_no, view.token)
        self._read(0, 8)
        self.on_pan = None

    @rule(whose=st.sampled_from(["clerk", "clerk", "time"]))
    def what_was_left_is_gone_on_with_or_given_up(self, whose: str) -> None:
        left = self.desk.intake_exit.unfinished()
        if left is None:
            return
        if whose == "time":
            self.now = max(self.now, left.until)
            self.desk.intake_exit.give_up_expired()
            assert self.desk.intake_exit.unfinished() is None
        else:
            with contextlib.suppress(DeskRefused):
                assert self.desk.intake_exit.take_up(left.receipt).total_net_g >= left.net_g

    @rule(code=st.sampled_from(["BARE", "OWN"]))
    def container(self, code: str) -> None:
        with contextlib.suppress(DeskRefused):
            self.desk.choices.choose_container(code)

    @rule(what=st.sampled_from(["agree", "agree", "bag", "container"]), late=st.booleans())
    def posts(self, what: str, late: bool) -> None:
        view = self.desk.view()
        if not late:
            self._write_notes()
        act = {
            "agree": self.desk.agreement.agree,
            "bag": self.desk.loads.another_bag,
            "container": self.desk.loads.take_container,
        }[what]
        with contextlib.suppress(DeskRefused):
            act(view.reading_no, view.token)
            if self.on_pan is not None and (view.reading_no or what != "agree"):
                self.on_pan.used = True

    @rule(fails=st.booleans())
    def check(self, fails: bool) -> None:
        def record(load: Hold) -> CheckRow:
            if fails:
                raise DeskRefused("disk_full")
            return self.store.checks.add(NewCheck(5_000, 5, load, "clerk:07"), STAMP)

        with contextlib.suppress(DeskRefused):
            self.desk.loads.check(record)
            assert self.on_pan is not None
            self.on_pan.used = True

    @rule()
    def notes_are_written(self) -> None:
        self._write_notes()

    # --- the power

    @rule(taken_off=st.booleans(), orderly=st.booleans())
    def power(self, taken_off: bool, orderly: bool) -> None:
        if orderly:
            self.desk.readings.close()
        self._write_notes()
        self.store.close()
        load = self.on_pan
        if load is not None and taken_off:
            load.lost_in_the_dark = not orderly and load.lain_s < 30.0
            self.on_pan = None
        self._start()
        if self.on_pan is None:
            self._read(0, 8)
        else:
            self.on_pan.lain_s = 0.0
            self._rest()

    @precondition(lambda self: next(self.tokens) % 3 == 0)
    @rule()
    def new_epoch(self) -> None:
        if self.store.epochs.identity().series < "D":
            self._write_notes()
            self.store.epochs.start("behind", STAMP)

    # --- what must hold

    def _accounted(self) -> Counter[int]:
        found: Counter[int] = Counter()
        for query in (
            "SELECT gross_g FROM intake_line",
            "SELECT tare_g FROM intake_line WHERE tare_source = 'weighed'",
            "SELECT read_g FROM scale_check",
            "SELECT peak_g FROM pan_load WHERE state = 'unbooked'",
        ):
            found.update(grams for (grams,) in rows(self.path, query))
        return found

    @invariant()
    def nothing_is_accounted_for_twice(self) -> None:
        if hasattr(self, "store"):
            found = self._accounted()
            for load in self.loads:
                assert sum(found[grams] for grams in set(load.grams)) <= 1, load

    @invariant()
    def no_counter_goes_back(self) -> None:
        if hasattr(self, "store"):
            now = self.store.counters.read()
            values = (now.scale_profile, now.tare_library, now.clock)
            assert all(after >= before for before, after in zip(self.counters, values, strict=True))
            self.counters = values

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        if self.on_pan is not None:
            self._read(0, 8)
        if self.desk.view().step is DeskStep.AGREE:
            self.desk.intake_exit.leave()
        self.now += 1_000
        self.desk.intake_exit.give_up_expired()
        self._write_notes()
        found = self._accounted()
        for load in self.loads:
            if load.settled and not load.lost_in_the_dark:
                assert sum(found[grams] for grams in set(load.grams)) == 1, (load, found)
        self.store.journal.verify()
        assert self.store.weighings.verify().broken == ()
        self.store.close()
        self.folder.cleanup()


def test_every_load_is_accounted_for_exactly_once(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pan_journal, "MAX_BURST_ROWS", 10_000)
    PanMachine.template = template
    run_state_machine_as_test(
        PanMachine,
        settings=settings(
            max_examples=many(8, torture=200, quick=3),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
