"""Fault words from standard input, for a simulator that is a process of its own."""

from __future__ import annotations

import signal
import stat
import sys
from collections.abc import Callable
from os import fstat

from kiosk.cli.scale.output import print_json
from kiosk.simulators.shared.faults import BadFaultWord


def run_fault_commands(command: Callable[[str], None], get_state: Callable[[], dict[str, object]]) -> None:
    """Carry out a word a line and say how it went, with what is ``get_state`` of the simulator.

    A standard input that can never say anything, such as /dev/null, does not end it; a signal does.
    """
    for line in sys.stdin.buffer:
        print_json(_run_command(command, get_state, line.decode("utf-8", "replace").strip()))
    if _is_silent_device():
        signal.pause()


def _run_command(
    command: Callable[[str], None], get_state: Callable[[], dict[str, object]], text: str
) -> dict[str, object]:
    try:
        command(text)
    except BadFaultWord as error:
        return {"ok": False, "error": str(error)}
    return {"ok": True, **get_state()}


def _is_silent_device() -> bool:
    try:
        return stat.S_ISCHR(fstat(sys.stdin.fileno()).st_mode) and not sys.stdin.isatty()
    except (OSError, ValueError):
        return False
