"""The whole server in a folder on another disk, readable by root alone; made while the center works.

``20261201T220000Z`` is one backup: ledger, desk, settings, authority and the list of its photographs. Its manifest is
written last: a folder without one is no backup. ``photographs`` are those of all backups, each named by its content.
With the county's key ledger and desk are encrypted to it, `ledger.db.age`: they are made on the server's disk first.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Final

import msgspec

from kiosk.base import files
from kiosk.base.refused import Refused
from kiosk.domain.events.rules import MAX_PICTURE_BYTES
from kiosk.sorting_center.desk.care import back_up_desk
from kiosk.sorting_center.desk.shared.database import desk_path
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.ledger.care.backup import back_up
from kiosk.sorting_center.ledger.database.times import to_rfc3339

MANIFEST: Final = "manifest.json"
LEDGER: Final = "ledger.db"
SEALED: Final = ".age"
PHOTOGRAPHS: Final = "photographs"
PHOTOGRAPH_LIST: Final = "photographs.txt"
PHOTOGRAPH_FILES: Final = "*/*/*/*.jpg"  # `PictureFolder`
# Below /etc/sorting-center. Keys are sealed; unsealed ones there, and passwords, are made again at a restore.
REQUIRED: Final = ("settings.toml", "answers.toml")
_AUTHORITY: Final = ("authority.crt", "authority.key", "kit.key", "kit.pub", "wifi-password", "exported")
OPTIONAL: Final = tuple(f"authority/{name}" for name in _AUTHORITY)
_NAME: Final = re.compile(r"20[0-9]{6}T[0-9]{6}Z")
_PRIVATE: Final = 0o600
_BLOCK: Final = 1024 * 1024
_LARGE_FILES: Final = "/var/tmp"  # noqa: S108 - a folder of our own in it; /tmp lies in memory

# From one file into another; the SHA-256 of what was read, and of what was written.
Convert = Callable[[BinaryIO, BinaryIO], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """What a server keeps: ``configuration`` is /etc/sorting-center."""

    ledger_url: str
    configuration: Path
    photographs: Path


class ServerManifest(msgspec.Struct, frozen=True):
    """``damaged`` photographs of the server are not what their names say, and are not in the backup.

    ``files``: size in bytes and SHA-256 of each.
    """

    made_at: str
    software: str
    ledger_schema: int
    desk_revision: int
    events: int
    photographs: int
    damaged: int
    files: dict[str, tuple[int, str]]


def back_up_server(
    source: ServerFiles, folder: Path, now: datetime, keep: int, seal: Convert | None = None
) -> tuple[Path, ServerManifest]:
    """Make a backup and keep the newest ``keep``. Raises Refused, LedgerAddressError, OSError.

    The older backups stay whole when this is killed or fails.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise Refused("no_folder", f"there is no folder {folder} (a link is none): mount the disk for backups")
    try:
        with files.exclusive_folder(folder):
            backup = _new_folder(folder, now)
            manifest = _fill(source, backup, folder / PHOTOGRAPHS, now, seal)
            os.sync()
            files.write_durably(backup / MANIFEST, msgspec.json.encode(manifest), _PRIVATE)
            # What was erased at the server goes with the last backup that had it.
            for old in backups(folder, finished=True)[:-keep]:
                (old / MANIFEST).unlink()  # First: what is half deleted is no backup
                shutil.rmtree(old)
            lists = [(path / PHOTOGRAPH_LIST).read_text("ascii") for path in backups(folder, finished=True)]
            listed = {name for text in lists for name in text.splitlines()}
            for path in (folder / PHOTOGRAPHS).glob(PHOTOGRAPH_FILES):
                if str(path.relative_to(folder / PHOTOGRAPHS)) not in listed:
                    path.unlink()
    except BlockingIOError as error:
        raise Refused("running", f"another backup is being made in {folder}: wait until it has ended") from error
    except (OSError, sqlite3.Error, LedgerError, DeskError) as error:
        text = f"the backup in {folder} failed ({error}); see that its disk is mounted, writable and has room"
        raise OSError(text) from error
    return backup, manifest


def require_other_disk(folder: Path, *of_server: Path) -> None:
    """Raise Refused for a folder on a disk of the server, as without a mounted disk. Raises OSError."""
    if any(folder.stat().st_dev == path.stat().st_dev for path in of_server):
        raise Refused("same_disk", f"{folder} is on the server's own disk: mount the disk for backups there")


def backups(folder: Path, *, finished: bool) -> list[Path]:
    """List the finished or the unfinished backups, the oldest first. Raises OSError."""
    found = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name) and not path.is_symlink())
    return [path for path in found if (path / MANIFEST).is_file() is finished]


def _new_folder(folder: Path, now: datetime) -> Path:
    for unfinished in backups(folder, finished=False):  # One of them may be what fills the disk
        shutil.rmtree(unfinished)
    backup = folder / now.strftime("%Y%m%dT%H%M%SZ")
    later = [path for path in backups(folder, finished=True) if path.name >= backup.name]
    if later:
        raise Refused("clock", f"{later[-1]} is not older than now ({backup.name}): set the clock, or move it away")
    for path in (folder / PHOTOGRAPHS, backup, backup / "authority"):
        path.mkdir(mode=0o700, exist_ok=True)
    return backup


@contextmanager
def sealed_into(folder: Path, seal: Convert | None) -> Iterator[Path]:
    """Yield where to make files for ``folder``; with ``seal`` they are put there encrypted, all or none."""
    if seal is None:
        yield folder
        return
    with TemporaryDirectory(prefix="sorting-center-", dir=_LARGE_FILES) as made:
        yield Path(made)
        goals = {file: folder / f"{file.name}{SEALED}" for file in sorted(Path(made).iterdir())}
        if there := [goal for goal in goals.values() if goal.exists()]:
            raise Refused("there_already", f"{there[0]} is there already: a backup replaces none, give another name")
        try:
            for file, goal in goals.items():
                with file.open("rb") as plain, files.atomic_writer(goal, _PRIVATE) as target:
                    _, written = seal(plain, target)
                if digest_of(goal)[1] != written:
                    raise OSError(f"the disk does not give back what was written to {goal}: exchange it")
        except BaseException:
            for goal in goals.values():
                goal.unlink(missing_ok=True)
            raise


def _fill(source: ServerFiles, backup: Path, photographs: Path, now: datetime, seal: Convert | None) -> ServerManifest:
    with sealed_into(backup, seal) as folder:
        made = back_up(source.ledger_url, folder / LEDGER)
        back_up_desk(source.ledger_url, folder / LEDGER)
        ledger_schema = _number(folder / LEDGER, "SELECT value FROM meta WHERE name = 'schema_version'")
        desk_revision = _number(desk_path(folder / LEDGER), "SELECT version_num FROM desk_version")
    for name in (*REQUIRED, *OPTIONAL):
        path = source.configuration / name
        if name in REQUIRED or path.exists():
            files.write_durably(backup / name, path.read_bytes(), _PRIVATE)
    names, damaged = _copy_photographs(source.photographs, photographs)
    files.write_durably(backup / PHOTOGRAPH_LIST, "\n".join(names).encode(), _PRIVATE)
    digests = {str(path.relative_to(backup)): digest_of(path) for path in sorted(backup.rglob("*")) if path.is_file()}
    return ServerManifest(
        made_at=to_rfc3339(now),
        software=version("station-kiosk"),
        ledger_schema=ledger_schema,
        desk_revision=desk_revision,
        events=made.rows["event"],
        photographs=len(names),
        damaged=damaged,
        files=digests,
    )


def _number(database: Path, query: str) -> int:
    """Return the number that the query selects; 0 without the file, as while the pages were never opened."""
    if not database.exists():
        return 0
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        return int(connection.execute(query).fetchone()[0])


def digest_of(path: Path) -> tuple[int, str]:
    """Return size and SHA-256. Raises OSError, also for a link."""
    digest = hashlib.sha256()
    with files.open_regular(path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
        return file.tell(), digest.hexdigest()


def _copy_photographs(source: Path, target: Path) -> tuple[list[str], int]:
    """Copy photographs; return their names, and how many are damaged. One that is removed meanwhile is neither."""
    if not source.is_dir() and any(target.iterdir()):
        raise FileNotFoundError(f"the folder of photographs {source} is missing, and was there at an earlier backup")
    names, damaged = [], 0
    for path in sorted(source.glob(PHOTOGRAPH_FILES)):
        name = path.relative_to(source)
        if (target / name).exists() or copy_photograph(path, target / name):
            names.append(str(name))
        else:
            damaged += path.exists()
    return names, damaged


def copy_photograph(path: Path, target: Path) -> bool:
    """Copy a photograph whose SHA-256 is its name; return whether it did. Raises OSError when writing fails."""
    try:
        with files.open_regular(path) as file:
            content = file.read(MAX_PICTURE_BYTES + 1)
    except OSError:
        return False
    if hashlib.sha256(content).hexdigest() != path.stem:
        return False
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write_durably(target, content, _PRIVATE)
    return True
