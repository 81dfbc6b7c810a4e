"""Both sides agree: what the screen shows is booked, once, whatever is tapped twice or lost on the way."""

from __future__ import annotations

from dataclasses import replace

from kiosk.domain.catalog import Catalog
from kiosk.domain.intake import ConfirmedIntake
from kiosk.domain.metrology.pan import Hold, NotBookableReason
from kiosk.station.desk.ports import DeskTools
from kiosk.station.desk.result_screen import ResultScreen
from kiosk.station.desk.state import DeskState, as_desk_refusals
from kiosk.station.desk.view import DeskRefused, DeskStep, DeskView, PanPhase, with_load
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
