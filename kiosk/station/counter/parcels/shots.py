"""Shots of damaged parcels: asked for, kept with an accepted parcel, dropped with any other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kiosk.domain.parcel import ParcelNumber
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.counter.shared.state import CounterState
from kiosk.station.desk.view import PhotoRequest
from kiosk.station.parcels.photos import ParcelPhotos

logger = logging.getLogger(__name__)


class ParcelShots:
    """``on_photo`` asks for a shot of a parcel; it answers to the state."""

    def __init__(
        self, state: CounterState, photos: ParcelPhotos, on_photo: Callable[[PhotoRequest, ParcelNumber], None]
    ) -> None:
        self._state = state
        self._photos = photos
        self._on_photo = on_photo

    def take(self, number: ParcelNumber) -> None:
        """The answer comes with the view."""
        self._on_photo(self._state.shooting(str(number)), number)

    def drop(self, number: ParcelNumber) -> None:
        self._photos.drop(number)

    def waiting_sha256(self, number: ParcelNumber) -> str:
        """The shot that waits for the decision. Raises CounterRefused ``damaged_needs_photo``."""
        sha256 = self._photos.waiting_sha256(number)
        if sha256 is None:
            raise CounterRefused("damaged_needs_photo")
        return sha256

    @contextmanager
    def keeping(self, number: ParcelNumber) -> Iterator[None]:
        """The picture of a damaged parcel is kept exactly when the block books it."""
        try:
            with self._photos.accepting(number):
                yield
        except OSError as error:
            logger.error("the picture of %s cannot be kept: %s", number, error.strerror)
            raise CounterRefused("store_failed", "the picture cannot be kept: look after the disk") from error
