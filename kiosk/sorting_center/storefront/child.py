"""The storefront's process as the sorting center sees it: its port, its beginning and end."""

from __future__ import annotations

import logging
import sys
from typing import Final

import msgspec

from kiosk.sorting_center.child import SupervisedProcess, SupervisedProcessPlan
from kiosk.sorting_center.listen_socket import listening_socket
from kiosk.sorting_center.storefront.settings import StorefrontSettings, StorefrontTask

log = logging.getLogger(__name__)

_COMMAND: Final = (sys.executable, "-m", "kiosk.base.loading", "kiosk.sorting_center.storefront.process")


class StorefrontProcess:
    """A process of its own: whatever strangers do there, events are taken in and staff see their pages beside it.

    Has its port from the moment it is made, also while the process is begun again; raises OSError when the address
    cannot be had.
    """

    def __init__(self, ledger_url: str, settings: StorefrontSettings) -> None:
        self._listening = listening_socket(settings.host, settings.port)
        self.url = settings.url(self._listening.getsockname()[1])
        descriptor = self._listening.fileno()
        task = msgspec.json.encode(StorefrontTask(ledger_url, settings, descriptor)) + b"\n"
        self._child = SupervisedProcess(
            SupervisedProcessPlan("storefront's process", _COMMAND, task, _ignore_output, _log_exit, (descriptor,))
        )

    @property
    def pid(self) -> int | None:
        """None while none runs."""
        return self._child.pid

    def start(self) -> None:
        """Begin it, and again whenever it ends."""
        self._child.start()

    def end(self) -> None:
        """Have it end, without waiting."""
        self._child.end()

    def stop(self, timeout_s: float) -> None:
        """Have it end; one that does not in time is killed."""
        self._child.stop(timeout_s)
        self._listening.close()


def _ignore_output(_line: bytes) -> None:
    """It writes its log to standard error, and nothing else."""


def _log_exit(status: int) -> None:
    log.error("The storefront's process has ended with status %d; it is begun again.", status)
