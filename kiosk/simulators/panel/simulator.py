"""A user of the panel: presses its buttons and watches its lamps, from another process than the station's.

The station drives gpiozero pins that are simulated inside it (``pins``) and reached over a Unix socket.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kiosk.devices.panel.patterns import TIMING, ButtonTiming
from kiosk.devices.panel.settings import PanelSettings
from kiosk.simulators.shared.faults import BadFaultWord, parse_fault

SOCKET_NAME = "panel.sock"
# The panel of the demo. The numbers are free pins of the 40-pin header.
BENCH_PANEL = PanelSettings(ready=17, busy=27, fault=22, buzzer=23, ok=5, help=6, factory="simulated")
_TIMEOUT_S = 2.0
_PRESS_S = 0.2
_MAX_ANSWER = 4096


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """Yield a short address for a socket at ``path`` in any folder: the kernel takes 107 bytes."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class PanelSimulator:
    """Speaks with the pins of a running station, whose ``settings`` and ``timing`` these are. Safe from any thread."""

    def __init__(self, path: Path, settings: PanelSettings = BENCH_PANEL, timing: ButtonTiming = TIMING) -> None:
        self._path = path
        self._settings, self._timing = settings, timing

    def command(self, text: str) -> None:
        """Carry out ``press ok|help`` or ``hold ok|help``; returns when the button is up again.

        Raises BadFaultWord, and OSError when no station is running: a panel without power sends nothing.
        """
        word, button = parse_fault("panel", text)
        pin = {"ok": self._settings.ok, "help": self._settings.help}.get(button)
        if pin is None:
            raise BadFaultWord(f"panel {word} needs ok or help, not {button!r}")
        self._ask("low", pin)
        time.sleep(_PRESS_S if word == "press" else self._timing.hold_s + _PRESS_S)
        self._ask("high", pin)

    def lamps(self) -> Mapping[str, str] | None:
        """Return ready, busy, fault and buzzer, if fitted, as "on", "off" or "blinks"; None when no station runs."""
        try:
            levels = self._ask("read")["levels"]
        except OSError:
            return None
        own = self._settings
        pins = {"ready": own.ready, "busy": own.busy, "fault": own.fault, "buzzer": own.buzzer}
        return {name: str(levels.get(str(pin), "off")) for name, pin in pins.items() if pin is not None}

    def _ask(self, word: str, pin: int | None = None) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as line, reachable(self._path) as address:
            line.settimeout(_TIMEOUT_S)
            line.connect(address)
            line.sendall(json.dumps({"word": word, "pin": pin}).encode() + b"\n")
            with line.makefile("rb") as answer:
                response = json.loads(answer.readline(_MAX_ANSWER) or b"{}")
        if "error" in response or not response:
            raise OSError(f"the panel does not answer: {response.get('error', 'it broke off')}")
        return dict(response)
