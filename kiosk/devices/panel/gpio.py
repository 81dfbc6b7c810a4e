"""The panel on the pins of a Raspberry Pi. No library, no pins, a pin in use: "panel not fitted", and nothing more."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from kiosk.devices.panel.board import PanelBoard, pin_factory
from kiosk.devices.panel.buttons import TIMING, Button, ButtonTiming
from kiosk.devices.panel.patterns import PATTERNS, Blinker, Buzzer
from kiosk.devices.panel.settings import PanelSettings
from kiosk.devices.ports import OnButton, PinFactory

logger = logging.getLogger(__name__)

_POLL_INTERVAL_S = 1.0  # An edge that gpiozero missed is seen after so long at the latest
# A contact that bounces more than this between two turns loses its oldest edges; the level is looked at anyway.
_MAX_EDGES = 256


class GpioPanel:
    """Lamps, buttons and buzzer are served by one thread, which ends at ``stop`` alone."""

    def __init__(
        self,
        settings: PanelSettings,
        on_button: OnButton,
        pins: PinFactory | None = None,
        clock: Callable[[], float] = time.monotonic,
        timing: ButtonTiming = TIMING,
    ) -> None:
        self._settings, self._timing = settings, timing
        self._on_button = on_button
        self._pins = pins
        self._clock = clock
        self._changed = threading.Condition()
        self._stopping = False
        self._has_changes = False  # Something came since the thread last looked: it must not go to sleep on it
        self._lamps = (False, False, False)
        self._edges: deque[tuple[str, bool, float]] = deque(maxlen=_MAX_EDGES)
        self._fault = Blinker()
        self._buzzer = Buzzer()
        self._buttons: dict[str, Button] = {}
        self._board: PanelBoard | None = None
        self._logged_error: str | None = None
        self._thread = threading.Thread(target=self._run, name="panel", daemon=True)

    @property
    def fitted(self) -> bool:
        """Whether the pins could be had."""
        return self._board is not None

    def start(self) -> None:
        """Take the pins and begin; says in the log why when there is no panel."""
        try:
            self._board = PanelBoard(self._settings, pin_factory(self._settings, self._pins), self._edge)
        except Exception as error:  # gpiozero hands on what its libraries raise
            logger.warning("panel not fitted: %s", error)
            return
        now = self._clock()
        for name in self._board.buttons:
            down = self._board.is_pressed(name)
            self._buttons[name] = Button(self._timing, down, now)
        logger.info("the panel is fitted")
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the thread, then everything off; may be called twice."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        board, self._board = self._board, None
        if board is not None:
            board.close()

    def show(self, ready: bool, busy: bool, fault: bool) -> None:
        """What the lamps say from now on."""
        with self._changed:
            self._lamps = (ready, busy, fault)
            self._wake()

    def buzz(self, pattern: str) -> None:
        """Sound a pattern; raises ValueError for an unknown one."""
        if pattern not in PATTERNS:
            raise ValueError(f"no buzzer pattern {pattern!r}; there are {', '.join(PATTERNS)}")
        with self._changed:
            if self.fitted:
                self._buzzer.add(pattern)
                self._wake()

    def _edge(self, button: str, down: bool) -> None:
        with self._changed:
            self._edges.append((button, down, self._clock()))
            self._wake()

    def _wake(self) -> None:
        self._has_changes = True
        self._changed.notify_all()

    def _run(self) -> None:
        board = self._board
        assert board is not None
        while True:
            words, wait_s = self._serve(board)
            for button, word in words:
                self._notify(button, word)
            with self._changed:
                self._changed.wait_for(lambda: self._has_changes or self._stopping, wait_s)
                if self._stopping:
                    return

    def _serve(self, board: PanelBoard) -> tuple[list[tuple[str, str]], float]:
        """One turn: words of the buttons, and how long nothing will happen; a pin that fails is a complaint."""
        try:
            return self._update(board)
        except Exception as error:
            if str(error) != self._logged_error:
                self._logged_error = str(error)
                logger.exception("the panel does not obey")
            return [], _POLL_INTERVAL_S

    def _update(self, board: PanelBoard) -> tuple[list[tuple[str, str]], float]:
        words = self._read_buttons(board)
        with self._changed:
            now = self._clock()
            ready, busy, fault = self._lamps
            self._fault.set_active(fault, now)
            sounds = self._buzzer.is_sounding(now)
            dues = [self._fault.due(now), self._buzzer.due(), *(button.due() for button in self._buttons.values())]
        board.switch("ready", ready)
        board.switch("busy", busy)
        board.switch("fault", self._fault.is_lit(now))
        board.switch("buzzer", sounds)
        return words, max(0.0, min([_POLL_INTERVAL_S, *(due - now for due in dues if due is not None)]))

    def _read_buttons(self, board: PanelBoard) -> list[tuple[str, str]]:
        with self._changed:
            self._has_changes = False
            edges = list(self._edges)
            self._edges.clear()
        words = [(name, word) for name, down, at in edges for word in self._buttons[name].update(down, at)]
        for name, button in self._buttons.items():
            words += [(name, word) for word in button.update(board.is_pressed(name), self._clock())]
        return words

    def _notify(self, button: str, word: str) -> None:
        try:
            self._on_button(button, word)
        except Exception:
            logger.exception("a press of the button %s could not be used", button)
