"""Whether pictures are taken in, as the process that takes events in sees it: by the list of pictures."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from kiosk.base.worker import Worker
from kiosk.sorting_center.followers.feed_follower import FeedPosition
from kiosk.sorting_center.ledger import Ledger, LedgerError
from kiosk.sorting_center.photos.photos import PhotoIndex
from kiosk.sorting_center.shared.cost_aware_cache import CostAwareCache
from kiosk.sorting_center.shared.health import CenterHealth

log = logging.getLogger(__name__)

_PERIOD_S: Final = 5.0
STALLED_S: Final = 60.0  # The process for pictures follows the feed within a second
_STALLED: Final = (
    "Pictures are not taken in: sorting-center photos does not follow the ledger. Is sorting-center-photos.service "
    "running? Its log says why not."
)


class PhotosMonitor:
    """Puts the figures of pictures into the health, and a fault while no process follows the feed for them."""

    def __init__(
        self, ledger: Ledger, photos: PhotoIndex, health: CenterHealth, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take over ``photos``, which `stop` closes. ``clock``: monotonic seconds."""
        self._ledger, self._photos, self._health, self._clock = ledger, photos, health, clock
        self._figures = CostAwareCache(photos.figures, _PERIOD_S)
        self._position: FeedPosition | None = None
        self._moved_at = clock()
        self._worker = Worker("photos monitor", self.check)

    def start(self) -> None:
        self._worker.start()

    def stop(self, timeout_s: float) -> None:
        self._worker.stop(timeout_s)
        self._photos.close()

    def check(self) -> float:
        """Do one round; return the seconds to wait before the next."""
        try:
            self._health.set_photo_counts(self._figures.current().flat())
            fault = self._stalled()
        except LedgerError as error:
            fault = f"The list of pictures cannot be read: {error}"
        if self._health.set_fault("photos", fault) and fault:
            log.error("%s", fault)
        return _PERIOD_S

    def _stalled(self) -> str:
        """Return the fault, "" for none. Raises LedgerError."""
        position, now = self._photos.position(), self._clock()
        reached = position.feedseq if position is not None and position.generation == self._ledger.generation else 0
        if position != self._position or reached >= self._ledger.feed_end():
            self._position, self._moved_at = position, now
        return _STALLED if now - self._moved_at >= STALLED_S else ""
