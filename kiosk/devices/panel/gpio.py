"""The panel on the pins of a Raspberry Pi. No library, no pins, a pin in use: "panel not fitted", and nothing more."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from kiosk.base.worker import Worker
from kiosk.devices.panel.patterns import PATTERNS, TIMING, Blinker, Button, ButtonTiming, Buzzer
from kiosk.devices.panel.settings import PanelSettings
from kiosk.devices.ports import OnButton, PinFactory

logger = logging.getLogger(__name__)
_POLL_INTERVAL_S = 1.0  # An edge that gpiozero missed is seen after so long at the latest
# A contact that bounces more than this between two turns loses its oldest edges; the level is looked at anyway.
_MAX_EDGES = 256

OUTPUTS = ("ready", "busy", "fault", "buzzer")
BUTTONS = ("ok", "help")

_FACTORIES = {
    "lgpio": ("gpiozero.pins.lgpio", "LGPIOFactory"),
    "rpigpio": ("gpiozero.pins.rpigpio", "RPiGPIOFactory"),
    "native": ("gpiozero.pins.native", "NativeFactory"),
}
# lgpio works on every Raspberry Pi, RPi.GPIO up to the Pi 4. gpiozero calls its native factory experimental.
_AUTO = ("lgpio", "rpigpio")


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
        self._lock = threading.Lock()
        self._lamps = (False, False, False)
        self._edges: deque[tuple[str, bool, float]] = deque(maxlen=_MAX_EDGES)
        self._fault = Blinker()
        self._buzzer = Buzzer()
        self._buttons: dict[str, Button] = {}
        self._board: PanelBoard | None = None
        self._worker = Worker("panel", self._step, retry_s=_POLL_INTERVAL_S)

    @property
    def fitted(self) -> bool:
        return self._board is not None

    def start(self) -> None:
        """Take the pins and start the thread; log the reason when there is no panel."""
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
        self._worker.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the thread, then switch everything off; may be called twice."""
        self._worker.stop(timeout_s)
        board, self._board = self._board, None
        if board is not None:
            board.close()

    def show(self, ready: bool, busy: bool, fault: bool) -> None:
        with self._lock:
            self._lamps = (ready, busy, fault)
        self._worker.wake()

    def buzz(self, pattern: str) -> None:
        """Sound a pattern; raises ValueError for an unknown one."""
        if pattern not in PATTERNS:
            raise ValueError(f"no buzzer pattern {pattern!r}; there are {', '.join(PATTERNS)}")
        with self._lock:
            if self.fitted:
                self._buzzer.add(pattern)
        self._worker.wake()

    def _edge(self, button: str, down: bool) -> None:
        with self._lock:
            self._edges.append((button, down, self._clock()))
        self._worker.wake()

    def _step(self) -> float:
        """Do one round; return the seconds until the next unless woken."""
        board = self._board
        assert board is not None
        words = self._read_buttons(board)
        with self._lock:
            now = self._clock()
            ready, busy, fault = self._lamps
            self._fault.set_active(fault, now)
            sounds = self._buzzer.is_sounding(now)
            dues = [self._fault.due(now), self._buzzer.due(), *(button.due() for button in self._buttons.values())]
        board.switch("ready", ready)
        board.switch("busy", busy)
        board.switch("fault", self._fault.is_lit(now))
        board.switch("buzzer", sounds)
        for button, word in words:
            try:
                self._on_button(button, word)
            except Exception:
                logger.exception("a press of the button %s could not be used", button)
        return max(0.0, min([_POLL_INTERVAL_S, *(due - now for due in dues if due is not None)]))

    def _read_buttons(self, board: PanelBoard) -> list[tuple[str, str]]:
        with self._lock:
            edges = list(self._edges)
            self._edges.clear()
        words = [(name, word) for name, down, at in edges for word in self._buttons[name].update(down, at)]
        for name, button in self._buttons.items():
            words += [(name, word) for word in button.update(board.is_pressed(name), self._clock())]
        return words


def pin_factory(settings: PanelSettings, simulated: PinFactory | None) -> Any:
    """Open gpiozero's access to the pins; raises RuntimeError with everything that was tried."""
    if settings.factory == "simulated":
        if simulated is None:
            raise RuntimeError("a simulated panel is there in the demo only")
        return simulated()
    tried = []
    for name in _AUTO if settings.factory == "auto" else (settings.factory,):
        module, kind = _FACTORIES[name]
        try:
            return getattr(importlib.import_module(module), kind)()
        except Exception as error:  # each library has its own errors
            tried.append(f"{name}: {error}")
    raise RuntimeError(f"no way to the pins ({'; '.join(tried)})")


class PanelBoard:
    """The pins of one panel. ``on_edge`` gets each change of a button from a thread of gpiozero."""

    def __init__(self, settings: PanelSettings, factory: Any, on_edge: Callable[[str, bool], None]) -> None:
        """Take the pins; raises what gpiozero raises, with none of them taken."""
        self._factory = factory
        self._outputs: dict[str, Any] = {}
        self._buttons: dict[str, Any] = {}
        try:
            if not any(getattr(settings, name) is not None for name in (*OUTPUTS, *BUTTONS)):
                raise RuntimeError("the section names no pin")
            self._take(settings, on_edge)
        except BaseException:
            self.close()
            raise

    def _take(self, settings: PanelSettings, on_edge: Callable[[str, bool], None]) -> None:
        from gpiozero import DigitalInputDevice, DigitalOutputDevice

        for name in OUTPUTS:
            pin = getattr(settings, name)
            if pin is not None:
                self._outputs[name] = DigitalOutputDevice(pin, pin_factory=self._factory)
        for name in BUTTONS:
            pin = getattr(settings, name)
            if pin is not None:
                button = DigitalInputDevice(pin, pull_up=True, pin_factory=self._factory)
                self._buttons[name] = button
                button.when_activated = partial(on_edge, name, True)
                button.when_deactivated = partial(on_edge, name, False)

    @property
    def buttons(self) -> tuple[str, ...]:
        return tuple(self._buttons)

    def is_pressed(self, button: str) -> bool:
        return bool(self._buttons[button].is_active)

    def switch(self, output: str, on: bool) -> None:
        """Set a lamp or the buzzer; do nothing for one that is not fitted."""
        device = self._outputs.get(output)
        if device is not None and bool(device.value) != on:
            device.value = int(on)

    def close(self) -> None:
        """Switch everything off and free the pins; a pin that cannot be closed does not keep the others."""
        for device in self._outputs.values():
            with suppress(Exception):
                device.off()  # a pin that is only released may keep its level
        for device in (*self._outputs.values(), *self._buttons.values(), self._factory):
            with suppress(Exception):
                device.close()
