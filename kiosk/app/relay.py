"""Composition root of the relay: a separate process, kept small."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from kiosk.app.photos_lane import StoredEvents
from kiosk.app.systemd import LoopStop, Notifier
from kiosk.app.update.board import UPDATE_PATHS
from kiosk.config.relay import RelayConfig
from kiosk.messaging.relay.configuration.folder import FolderInbox
from kiosk.messaging.relay.configuration.lane import CountyLane, StationConfiguration
from kiosk.messaging.relay.pace import Pace
from kiosk.messaging.relay.relay import Relay
from kiosk.messaging.relay.shared.ports import StationSide
from kiosk.station.doctor.status_files import DoctorStatusFile, RelayStatusFile
from kiosk.station.shared.open_store import open_store
from kiosk.store.store import Store

if TYPE_CHECKING:
    from kiosk.messaging.relay.shared.lane import Lane


def run_relay(config: RelayConfig, stop: threading.Event) -> None:
    store = open_store(config.station)
    station = StationConfiguration(FolderInbox(config.station.data, store.county_documents), StoredEvents(store))
    county = CountyLane(config.relay, station)
    found = (_photos_lane(config, store), _updates_lane(config, store), county)
    lanes = [lane for lane in found if lane is not None]
    try:
        for lane in lanes:
            lane.start()
        manager = Notifier.from_environ()
        manager.ready(f"sends for {config.station.station}")
        data = config.station.data
        rows = DoctorStatusFile(data).rows
        status = RelayStatusFile(data)
        side = StationSide(status, rows, county.version, county.received, county.request_received)
        relay = Relay(store, Pace(config.relay), side=side)
        relay.run(LoopStop(stop, manager))
        manager.stopping()
    finally:
        for lane in lanes:
            lane.stop()
        store.close()


def _photos_lane(config: RelayConfig, store: Store) -> Lane | None:
    """Make the lane; None when no place for pictures is set: then none of its modules is loaded."""
    if config.relay.photos is None:
        return None
    from kiosk.app.photos_lane import photos_lane

    return photos_lane(config, store)


def _updates_lane(config: RelayConfig, store: Store) -> Lane | None:
    """Make the lane; None when no place of updates is set, or none is possible: then no module is loaded."""
    if config.relay.updates is None or not UPDATE_PATHS.releases.is_dir():
        return None
    from kiosk.app.update.board import ThisBoard
    from kiosk.app.update.fetched_bundles import FetchedBundles
    from kiosk.messaging.relay.shared.lane import Lane
    from kiosk.messaging.relay.updates.lane import StationUpdates, UpdatesClient, UpdatesWork
    from kiosk.station.doctor.status_files import UpdatesStatusFile

    data = config.station.data
    station = StationUpdates(
        FetchedBundles(data, UPDATE_PATHS, ThisBoard()), StoredEvents(store), UpdatesStatusFile(data).report
    )
    center = UpdatesClient(config.relay)
    return Lane(UpdatesWork(config.relay, center, station), center)
