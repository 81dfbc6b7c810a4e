"""The root helper ``kiosk-update.service``: settle what was left, say so, then carry out the request that waits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from kiosk.app.update.board import Board
from kiosk.app.update.database import StationDatabase
from kiosk.app.update.journal_file import JournalFile
from kiosk.app.update.letter_box import HelperLetters
from kiosk.app.update.places import Places
from kiosk.app.update.releases import ReleaseFolder
from kiosk.app.update.units import Units
from kiosk.config.station import StationConfig
from kiosk.station.update.journal import Outcome
from kiosk.station.update.refusals import UpdateRefused, Why
from kiosk.station.update.updater import Ports, Updater
from kiosk.store.database.lasting import NotLasting, require_lasting

logger = logging.getLogger(__name__)


def make_updater(config: StationConfig, places: Places) -> Updater:
    """Over the real ports."""
    own = config.station
    return Updater(
        Ports(
            JournalFile(places.releases),
            ReleaseFolder(places.releases, places.package),
            StationDatabase(own.database),
            Units(places.runtime),
            HelperLetters(own.data),
            Board(places.releases, own.data),
        )
    )


def run_helper(config: StationConfig, places: Places, on_settled: Callable[[], None]) -> Outcome | None:
    """``on_settled`` lets the station start. Raises UpdateRefused (nothing was looked at), OSError, StoreError."""
    with only_one(places.releases):
        try:
            require_lasting(places.releases)
            require_lasting(config.station.data)
        except NotLasting as error:
            raise UpdateRefused(Why.NOT_KEPT, str(error)) from error
        updater = make_updater(config, places)
        updater.settle()
        on_settled()
        return updater.serve()


@contextmanager
def only_one(releases: Path) -> Iterator[None]:
    """Raises UpdateRefused when another helper is at work."""
    with (releases / ".lock").open("ab") as lock:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise UpdateRefused(Why.RUNNING) from None
        yield
