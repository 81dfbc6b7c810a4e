"""Whether the station can still keep what it does: asked with every probe of the database's life."""

from __future__ import annotations

import logging
from typing import Final

from kiosk.station.desk.live import OK, LiveBoard
from kiosk.store.shared.errors import StoreError
from kiosk.store.store import Store

logger = logging.getLogger(__name__)

STORE_FAILED: Final = "store_failed"


class StoreProbe:
    """Marks the board while nothing can be written: page, lamp, ``/health`` and doctor say so before a farmer has to.
    It does not starve the watchdog: a restart mends neither a card that went read-only nor a wrong owner, and a station
    that restarts for ever shows nobody what is wrong.
    """

    def __init__(self, store: Store, board: LiveBoard) -> None:
        self._store, self._board = store, board

    def ask(self) -> None:
        """Read, for the sign of life, which an error here denies; then see whether a write could begin."""
        self._store.outbox.counts()
        try:
            self._store.check_writable()
        except StoreError as error:
            if self._board.snapshot().marks.store == OK:
                logger.error("nothing can be kept now: %s", error)
            self._board.mark(store=STORE_FAILED)
        else:
            if self._board.snapshot().marks.store != OK:
                logger.warning("the database can be written again")
            self._board.mark(store=OK)
