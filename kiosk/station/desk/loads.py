"""What is done with the load on the pan short of booking it: a container's tare, one bag of several, a check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from kiosk.domain.intake import TareSource
from kiosk.domain.metrology.pan import Hold, PanView
from kiosk.station.desk.state import DeskState
from kiosk.station.desk.view import DeskRefused, DeskStep, DeskView, Draft, PanPhase, with_container, with_load

T = TypeVar("T")


class Loads:
    """Each load is used once: afterwards the pan gives nothing more before it has rested at zero."""

    def __init__(self, state: DeskState) -> None:
        self._state = state

    def take_container(self, reading_no: int, token: str) -> DeskView:
        state = self._state
        with state.locks.acts, state.at_step(DeskStep.AGREE):
            if state.draft.phase is not PanPhase.CONTAINER:
                raise DeskRefused("wrong_step")
            hold = state.need_hold(reading_no, token)
            state.journaled_pan.fix(hold, str(state.need_intake().receipt))
            state.replace_draft(
                replace(state.draft, phase=PanPhase.LOAD, tare_g=hold.grams, tare_source=TareSource.WEIGHED)
            )
            return state.publish()

    def another_bag(self, reading_no: int, token: str) -> DeskView:
        """Fix the bag on the screen as a line; the next one goes on after the pan has rested at zero."""
        state = self._state
        with state.locks.acts, state.at_step(DeskStep.AGREE):
            if state.draft.phase is not PanPhase.LOAD:
                raise DeskRefused("wrong_step")
            hold = state.need_hold(reading_no, token)
            intake = with_load(state.draft, hold)
            state.journaled_pan.fix(hold, str(intake.receipt))
            draft = replace(state.draft, intake=intake)
            state.replace_draft(with_container(draft, draft.container.code if draft.container else ""))
            return state.publish()

    def check_view(self) -> tuple[PanView, Hold | None, str]:
        """The pan, the load as a check would read it now, and why it cannot ("" when it can)."""
        with self._state.now():
            pan, load = self._state.pan.view(), self._state.pan.read()
            why_not = "" if load else self._state.why_not_held()
            return pan, load, "intake_open" if self._state.intake_open else why_not

    def check(self, record: Callable[[Hold], T]) -> T:
        """Let ``record`` keep the load on the pan as the check weight; it is used up then, and the screen goes home."""
        state = self._state
        with state.locks.acts:
            with state.locks.state:
                _, load, why_not = self.check_view()
                if load is None or why_not:
                    raise DeskRefused(why_not)
                state.journaled_pan.claim(load)
            with state.giving_back_on_error():
                recorded = record(load)
            with state.locks.state:
                state.journaled_pan.count(load)
                state.started_load = load.load_no
                if state.draft.step in (DeskStep.WHO, DeskStep.WHAT):
                    state.replace_draft(Draft())
                state.publish()
            return recorded
