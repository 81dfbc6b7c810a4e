"""No sequence of readings, taps, double posts and stale pages books a weight that was not stable on the screen."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kiosk.domain.metrology.pan import STALE_S, PanState
from kiosk.station.desk.view import DeskRefused, DeskStep, DeskView, PanPhase
from kiosk.store.shared.errors import DiskFull
from tests.depth import many
from tests.station.fakes import CARD, PROFILE, Rig


@dataclass(frozen=True)
class Page:
    """What a page showed when it was drawn, and whether its weight had been at rest for half a second."""

    view: DeskView
    rested: bool


class DeskMachine(RuleBasedStateMachine):
    """Pages are kept and posted later, twice, out of order; the scale does whatever it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig()
        self.pages: list[Page] = []
        self.trace: list[tuple[float, int]] = []
        self.rig.rest(0)
        self.trace = [(self.rig.now, 0)]
        self.heard_at = self.rig.now
        self.lies_there: int | None = 0
        """What the scale said last; None when it says nothing that may be used."""
        self.moving = False

    def _draw(self) -> None:
        view = self.rig.desk.view()
        self.pages.append(Page(view, self._rested(view)))

    def _rested(self, view: DeskView) -> bool:
        """An account of its own: the last readings within 1 e of each other, over half a second."""
        if view.pan.grams is None:
            return False
        kept: list[tuple[float, int]] = []
        for at, grams in reversed(self.trace):
            values = [value for _, value in kept] + [grams]
            if max(values) - min(values) > 2 * PROFILE.e_g:
                break
            kept.append((at, grams))
        return len(kept) >= PROFILE.min_readings and kept[0][0] - kept[-1][0] >= 0.499

    def _read(self, grams: int, count: int) -> None:
        for _ in range(count):
            self.rig.read(grams)
            self.heard_at = self.rig.now
            self.trace.append((self.rig.now, grams))
        self.lies_there, self.moving = grams, False
        self._draw()

    @rule(grams=st.sampled_from([0, 5, 95, 500, 12_450, 12_455, 12_460, 30_000, 60_005]), count=st.integers(1, 3))
    def moves(self, grams: int, count: int) -> None:
        self._read(grams, count)

    @rule(grams=st.sampled_from([0, 0, 0, 500, 12_450, 30_000]))
    def rests(self, grams: int) -> None:
        self._read(grams, 8)

    @rule(grams=st.sampled_from([500, 12_450, 30_000]), code=st.sampled_from(["BARE", "SACK", "OWN"]))
    def somebody_comes(self, grams: int, code: str) -> None:
        """As it should go, up to the tap: by chance alone nobody gets there."""
        with contextlib.suppress(DeskRefused):
            if self.rig.desk.view().step is DeskStep.TAKE:
                self.rig.desk.result_screen.finish()
            self._read(0, 8)
            self.rig.desk.choices.begin()
            self.rig.desk.choices.choose_party("non_member")
            self.rig.desk.choices.choose_product("BADAM", 1)
            self.rig.desk.choices.choose_container(code)
        self._read(grams, 8)

    @rule(sleep_s=st.sampled_from([0.9, 1.001, 3.0]))
    def sleeps(self, sleep_s: float) -> None:
        """The process is stopped, and nobody tells it."""
        self.rig.now += sleep_s
        if self.rig.now - self.heard_at > STALE_S:
            self.lies_there = None
            self.trace.clear()

    @precondition(lambda self: self.pages and self.pages[-1].view.can_agree)
    @rule(sleep_s=st.sampled_from([0.9, 1.001, 3.0]), what=st.sampled_from(["agree", "agree", "bag"]))
    def sleeps_while_somebody_taps(self, sleep_s: float, what: str) -> None:
        """The tap waits in the line while the process is stopped, and is the first thing that it hears."""
        page = self.pages[-1]
        self.sleeps(sleep_s)
        self._post(page, page.view.reading_no, what)

    @rule(how=st.sampled_from(["expired", "pounds", "unstable"]))
    def fails(self, how: str) -> None:
        self.lies_there = None
        if how == "expired":
            self.rig.desk.readings.on_expired(self.rig.now)
        elif how == "pounds":
            self.rig.read(12_450, unit="lb")
        else:
            self.rig.read(12_450, stable=False)
        self.trace.clear()
        self.heard_at = self.rig.now
        self._draw()

    @rule(grams=st.sampled_from([12_450, 12_455]), count=st.integers(1, 12))
    def says_moving(self, grams: int, count: int) -> None:
        """The same figures as before, and the indicator says that they are not at rest."""
        for _ in range(count):
            self.rig.read(grams, stable=False)
        self.trace.clear()
        self.heard_at = self.rig.now
        self.lies_there = grams
        self.moving = True
        self._draw()

    @rule()
    def full_disk(self) -> None:
        self.rig.store.fail = DiskFull("full")

    @rule(tap=st.sampled_from(["begin", "card", "party", "product", "back", "leave", "finish"]))
    def taps(self, tap: str) -> None:
        desk = self.rig.desk
        with contextlib.suppress(DeskRefused):
            if tap == "begin":
                desk.choices.begin()
            elif tap == "card":
                desk.choices.scan(CARD)
            elif tap == "party":
                desk.choices.choose_party("non_member")
            elif tap == "product":
                desk.choices.choose_product("BADAM", 1)
            elif tap == "back":
                desk.intake_exit.back()
            elif tap == "leave":
                desk.intake_exit.leave()
            else:
                desk.result_screen.finish()
        self._draw()

    @rule(code=st.sampled_from(["BARE", "SACK", "OWN", "BARREL"]))
    def container(self, code: str) -> None:
        with contextlib.suppress(DeskRefused):
            self.rig.desk.choices.choose_container(code)
        self._draw()

    @precondition(lambda self: self.pages)
    @rule(age=st.integers(0, 5), other=st.integers(0, 3), what=st.sampled_from(["agree", "agree", "bag", "container"]))
    def posts(self, age: int, other: int, what: str) -> None:
        page = self.pages[max(0, len(self.pages) - 1 - age)]
        reading = self.pages[max(0, len(self.pages) - 1 - other)].view.reading_no if other else page.view.reading_no
        self._post(page, reading, what)

    def _post(self, page: Page, reading: int, what: str) -> None:
        lines = self._lines()
        before = len(self.rig.store.booked)
        with contextlib.suppress(DeskRefused):
            if what == "agree":
                self.rig.desk.agreement.agree(reading, page.view.token)
            elif what == "bag":
                self.rig.desk.loads.another_bag(reading, page.view.token)
            else:
                self.rig.desk.loads.take_container(reading, page.view.token)
        if len(self.rig.store.booked) > before:
            self._check_booked(page)
        if self._lines() > lines:
            assert self.rig.now - self.heard_at <= STALE_S, (
                "a bag that nobody has seen for longer than a reading counts"
            )
        self._draw()

    def _lines(self) -> int:
        """Bags fixed so far, of the open intake and of those booked."""
        view = self.rig.desk.view()
        fixed = len(view.bags) if view.step is DeskStep.AGREE else 0
        return fixed + sum(len(confirmed.intake.lines) for confirmed, _, _ in self.rig.store.booked)

    def _check_booked(self, page: Page) -> None:
        confirmed = self.rig.store.booked[-1][0].intake
        shown = page.view
        assert shown.step is DeskStep.AGREE
        assert shown.phase is PanPhase.LOAD
        assert shown.can_agree
        wanted = [*shown.bags, *([shown.current] if shown.current else [])]
        assert [(line.gross_g, line.net_g) for line in confirmed.lines] == [(bag.gross_g, bag.net_g) for bag in wanted]
        assert (confirmed.net_g, confirmed.amount_fen) == (shown.total_net_g, shown.total_amount_fen)
        if shown.current is not None:
            assert shown.pan.state is PanState.HELD
            assert shown.pan.grams == shown.current.gross_g
            assert page.rested
            assert self.rig.now - self.heard_at <= STALE_S, "nobody has seen it for longer than a reading counts"
            assert not self.moving, "the scale said that it moves"
        else:
            assert self.lies_there is not None, "nobody knows what lies there"
            assert self.lies_there <= PROFILE.e_g, "a bag lies there that is not on the receipt"

    @invariant()
    def each_load_is_booked_once(self) -> None:
        loads = [line.weighing.load_no for confirmed, _, _ in self.rig.store.booked for line in confirmed.intake.lines]
        assert len(loads) == len(set(loads))

    @invariant()
    def receipts_have_no_gap(self) -> None:
        assert sorted(self.rig.store.opened) == list(range(1, len(self.rig.store.opened) + 1))


TestDesk = DeskMachine.TestCase
TestDesk.settings = settings(max_examples=many(30, torture=600, quick=10), stateful_step_count=60, deadline=None)
