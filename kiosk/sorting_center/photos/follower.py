"""Follows the feed of the ledger for the pictures it announces."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from kiosk.domain.events import PhotoAccepted
from kiosk.domain.events.photo import PictureData
from kiosk.messaging.contract.photos import PictureName
from kiosk.sorting_center.following import Place, follow, go_on
from kiosk.sorting_center.ledger import FeedEntry, Ledger
from kiosk.sorting_center.photos.arrivals import Arrivals
from kiosk.sorting_center.photos.photos import Announced, Photos, Standing

log = logging.getLogger(__name__)

STEP_EVENTS: Final = 1000


class _Pictures(msgspec.Struct):
    master: PictureData
    natural: PictureData


class _Told(msgspec.Struct):
    station: str
    data: _Pictures


class Follower:
    """Any number of processes may follow into one list: what one has done, another does again without harm."""

    def __init__(self, ledger: Ledger, photos: Photos, arrivals: Arrivals) -> None:
        """Closes none of them."""
        self._ledger, self._photos, self._arrivals = ledger, photos, arrivals
        self._adopted = False

    def step(self, limit: int = STEP_EVENTS) -> int:
        """Take in the next events of the feed; how many, 0 at its end. Raises a LedgerError.

        In a generation after a restored backup the feed is followed from its beginning. What was announced stays: an
        event that the backup lacks is told again by its station.
        """
        self._adopt_all()
        start = go_on(self._ledger, self._photos.place())
        entries = self._ledger.feed(start.feedseq, limit)
        if not entries:
            return 0
        told = list(_announced(entries))
        self._photos.follow(told, Place(start.generation, entries[-1].feedseq))
        for one in told:
            name = one.name
            if self._photos.standing(name.region, name.station, name.sha256) is Standing.PENDING:
                self._arrivals.adopt(one)
        return len(entries)

    def run(self, ending: threading.Event) -> None:
        """Follow until ``ending`` is set, whatever happens."""
        follow(self.step, "The photos", ending)

    def _adopt_all(self) -> None:
        """Once: killed between the file and its row, a process left pictures that the list does not know."""
        if self._adopted:
            return
        for one in self._photos.all_pending():
            self._arrivals.adopt(one)
        self._adopted = True


_told: Final = msgspec.json.Decoder(_Told).decode


def _announced(entries: Sequence[FeedEntry]) -> Iterator[Announced]:
    for entry in entries:
        if entry.type != PhotoAccepted.TYPE:
            continue
        told = _told(entry.body)
        for one in (told.data.master, told.data.natural):
            name = PictureName(entry.region, told.station, one.sha256)
            yield Announced(name, one.size_bytes, one.width, one.height, entry.feedseq)
