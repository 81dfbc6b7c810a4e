"""Scanning after sticking: the code of a bag, read from the label on it, proves that it was printed and is there.

A label on the wrong bag, or twice the same one, shows as a bag that was scanned twice and another one that never was.
"""

from __future__ import annotations

from kiosk.domain.identifiers import BadIdentifier, bag_of
from kiosk.station.desk.errors import as_desk_refusals
from kiosk.station.desk.ports import DeskTools
from kiosk.station.desk.result_screen import ResultScreen
from kiosk.station.desk.state import DeskState
from kiosk.station.desk.view import DeskRefused, DeskStep, DeskView


class BagScans:
    """The bags of the intake on the last screen."""

    def __init__(self, state: DeskState, tools: DeskTools, result_screen: ResultScreen) -> None:
        self._state, self._tools, self._result_screen = state, tools, result_screen

    def scan(self, code: str) -> DeskView:
        """Keep that this bag was scanned; what was written is shown again after a restart as well.

        Raises DeskRefused: not_a_member_card (nobody asks for bags now), unknown_code, bag_of_other (another intake's),
        bag_twice, void_label.
        """
        with self._state.locks.acts:
            with self._state.now():
                draft = self._state.draft
            if draft.step is not DeskStep.TAKE or draft.result is None or not draft.scans_bags:
                raise DeskRefused("not_a_member_card")
            try:
                receipt, bag = bag_of(code)
            except BadIdentifier as error:
                raise DeskRefused("unknown_code", str(error)) from None
            if str(receipt) != draft.result.receipt:
                raise DeskRefused("bag_of_other")
            with as_desk_refusals():
                self._tools.store.papers.scanned(receipt, bag, self._tools.stamps())
            self._result_screen.refresh()
            self._tools.on_event()
            with self._state.now():
                return self._state.view()
