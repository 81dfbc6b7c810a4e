"""Why pictures are refused, and how often: counted in memory, kept by and by."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from kiosk.messaging.contract.photos import PictureName
from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.photos.photos import PhotoIndex, RefusalCount

log = logging.getLogger(__name__)

_MAX_PENDING_COUNTS: Final = 2000  # Stations and reasons between two times of keeping
_ALERT_AFTER: Final = 3  # So many wrong pictures of one station since the start are no accident of a line


class RefusalReason(StrEnum):
    """The word a station and the figures are given."""

    NOT_YOURS = "not_yours"  # The certificate is another station's
    REVOKED = "revoked"  # The county's list lets this certificate in no more
    NOT_ANNOUNCED = "not_announced"
    SIZE = "size"  # Not the size in the event
    OFFSET = "offset"  # The part does not begin where the last one ended
    HASH = "hash"
    FORMAT = "format"  # Not a JPEG, or with metadata, or with other sides than in the event
    QUOTA = "quota"
    BUSY = "busy"
    FULL = "full"  # Of the disk
    UNAVAILABLE = "trouble"  # The disk or the list cannot be used


# No line and no restart makes these: a card that dies, or an attack.
SUSPICIOUS: Final = frozenset({RefusalReason.NOT_YOURS, RefusalReason.SIZE, RefusalReason.HASH, RefusalReason.FORMAT})


# For the others a region is only the requested one: the list cannot be filled with invented regions.
_WITH_KNOWN_REGION: Final = SUSPICIOUS - {RefusalReason.NOT_YOURS} | {RefusalReason.OFFSET}


class RefusalCounter:
    """Used by the threads of the server."""

    def __init__(self, photos: PhotoIndex, now: Callable[[], str]) -> None:
        """Take ``now`` as RFC 3339 in UTC."""
        self._photos, self._now = photos, now
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, str], RefusalCount] = {}
        self._suspect: dict[str, int] = {}

    def count(self, name: PictureName, station: str, reason: RefusalReason) -> None:
        """Count a refusal; ``station`` made the request, by its certificate."""
        with self._lock:
            key = (name.region if reason in _WITH_KNOWN_REGION else "", station, reason.value)
            before = self._counts.get(key)
            if before is None and len(self._counts) >= _MAX_PENDING_COUNTS:
                return
            times = 1 if before is None else before.times + 1
            self._counts[key] = RefusalCount(*key, times, self._now(), name.sha256)
            if reason not in SUSPICIOUS:
                return
            self._suspect[station] = suspect = self._suspect.get(station, 0) + 1
        if suspect == _ALERT_AFTER:
            log.error(
                "Station %s has sent %d pictures that are refused, the last one for %s (%s): look at its card, and at "
                "who has its certificate.",
                station,
                suspect,
                reason.value,
                name.sha256[:12],
            )
        elif suspect < _ALERT_AFTER:
            log.warning("Picture %s of station %s is refused: %s.", name.sha256[:12], station, reason.value)

    def flush(self) -> None:
        """Add the counts since the last time to the list; when it cannot be written they are tried again."""
        with self._lock:
            counts, self._counts = self._counts, {}
        if not counts:
            return
        try:
            self._photos.count_refusals(counts.values())
        except LedgerError as error:
            log.warning("Refused pictures cannot be counted: %s", error)
            with self._lock:
                self._counts = {**counts, **self._counts}
