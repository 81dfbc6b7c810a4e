"""gpiozero pins without a Raspberry Pi that another process can press and read, by a Unix socket.

One request a connection, one JSON object a line: ``{"word": "low"|"high", "pin": 5}`` moves an input,
``{"word": "read"}`` answers ``{"levels": {"17": "on"}}`` with all outputs, each "on", "off" or "blinks".
"""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPin

from kiosk.simulators.panel.simulator import reachable

logger = logging.getLogger(__name__)
_MAX_REQUEST = 256
_PATIENCE_S = 2.0
_MAX_STATES = 1000
_BLINKS_S = 1.5  # A lamp that has changed twice within so many seconds blinks; a check once a second would not see it


class _Pin(MockPin):  # type: ignore[misc]
    """Keeps its newest changes only, to last for a station's life; gpiozero's mock keeps every change permanently."""

    def __init__(self, factory: MockFactory, info: object) -> None:
        self._moved: deque[float] = deque(maxlen=2)
        super().__init__(factory, info)

    def _change_state(self, value: bool) -> bool:
        if len(self.states) > _MAX_STATES:
            del self.states[: _MAX_STATES // 2]
        changed = bool(super()._change_state(value))
        if changed:
            self._moved.append(time.monotonic())
        return changed

    @property
    def shows(self) -> str:
        """What somebody sees who looks at it for a moment."""
        if len(self._moved) == 2 and time.monotonic() - self._moved[0] < _BLINKS_S:
            return "blinks"
        return "on" if self.state else "off"


class SimulatedPins(MockFactory):  # type: ignore[misc]
    """A pin factory for ``make_panel(..., pins=lambda: SimulatedPins(path))``; answers until ``close``.

    Raises OSError when no socket can be had at ``path``; one that a killed station left there is replaced.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(pin_class=_Pin)
        self._path = path
        self._door = socket.socket(socket.AF_UNIX)
        try:
            path.unlink(missing_ok=True)
            with reachable(path) as address:
                self._door.bind(address)
            self._door.listen()
        except OSError:
            self._door.close()
            raise
        self._thread = threading.Thread(target=self._serve, name="panel-pins", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering; may be called twice."""
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._door.close()
        self._path.unlink(missing_ok=True)
        super().close()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._door.accept()
            except OSError:
                return
            with line:
                try:
                    self._answer(line)
                except Exception:
                    logger.exception("a request to the simulated panel could not be answered")

    def _answer(self, line: socket.socket) -> None:
        line.settimeout(_PATIENCE_S)
        with line.makefile("rb") as request:
            request_line = request.readline(_MAX_REQUEST)
        try:
            response = self._obey(json.loads(request_line))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            response = {"error": f"not understood: {error}"}
        line.sendall(json.dumps(response).encode() + b"\n")

    def _obey(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["word"] == "read":
            outputs = [pin for pin in list(self.pins.values()) if pin.function == "output"]
            return {"levels": {pin.info.name.removeprefix("GPIO"): pin.shows for pin in outputs}}
        pin = self._input(request["pin"])
        if request["word"] not in ("low", "high"):
            raise ValueError(f"no word {request['word']!r}")
        pin.drive_low() if request["word"] == "low" else pin.drive_high()
        return {"ok": True}

    def _input(self, number: int) -> Any:
        known = {pin.info.name: pin for pin in list(self.pins.values())}
        pin = known.get(f"GPIO{number}")
        if pin is None or pin.function != "input":
            raise ValueError(f"pin {number} is no button")
        return pin
