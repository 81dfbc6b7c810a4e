"""The root helper ``kiosk-update.service``: settle what was left, say so, then carry out the request that waits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from kiosk.app.update.board import ThisBoard, UpdatePaths
from kiosk.app.update.database import StationDatabase, as_owner
from kiosk.app.update.releases import ReleaseFolder
from kiosk.app.update.units import Units
from kiosk.base.root_requests import Message, serve, working
from kiosk.config.station import StationConfig
from kiosk.station.update.journal import JournalFile, UpdateOutcome
from kiosk.station.update.messages import Request, UpdateFiles
from kiosk.station.update.refusals import UpdateRefusalReason, UpdateRefused
from kiosk.station.update.updater import UpdatePorts, Updater
from kiosk.store.database.persistence import NotPersistent, require_persistent


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
    with working(places.releases):
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
