"""Restores a backup: beside the present database first, then in its place, and always in a new epoch.

The sorting center may have more of the old epoch than the backup has. Its numbers must not be used twice, so the copy
starts a new epoch, with the next receipt letter, before it is put in place: a power cut at any moment leaves the
present database or the restored one, never a restored one that continues the old epoch. Nothing is deleted.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, lockf
from pathlib import Path
from typing import BinaryIO, Final

from kiosk.base.files import chown_to_folder_owner, flush_to_disk, sync_folder, write_durably
from kiosk.domain.identifiers import SERIES_LETTERS
from kiosk.store.backup import photos as backup_photos
from kiosk.store.backup.backup import sha256_of
from kiosk.store.backup.medium import BackupManifest, read_manifest
from kiosk.store.database.inspection import event_counters
from kiosk.store.database.opening import OpenOptions, random_epoch
from kiosk.store.journal.series import Series, SeriesMarker, series_line
from kiosk.store.shared.age_file import SEALED, NotOpened, unseal_stream
from kiosk.store.shared.errors import SQLITE_ERRORS, DatabaseDamaged, DiskFull, StoreError
from kiosk.store.shared.records import Stamp
from kiosk.store.store import Store

logger = logging.getLogger(__name__)

_LOCK_BYTE: Final = 0x40000000
# Every open connection holds a lock on some of these bytes (https://www.sqlite.org/fileformat2.html, section 1.4).
_LOCK_BYTES: Final = 512

_UNKNOWN_EPOCH: Final = "0" * 16
_PRINTERS: Final = ("label", "receipt")
_CHUNK: Final = 1024 * 1024
_SPARE_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RestoredEpoch:
    """A copy of a backup that has entered its new epoch.

    ``events`` are in the backup; ``reissued_events`` of them in the new epoch too, because the sorting center may not
    have them. ``papers`` wait for a person: whether they were printed since is unknown.
    """

    old: Series
    new: Series
    events: int
    reissued_events: int
    papers: int


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """The result. ``kept`` is where the previous database is stored now, None when there was none.

    ``verified``: the backup had a manifest and was, byte for byte, what the manifest says. ``problem`` is a sentence
    when the database is in its place and something beside it is not.
    """

    epoch: RestoredEpoch
    previous_database: Path | None
    photos: int
    verified: bool
    problem: str = ""


class BackupSealed(StoreError):
    """The backup is encrypted, and there is no key here that opens it."""


@dataclass(frozen=True, slots=True)
class RestoreOptions:
    """``own_key`` opens what the station has encrypted to itself."""

    newest_letter: str | None = None  # The letter on the newest paper receipt, for a card without its `receipt-series`
    new_epoch: Callable[[], str] = random_epoch
    own_key: bytes = b""


def restore(
    backup: Path,
    database: Path,
    station: str,
    stamp: Stamp,
    options: RestoreOptions | None = None,
) -> RestoreResult:
    """Restore while station and relay are stopped. Raises StoreError; then the present database is untouched."""
    options = options or RestoreOptions()
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        # Before the lock: a handle of SQLite's on the same file would take it away when it is closed.
        file_state = _file_state(database)
        opening = OpenOptions(
            stamps=lambda: stamp,
            new_epoch=options.new_epoch,
            counter_floor=_counters_of(database),
            reserve_bytes=0,
        )
        with lock_exclusively(database):
            if _file_state(database) != file_state:
                raise _in_use(database)
            copy = database.parent / ".restore" / database.name
            manifest, marker = _manifest_of(backup, station, copy.parent), SeriesMarker(database)
            _copy_in(backup, copy, manifest, options.own_key)
            known = [
                *marker.used(station),
                *_series_beside(backup, manifest, station),
                *_series_of_letter(options.newest_letter),
            ]
            SeriesMarker(copy).add_missing(station, dict.fromkeys(known))
            new_epoch = _enter_new_epoch(copy, backup, station, stamp, opening)
            with marker.locked():
                previous = _swap(copy, database)
    except OSError as error:
        raise StoreError(f"The backup {backup} cannot be brought back ({error}): check the medium and the disk.") from (
            error
        )
    photos, problem = _restore_companions(copy, backup, database, manifest, options.own_key, station)
    return RestoreResult(new_epoch, previous, photos, manifest is not None, problem)


def check_backup(backup: Path, database: Path, station: str, own_key: bytes) -> None:
    """Check that it is this station's and byte for byte as its manifest says. Raises StoreError; changes nothing."""
    try:
        manifest = _manifest_of(backup, station, database.parent / ".restore")
        with Path(os.devnull).open("wb") as nowhere:
            _transfer(backup, nowhere, manifest, own_key)
    except OSError as error:
        raise StoreError(f"The backup {backup} cannot be read ({error}): check the medium.") from error


def _altered(backup: Path) -> StoreError:
    return DatabaseDamaged(
        f"The backup {backup} is not what its manifest says: it was changed or damaged. Take an older backup."
    )


def _transfer(backup: Path, target: BinaryIO, manifest: BackupManifest | None, own_key: bytes) -> str:
    """Write the database of the backup, opened; return its SHA-256. Raises StoreError unless it is what the manifest
    says, OSError.
    """
    with backup.open("rb") as source:
        if backup.suffix == SEALED:
            digest = _unseal(source, target, manifest, own_key)
        else:
            hashing = hashlib.sha256()
            while piece := source.read(_CHUNK):
                hashing.update(piece)
                target.write(piece)
            digest = hashing.hexdigest()
    if manifest is not None and digest != manifest.sha256:
        raise _altered(backup)
    return digest


def _unseal(source: BinaryIO, target: BinaryIO, manifest: BackupManifest | None, own_key: bytes) -> str:
    backup = Path(source.name)
    try:
        return unseal_stream(source, target, own_key).written
    except NotOpened as error:
        if manifest is not None and sha256_of(backup) != manifest.sealed_sha256:
            raise _altered(backup) from error
        raise BackupSealed(
            f"The backup {backup} is encrypted, and the station's key does not open it (or it was changed): the county "
            "opens it: sorting-center kit decrypt. Nothing was changed."
        ) from error


def _restore_companions(
    copy: Path, backup: Path, database: Path, manifest: BackupManifest | None, own_key: bytes, station: str
) -> tuple[int, str]:
    """Restore what goes with the database; return the number of pictures, and a sentence when some of it failed."""
    marker, source = SeriesMarker(database), backup.with_name("photos")
    selected = manifest.photos if manifest else backup_photos.hashes(source)
    try:
        with marker.locked():
            marker.add_missing(station, SeriesMarker(copy).used(station))
        shutil.rmtree(copy.parent)
        brought = backup_photos.copy(source, database.with_name("photos"), selected, private=own_key)
        closed = f"{len(brought.broken)} pictures are damaged, or encrypted to another key, and were not brought back."
        return brought.new, closed if brought.broken else ""
    except (OSError, StoreError) as error:
        return 0, f"The database is in its place, but not all that goes with it: {error}"


def _manifest_of(backup: Path, station: str, working: Path) -> BackupManifest | None:
    if backup.resolve().is_relative_to(working.resolve()):
        raise StoreError(
            f"The backup {backup} lies in {working}, which is emptied first: move it to another folder, then restore."
        )
    if not backup.is_file():
        raise StoreError(f"There is no backup {backup}: name the .age or .db file of a backup.")
    path = backup.with_suffix(".json")
    if not path.is_file():
        return None
    manifest = read_manifest(path)
    if manifest.station != station:
        raise StoreError(
            f"The backup {backup} is of station {manifest.station}, not of {station}: bring the right one."
        )
    return manifest


def _copy_in(backup: Path, copy: Path, manifest: BackupManifest | None, own_key: bytes) -> None:
    """Copy the backup to this disk, durably, and exactly what the manifest says."""
    if copy.parent.exists():
        shutil.rmtree(copy.parent)
    copy.parent.mkdir()
    chown_to_folder_owner(copy.parent)
    log = None if manifest or backup.suffix == SEALED else _log_of(backup)
    size = backup.stat().st_size + (log.stat().st_size if log else 0)
    free, need = shutil.disk_usage(copy.parent).free, size + _SPARE_BYTES
    if free < need:
        raise DiskFull(
            f"The disk of {copy.parent.parent} has {free // _CHUNK} MB free and the backup needs {need // _CHUNK} MB: "
            "free space on it (photos first)."
        )
    with copy.open("wb") as target:
        digest = _transfer(backup, target, manifest, own_key)
        flush_to_disk(target)
    chown_to_folder_owner(copy)
    if sha256_of(copy) != digest:
        raise StoreError(f"The disk of {copy.parent.parent} does not give back what was written: exchange it.")
    if log is not None:
        _copy_durably(log, copy.with_name(f"{copy.name}-wal"))


def _log_of(backup: Path) -> Path | None:
    """Return the log that a power cut left beside the backup's database; SQLite folds it into the copy."""
    log = backup.with_name(f"{backup.name}-wal")
    return log if log.is_file() and log.stat().st_size > 0 else None


def _series_beside(backup: Path, manifest: BackupManifest | None, station: str) -> Iterator[Series]:
    """Yield the series that the backup and its medium know; a later backup there may know more than this one."""
    yield from SeriesMarker(backup).used(station)
    for line in manifest.receipt_series if manifest else ():
        found = series_line(line)
        if found is not None and found[0] == station:
            yield found[1]


def _series_of_letter(letter: str | None) -> Iterator[Series]:
    if letter is None:
        return
    if len(letter) != 1 or letter not in SERIES_LETTERS:
        raise StoreError(
            f"{letter!r} is no receipt letter: give the one on the newest receipt, {SERIES_LETTERS[0]} to Z."
        )
    yield Series(letter, _UNKNOWN_EPOCH)


def _counters_of(database: Path) -> dict[str, int]:
    """Read the event counters of the replaced database, to continue above them; none from a damaged one."""
    if not database.exists():
        return {}
    try:
        return event_counters(database)
    except StoreError as error:
        logger.warning("the event counters of the database that is replaced cannot be read: %s", error)
        return {}


def _file_state(database: Path) -> list[tuple[int, int, int]]:
    """Return what shows whether the database or its log has been written since."""
    files = (database, database.with_name(f"{database.name}-wal"))
    seen = [path.stat() for path in files if path.exists()]
    return [(one.st_ino, one.st_size, one.st_mtime_ns) for one in seen]


def _enter_new_epoch(copy: Path, backup: Path, station: str, stamp: Stamp, opening: OpenOptions) -> RestoredEpoch:
    old, events = _newest(copy, backup)
    try:
        with closing(Store.open(copy, station, stamp, opening)) as store:
            store.journal.verify()
            if store.epochs.identity().epoch == old.epoch:  # else the letters beside it made the opening begin one
                store.epochs.start("restored", stamp)
            reissued_events = store.outbox.counts().last_seq - 1
            # Most of what waited for printing then has been printed since: a person decides, as after a power cut
            for printer in _PRINTERS:
                while (job := store.papers.next(printer)) is not None:
                    store.papers.sending(job.id)
            papers = len(store.papers.recover(stamp))
            now = store.epochs.identity()
    except DatabaseDamaged as error:
        message = f"The backup {backup} is not whole: take an older one. Nothing was changed."
        raise DatabaseDamaged(message) from error
    return RestoredEpoch(old, Series(now.series, now.epoch), events, reissued_events, papers)


def _newest(copy: Path, backup: Path) -> tuple[Series, int]:
    try:
        with closing(sqlite3.connect(copy)) as connection:
            row = connection.execute("SELECT series, epoch FROM epoch ORDER BY number DESC LIMIT 1").fetchone()
            (events,) = connection.execute("SELECT count(*) FROM journal").fetchone()
            return Series(*row), events
    except (*SQLITE_ERRORS, TypeError) as error:
        message = f"The backup {backup} is not whole, or is none of a station: take another one."
        raise DatabaseDamaged(message) from error


def _swap(copy: Path, database: Path) -> Path | None:
    """Put the copy in the place of the database; return where that one is kept now.

    A log is in the folder the whole time: a station that starts in between finds a log without a database and refuses,
    instead of making a new empty one. It is emptied before the copy comes, which must not get old pages.
    """
    log = database.with_name(f"{database.name}-wal")
    present, has_log = database.exists(), log.exists() and log.stat().st_size > 0
    previous = _previous_folder(database) if present or has_log else None
    if previous is not None:
        if has_log:
            _copy_durably(log, previous / log.name)
        else:
            write_durably(log, b"")
        if present:
            database.replace(previous / database.name)
            sync_folder(previous)
        write_durably(log, b"")
    copy.replace(database)
    sync_folder(database.parent)
    for suffix in ("-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    return previous


def _copy_durably(source: Path, target: Path) -> None:
    with source.open("rb") as file, target.open("wb") as copy:
        shutil.copyfileobj(file, copy)
        flush_to_disk(copy)
    chown_to_folder_owner(target)
    sync_folder(target.parent)


def _previous_folder(database: Path) -> Path:
    """Make ``before-restore-1``, ``-2`` …; a log that a power cut parted from its database goes to the same one."""
    used = sorted(_folder_number(path) for path in database.parent.glob("before-restore-*"))
    number = max(used, default=0)
    if database.exists() or number == 0:
        number += 1
    folder = database.with_name(f"before-restore-{number}")
    folder.mkdir(exist_ok=True)
    chown_to_folder_owner(folder)
    sync_folder(database.parent)
    return folder


def _folder_number(path: Path) -> int:
    number = path.name.rpartition("-")[2]
    return int(number) if number.isascii() and number.isdigit() else 0


@contextmanager
def lock_exclusively(database: Path) -> Iterator[None]:
    """Keep every program from opening the present database. Raises StoreError when one has it open.

    SQLite is not asked: it would have to read a database that may be damaged. Do not open the database inside the
    block, through SQLite or otherwise: closing any handle of it would end this lock.
    """
    if not database.exists():
        yield
        return
    with database.open("r+b") as file:
        try:
            lockf(file, LOCK_EX | LOCK_NB, _LOCK_BYTES, _LOCK_BYTE)
        except BlockingIOError:
            raise _in_use(database) from None
        yield


def _in_use(database: Path) -> StoreError:
    return StoreError(
        f"The database {database} is in use: stop the station and its relay first, then restore. Nothing was changed."
    )
