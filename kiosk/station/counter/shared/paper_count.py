"""How many papers a clerk still has to wait or look for."""

from __future__ import annotations

import logging
from itertools import count

from kiosk.station.counter.shared.state import CounterState
from kiosk.store.papers.papers import Papers
from kiosk.store.shared.errors import StoreError

logger = logging.getLogger(__name__)

_OPEN = ("queued", "sending", "unknown")


class PaperCount:
    """Thread-safe. Called by the print workers as well: a store that fails is only logged."""

    def __init__(self, papers: Papers, state: CounterState) -> None:
        self._papers = papers
        self._state = state
        self._turns = count(1)
        self._counted_at = 0

    def update(self) -> None:
        """Count again: a paper was queued, came out, or its fate is unknown.

        Two may count at once; what was counted earlier does not cover what was counted later.
        """
        turn = next(self._turns)
        try:
            summary = self._papers.summary()
        except StoreError as error:
            logger.error("the papers cannot be counted now: %s", error)
            return
        with self._state.lock:
            if turn < self._counted_at:
                return
            self._counted_at = turn
            pending = sum(summary.get(state, 0) for state in _OPEN)
            if pending != self._state.view().pending_prints:
                self._state.change(pending_prints=pending)
