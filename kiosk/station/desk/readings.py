"""The desk's end of the scale: called from the scale's own thread, waits for no disk."""

from __future__ import annotations

from kiosk.devices.ports import LinkState
from kiosk.domain.metrology.pan import NotBookableReason
from kiosk.domain.metrology.pan_journal import PreviousLoads
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.station.desk.ports import DeskTools
from kiosk.station.desk.state import DeskState
from kiosk.station.desk.view import DeskStep, Draft


class Readings:
    """A ``ScaleListener``; ``at`` is monotonic seconds."""

    def __init__(self, state: DeskState, tools: DeskTools) -> None:
        self._state, self._tools = state, tools

    def resume(self, before: PreviousLoads) -> None:
        with self._state.locks.state:
            self._state.journaled_pan.begin(before)

    def close(self) -> None:
        """Emit the last notes of the pan's journal. Call it after the last reading."""
        with self._state.locks.state:
            self._state.journaled_pan.stop()

    def on_reading(self, reading: Reading, at: float) -> None:
        state = self._state
        with state.locks.state:
            before = state.pan.view().hold
            state.journaled_pan.feed(reading, at)
            state.journaled_pan.expire_stale(self._tools.clock())  # it may have come in before the process was stopped
            state.pan_moved(before)
            self._start_by_load()
            state.publish_if_changed()

    def on_expired(self, at: float) -> None:
        self._lose()

    def on_link(self, link: LinkState, detail: str, at: float) -> None:
        self._tools.on_scale(link)
        if link is not LinkState.CONNECTED:
            self._lose()

    def _lose(self) -> None:
        state = self._state
        with state.locks.state:
            before = state.pan.view().hold
            state.journaled_pan.lose()
            state.pan_moved(before)
            state.publish_if_changed()

    def _start_by_load(self) -> None:
        """Start an intake when goods are put on the empty pan, once per load."""
        state, pan = self._state, self._state.pan.view()
        if state.draft.step not in (DeskStep.HOME, DeskStep.TAKE) or pan.load_no == state.started_load:
            return
        heavy = pan.grams is not None and pan.grams >= state.pan.profile.min_g
        if heavy and pan.why_not in (None, NotBookableReason.UNSTABLE, NotBookableReason.ABOVE_MAX):
            state.started_load = pan.load_no
            state.replace_draft(Draft(step=DeskStep.WHO))
