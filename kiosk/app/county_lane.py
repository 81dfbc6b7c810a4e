"""The configuration lane of a relay: its parts put together over the station's own database and folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kiosk.app.county_inbox import FolderInbox
from kiosk.app.photos_lane import StoredEvents
from kiosk.messaging.relay.configuration.lane import ConfigurationClient, ConfigurationWork, StationConfiguration
from kiosk.messaging.relay.configuration.ports import AppliedDocument, AppliedDocuments
from kiosk.messaging.relay.shared.lane import Lane
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.store.store import Store


class NothingApplied:
    """A station that applies no document."""

    def in_force(self) -> AppliedDocument | None:
        return None

    def missing(self, hashes: Iterable[str]) -> list[str]:
        return list(hashes)


class RelayCounty:
    """The lane, and what the relay's own thread says and hears of the county's documents."""

    def __init__(self, settings: RelaySettings, data: Path, store: Store) -> None:
        self._documents: AppliedDocuments = vars(store).get("county_documents") or NothingApplied()
        center = ConfigurationClient(settings)
        station = StationConfiguration(FolderInbox(data, self._documents), StoredEvents(store))
        self._work = ConfigurationWork(settings, center, station)
        self.lane = Lane(self._work, center)

    def version(self) -> str:
        """In force, as a hello says it. Raises StoreError."""
        found = self._documents.in_force()
        return str(found.version) if found is not None else ""

    def received(self, payload: bytes) -> None:
        self._work.received(payload)
        self.lane.wake()
