"""The updates lane of a relay: its parts put together over the station's own database and folder."""

from __future__ import annotations

from kiosk.app.photos_lane import StoredEvents
from kiosk.app.update.board import ThisBoard
from kiosk.app.update.fetched_bundles import FetchedBundles
from kiosk.app.update.paths import UpdatePaths
from kiosk.config.relay import RelayConfig
from kiosk.messaging.relay.shared.lane import Lane
from kiosk.messaging.relay.updates.lane import StationUpdates, UpdatesClient, UpdatesWork
from kiosk.station.doctor.status_files import UpdatesStatusFile
from kiosk.store.store import Store


def updates_lane(config: RelayConfig, store: Store, places: UpdatePaths) -> Lane:
    data = config.station.data
    station = StationUpdates(
        FetchedBundles(data, places, ThisBoard()), StoredEvents(store), UpdatesStatusFile(data).report
    )
    center = UpdatesClient(config.relay)
    return Lane(UpdatesWork(config.relay, center, station), center)
