"""A copy of the station's database on a second medium, made while the station works.

With a county's key the copy is made and checked on the card, and encrypted onto the medium: nothing is readable there.

SQLite's backup API copies page by page. Its source holds one read transaction from the first page to the last: in
write-ahead mode that blocks no writer, and without it every commit of a clerk would restart the copy
(https://www.sqlite.org/c3ref/backup_finish.html, "Concurrent Usage of Database Handles").
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import sleep
from typing import Final

import msgspec

from kiosk.base.files import chown_to_folder_owner, flush_to_disk, make_private, sync_folder, write_durably
from kiosk.store.backup import photos as backup_photos
from kiosk.store.backup.kit.contents import KitRefused
from kiosk.store.backup.kit.kit_files import SUFFIX as KIT
from kiosk.store.backup.kit.kit_files import load_county_key
from kiosk.store.backup.medium import (
    LOCK,
    BackupManifest,
    BackupRefused,
    backup_lock,
    check_medium,
    database_file,
    drop_database,
    finished_manifests,
    prune,
)
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.database.check import check_file
from kiosk.store.database.connection import ALONE, connect_existing
from kiosk.store.journal.series import SERIES_FILE, Series, SeriesMarker
from kiosk.store.shared.age_file import SEALED, Convert, NotSealed, seal_stream
from kiosk.store.shared.errors import StoreError, translate_errors
from kiosk.store.shared.records import Stamp

_STEP_PAGES: Final = 1024
_PAUSE_S: Final = 0.001  # After each step: the card and the processor belong to the clerk in between
_SPARE_BYTES: Final = 1024 * 1024
_CHUNK: Final = 1024 * 1024
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SQLITE_FULL: Final = 13
_ACCEPTED: Final = """SELECT sha256 FROM photo WHERE position IS NOT NULL
    UNION SELECT natural_sha256 FROM photo WHERE position IS NOT NULL"""


@dataclass(frozen=True, slots=True)
class FinishedBackup:
    """A finished backup. ``photos`` were copied now, ``dropped`` older backups deleted.

    ``problem`` is a sentence when the database is safe and something beside it is not (a picture, an old file).
    """

    path: Path
    manifest: BackupManifest
    photos: int
    dropped: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Content:
    series: tuple[Series, ...]
    seq: int
    events: int
    schema: int
    photos: tuple[str, ...]


def make_backup(
    database: Path,
    station: str,
    settings: BackupSettings,
    stamp: Stamp,
    *,
    same_disk: bool = False,
    own_key: bytes = b"",
) -> FinishedBackup:
    """Copy, check, name, then copy the pictures. Raises BackupRefused; then nothing was made and nothing deleted.

    With a county's key all of it is encrypted to that, and to ``own_key``, the station's private one.
    """
    folder = settings.folder
    try:
        check_medium(folder, database, same_disk=same_disk, uuid=settings.uuid)
        county = load_county_key(settings)
        seal = None if county is None else partial(seal_stream, public=county.public, own=own_key)
        with backup_lock(folder):
            return _make(database, station, settings, stamp, seal)
    except (KitRefused, NotSealed) as error:
        raise BackupRefused("key", f"No backup is made unencrypted while a county's key is set: {error}") from error
    except (OSError, sqlite3.Error) as error:
        raise _refused(error, folder, database) from error


def _make(database: Path, station: str, settings: BackupSettings, stamp: Stamp, seal: Convert | None) -> FinishedBackup:
    folder = settings.folder
    goal = folder / f".{station}.part"
    copy = goal if seal is None else database.with_name(goal.name)
    for place, code in {copy: "database", goal: "full"}.items():
        _clear(place)
        _require_room(database, place.parent, code)
        place.touch(mode=0o600)
    try:
        _copy(database, copy)
        content = _content(copy, station, database.with_name("photos"))
        newest = content.series[-1]
        used = SeriesMarker(database).used(station)
        series = [*used, *(one for one in content.series if one not in used)]
        manifest = BackupManifest(
            station=station,
            series=newest.letter,
            epoch=newest.epoch,
            seq=content.seq,
            events=content.events,
            schema=content.schema,
            size_bytes=copy.stat().st_size,
            sha256=sha256_of(copy),
            software=stamp.software,
            made_at=stamp.moment.timestamp,
            clock=stamp.moment.quality.value,
            receipt_series=tuple(f"{station} {one.letter} {one.epoch}" for one in series),
            photos=content.photos,
        )
        if seal is not None:
            manifest = _seal(copy, goal, manifest, seal)
        chown_to_folder_owner(goal)
        path = _name(goal, manifest)
    finally:
        for place in (goal, copy):
            _clear(place)
    photos_copied, dropped, problem = _copy_companions(path, manifest, database, settings.keep, seal)
    return FinishedBackup(path, manifest, photos_copied, dropped, problem)


def _copy_companions(
    path: Path, manifest: BackupManifest, database: Path, keep: int, seal: Convert | None
) -> tuple[int, int, str]:
    """Copy what goes with the database; return pictures copied, old backups dropped, and a sentence on failures."""
    folder, station, photos = path.parent, manifest.station, database.with_name("photos")
    there = folder / "photos"
    try:
        SeriesMarker(path).add_missing(station, SeriesMarker(database).used(station))
        make_private(*_backup_files(folder, station))
        if seal is not None:  # Those of the time before the key
            backup_photos.copy(there, there, backup_photos.hashes(there), seal=seal)
        copied = backup_photos.copy(photos, there, manifest.photos, seal=seal)
        damage = ""
        if copied.broken:
            damage = f"{len(copied.broken)} pictures in {photos} are damaged and were not copied; the first: "
            damage += copied.broken[0]
        return copied.new, prune(folder, manifest, keep), damage
    except (OSError, StoreError) as error:
        reason = _refused(error, folder, path) if isinstance(error, OSError) else error
        return 0, 0, f"The database is safe in {path}, but not what goes with it: {reason}"


def _backup_files(folder: Path, station: str) -> Iterator[Path]:
    yield from (folder / LOCK, folder / SERIES_FILE)
    for manifest in finished_manifests(folder, station):
        yield from (manifest, database_file(manifest), manifest.with_suffix(KIT))
    photos = folder / "photos"
    for place in (photos, *(() if photos.is_symlink() else photos.glob("??"))):
        yield place
        if not place.is_symlink():
            yield from place.glob("*.jpg*")


def _clear(copy: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        copy.with_name(copy.name + suffix).unlink(missing_ok=True)


def _require_room(database: Path, folder: Path, code: str) -> None:
    log = database.with_name(f"{database.name}-wal")
    need = database.stat().st_size + (log.stat().st_size if log.exists() else 0) + _SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < need:
        raise BackupRefused(
            code,
            f"The disk of {folder} is full: {free // _CHUNK} MB are free and {need // _CHUNK + 1} MB are needed. "
            "Free space on it, or exchange it.",
        )


def _copy(database: Path, copy: Path) -> None:
    with (
        closing(connect_existing(database)) as source,
        closing(sqlite3.connect(copy, isolation_level=None)) as target,
        copy.open("rb") as written,
    ):
        target.execute("PRAGMA journal_mode = OFF")  # a copy that is cut off is thrown away, never rolled back
        target.execute("PRAGMA synchronous = OFF")
        try:
            with translate_errors(database):
                source.execute("BEGIN")
                source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except StoreError as error:
            raise BackupRefused("database", str(error)) from error

        def pause_between_steps(status: int, remaining: int, total: int) -> None:
            # A long tail of unwritten pages would hold up the intake's own fsync.
            os.fdatasync(written.fileno())
            sleep(_PAUSE_S)

        source.backup(target, pages=_STEP_PAGES, progress=pause_between_steps)
        flush_to_disk(written)


def _content(copy: Path, station: str, photos: Path) -> _Content:
    """Check the copy as a restore does, with every event, and read what the manifest says of it."""
    try:
        schema = check_file(copy, thorough=True, with_log=False, links=None)
    except StoreError as error:
        raise BackupRefused(
            "copy",
            f"The copy in {copy.parent} is not whole, so it was thrown away: exchange the medium. When another medium "
            f"gives the same, the database itself is damaged: kiosk doctor tells. ({error.__cause__ or error})",
        ) from error
    with closing(connect_existing(copy, ALONE)) as connection:
        owner = connection.execute("SELECT station FROM station").fetchone()
        if owner != (station,):
            raise BackupRefused("database", f"The database belongs to station {owner and owner[0]}, not to {station}.")
        series = connection.execute("SELECT series, epoch FROM epoch ORDER BY number").fetchall()
        (events,) = connection.execute("SELECT count(*) FROM journal").fetchone()
        (seq,) = connection.execute("SELECT seq FROM journal ORDER BY position DESC LIMIT 1").fetchone()
        accepted = {sha256 for (sha256,) in connection.execute(_ACCEPTED)}
    return _Content(
        tuple(Series(*row) for row in series),
        seq,
        events,
        schema,
        tuple(sha256 for sha256 in backup_photos.hashes(photos) if sha256 in accepted),
    )


def _seal(copy: Path, goal: Path, manifest: BackupManifest, seal: Convert) -> BackupManifest:
    """Encrypt the checked copy; compare what the medium gives back with what was written, since the station need not
    have a key that opens it. Raises NotSealed.
    """
    with copy.open("rb") as source, goal.open("wb") as target:
        read, written = seal(source, target)
        flush_to_disk(target)
        os.posix_fadvise(target.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # So that it is the medium that gives it back
    if read != manifest.sha256 or sha256_of(goal) != written:
        raise BackupRefused("copy", f"{goal.parent} does not give back what was written to it: exchange the medium.")
    return replace(manifest, sealed_sha256=written)


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for piece in iter(partial(file.read, _CHUNK), b""):
            digest.update(piece)
    return digest.hexdigest()


def _name(copy: Path, manifest: BackupManifest) -> Path:
    """Name the copy and write its manifest last, after the old one of that name was deleted: no pair is ever wrong."""
    path = copy.with_name(f"{manifest.name}{SEALED if manifest.sealed_sha256 else '.db'}")
    path.with_suffix(".json").unlink(missing_ok=True)
    drop_database(path)  # The same, encrypted or not
    copy.replace(path)
    sync_folder(path.parent)
    try:
        write_durably(path.with_suffix(".json"), msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    except OSError:
        for half in (path, path.with_suffix(".json.new")):
            half.unlink(missing_ok=True)
        raise
    return path


def _refused(error: Exception, folder: Path, database: Path) -> BackupRefused:
    full = isinstance(error, OSError) and error.errno in _NO_ROOM
    if full or (isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF == _SQLITE_FULL):
        return BackupRefused("full", f"The backup medium {folder} is full: free space on it, or exchange it.")
    return BackupRefused(
        "broke_off",
        f"The backup of {database} to {folder} broke off ({error}): look at the medium and its cable, then try again.",
    )
