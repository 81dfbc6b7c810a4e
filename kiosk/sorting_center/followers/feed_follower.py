"""Following the feed of the ledger: where to resume, and a worker that runs until stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kiosk.base.worker import Worker
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.ledger import Ledger, LedgerError

_POLL_INTERVAL_S: Final = 0.5
_RETRY_S: Final = 5.0
# What these say is enough to mend it: a disk is full, a database away.
_EXPECTED_ERRORS: Final = (LedgerError, DeskError, OSError)


@dataclass(frozen=True, slots=True)
class FeedPosition:
    """Up to where a feed is followed, in which generation of it."""

    generation: str
    feedseq: int


def resume_position(ledger: Ledger, stored: FeedPosition | None) -> FeedPosition:
    """Return the place behind which to read: the beginning when the feed is of another generation, or has become
    shorter, because the ledger was restored from a backup. Raises LedgerError.
    """
    generation = ledger.generation
    if stored is None or stored.generation != generation or stored.feedseq > ledger.feed_end():
        return FeedPosition(generation, 0)
    return stored


def follower_worker(name: str, step: Callable[[], int]) -> Worker:
    """Build a worker that repeats ``step``; after a step that processed nothing, it waits."""
    return Worker(name, lambda: 0.0 if step() else _POLL_INTERVAL_S, retry_s=_RETRY_S, expected=_EXPECTED_ERRORS)
