"""The feed's process as the sorting center sees it: how it is begun, and what it tells."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import suppress
from typing import Final

from kiosk.sorting_center.shared.child import SupervisedProcessPlan
from kiosk.sorting_center.shared.health import CenterHealth

log = logging.getLogger(__name__)

_COMMAND: Final = (sys.executable, "-m", "kiosk.base.loading", "kiosk.sorting_center.feed.process")
WAKE_UP: Final = b"\n"  # To be told when there may be something new. A pipe that is full says it already.


def feed_process_plan(task: bytes, health: CenterHealth) -> SupervisedProcessPlan:
    """A process of its own, so that who publishes never slows down who takes in. ``task``: what `process.task` made.

    It inherits no file but its pipes: no lock of a ledger outlives the program that has it.
    """

    def on_line(line: bytes) -> None:
        with suppress(ValueError, KeyError, TypeError):
            health.set_fault("feed", str(json.loads(line)["trouble"]))

    def on_exit(status: int) -> None:
        text = health.report().feed_trouble or "The feed's process has ended; it is begun again."
        if health.set_fault("feed", text):
            log.error("The feed's process has ended with status %d; it is begun again.", status)

    return SupervisedProcessPlan("feed's process", _COMMAND, task, on_line, on_exit)
