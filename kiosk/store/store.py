"""The one door to the station's database: each method is one transaction, and durable when it returns."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from sqlalchemy import Connection

from kiosk.domain.catalog import Catalog
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.intake import AbandonReason, ConfirmedIntake, Intake
from kiosk.domain.trade import Mode, Party
from kiosk.domain.void import Void
from kiosk.files import hand_over
from kiosk.store import catalogs, intakes, photos
from kiosk.store.catalogs import CatalogCache
from kiosk.store.counter_side import CounterSide
from kiosk.store.database.connection import LOG_FILES, Connect, Database, connect
from kiosk.store.database.opening import prepare
from kiosk.store.database.reserve import Reserve
from kiosk.store.errors import StoreError
from kiosk.store.journal.series import SeriesMarker
from kiosk.store.papers import print_jobs
from kiosk.store.parcel_side import ParcelSide
from kiosk.store.records import (
    ConfirmedRow,
    NewPrintJob,
    PhotoPlace,
    PhotoRow,
    PrintJob,
    Stamp,
)
from kiosk.store.relay_side import RelaySide
from kiosk.store.scale_side import ScaleSide

RESERVE_BYTES: Final = 4 * 1024 * 1024


def _random_epoch() -> str:
    return secrets.token_hex(8)


@dataclass(eq=False)
class Store(ParcelSide, CounterSide, ScaleSide, RelaySide):
    """A station's database, open in this process. Methods may be called from any thread.

    Every writing method raises StoreError (DiskFull, DatabaseLocked, DatabaseDamaged) and then has done nothing.
    """

    _catalogs: CatalogCache = field(default_factory=CatalogCache, init=False)

    @classmethod
    def open(
        cls,
        path: Path,
        station: str,
        stamp: Stamp,
        *,
        new_epoch: Callable[[], str] = _random_epoch,
        check: bool = True,
        stamps: Callable[[], Stamp] | None = None,
        template: Path | None = None,
        reserve_bytes: int = RESERVE_BYTES,
        connect: Connect = connect,
        counter_floor: Mapping[str, int] | None = None,
    ) -> Self:
        """Create or open the database at ``path``, migrate it when it is older, and check it (``check``).

        ``stamps`` gives the stamp of calls made without one; ``template`` is an empty migrated file to copy a new
        database from; ``reserve_bytes`` are kept free for finishing open work on a full disk;
        ``counter_floor`` are event counters of the database this one takes the place of: a new epoch begins above
        them. Raises DatabaseDamaged and DatabaseNewer (the file is not touched then) and StoreError, also for the
        database of another station.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            marker = SeriesMarker(path)
            with marker.locked():
                prepare(path, check=check, template=template)
                hand_over(path, *(path.with_name(path.name + suffix) for suffix in LOG_FILES))
                store = cls(
                    stamps or (lambda: stamp),
                    Database(path, connect, Reserve(path, reserve_bytes)),
                    marker,
                    station,
                    new_epoch,
                    dict(counter_floor or {}),
                )
                return store._settled(stamp)
        except OSError as error:
            raise StoreError(f"The database {path} cannot be opened ({error}): check disk and owner.") from error

    def _settled(self, stamp: Stamp) -> Self:
        try:
            self.settle(stamp)
        except BaseException:
            self.close()
            raise
        return self

    def check_writable(self) -> None:
        """Raises StoreError when an intake could not be kept now; writes nothing, and waits for nobody."""
        self._database.check_writable(self._marker.files)

    # Catalog

    def import_catalog(self, catalog: Catalog, stamp: Stamp) -> int:
        """Bring a catalog into force and return its version; the same content again changes nothing."""
        return self._database.write(lambda connection: catalogs.add(connection, catalog, stamp))

    def catalog(self, version: int | None = None) -> tuple[int, Catalog]:
        """A version, the one in force when None; version 0 is the empty catalog of a new database."""
        wanted = self._database.read(catalogs.newest_version) if version is None else version
        catalog = self._catalogs.get(wanted)
        if catalog is None:
            catalog = self._database.read(lambda connection: catalogs.read(connection, wanted))
            self._catalogs.put(wanted, catalog)
        return wanted, catalog

    # Intake

    def open_intake(
        self, party: Party, product: str, mode: Mode, catalog_version: int, price_fen_per_kg: int, stamp: Stamp
    ) -> Intake:
        """Take the next receipt number: goods were chosen."""

        def work(connection: Connection) -> Intake:
            receipt = intakes.next_receipt(connection)
            intake = Intake(receipt, party, product, mode, catalog_version, price_fen_per_kg)
            intakes.take(connection, intake, stamp)
            return intake

        return self._database.write(work)

    def confirm_intake(
        self, confirmed: ConfirmedIntake, token: str, jobs: Sequence[NewPrintJob], metrology: str, stamp: Stamp
    ) -> ConfirmedRow:
        """Record what both sides agreed on: intake, bags, lot, event and papers, in one transaction.

        ``token`` is made by the screen for this confirmation; when it was used before, the first result comes back
        with ``repeated`` and nothing is written. ``metrology`` names the legally relevant software.
        """

        def work(connection: Connection) -> ConfirmedRow:
            row = intakes.confirm(connection, confirmed, token, metrology, stamp)
            if not row.repeated:
                print_jobs.add(connection, confirmed.intake.receipt, jobs)
            return row

        return self._database.write(work, finishing=True)

    def abandon_intake(self, receipt: ReceiptNumber, stage: str, why: AbandonReason, stamp: Stamp) -> None:
        """Close an opened intake without goods; ``stage`` is opened or weighed. Again changes nothing."""
        self._database.write(lambda connection: intakes.abandon(connection, receipt, stage, why, stamp), finishing=True)

    def abandon_left_open(self, stamp: Stamp) -> list[ReceiptNumber]:
        """At the station's start: abandon every intake that was open when it stopped."""
        return self._database.write(lambda connection: intakes.abandon_left_open(connection, stamp), finishing=True)

    def void_intake(self, void: Void, stamp: Stamp) -> None:
        """Record the counter-document of a confirmed intake, at most one each; its queued papers are cancelled.

        Refused: already_void.
        """

        def work(connection: Connection) -> None:
            intakes.void(connection, void, stamp)
            print_jobs.cancel_queued(connection, void.receipt)

        self._database.write(work)

    def confirmed(self, receipt: str) -> ConfirmedRow | None:
        """The confirmed intake with this receipt number."""
        return self._database.read(lambda connection: intakes.by_receipt(connection, receipt))

    def recent_intakes(self, limit: int = 50) -> list[ConfirmedRow]:
        """Confirmed intakes, newest receipt first."""
        return self._database.read(lambda connection: intakes.recent(connection, limit))

    def by_token(self, token: str) -> ConfirmedRow | None:
        """The intake that was confirmed with this token."""
        return self._database.read(lambda connection: intakes.by_token(connection, token))

    # Print jobs

    def next_print_job(self, printer: str) -> PrintJob | None:
        """The oldest queued job for ``label`` or ``receipt``."""
        return self._database.read(lambda connection: print_jobs.next_queued(connection, printer))

    def print_sending(self, job_id: int) -> None:
        """Before the first byte leaves: queued becomes sending."""
        self._database.write(lambda connection: print_jobs.sending(connection, job_id), finishing=True)

    def print_done(self, job_id: int) -> None:
        """The paper came out: sending becomes printed."""
        self._database.write(lambda connection: print_jobs.done(connection, job_id), finishing=True)

    def print_unknown(self, job_id: int, why: str, stamp: Stamp) -> None:
        """Nobody knows whether the paper came out: sending becomes unknown, with its event."""
        self._database.write(lambda connection: print_jobs.unknown(connection, job_id, why, stamp), finishing=True)

    def print_recover(self, stamp: Stamp) -> list[PrintJob]:
        """At the station's start: every job found sending becomes unknown."""
        return self._database.write(lambda connection: print_jobs.recover(connection, stamp), finishing=True)

    def print_jobs(self, receipt: str) -> list[PrintJob]:
        """All papers of an intake, oldest first."""
        return self._database.read(lambda connection: print_jobs.of_receipt(connection, receipt))

    def print_summary(self) -> dict[str, int]:
        """How many jobs are queued, sending, printed and unknown."""
        return self._database.read(print_jobs.summary)

    # Photos

    def add_photo(
        self, lot: str, product: str, sha256: str, size_bytes: int, width: int, height: int, stamp: Stamp
    ) -> None:
        """Record a shot of a lot and its listing draft; the same shot of the same lot again changes nothing."""
        photo = PhotoRow(lot, sha256, size_bytes, width, height, stamp.moment.timestamp)
        self._database.write(lambda connection: photos.add(connection, photo, product, stamp))

    def photos(self, lot: str) -> list[PhotoRow]:
        """The shots of a lot."""
        return self._database.read(lambda connection: photos.of_lot(connection, lot))

    def oldest_photos(self, limit: int, after: PhotoPlace | None = None) -> list[PhotoPlace]:
        """All shots in the order of their intakes, behind ``after``; whether a picture is still here, its file says."""
        return self._database.read(lambda connection: photos.oldest(connection, limit, after))
