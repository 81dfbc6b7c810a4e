"""A machine that is updated: real folders, journal, requests and database in a folder of a test; units by word."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.app.update.database import StationDatabase
from kiosk.app.update.helper import BACKUP, OTHERS_HELD, RELAY, STATION, STATION_HELD, Units, station_files
from kiosk.app.update.releases import ReleaseFolder
from kiosk.station.update.journal import JournalFile, UpdateEntry, UpdateOutcome, UpdatePhase
from kiosk.station.update.messages import Answer, Request, UpdateFiles, Verdict
from kiosk.station.update.refusals import UpdateRefusalReason
from kiosk.station.update.updater import UpdatePorts, Updater
from kiosk.store import Store
from kiosk.store.database.opening import OpenOptions
from tests.store.village import CATALOG, bring_in, stamp
from tests.store.village import STATION as STATION_ID

ROOT = Path(__file__).resolve().parents[3]
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
LOCK, OTHER_LOCK = "a" * 64, "b" * 64
OLD, NEW = "0.9.0+g0000001", "0.9.1+g0000002"
BUNDLE = "station.kioskupdate"
BOOKED = "what was brought in"


@cache
def _morning() -> bytes:
    """The database of a station that has taken something in; its schema is called 7, that of the next release 8."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "station.db"
        with closing(Store.open(path, STATION_ID, stamp(), OpenOptions(reserve_bytes=0))) as store:
            store.catalogs.add(CATALOG, stamp())
            for _ in range(3):
                bring_in(store)
            store.outbox.acknowledge(3, ())
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA user_version = 7")
        return path.read_bytes()


@pytest.fixture(scope="module", autouse=True)
def knows_both_schemas() -> Iterator[None]:
    """The helper that updates is as new as the database that the next release leaves: schema 8."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kiosk.store.database.check.SCHEMA_VERSION", 8)
        yield


@cache
def packaging(name: str) -> ModuleType:
    """A script of ``packaging/``, which is no package."""
    spec = importlib.util.spec_from_file_location(f"packaging_{name}", ROOT / f"packaging/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


def release(version: str, **changed: Any) -> dict[str, Any]:
    whole = {
        "version": version,
        "commit": version.partition("+g")[2],
        "architecture": "all",
        "python": "3.13",
        "libraries": LOCK,
        "schema": 8,
    }
    return whole | changed


def lay_tree(folder: Path, version: str, **changed: Any) -> Path:
    """A program as a package lays it down, and nothing in it."""
    code = folder / "code/kiosk"
    code.mkdir(parents=True)
    (folder / "release.json").write_text(json.dumps(release(version, **changed)))
    (code / "__init__.py").write_text(f"version = {version!r}\n")
    (code / "station").mkdir()
    (code / "station/service.py").write_text("words = " + repr(["basket", "scale", "label"] * 40))
    return folder


def lay_bundle(folder: Path, name: str = BUNDLE, key: Ed25519PrivateKey = KEY, **changed: Any) -> Path:
    tree = folder / f"tree-of-{name}"
    libraries = changed.pop("with_libraries", False)
    following = changed.pop("next_key", "")
    lay_tree(tree, changed.pop("version", NEW), **changed)
    if libraries:
        place = tree / "lib/python3.13/site-packages/click"
        place.mkdir(parents=True)
        (place / "__init__.py").write_text("")
    bundle = folder / name
    packaging("sign").sign(tree, key, bundle, following, libraries=libraries)
    shutil.rmtree(tree)
    return bundle


@dataclass
class Board:
    """A clock that moves when it is waited on, and then lets the station act."""

    on_wait: Callable[[], None] = lambda: None
    now: float = 1000.0
    free: int = 10**9
    architecture: str = "arm64"
    python: str = "3.13"
    numbers: int = 0
    pace: int = 10
    """So much longer than it was asked to wait."""

    def free_bytes(self) -> int:
        return self.free

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds * self.pace
        self.on_wait()

    def new_number(self) -> str:
        self.numbers += 1
        return f"{self.numbers:016x}"


@dataclass
class Behavior:
    """What station and new release do."""

    busy: UpdateRefusalReason | None = None
    answers: bool = True
    hears_scale: bool = True
    healthy: UpdateRefusalReason | None = None
    says: bool = True
    migrates: bool = True


class WatchedJournal(JournalFile):
    """The station looks at each new phase as soon as it is durable."""

    def __init__(self, releases: Path, on_phase: Callable[[], None]) -> None:
        super().__init__(releases)
        self._on_phase = on_phase

    def write(self, entry: UpdateEntry) -> None:
        super().write(entry)
        self._on_phase()


class Machine:
    """``boot`` is a power cut: what was running is gone, and the folder below ``/run`` is empty."""

    def __init__(self, folder: Path, behavior: Behavior | None = None) -> None:
        self.folder, self.behavior = folder, behavior or Behavior()
        self.releases, self.package = folder / "releases", folder / "package"
        self.data, self.runtime = folder / "data", folder / "run"
        self.database = self.data / "station.db"
        self._running, self._kept_rows = folder / "units-running", folder / "rows-kept"
        self.board = Board(self.station_acts)

    def lay(self) -> Machine:
        lay_tree(self.package, OLD, schema=7)
        (self.package / "vendor.pub").write_text(f"# the vendor\n{public(KEY)}\n")
        for path in (self.releases, self.data / "updates", self.data / "requests", self.runtime):
            path.mkdir(parents=True)
        self.database.write_bytes(_morning())
        self.running = {STATION, RELAY}
        return self

    @property
    def running(self) -> set[str]:
        """Units, also when what started them was killed."""
        return set(self._running.read_text().split())

    @running.setter
    def running(self, units: set[str]) -> None:
        self._running.write_text(" ".join(sorted(units)))

    @property
    def kept_rows(self) -> int:
        """How much was brought in and is durable."""
        return self._kept_rows.stat().st_size if self._kept_rows.exists() else 0

    def like(self, other: Machine) -> Machine:
        """A copy of another machine's folders."""
        shutil.copytree(other.folder, self.folder, symlinks=True)
        return self

    def updater(self) -> Updater:
        return Updater(
            UpdatePorts(
                WatchedJournal(self.releases, self.station_acts),
                ReleaseFolder(self.releases, self.package),
                StationDatabase(self.database),
                Units(self.runtime, self.systemctl),
                station_files(self.data),
                self.board,
            )
        )

    def ask(self, bundle: str = BUNDLE) -> None:
        UpdateFiles(self.data).request.write(Request(bundle))

    def update(self) -> UpdateOutcome | None:
        updater = self.updater()
        updater.recover()
        return updater.serve()

    def boot(self) -> None:
        shutil.rmtree(self.runtime, ignore_errors=True)
        self.runtime.mkdir()
        self.running = set()

    def booted(self) -> None:
        """Once the helper has settled, the units start that are enabled, and it takes the request that waits."""
        updater = self.updater()
        updater.recover()
        for unit in (STATION, RELAY):
            self.start(unit)
        updater.serve()
        self.station_acts()

    # --- units

    def systemctl(self, words: Sequence[str]) -> str:
        match list(words):
            case ["is-active", unit]:
                return "active" if unit in self.running else "inactive"
            case ["is-enabled", _]:
                return "enabled"
            case ["stop", *units]:
                self.running -= set(units)
            case ["--no-block", "start", unit]:
                self.start(unit)
            case ["reset-failed", _]:
                pass
            case _:
                raise AssertionError(words)
        return ""

    def start(self, unit: str) -> None:
        mark = STATION_HELD if unit == STATION else OTHERS_HELD
        if (self.runtime / mark).exists():
            return
        self.running |= {unit}
        assert BACKUP not in self.running
        self.station_acts()

    # --- the station

    def entry(self) -> UpdateEntry | None:
        return JournalFile(self.releases).read()

    def on_trial(self) -> bool:
        entry = self.entry()
        return entry is not None and entry.phase is UpdatePhase.TRIAL

    def station_acts(self) -> None:
        """One turn of the station's process, old or new."""
        if STATION not in self.running:
            return
        entry, files = self.entry(), UpdateFiles(self.data)
        if entry is None or entry.phase in (UpdatePhase.KEEP, UpdatePhase.OVER):
            self.work()
        elif entry.phase is UpdatePhase.ASKING and self.behavior.answers:
            files.answer.write(Answer(self.behavior.busy, self.behavior.hears_scale), entry.number)
        elif entry.phase is UpdatePhase.TRIAL and self.version() == entry.version:
            self.migrate()
            if self.behavior.says:
                files.verdict.write(Verdict(self.behavior.healthy), entry.number)

    def migrate(self) -> None:
        """As a release that is killed in the middle leaves it: changes in the log, the log not folded in."""
        if not self.behavior.migrates:
            return
        with closing(sqlite3.connect(self.database, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE IF NOT EXISTS migrated (word TEXT)")
            connection.execute("PRAGMA user_version = 8")
            left = {end: self.database.with_name(f"{self.database.name}{end}") for end in ("-wal",)}
            bytes_left = {path: path.read_bytes() for path in left.values()}
        for path, raw in bytes_left.items():
            path.write_bytes(raw)

    def work(self) -> None:
        """A villager brings something in: it must never be lost from now on."""
        self.book("station.intake.confirmed.v1")

    def book(self, kind: str, **more: str) -> None:
        """A row, and the event that tells it, chained as the store does it."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute("CREATE TABLE IF NOT EXISTS booked (word TEXT)")
            connection.execute("INSERT INTO booked VALUES ('walnuts')")
            last = "SELECT position, journal.epoch, seq, sha256, epoch.epoch FROM journal JOIN epoch ON number = "
            last += "journal.epoch ORDER BY position DESC LIMIT 1"
            position, number, seq, before, epoch = connection.execute(last).fetchone()
            event = {"data": BOOKED, "epoch": epoch, "prevhash": before, "seq": seq + 1, "type": kind} | more
            body = json.dumps(event).encode()
            row = (position + 1, number, seq + 1, kind, hashlib.sha256(body).hexdigest(), body)
            connection.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", row)
        with self._kept_rows.open("a") as kept:
            kept.write("x")

    # --- what is left

    def version(self) -> str:
        return ReleaseFolder(self.releases, self.package).running().version

    def outcome(self) -> UpdateOutcome | None:
        return JournalFile(self.releases).outcome()

    def content(self) -> str:
        """Every row of the database but those of the work that came after."""
        with closing(sqlite3.connect(self.database)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            told = BOOKED.encode().hex().upper()
            rows = [row for row in connection.iterdump() if "booked" not in row and told not in row.upper()]
        return hashlib.sha256(f"{version}{rows}".encode()).hexdigest()

    def booked(self) -> int:
        with closing(sqlite3.connect(self.database)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'booked'").fetchone():
                return 0
            return int(connection.execute("SELECT count(*) FROM booked").fetchone()[0])

    def files(self) -> set[str]:
        """What an update leaves or takes away; what begins with a dot is replaced by whoever writes it again."""
        return {
            path.relative_to(self.folder).as_posix()
            for top in (self.releases, self.data)
            for path in top.rglob("*")
            if path.is_file() and not path.name.startswith(("station.db", "."))
        }
