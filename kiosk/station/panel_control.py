"""What the lamps and the buzzer beside the screen say, and what its buttons do."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from kiosk.base.worker import Worker
from kiosk.devices.ports import Panel
from kiosk.station.desk.live import OK, LiveBoard, Snapshot
from kiosk.station.desk.view import DeskStep
from kiosk.station.scan_router import CLERK_CALLED
from kiosk.station.slips import SOUNDS

_POLL_INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True)
class Lamps:
    """Ready: a bag may come. Busy: paper is being printed or a shot is taken and judged. Fault: a person has to act. A
    link that is down is no fault here: everything is kept, and it cannot be repaired in the village.
    """

    ready: bool
    busy: bool
    fault: bool


def lamps(snapshot: Snapshot) -> Lamps:
    view, marks = snapshot.view, snapshot.marks
    fault = any(word != OK for word in (marks.scale, marks.printer, marks.store))
    busy = any(row.state in ("queued", "sending") for row in view.prints) or view.photo.state == "taking"
    return Lamps(ready=not fault and not busy, busy=busy, fault=fault)


class PanelControl:
    """Lets the panel follow the board, in its own thread."""

    def __init__(self, board: LiveBoard, panel: Panel) -> None:
        self._board, self._panel = board, panel
        self._shown: Lamps | None = None
        self._redraw = threading.Event()
        self._step = DeskStep.HOME
        self._photo = ""
        self._notice = 0
        self._seen = 0
        self._worker = Worker("panel-control", self._follow, retry_s=_POLL_INTERVAL_S)
        self.start = self._worker.start

    def stop(self) -> None:
        self._worker.stop(0.0)
        self._board.wake()
        self._worker.stop(2.0)

    def on_button(self, button: str, how: str) -> None:
        """Handle a button: a press acts as a touch of the page's own, holding *help* calls the clerk by sound."""
        if (button, how) == ("help", "hold"):
            self._panel.buzz("attention")
        else:
            self._board.press(button)

    def redraw(self) -> None:
        self._redraw.set()  # the thread may be showing a state at this moment, and remembers it afterwards
        self._board.wake()

    def _follow(self) -> float:
        snapshot = self._board.wait(self._seen, _POLL_INTERVAL_S)
        if snapshot is not None:
            self._seen = 0  # the same state is tried again when it cannot be shown
            self._show(snapshot)
            self._seen = snapshot.number
        return 0.0

    def _show(self, snapshot: Snapshot) -> None:
        if self._redraw.is_set():
            self._redraw.clear()
            self._shown = None  # kept until it is shown, should a pin fail now
        now, before = lamps(snapshot), self._shown
        if now != before:
            self._panel.show(now.ready, now.busy, now.fault)
            self._shown = now
            if now.fault and before is not None and not before.fault:
                self._panel.buzz("error")
        step, self._step = self._step, snapshot.view.step
        if self._step is DeskStep.TAKE and step is DeskStep.AGREE:
            self._panel.buzz("ok")
        photo, self._photo = self._photo, snapshot.view.photo.state
        notice, self._notice = self._notice, snapshot.notice.count
        word = snapshot.notice.word if snapshot.notice.count > notice else ""
        if word in SOUNDS:
            self._panel.buzz(SOUNDS[word])
        if word == CLERK_CALLED or (self._photo == "help" and photo != "help"):
            self._panel.buzz("attention")
