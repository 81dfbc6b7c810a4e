"""What a simulated station does with the county's documents: it believes each, and reports it as applied.

Its relay's configuration lane is the real one, and so are folder and journal; the signature, and what a document holds,
are checked by real stations alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from kiosk.domain.events import ConfigApplied
from kiosk.messaging.contract.configuration import ConfigurationDocument
from kiosk.messaging.relay.configuration.folder import FolderInbox
from kiosk.messaging.relay.configuration.lane import CountyLane, StationConfiguration
from kiosk.messaging.relay.configuration.ports import DocumentInForce
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.store import Stamp, Store
from kiosk.store.journal import journal


class StoredOutbox:
    def __init__(self, store: Store) -> None:
        self._store = store

    def any_waiting(self) -> bool:
        return self._store.outbox.counts().pending > 0


class BelievedDocuments:
    """In memory: a fleet that is started again begins without any."""

    def __init__(self, store: Store, stamp: Callable[[], Stamp]) -> None:
        self._store, self._stamp = store, stamp
        self._document: DocumentInForce | None = None
        self._parts: set[str] = set()

    def in_force(self) -> DocumentInForce | None:
        return self._document

    def missing(self, hashes: Iterable[str]) -> list[str]:
        return [sha256 for sha256 in hashes if sha256 not in self._parts]

    def apply(self, document: ConfigurationDocument, sha256: str) -> None:
        """Journal the document and put it in force. Raises StoreError."""
        event = ConfigApplied(*document.version, sha256, 1)
        self._store.journal.database.write(lambda connection: journal.append(connection, event, self._stamp()))
        self._document = DocumentInForce(document.number, sha256, confirmed=True)
        self._parts = {part.sha256 for part in document.parts.values()}


class BelievingInbox(FolderInbox):
    """Each document is in force as soon as it is delivered."""

    def __init__(self, data: Path, documents: BelievedDocuments) -> None:
        super().__init__(data, documents)
        self._believed = documents

    def deliver(self, document: ConfigurationDocument, content: bytes) -> None:
        super().deliver(document, content)
        self._believed.apply(document, hashlib.sha256(content).hexdigest())


def county_lane(settings: RelaySettings, folder: Path, store: Store, stamp: Callable[[], Stamp]) -> CountyLane:
    """Build the lane of one station, with its data in ``folder``."""
    inbox = BelievingInbox(folder, BelievedDocuments(store, stamp))
    return CountyLane(settings, StationConfiguration(inbox, StoredOutbox(store)))
