"""Follows the feed of the ledger for the pictures and the answers to requests that it announces."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Final

from kiosk.domain.events import PhotoAccepted, RequestAnswered
from kiosk.messaging.contract.photos import PictureName
from kiosk.sorting_center.followers.feed_follower import FeedPosition, resume_position
from kiosk.sorting_center.ledger import FeedEntry, Ledger
from kiosk.sorting_center.photos.photos import AnnouncedPicture, PhotoIndex, PictureStatus
from kiosk.sorting_center.photos.received_pictures import ReceivedPictures
from kiosk.sorting_center.shared.stored_events import decode_data, decode_envelope

log = logging.getLogger(__name__)

STEP_EVENTS: Final = 1000


class PhotoFollower:
    """Any number of processes may follow into one list: what one has done, another does again without harm."""

    def __init__(self, ledger: Ledger, photos: PhotoIndex, received: ReceivedPictures) -> None:
        """Keep the arguments; none of them is closed here."""
        self._ledger, self._photos, self._received = ledger, photos, received
        self._adopted = False

    def step(self, limit: int = STEP_EVENTS) -> int:
        """Take in the next events of the feed; return how many, 0 at its end. Raises a LedgerError.

        In a generation after a restored backup the feed is followed from its beginning. What was announced stays: an
        event that the backup lacks is sent again by its station.
        """
        self._adopt_all()
        start = resume_position(self._ledger, self._photos.position())
        entries = self._ledger.feed(start.feedseq, limit)
        if not entries:
            return 0
        announcements = list(_announcements_in(entries))
        self._photos.record_announced(announcements, FeedPosition(start.generation, entries[-1].feedseq))
        for one in announcements:
            name = one.name
            if self._photos.status(name.region, name.station, name.sha256) is PictureStatus.PENDING:
                self._received.adopt(one)
        return len(entries)

    def _adopt_all(self) -> None:
        """Adopt once the pictures without a row that a process killed between the file and its row has left."""
        if self._adopted:
            return
        for one in self._photos.all_pending():
            self._received.adopt(one)
        self._adopted = True


def _announcements_in(entries: Sequence[FeedEntry]) -> Iterator[AnnouncedPicture]:
    for entry in entries:
        if entry.type not in (PhotoAccepted.TYPE, RequestAnswered.TYPE):
            continue
        event = decode_envelope(entry.body)
        if entry.type == RequestAnswered.TYPE:
            answer = decode_data(RequestAnswered, event.data)
            if answer.sha256:
                name = PictureName(entry.region, event.station, answer.sha256)
                yield AnnouncedPicture(name, answer.size_bytes, 0, 0, entry.feedseq)
            continue
        shot = decode_data(PhotoAccepted, event.data)
        for one in (shot.master, shot.natural):
            name = PictureName(entry.region, event.station, one.sha256)
            yield AnnouncedPicture(name, one.size_bytes, one.width, one.height, entry.feedseq)
