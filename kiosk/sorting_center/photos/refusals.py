"""Why pictures are refused, and how often: counted in memory, kept by and by."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from kiosk.messaging.contract.photos import PictureName
from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.photos.photos import Photos, Refusal

log = logging.getLogger(__name__)

_MAX_KEPT: Final = 2000
"""Stations and reasons between two times of keeping."""
_REPEATED: Final = 3
"""So many wrong pictures of one station since the start are no accident of a line."""


class Why(StrEnum):
    """The word a station and the figures are given."""

    NOT_YOURS = "not_yours"
    """The certificate is another station's."""
    NOT_ANNOUNCED = "not_announced"
    SIZE = "size"
    """Another size than the event said."""
    OFFSET = "offset"
    """The part does not begin where the last one ended."""
    HASH = "hash"
    FORMAT = "format"
    """No JPEG, or one with metadata, or with other sides than the event said."""
    QUOTA = "quota"
    BUSY = "busy"
    FULL = "full"
    """Of the disk."""
    TROUBLE = "trouble"
    """The disk or the list cannot be used."""
    MALFORMED = "malformed"


SUSPECT: Final = frozenset({Why.NOT_YOURS, Why.SIZE, Why.HASH, Why.FORMAT})
"""No line and no restart makes these: a card that dies, or somebody who tries."""


_OF_A_KNOWN_PICTURE: Final = SUSPECT - {Why.NOT_YOURS} | {Why.OFFSET}
"""For the others a region is only what was asked for: nobody fills the list with regions that are not there."""


class Refusals:
    """Used by the threads of the listener."""

    def __init__(self, photos: Photos, now: Callable[[], str]) -> None:
        """``now``: RFC 3339 in UTC."""
        self._photos, self._now = photos, now
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, str], Refusal] = {}
        self._suspect: dict[str, int] = {}

    def count(self, name: PictureName, station: str, why: Why) -> None:
        """``station`` is who asked, by its certificate."""
        with self._lock:
            key = (name.region if why in _OF_A_KNOWN_PICTURE else "", station, why.value)
            before = self._counts.get(key)
            if before is None and len(self._counts) >= _MAX_KEPT:
                return
            times = 1 if before is None else before.times + 1
            self._counts[key] = Refusal(*key, times, self._now(), name.sha256)
            if why not in SUSPECT:
                return
            self._suspect[station] = suspect = self._suspect.get(station, 0) + 1
        if suspect == _REPEATED:
            log.error(
                "Station %s has sent %d pictures that are refused, the last one for %s (%s): look at its card, and at "
                "who has its certificate.",
                station,
                suspect,
                why.value,
                name.sha256[:12],
            )
        elif suspect < _REPEATED:
            log.warning("Picture %s of station %s is refused: %s.", name.sha256[:12], station, why.value)

    def keep(self) -> None:
        """Add what was counted since the last time to the list; a list that cannot be written is tried again."""
        with self._lock:
            counts, self._counts = self._counts, {}
        if not counts:
            return
        try:
            self._photos.refuse(counts.values())
        except LedgerError as error:
            log.warning("Refused pictures cannot be counted: %s", error)
            with self._lock:
                self._counts = {**counts, **self._counts}
