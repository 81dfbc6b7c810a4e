"""Ways out of an intake that is not booked: one screen back, to the start, by idleness, and back in by the clerk."""

from __future__ import annotations

from dataclasses import replace

from kiosk.domain.intake import AbandonReason, Intake
from kiosk.station.desk.booked import ask_no_more
from kiosk.station.desk.draft import Draft, with_container
from kiosk.station.desk.errors import refusing
from kiosk.station.desk.ports import DeskTools
from kiosk.station.desk.state import DeskState
from kiosk.station.desk.unfinished import AGAIN_S, KEPT_S, KeptDraft, Unfinished
from kiosk.station.desk.view import DeskRefused, DeskView, Phase, Step


class Leaving:
    """Gives a receipt number up, visibly, or keeps what was weighed for the clerk."""

    def __init__(self, state: DeskState, tools: DeskTools) -> None:
        self._state, self._tools = state, tools
        self._kept: KeptDraft | None = None

    def back(self) -> DeskView:
        """One screen back. Fixed bags are not thrown away by a wrong tap: then only leaving helps."""
        state = self._state
        with state.locks.acts:
            with state.now():
                draft = state.draft
                if draft.step is Step.AGREE:
                    if draft.intake and draft.intake.lines:
                        raise DeskRefused("bags_counted")
                    state.pan.release()
                    state.set(replace(draft, step=Step.WHAT, phase=Phase.LOAD))
                    return state.publish()
                if draft.step is Step.WHAT:
                    state.set(replace(draft, step=Step.WHO))
                    return state.publish()
            return self.leave()

    def leave(self, idle: bool = False) -> DeskView:
        """Back to the start. A receipt number already taken is abandoned, visibly; bags that are fixed and that nobody
        touched any more are kept for the clerk.
        """
        state = self._state
        with state.locks.acts:
            with state.locks.state:
                lost, draft = state.look(), state.draft
                if idle and (lost or state.pan.loaded):
                    raise DeskRefused("goods_on_pan")
                if idle and any(row.state in ("queued", "sending") for row in draft.prints):
                    raise DeskRefused("printing")
            if idle and draft.step is Step.AGREE and draft.intake is not None and draft.intake.lines:
                self._keep(draft, draft.intake)
            elif draft.intake is not None and draft.step is not Step.TAKE:
                why = AbandonReason.IDLE if idle else AbandonReason.LEFT
                self._abandon(draft.intake, why)
                with state.locks.state:
                    state.watched.intake_ended(why)
            ask_no_more(draft, self._tools)
            with state.now():
                state.pan.release()
                if state.pan.loaded:
                    state.started_load = state.pan.view().load_no
                if state.draft.step is not Step.HOME:
                    state.set(Draft())
                return state.publish()

    def unfinished(self) -> Unfinished | None:
        """The intake that was left with bags on it and is kept for the clerk."""
        with self._state.locks.state:
            return self._kept.shown() if self._kept else None

    def take_up(self, receipt: str) -> DeskView:
        """The clerk goes on with what was left: the same receipt, the same bags, the next one to come."""
        state = self._state
        with state.locks.acts, state.now():
            kept = self._kept
            if kept is None or str(kept.intake.receipt) != receipt:
                raise DeskRefused("stale_page")
            if state.intake_open:
                raise DeskRefused("intake_open")
            state.set(with_container(kept.draft, kept.draft.container.code if kept.draft.container else ""))
            self._kept = None
            state.pan.want_lock()
            return state.publish()

    def give_up_expired(self) -> None:
        """What was kept long enough is given up. Raises DeskRefused when that cannot be written now."""
        with self._state.locks.acts:
            kept = self._kept
            if kept is None or self._tools.clock() < kept.until:
                return
            try:
                self._abandon(kept.intake, AbandonReason.IDLE)
            except DeskRefused:
                self._kept = replace(kept, until=self._tools.clock() + AGAIN_S)
                raise
            self._kept = None

    def _keep(self, draft: Draft, intake: Intake) -> None:
        """One is kept; an older one is given up."""
        if self._kept is not None:
            self._abandon(self._kept.intake, AbandonReason.IDLE)
        with self._state.locks.state:
            self._kept = KeptDraft(draft, intake, self._tools.clock() + KEPT_S)

    def _abandon(self, intake: Intake, why: AbandonReason) -> None:
        stage = "weighed" if intake.lines else "opened"
        with refusing():
            self._tools.store.intakes.abandon(intake.receipt, stage, why, self._tools.stamps())
        self._tools.on_event()
