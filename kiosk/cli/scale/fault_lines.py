"""Fault words from standard input, for a simulator that is a process of its own."""

from __future__ import annotations

import signal
import stat
import sys
from collections.abc import Callable
from os import fstat

from kiosk.cli.scale.answers import say
from kiosk.simulators.faults import BadFaultWord


def obey(command: Callable[[str], None], told: Callable[[], dict[str, object]]) -> None:
    """Carry out a word a line and say how it went, with what is ``told`` of the simulator.

    A standard input that can never say anything, such as /dev/null, does not end it; a signal does.
    """
    for line in sys.stdin.buffer:
        say(_obeyed(command, told, line.decode("utf-8", "replace").strip()))
    if _never_says_anything():
        signal.pause()


def _obeyed(command: Callable[[str], None], told: Callable[[], dict[str, object]], text: str) -> dict[str, object]:
    try:
        command(text)
    except BadFaultWord as error:
        return {"ok": False, "error": str(error)}
    return {"ok": True, **told()}


def _never_says_anything() -> bool:
    try:
        return stat.S_ISCHR(fstat(sys.stdin.fileno()).st_mode) and not sys.stdin.isatty()
    except (OSError, ValueError):
        return False
