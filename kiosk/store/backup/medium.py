"""The second medium: is it there, is it another disk than the database's, and which backups lie on it.

A backup is two files with one name, ``S0147-A-0000000381-00c0ffee00c0ffee``: station, receipt series, number of the
newest event, epoch. ``.age`` is the database, encrypted (``.db`` while no county's key is set), ``.json`` its manifest,
written last: a database without one was never finished. A ``.kit`` of the same name is its recovery kit. Letters and
numbers only grow, so the names sort by age whatever the clock says.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Final

import msgspec

from kiosk.base.files import chown_to_folder_owner
from kiosk.base.json_reader import Unreadable, reader
from kiosk.base.refused import Refused
from kiosk.domain.identifiers import SERIES_LETTERS
from kiosk.domain.moment import ClockQuality
from kiosk.store.backup.kit.kit_files import drop_orphans
from kiosk.store.backup.shared.settings import MAX_UUID_LENGTH, UUID
from kiosk.store.journal.series import series_line
from kiosk.store.shared.age_file import SEALED
from kiosk.store.shared.errors import StoreError

MANIFEST_NAME: Final = re.compile(rf"(S[0-9]{{4}})-([{SERIES_LETTERS}])-([0-9]{{10}})-([0-9a-f]{{16}})\.json")
LOCK: Final = ".backup.lock"
DATABASE_ENDINGS: Final = (".db", SEALED)
# What was erased at the station stays in its backups for so long at the most.
MAX_AGE: Final = timedelta(days=90)
_BLOCK_DEVICES: Final = Path("/sys/dev/block")
_UDEV: Final = Path("/run/udev/data")
_BY_UUID: Final = Path("/dev/disk/by-uuid")
_UDEV_KEY: Final = "E:ID_FS_UUID="


class BackupRefused(StoreError, Refused):
    """No backup was made, and the older ones are as they were; the text names the medium and the act.

    ``code`` says why in a word the screens have a sentence for: medium, same_disk, other, read_only, running, full,
    copy, broke_off, key, or database.
    """


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """What a backup is: enough to recognize it, to check it and to restore it on a new card.

    ``made_at`` is the clock's time and ``clock`` how far that may be trusted; ``receipt_series`` are the lines of the
    station's ``receipt-series``; ``photos`` are the SHA-256 of the pictures the station had.

    ``size_bytes`` and ``sha256`` are those of the database, ``sealed_sha256`` is that of the encrypted file.
    """

    station: str
    series: str
    epoch: str
    seq: int
    events: int
    schema: int
    size_bytes: int
    sha256: str
    software: str
    made_at: str
    clock: str
    receipt_series: tuple[str, ...]
    photos: tuple[str, ...]
    sealed_sha256: str = ""

    @property
    def name(self) -> str:
        """Of both files, without their endings."""
        return f"{self.station}-{self.series}-{self.seq:010}-{self.epoch}"


_manifest: Final = reader(msgspec.json.Decoder(BackupManifest))


def read_manifest(path: Path) -> BackupManifest:
    try:
        manifest = _manifest(path.read_bytes())
    except (OSError, Unreadable) as error:
        raise StoreError(f"The manifest {path} cannot be read ({error}): take another backup.") from error
    bad_lines = [line for line in manifest.receipt_series if series_line(line) is None]
    if bad_lines:
        raise StoreError(
            f"The manifest {path} cannot be read ({bad_lines[0]!r} is no receipt series): take another backup."
        )
    return manifest


def finished_manifests(folder: Path, station: str) -> list[Path]:
    names = sorted(path.name for path in folder.iterdir())
    own_names = [name for name in names if (match := MANIFEST_NAME.fullmatch(name)) and match[1] == station]
    return [folder / name for name in own_names if database_file(folder / name).is_file()]


def database_file(manifest: Path) -> Path:
    """Return the database of that backup: the opened one where the county has put it beside the encrypted one."""
    opened, sealed = (manifest.with_suffix(ending) for ending in DATABASE_ENDINGS)
    return sealed if sealed.exists() and not opened.exists() else opened


def drop_database(manifest: Path) -> None:
    for ending in DATABASE_ENDINGS:
        manifest.with_suffix(ending).unlink(missing_ok=True)


def prune(folder: Path, newest: BackupManifest, keep: int) -> int:
    """Delete the oldest backups beyond ``keep``, and those MAX_AGE older than ``newest`` by clocks that were set, never
    the last two; manifest first, kit last. Return how many.
    """
    found = finished_manifests(folder, newest.station)
    old = [*found[:-keep], *(path for path in found[-keep:-2] if _is_too_old(path, newest))]
    for manifest in old:
        manifest.unlink(missing_ok=True)
        drop_database(manifest)
    drop_orphans(folder, newest.station)
    return len(old)


def _is_too_old(path: Path, newest: BackupManifest) -> bool:
    with suppress(StoreError, ValueError):
        manifest = read_manifest(path)
        made_at, now = (datetime.fromisoformat(one.made_at) for one in (manifest, newest))
        return {manifest.clock, newest.clock} == {ClockQuality.SYNCED.value} and now - made_at > MAX_AGE
    return False


def nearest_existing(path: Path) -> Path:
    """Return ``path``, or the nearest existing folder above it."""
    return next((place for place in (path, *path.parents) if place.exists()), Path("/"))


def disk_of(path: Path) -> str:
    """Return the disk under an existing path. Two partitions of a memory card are one disk: they fail together."""
    device = path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        node = (_BLOCK_DEVICES / number).resolve(strict=True)
    except OSError:
        return number
    return (node.parent if (node / "partition").exists() else node).name


def uuid_of(path: Path) -> str:
    """Return the UUID of the file system under an existing path; "" when unknown (a network disk has none).

    Read udev's own record first: the nightly service does not see /dev/disk (PrivateDevices=, systemd.exec(5)).
    """
    device = path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    found = next((uuid for uuid in (*_uuids_from_udev(number), *_uuids_from_links(number)) if UUID.fullmatch(uuid)), "")
    return found if len(found) <= MAX_UUID_LENGTH else ""


def _uuids_from_udev(number: str) -> Iterator[str]:
    with suppress(OSError):
        lines = (_UDEV / f"b{number}").read_text("utf-8", errors="replace").splitlines()
        yield from (line.removeprefix(_UDEV_KEY) for line in lines if line.startswith(_UDEV_KEY))


def _uuids_from_links(number: str) -> Iterator[str]:
    with suppress(OSError):
        node = (_BLOCK_DEVICES / number).resolve(strict=True).name
        yield from (link.name for link in sorted(_BY_UUID.iterdir()) if link.resolve().name == node)


def is_other_medium(folder: Path, uuid: str) -> bool:
    """Return whether ``folder`` is on another medium than the bound one; false when none is bound. Raises OSError."""
    return bool(uuid) and uuid_of(folder).lower() != uuid.lower()


def check_medium(folder: Path, database: Path, *, same_disk: bool, uuid: str = "") -> None:
    """Raise BackupRefused unless a backup of ``database`` may be made here. ``uuid``: on this medium alone."""
    if not folder.is_dir():
        raise BackupRefused(
            "medium", f"The backup medium is missing: there is no folder {folder}. Plug it in and mount it."
        )
    if not same_disk and disk_of(folder) == disk_of(database):
        raise BackupRefused(
            "same_disk",
            f"The folder {folder} is on the same disk as the database {database}: a backup on the same card is none, "
            "it is lost together with it. Plug in a second medium and mount it there (or give --same-disk to try it).",
        )
    if is_other_medium(folder, uuid):
        found = uuid_of(folder)
        raise BackupRefused(
            "other",
            f"The medium at {folder} is not the one of this station: its UUID is {found or 'not known'}, and {uuid} is "
            "set. Nothing was written to it. Plug in the right one, or, to take this one from now on, type as "
            "administrator: kiosk backup --bind",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BackupRefused(
            "read_only", f"The backup medium {folder} cannot be written: look at its write lock and its owner."
        )


@contextmanager
def backup_lock(folder: Path) -> Iterator[None]:
    """Lock out the nightly backup while a technician's runs, and the reverse. Raises BackupRefused when one runs."""
    with (folder / LOCK).open("ab") as lock:
        chown_to_folder_owner(Path(lock.name))
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise BackupRefused(
                "running", f"Another backup is being made in {folder}: wait until it has ended."
            ) from None
        yield
