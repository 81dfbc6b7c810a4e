"""The updates lane of a relay: its parts put together over the station's own database and folder."""

from __future__ import annotations

from kiosk.app.photos_lane import StoredEvents
from kiosk.app.update.board import Board
from kiosk.app.update.fetched import FetchedBundles
from kiosk.app.update.places import Places
from kiosk.config.relay import RelayConfig
from kiosk.messaging.relay.lane import Lane
from kiosk.messaging.relay.updates.client import Client
from kiosk.messaging.relay.updates.lane import StationUpdates, UpdatesWork
from kiosk.station.doctor.updates_mark import UpdatesMark
from kiosk.store.store import Store


def updates_lane(config: RelayConfig, store: Store, places: Places) -> Lane:
    """Not started."""
    data = config.station.data
    station = StationUpdates(FetchedBundles(data, places, Board()), StoredEvents(store), UpdatesMark(data))
    center = Client(config.relay)
    return Lane(UpdatesWork(config.relay, center, station), center)
