"""What is done with the load on the pan: the tare of a container, one bag of several, a check, the agreement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from kiosk.domain.catalog import Catalog
from kiosk.domain.intake import ConfirmedIntake, TareSource
from kiosk.domain.metrology.pan import Hold, NotBookableReason, PanView
from kiosk.station.desk.ports import DeskTools
from kiosk.station.desk.result_screen import ResultScreen
from kiosk.station.desk.state import DeskState, as_desk_refusals
from kiosk.station.desk.view import DeskRefused, DeskStep, DeskView, Draft, PanPhase, with_container, with_load
from kiosk.store.shared.records import ConfirmedRow


class Agreement:
    def __init__(self, state: DeskState, tools: DeskTools, result_screen: ResultScreen) -> None:
        self._state, self._tools, self._result_screen = state, tools, result_screen

    def agree(self, reading_no: int, token: str) -> DeskView:
        """Book what the screen shows. A token that has booked already gives its first result again."""
        state = self._state
        with state.locks.acts:
            with state.now():
                shown = state.draft.step is DeskStep.AGREE and state.shows(token)
            if not shown:
                return self._repeat(token)
            with state.at_step(DeskStep.AGREE):
                confirmed, hold = self._confirm_intake(reading_no)
                catalog, losses = state.draft.catalog, state.pan.losses
                if hold is not None:
                    state.journaled_pan.claim(hold)
            with state.giving_back_on_error():
                row = self._book(confirmed, catalog, token, losses)
            prints = self._result_screen.prints_if_readable(row.receipt)
            with state.locks.state:
                draft = state.draft
                # An earlier tap whose answer was lost may have booked fewer bags: then this load is still to be booked.
                intake = confirmed.intake
                if (row.gross_g, row.net_g, row.amount_fen) == (intake.gross_g, intake.net_g, intake.amount_fen):
                    draft = replace(draft, intake=intake)
                    if hold is not None:
                        state.journaled_pan.count(hold)
                else:
                    state.journaled_pan.give_back()
                self._result_screen.show(draft, row, prints)
                view = state.publish()
            self._tools.on_event()
            return view

    def _confirm_intake(self, reading_no: int) -> tuple[ConfirmedIntake, Hold | None]:
        state = self._state
        hold = state.pan.view().hold
        if state.draft.phase is not PanPhase.LOAD or state.draft.shown_ref:
            raise DeskRefused("wrong_step")
        if hold is None and not (state.pan.empty and state.need_intake().lines):
            raise DeskRefused(state.why_not_held())
        if reading_no != (hold.reading_no if hold else 0):
            raise DeskRefused("stale_page")
        intake = with_load(state.draft, hold) if hold else state.need_intake()
        return intake.confirm(state.draft.certificate or self._tools.certificate), hold

    def _book(self, confirmed: ConfirmedIntake, catalog: Catalog, token: str, losses: int) -> ConfirmedRow:
        stamp = self._tools.stamps()
        with as_desk_refusals():
            confirmed = replace(confirmed, scale=self._tools.standing())
        papers = self._tools.documents(confirmed, catalog, stamp)
        with self._state.now():
            if self._state.pan.losses != losses:
                raise DeskRefused(
                    NotBookableReason.LOST.value, "the scale was not heard between the tap and the booking"
                )
        try:
            with as_desk_refusals():
                return self._tools.store.intakes.confirm(confirmed, token, papers, stamp)
        except DeskRefused:
            # The answer may have been lost after the commit: then the receipt is there and is the result.
            with as_desk_refusals():
                row = self._tools.store.intakes.confirmed(str(confirmed.intake.receipt))
            if row is None:
                raise
            return row

    def _repeat(self, token: str) -> DeskView:
        with as_desk_refusals():
            row = self._tools.store.intakes.by_token(token)
        if row is None:
            raise DeskRefused("stale_page")
        prints = self._result_screen.prints_if_readable(row.receipt)
        with self._state.locks.state:
            if self._state.draft.step is DeskStep.HOME:
                self._result_screen.show(self._state.draft, row, prints)
            return self._state.publish()


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
        """Fix the bag on the screen as a line; the next one needs the pan at rest at zero first."""
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
        """Return the pan, the load as a check would read it now, and why it cannot ("" when it can)."""
        with self._state.now():
            pan, load = self._state.pan.view(), self._state.pan.read()
            why_not = "" if load else self._state.why_not_held()
            return pan, load, "intake_open" if self._state.intake_open else why_not

    def check(self, record: Callable[[Hold], T]) -> T:
        """Let ``record`` store the load on the pan as the check weight, which uses it up; the screen goes home."""
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
