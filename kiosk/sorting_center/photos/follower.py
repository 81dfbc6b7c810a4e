"""Follows the feed of the ledger for the pictures it announces."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from kiosk.domain.backoff import Backoff
from kiosk.domain.events import PhotoAccepted
from kiosk.domain.events.photo import PictureData
from kiosk.messaging.contract.photos import PictureName
from kiosk.sorting_center.ledger import FeedEntry, Ledger
from kiosk.sorting_center.photos.arrivals import Arrivals
from kiosk.sorting_center.photos.photos import Announced, Photos, Position, Standing

log = logging.getLogger(__name__)

STEP_EVENTS: Final = 1000
_LOOK_S: Final = 0.5
_AGAIN_FIRST_S: Final = 0.5
_AGAIN_MAX_S: Final = 30.0


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

    def step(self, limit: int = STEP_EVENTS) -> int:
        """Take in the next events of the feed; how many, 0 at its end. Raises a LedgerError.

        Of another ledger, or a generation after a restored backup, the feed is followed from its beginning. What was
        announced stays: an event that the backup lacks is told again by its station.
        """
        position = self._position()
        entries = self._ledger.feed(position.feedseq, limit)
        if not entries:
            return 0
        told = list(_announced(entries))
        self._photos.follow(told, Position(position.ledger_id, position.generation, entries[-1].feedseq))
        for one in told:
            name = one.name
            if self._photos.standing(name.region, name.station, name.sha256) is Standing.PENDING:
                self._arrivals.adopt(one)
        return len(entries)

    def run(self, ending: threading.Event) -> None:
        """Follow until ``ending`` is set, whatever happens."""
        pauses = Backoff(_AGAIN_FIRST_S, _AGAIN_MAX_S)
        trouble, adopted = "", False
        while not ending.is_set():
            try:
                if not adopted:
                    self._adopt_all()
                    adopted = True
                done = self.step()
            except Exception as error:
                said = f"The photos cannot follow the ledger: {error}"
                if said != trouble:
                    log.error("%s", said)
                trouble = said
                ending.wait(pauses.next())
            else:
                pauses.reset()
                trouble = ""
                if not done:
                    ending.wait(_LOOK_S)

    def _adopt_all(self) -> None:
        """Killed between the file and its row, this process has pictures that the list does not know."""
        for one in self._photos.all_pending():
            self._arrivals.adopt(one)

    def _position(self) -> Position:
        at = self._photos.position()
        start = Position(self._ledger.ledger_id, self._ledger.generation, 0)
        if at is None or (at.ledger_id, at.generation) != (start.ledger_id, start.generation):
            return start
        return at if at.feedseq <= self._ledger.feed_end() else start


def _announced(entries: Sequence[FeedEntry]) -> Iterator[Announced]:
    for entry in entries:
        if entry.type != PhotoAccepted.TYPE:
            continue
        try:
            told = msgspec.json.decode(entry.body, type=_Told)
            pictures = [
                Announced(
                    PictureName(entry.region, told.station, one.sha256),
                    one.size_bytes,
                    one.width,
                    one.height,
                    entry.feedseq,
                )
                for one in (told.data.master, told.data.natural)
            ]
        except ValueError as error:  # of older software that knew no rules for it
            log.warning("Event %d of the feed announces no picture: %s", entry.feedseq, error)
            continue
        yield from pictures
