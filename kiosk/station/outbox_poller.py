"""How much the sorting center still has to acknowledge. The relay is another process: the database is polled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from kiosk.store.store import Store

OUTBOX_POLL_S: Final = 0.5


class OutboxPoller:
    """Reads only after another process has committed, or after ``reread``."""

    def __init__(
        self,
        store: Store,
        on_pending: Callable[[int], None],
        on_change: Callable[[], None],
        period_s: float = OUTBOX_POLL_S,
    ) -> None:
        self._store, self._on_pending, self._on_change, self._period_s = store, on_pending, on_change, period_s
        self._reread = threading.Event()
        self._reread.set()

    def reread(self) -> None:
        """This process has written something itself."""
        self._reread.set()

    def poll(self) -> float:
        """Seconds until the next one. Raises StoreError."""
        try:
            if self._store.changed() or self._reread.is_set():
                self._reread.clear()
                self._on_pending(self._store.outbox.counts().pending)
                self._on_change()
        except Exception:
            self._reread.set()  # or what has changed was told only after the next change
            raise
        return self._period_s
