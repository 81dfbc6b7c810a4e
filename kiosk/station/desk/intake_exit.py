"""Ways out of an intake that is not booked: one screen back, to the start, by idleness, and back in by the clerk."""

from __future__ import annotations

from dataclasses import replace

from kiosk.domain.intake import AbandonReason, Intake
from kiosk.station.desk.ports import DeskTools
from kiosk.station.desk.result_screen import stop_asking_for_bags
from kiosk.station.desk.state import DeskState, as_desk_refusals
from kiosk.station.desk.unfinished import KEEP_UNFINISHED_S, RETRY_S, UnfinishedDraft, UnfinishedIntake
from kiosk.station.desk.view import DeskRefused, DeskStep, DeskView, Draft, PanPhase, with_container


class IntakeExit:
    """Gives a receipt number up, visibly, or keeps what was weighed for the clerk."""

    def __init__(self, state: DeskState, tools: DeskTools) -> None:
        self._state, self._tools = state, tools
        self._unfinished: UnfinishedDraft | None = None

    def back(self) -> DeskView:
        """Go one screen back. Raises DeskRefused once bags are fixed, so that a wrong tap loses none: leave instead."""
        state = self._state
        with state.locks.acts:
            with state.now():
                draft = state.draft
                if draft.step is DeskStep.AGREE:
                    if draft.intake and draft.intake.lines:
                        raise DeskRefused("bags_counted")
                    state.pan.release()
                    state.replace_draft(replace(draft, step=DeskStep.WHAT, phase=PanPhase.LOAD))
                    return state.publish()
                if draft.step is DeskStep.WHAT:
                    state.replace_draft(replace(draft, step=DeskStep.WHO))
                    return state.publish()
            return self.leave()

    def leave(self, idle: bool = False) -> DeskView:
        """Go back to the start. A receipt number already taken is abandoned, visibly; fixed bags are kept for the clerk
        when the screen was left idle.
        """
        state = self._state
        with state.locks.acts:
            with state.locks.state:
                lost, draft = state.expire_stale(), state.draft
                if idle and (lost or state.pan.loaded):
                    raise DeskRefused("goods_on_pan")
                if idle and any(row.state in ("queued", "sending") for row in draft.prints):
                    raise DeskRefused("printing")
            if idle and draft.step is DeskStep.AGREE and draft.intake is not None and draft.intake.lines:
                # One is kept; an older one is given up
                if self._unfinished is not None:
                    self._abandon(self._unfinished.intake, AbandonReason.IDLE)
                with self._state.locks.state:
                    self._unfinished = UnfinishedDraft(draft, draft.intake, self._tools.clock() + KEEP_UNFINISHED_S)
            elif draft.intake is not None and draft.step is not DeskStep.TAKE:
                why = AbandonReason.IDLE if idle else AbandonReason.LEFT
                self._abandon(draft.intake, why)
                with state.locks.state:
                    state.journaled_pan.intake_ended(why)
            stop_asking_for_bags(draft, self._tools)
            with state.now():
                state.pan.release()
                if state.pan.loaded:
                    state.started_load = state.pan.view().load_no
                if state.draft.step is not DeskStep.HOME:
                    state.replace_draft(Draft())
                return state.publish()

    def unfinished(self) -> UnfinishedIntake | None:
        with self._state.locks.state:
            return self._unfinished.summary() if self._unfinished else None

    def take_up(self, receipt: str) -> DeskView:
        """Continue at the clerk's desk what was left: the same receipt, the same bags, then the next one."""
        state = self._state
        with state.locks.acts, state.now():
            unfinished = self._unfinished
            if unfinished is None or str(unfinished.intake.receipt) != receipt:
                raise DeskRefused("stale_page")
            if state.intake_open:
                raise DeskRefused("intake_open")
            state.replace_draft(
                with_container(unfinished.draft, unfinished.draft.container.code if unfinished.draft.container else "")
            )
            self._unfinished = None
            state.pan.request_hold()
            return state.publish()

    def give_up_expired(self) -> None:
        """Abandon the intake that was kept long enough. Raises DeskRefused when that cannot be written now."""
        with self._state.locks.acts:
            unfinished = self._unfinished
            if unfinished is None or self._tools.clock() < unfinished.until:
                return
            try:
                self._abandon(unfinished.intake, AbandonReason.IDLE)
            except DeskRefused:
                self._unfinished = replace(unfinished, until=self._tools.clock() + RETRY_S)
                raise
            self._unfinished = None

    def _abandon(self, intake: Intake, why: AbandonReason) -> None:
        stage = "weighed" if intake.lines else "opened"
        with as_desk_refusals():
            self._tools.store.intakes.abandon(intake.receipt, stage, why, self._tools.stamps())
        self._tools.on_event()
