"""Gives released events their places in the feed, where the ledger does not do it in its commits."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from kiosk.sorting_center.feed.loop import StepLoop
from kiosk.sorting_center.ledger import Ledger, LedgerError
from kiosk.sorting_center.shared.health import CenterHealth

log = logging.getLogger(__name__)

_BATCH_SIZE: Final = 1000  # Events in one transaction
_IDLE_S: Final = 0.2
_RETRY_S: Final = 1.0


class FeedNumbering:
    """One thread; ``on_numbered`` is called when there is more to publish. A broker that is away does not stop it."""

    def __init__(self, ledger: Ledger, health: CenterHealth, on_numbered: Callable[[], None]) -> None:
        self._ledger = ledger
        self._health = health
        self._on_numbered = on_numbered
        self.loop = StepLoop("numbering", self._step, _IDLE_S)

    def _step(self) -> bool:
        """Whether there may be more."""
        try:
            done = self._ledger.number(_BATCH_SIZE)
        except LedgerError as error:
            text = f"Events get no places in the feed: {error}"
            if self._health.set_fault("numbering", text):
                log.error("%s", text)
            self.loop.pause(_RETRY_S)
            return False
        except Exception:
            log.exception("Numbering failed in an unforeseen way; it is tried again.")
            text = "Unexpected error while numbering events for the feed (see the log); it is tried again."
            self._health.set_fault("numbering", text)
            self.loop.pause(_RETRY_S)
            return False
        self._health.set_fault("numbering")
        if done:
            self._on_numbered()
        return done > 0
