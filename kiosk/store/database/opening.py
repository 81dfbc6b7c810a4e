"""From a path to a file that fits this software: made, migrated and checked, or left exactly as it is."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kiosk.base.files import chown_to_folder_owner, flush_to_disk, sync_folder
from kiosk.store.database.check import check_file
from kiosk.store.database.connection import Connect, connect
from kiosk.store.database.migrate import create
from kiosk.store.database.schema import SCHEMA_VERSION
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import Stamp

_PACKAGE_ROOT = Path(__file__).parents[3]
_MIGRATION_SECONDS: Final = 600.0


def random_epoch() -> str:
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """How a database is opened, when not as at every start of a station."""

    stamps: Callable[[], Stamp] | None = None  # The stamp of calls that are made without one; None: that of the opening
    check: bool = True  # Read every page and row of it first
    template: Path | None = None  # An empty database that a new one is copied from, instead of making its tables
    new_epoch: Callable[[], str] = random_epoch
    # Event counters of the database this one takes the place of: a new epoch begins above them.
    counter_floor: Mapping[str, int] = field(default_factory=dict)
    reserve_bytes: int = 4 * 1024 * 1024  # Kept free for finishing open work on a full disk
    connect: Connect = connect


def prepare_file(path: Path, opening: OpenOptions) -> None:
    """Make, check or migrate the file; the caller keeps other processes out. Raises StoreError."""
    if not path.exists():
        _create(path, opening.template)
    elif check_file(path, thorough=opening.check) < SCHEMA_VERSION:
        _migrate_in_child(path)


def _create(path: Path, template: Path | None) -> None:
    """Build a new database under another name, so that ``path`` is a whole one or missing."""
    leftover = path.with_name(f"{path.name}-wal")
    if leftover.exists():
        raise StoreError(
            f"The database {path} is missing, but its log {leftover} is there and may hold intakes: bring the database "
            "back from where it was moved, or move the log there, too."
        )
    building = path.with_name(f".{path.name}.new")
    for suffix in ("", "-wal", "-shm", "-journal"):
        building.with_name(building.name + suffix).unlink(missing_ok=True)
    if template is None:
        create(building)
    else:
        shutil.copyfile(template, building)
    with building.open("rb") as file:
        flush_to_disk(file)
    chown_to_folder_owner(building)
    building.replace(path)
    sync_folder(path.parent)


def _migrate_in_child(path: Path) -> None:
    search_path = os.pathsep.join(filter(None, [str(_PACKAGE_ROOT), os.environ.get("PYTHONPATH")]))
    failed = f"The database {path} could not be brought to schema {SCHEMA_VERSION}"
    try:
        child = subprocess.run(
            [sys.executable, "-m", "kiosk.base.loading", "kiosk.store.database.migrate", str(path)],
            env=os.environ | {"PYTHONPATH": search_path},
            capture_output=True,
            text=True,
            check=False,
            timeout=_MIGRATION_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise StoreError(f"{failed} in {error.timeout:.0f} seconds: check the disk.") from error
    if child.returncode != 0:
        last = (child.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise StoreError(f"{failed}: {last}")
