"""Gives released events their places in the feed, where the ledger does not do it in its commits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from kiosk.sorting_center.health import Health
from kiosk.sorting_center.ledger import Ledger, LedgerError

log = logging.getLogger(__name__)

_AT_ONCE: Final = 1000
"""Events in one transaction."""
_IDLE_S: Final = 0.2
"""Other processes commit too, and wake nobody here."""
_TROUBLE_S: Final = 1.0


class Numbering:
    """One thread; ``numbered`` is called when there is more to publish. A broker that is away does not stop it."""

    def __init__(self, ledger: Ledger, health: Health, numbered: Callable[[], None]) -> None:
        self._ledger = ledger
        self._health = health
        self._numbered = numbered
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="numbering", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End after the transaction in hand."""
        self._stopping.set()
        self._news.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs; it does until `stop`."""
        return self._thread.is_alive()

    def wake(self) -> None:
        """There may be something new."""
        self._news.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._news.clear()
            if not self._step():
                self._news.wait(_IDLE_S)

    def _step(self) -> bool:
        """Whether there may be more."""
        try:
            done = self._ledger.number(_AT_ONCE)
        except LedgerError as error:
            text = f"Events get no places in the feed: {error}"
            if self._health.trouble("numbering", text):
                log.error("%s", text)
            self._stopping.wait(_TROUBLE_S)
            return False
        except Exception:
            log.exception("Numbering failed in an unforeseen way; it is tried again.")
            text = "Events get no places in the feed, for a reason nobody foresaw (see the log); it is tried again."
            self._health.trouble("numbering", text)
            self._stopping.wait(_TROUBLE_S)
            return False
        self._health.trouble("numbering")
        if done:
            self._numbered()
        return done > 0
