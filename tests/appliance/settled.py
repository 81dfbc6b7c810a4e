"""A data partition after a power cut: checked and mounted here as at boot, settled by the helper's own code, looked at.

Cheap beside a boot, so that hundreds of moments can be looked at. What it leaves out: units, launcher, pages.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kiosk.app.update.board import ThisBoard
from kiosk.app.update.database import StationDatabase
from kiosk.app.update.helper import Units, station_files
from kiosk.app.update.releases import ReleaseFolder
from kiosk.station.update.journal import JournalFile
from kiosk.station.update.updater import TRIALS, UpdatePorts, Updater
from kiosk.store import StoreError
from kiosk.store.database.check import check_file
from kiosk.store.shared.errors import DatabaseNewer

_CORRECTED = 1
"""Status of e2fsck, when nothing is left to be corrected."""


class Refused(Exception):
    """The machine would stay closed, and say this."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What the station would begin with. ``phase`` is what the helper had to end, "" for nothing."""

    phase: str
    runs: str
    schema: int
    steps: int
    receipts: list[str]
    copy: bool


def data_partition(card: Path, target: Path) -> int:
    """A copy of it; where it begins on the card."""
    told = subprocess.run(["sfdisk", "--json", str(card)], capture_output=True, text=True, check=True).stdout
    row = json.loads(told)["partitiontable"]["partitions"][2]
    first, size = row["start"] * 512, row["size"] * 512
    words = [f"if={card}", f"of={target}", "bs=1M", f"skip={first}", f"count={size}", "conv=sparse"]
    subprocess.run(["dd", "status=none", "iflag=skip_bytes,count_bytes", *words], check=True)
    with target.open("r+b") as file:
        file.truncate(size)
    return int(first)


def settle(data: Path, package: Path, folder: Path) -> Settled:
    """On a copy. Raises Refused."""
    copy, runtime = folder / "cut.img", folder / "runtime"
    subprocess.run(["cp", "--sparse=always", str(data), str(copy)], check=True)
    runtime.mkdir(exist_ok=True)
    for mark in runtime.iterdir():
        mark.unlink()
    checked = subprocess.run(["e2fsck", "-y", str(copy)], capture_output=True, text=True, check=False)
    if checked.returncode > _CORRECTED:
        raise Refused(f"data is missing: {checked.stdout}")
    with _mounted(copy, folder / "mounted") as top:
        kept, releases = top / "kiosk", top / "releases"
        journal, shelf = JournalFile(releases), ReleaseFolder(releases, package)
        database = kept / "station.db"
        units, files = Units(runtime, lambda words: ""), station_files(kept)
        ports = UpdatePorts(journal, shelf, StationDatabase(database), units, files, ThisBoard(releases, kept))
        try:
            entry = journal.read()
            for _ in range(TRIALS):  # as if the power went again in each trial
                Updater(ports).recover()
            schema, steps, receipts = _content(database)
        except (OSError, StoreError) as error:
            raise Refused(str(error)) from error
        return Settled(
            entry.phase if entry is not None else "",
            shelf.running().version,
            schema,
            steps,
            receipts,
            (kept / "before-update").exists(),
        )


def _content(path: Path) -> tuple[int, int, list[str]]:
    """Schema, number of steps, receipts. Raises StoreError when the station would not begin with it."""
    newer = False
    try:
        check_file(path, thorough=True)
    except DatabaseNewer:
        newer = True  # the release that has made it would look at it as this one does
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        try:
            (schema,) = connection.execute("PRAGMA user_version").fetchone()
            (whole,) = connection.execute("PRAGMA integrity_check").fetchone()
            assert newer or whole == "ok", "a damaged database would be used"
            rows = connection.execute("SELECT receipt FROM intake WHERE state = 'confirmed'").fetchall()
            steps = connection.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'step_%'").fetchall()
        except sqlite3.DatabaseError as error:
            assert newer, "a damaged database would be used"
            raise StoreError(str(error)) from error
    if whole != "ok":
        raise StoreError(whole)
    return schema, len(steps), [receipt for (receipt,) in rows]


@contextmanager
def _mounted(image: Path, place: Path) -> Iterator[Path]:
    place.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-o", "loop", str(image), str(place)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refused(f"data is missing: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
