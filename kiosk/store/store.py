"""A station's database, open in this process: one attribute for each group of tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Self

from kiosk.base.files import chown_to_folder_owner
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.intake import Intake, TareSource, Weighing
from kiosk.domain.trade import Certificate, CertificateKind, Mode, NoCertificateReason, Party
from kiosk.store.catalogs import Catalogs
from kiosk.store.checkpoints import CountyCheckpoints
from kiosk.store.clerks import Clerks
from kiosk.store.county_documents import CountyDocuments
from kiosk.store.database.connection import LOG_FILES, Database, Reserve
from kiosk.store.database.opening import OpenOptions, prepare_file
from kiosk.store.days import Days
from kiosk.store.epochs import Epochs
from kiosk.store.intakes import Intakes
from kiosk.store.journal.journal import Journal
from kiosk.store.journal.outbox import Outbox
from kiosk.store.journal.series import SeriesMarker
from kiosk.store.journal.signing import Signing
from kiosk.store.listings import Listings
from kiosk.store.lockouts import Lockouts
from kiosk.store.members import MemberGoods
from kiosk.store.papers.crates import Crates
from kiosk.store.papers.papers import Papers
from kiosk.store.parcels.deliveries import Deliveries
from kiosk.store.parcels.parcels import Parcels
from kiosk.store.parcels.totes import Totes
from kiosk.store.photos import Photos
from kiosk.store.scale.checks import Checks
from kiosk.store.scale.event_counters import EventCounters
from kiosk.store.scale.pan_loads import PanLoads
from kiosk.store.scale.weighings import Weighings
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import Stamp


class Store:
    """May be used from any thread; ``kiosk.store.database.tables`` says what holds for every method of a group."""

    def __init__(
        self, database: Database, marker: SeriesMarker, station: str, stamps: Callable[[], Stamp], opening: OpenOptions
    ) -> None:
        self._database = database
        self._marker = marker
        # The counter
        self.catalogs = Catalogs(database)
        self.intakes = Intakes(database)
        self.members = MemberGoods(database)
        self.papers = Papers(database)
        self.crates = Crates(database)
        self.photos = Photos(database)
        self.listings = Listings(database)
        self.deliveries = Deliveries(database)
        self.parcels = Parcels(database)
        self.totes = Totes(database)
        self.days = Days(database)
        self.clerks = Clerks(database)
        self.county_documents = CountyDocuments(database)
        self.county_checkpoints = CountyCheckpoints(database)
        self.lockouts = Lockouts(database)
        # The scale
        self.counters = EventCounters(database)
        self.checks = Checks(database)
        self.pan_loads = PanLoads(database)
        self.weighings = Weighings(database)
        # What is sent to the sorting center
        self.journal = Journal(database)
        self.outbox = Outbox(database)
        self.signing = Signing(database)
        self.epochs = Epochs(database, marker, station, stamps, opening)

    @classmethod
    def open(cls, path: Path, station: str, stamp: Stamp, opening: OpenOptions | None = None) -> Self:
        """Create or open the database at ``path``, migrate it when it is older, and check it.

        Raises DatabaseDamaged and DatabaseNewer (the file is not touched then) and StoreError, also for the database
        of another station.
        """
        opening = opening or OpenOptions()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            marker = SeriesMarker(path)
            with marker.locked():
                prepare_file(path, opening)
                chown_to_folder_owner(path, *(path.with_name(path.name + suffix) for suffix in LOG_FILES))
                database = Database(path, opening.connect, Reserve(path, opening.reserve_bytes))
                store = cls(database, marker, station, opening.stamps or (lambda: stamp), opening)
                try:
                    store.epochs.settle(stamp)
                except BaseException:
                    store.close()
                    raise
                return store
        except OSError as error:
            raise StoreError(f"The database {path} cannot be opened ({error}): check disk and owner.") from error

    def rehearse_intake(self, catalog_version: int, product: str, stamp: Stamp) -> None:
        """Open an intake, confirm it, and take both back: no number is used, no event stays. Raises StoreError."""

        def goods(receipt: ReceiptNumber) -> Intake:
            return Intake(receipt, Party(None), product, Mode.CONSIGNMENT, catalog_version, 100)

        certificate = Certificate(CertificateKind.NONE, reason=NoCertificateReason.NOT_PRESENTED)
        weighing = Weighing(1000, reading_no=1, load_no=1, stable_ms=1000, readings=10)
        with self._database.rehearsal():
            weighed = self.intakes.open(goods, stamp).with_bag(weighing, "BARE", TareSource.PRESET, 0)
            self.intakes.confirm(weighed.confirm(certificate), "rehearsal", lambda head: [], stamp)

    def check_writable(self) -> None:
        """Raise StoreError when an intake could not be kept now; write nothing, and wait for no lock."""
        self._database.check_writable(self._marker.files)

    def changed(self) -> bool:
        """Return whether another process committed since the last call; true the first time."""
        return self._database.changed()

    def close(self) -> None:
        self._database.close()
