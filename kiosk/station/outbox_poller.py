"""How much the sorting center still has to acknowledge. The relay is another process: the database is polled."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from kiosk.store.shared.errors import StoreError
from kiosk.store.store import Store

logger = logging.getLogger(__name__)


class OutboxPoller:
    """A thread that looks twice a second whether another process has committed, and only then reads."""

    def __init__(
        self,
        store: Store,
        on_pending: Callable[[int], None],
        on_change: Callable[[], None],
        period_s: float = 0.5,
    ) -> None:
        self._store = store
        self._on_pending = on_pending
        self._on_change = on_change
        self._period_s = period_s
        self._stopping = threading.Event()
        self._reread = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="outbox-poller", daemon=True)

    def start(self) -> None:
        self._reread.set()
        self._thread.start()

    def wake(self) -> None:
        """This process has written an event itself."""
        self._reread.set()

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            self._poll()
            if self._stopping.wait(self._period_s):
                return

    def _poll(self) -> None:
        try:
            if self._store.changed() or self._reread.is_set():
                self._reread.clear()
                self._on_pending(self._store.outbox.counts().pending)
                self._on_change()
            self._failing = False
        except Exception as error:
            # What changed has not been told: without this, nobody would look again before the next change.
            self._reread.set()
            self._complain(error)

    def _complain(self, error: Exception) -> None:
        """Say it once, not twice a second for as long as the card is broken."""
        if not self._failing:
            trace = None if isinstance(error, StoreError) else error
            logger.error("the outbox cannot be read now: %s", error, exc_info=trace)
        self._failing = True
