"""Following the feed of the ledger: where to go on, and until told to end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kiosk.domain.backoff import Backoff
from kiosk.sorting_center.desk.errors import DeskError
from kiosk.sorting_center.ledger import Ledger, LedgerError

log = logging.getLogger(__name__)

_LOOK_S: Final = 0.5
_AGAIN_FIRST_S: Final = 0.5
_AGAIN_MAX_S: Final = 30.0
_FORESEEN: Final = (LedgerError, DeskError, OSError)
"""What these say is enough to mend it: a disk is full, a database away."""


@dataclass(frozen=True, slots=True)
class Place:
    """Up to where a feed is followed, in which generation of it."""

    generation: str
    feedseq: int


def go_on(ledger: Ledger, kept: Place | None) -> Place:
    """The place behind which to read: the beginning when the feed is another one than that which was followed, or has
    become shorter, because the ledger came back from a backup. Raises a LedgerError.
    """
    generation = ledger.generation
    if kept is None or kept.generation != generation or kept.feedseq > ledger.feed_end():
        return Place(generation, 0)
    return kept


def follow(step: Callable[[], int], what: str, ending: threading.Event) -> None:
    """Step until ``ending`` is set, whatever happens; after a step that took in nothing, wait for news.

    ``what`` cannot follow, says the log when a step fails: once for each reason until one succeeds, however often it
    is tried again.
    """
    pauses = Backoff(_AGAIN_FIRST_S, _AGAIN_MAX_S)
    trouble = ""
    while not ending.is_set():
        try:
            done = step()
        except Exception as error:
            said = f"{what} cannot follow the ledger: {error}"
            if said != trouble:
                log.error("%s", said, exc_info=not isinstance(error, _FORESEEN))
            trouble = said
            ending.wait(pauses.next())
        else:
            pauses.reset()
            trouble = ""
            if not done:
                ending.wait(_LOOK_S)
