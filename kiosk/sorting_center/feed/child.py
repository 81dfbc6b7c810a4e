"""The feed's process as the sorting center sees it: how it is begun, and what it tells."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import suppress
from typing import Final

from kiosk.sorting_center.child import ChildPlan
from kiosk.sorting_center.health import Health

log = logging.getLogger(__name__)

_COMMAND: Final = (sys.executable, "-m", "kiosk.base.loading", "kiosk.sorting_center.feed.process")
NEWS: Final = b"\n"
"""To be told when there may be something new. A pipe that is full says it already."""


def plan(task: bytes, health: Health) -> ChildPlan:
    """A process of its own, so that who publishes never slows down who takes in. ``task``: what `process.task` made.

    It inherits no file but its pipes: no lock of a ledger outlives the program that has it.
    """

    def heard(line: bytes) -> None:
        with suppress(ValueError, KeyError, TypeError):
            health.trouble("feed", str(json.loads(line)["trouble"]))

    def ended(status: int) -> None:
        text = health.report().feed_trouble or "The feed's process has ended; it is begun again."
        if health.trouble("feed", text):
            log.error("The feed's process has ended with status %d; it is begun again.", status)

    return ChildPlan("feed's process", _COMMAND, task, heard, ended)
