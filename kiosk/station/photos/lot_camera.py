"""Shots of the goods of a lot: asked for by the villager's desk and by the counter, kept by the same hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from kiosk.devices.ports import GoodsShot
from kiosk.station.desk.view import PhotoRequest
from kiosk.station.photos.folder import LotPhotos
from kiosk.station.photos.photographer import NO_SPACE, GoodsRequest, Photographer
from kiosk.station.photos.space import PhotoSpace
from kiosk.store.shared.errors import DiskFull, StoreError


class LotCamera:
    """``done(asked, sha256)`` hears of a shot that a clerk has overruled, as of every other that is kept."""

    def __init__(
        self, photographer: Photographer, space: PhotoSpace, lots: LotPhotos, done: Callable[[PhotoRequest, str], None]
    ) -> None:
        self._photographer, self._space, self._lots, self._done = photographer, space, lots, done

    def shoot(self, photo_request: PhotoRequest, product: str) -> None:
        """Ask for a shot; who listens to the photographer hears what becomes of it."""
        keep = partial(self._lots.keep, photo_request.subject, product)
        self._photographer.ask(GoodsRequest(photo_request, self._space.for_goods, keep))

    def keep(self, photo_request: PhotoRequest, product: str, shot: GoodsShot, actor: str) -> None:
        """Keep a shot that ``actor`` overrules; space for it was made before it was taken. Raises StoreError."""
        lot = photo_request.subject
        try:
            sha256 = self._lots.keep(lot, product, shot, actor)
        except OSError as error:
            failure = DiskFull if error.errno in NO_SPACE else StoreError
            raise failure(f"The shot of {lot} cannot be kept ({error}): check the card.") from error
        self._done(photo_request, sha256)
