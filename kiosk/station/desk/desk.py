"""The desk: one intake at a time, from the empty pan to the paper in the hand.

The tap on *I agree* is in ``agreement.py``.
"""

from __future__ import annotations

from kiosk.domain.metrology.indication import ScaleProfile
from kiosk.station.desk.agreement import Agreement, Loads
from kiosk.station.desk.choices import Choices
from kiosk.station.desk.intake_exit import IntakeExit
from kiosk.station.desk.ports import DeskTools
from kiosk.station.desk.readings import Readings
from kiosk.station.desk.result_screen import ResultScreen
from kiosk.station.desk.state import DeskState
from kiosk.station.desk.view import DeskView


class Desk:
    """Parts over one state, thread-safe: every act returns the new view, or raises DeskRefused and changes nothing."""

    def __init__(self, profile: ScaleProfile, tools: DeskTools) -> None:
        self._state = DeskState(profile, tools)
        self.readings = Readings(self._state, tools)
        self.loads = Loads(self._state)
        self.result_screen = ResultScreen(self._state, tools)
        self.choices = Choices(self._state, tools, self.result_screen)
        self.agreement = Agreement(self._state, tools, self.result_screen)
        self.intake_exit = IntakeExit(self._state, tools)

    def view(self) -> DeskView:
        with self._state.now():
            return self._state.view()
