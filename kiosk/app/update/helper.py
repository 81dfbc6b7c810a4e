"""The root helper ``kiosk-update.service``: settle what was left, say so, then carry out the request that waits."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from kiosk.app.update.board import ThisBoard
from kiosk.app.update.database import StationDatabase
from kiosk.app.update.owner_rights import as_owner
from kiosk.app.update.paths import UpdatePaths
from kiosk.app.update.releases import ReleaseFolder
from kiosk.app.update.units import Units
from kiosk.base.root_requests import Message, serve
from kiosk.config.station import StationConfig
from kiosk.station.update.journal import JournalFile, UpdateOutcome
from kiosk.station.update.messages import Request, UpdateFiles
from kiosk.station.update.refusals import UpdateRefusalReason, UpdateRefused
from kiosk.station.update.updater import UpdatePorts, Updater
from kiosk.store.database.persistence import NotPersistent, require_persistent

logger = logging.getLogger(__name__)

_LOCK_RETRY_S: Final = 0.2


def station_files(data: Path) -> UpdateFiles:
    """What the station has written, read and removed with the rights of the station's user alone."""
    return UpdateFiles(data, partial(as_owner, data))


def make_updater(config: StationConfig, places: UpdatePaths) -> Updater:
    own = config.station
    return Updater(
        UpdatePorts(
            JournalFile(places.releases),
            ReleaseFolder(places.releases, places.package),
            StationDatabase(own.database),
            Units(places.runtime),
            station_files(own.data),
            ThisBoard(places.releases, own.data),
        )
    )


def run_helper(config: StationConfig, places: UpdatePaths, on_settled: Callable[[], None]) -> UpdateOutcome | None:
    """``on_settled`` lets the station start. Raises UpdateRefused (nothing lasts here), OSError, StoreError."""
    data = config.station.data
    if data != places.data:
        refuse_request(places.data, places, UpdateRefusalReason.NOT_FOUND)
    with helper_lock(places.releases):
        try:
            require_persistent(places.releases)
            require_persistent(data)
        except NotPersistent as error:
            refuse_request(data, places, UpdateRefusalReason.NOT_PERSISTENT, str(error))
            raise UpdateRefused(UpdateRefusalReason.NOT_PERSISTENT, str(error)) from error
        updater = make_updater(config, places)
        updater.recover()
        on_settled()
        return updater.serve()


def refuse_request(data: Path, places: UpdatePaths, why: UpdateRefusalReason, detail: str = "") -> None:
    """Take it away where it cannot be served: as long as one is there, the helper is started. Raises OSError."""
    journal = JournalFile(places.releases)

    def refuse(message: Message[Request]) -> None:
        if journal.read() is None:
            before = journal.outcome()
            failed = "" if before is None else before.failed
            journal.close(UpdateOutcome(ThisBoard(places.releases, data).new_number(), "", why, detail, failed=failed))

    if data.is_dir():
        serve(station_files(data).request, refuse)


@contextmanager
def helper_lock(releases: Path, patience_s: float = math.inf) -> Iterator[None]:
    """Waits until no other helper is at work: who ended at once would be started again at once for the same request.

    Raises UpdateRefused when that takes longer than ``patience_s``.
    """
    with (releases / ".lock").open("ab") as lock:
        end = time.monotonic() + patience_s
        while not _try_lock(lock, wait=math.isinf(patience_s)):
            if time.monotonic() >= end:
                raise UpdateRefused(UpdateRefusalReason.RUNNING)
            time.sleep(_LOCK_RETRY_S)
        yield


def _try_lock(lock: BinaryIO, *, wait: bool) -> bool:
    try:
        flock(lock, LOCK_EX if wait else LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    return True
