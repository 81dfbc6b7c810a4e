"""The station's own key: one for each machine and life of the database, announced once, and no goods wait for it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from kiosk.base import files
from kiosk.domain.events import BackupMade
from kiosk.station.doctor.bundle import Subject, write_bundle
from kiosk.station.doctor.tools import back_up
from kiosk.station.recovery.kit_creation import KitSource, collect_kit
from kiosk.station.shared import signing
from kiosk.station.shared.signing import BINDING_FILE, KEY_FILE, StationSigning, read_machine
from kiosk.store import Stamp, Store
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.database.opening import OpenOptions
from kiosk.store.database.schema import EPOCH_SHIFT
from kiosk.store.journal import journal
from kiosk.store.journal import signing as store_signing
from kiosk.store.journal.journal import rows_from
from tests.depth import many
from tests.messaging.journal_check import JournalFault, find_journal_faults
from tests.station.doctor.clinic import Clinic
from tests.station.fakes import STAMP
from tests.station.update.power import lines_of, run, worth_a_cut

EVENT = BackupMade(1, "0" * 64, 1)
LINES = {module.__file__ for module in (signing, store_signing, journal, files)}
CUTS = many(30, torture=10_000, quick=5)


class Box:
    """A station's folder in a machine, and all keys that it has ever announced."""

    def __init__(self, folder: Path, machine: str = "board-1") -> None:
        self.folder, self.machine, self.now = folder, machine, 0.0
        self.signing = self.process()

    def process(self) -> StationSigning:
        return StationSigning(self.folder, lambda: self.machine, lambda: self.now)

    def stamp(self) -> Stamp:
        return replace(STAMP, sign=self.signing.sign)

    def opened(self) -> closing[Store]:
        opening = OpenOptions(stamps=self.stamp, check=False, reserve_bytes=0)
        return closing(Store.open(self.folder / "station.db", "S0147", self.stamp(), opening))

    def start(self) -> None:
        """Of the station's program, which ends at once."""
        self.signing = self.process()
        with self.opened() as store:
            self.signing.start(store, self.stamp)

    def write(self, count: int = 1) -> None:
        with self.opened() as store:
            for _ in range(count):
                store.journal.append(EVENT, self.stamp())

    def later(self) -> None:
        """A minute on, the running program looks again."""
        self.now += 61
        with self.opened() as store:
            self.signing.poll(store, self.stamp)

    def told(self, kind: str) -> list[dict[str, object]]:
        with closing(sqlite3.connect(self.folder / "station.db")) as connection:
            bodies = [json.loads(body) for (body,) in connection.execute("SELECT body FROM journal ORDER BY position")]
        return [body["data"] for body in bodies if body["type"] == f"station.{kind}.v1"]

    def whys(self) -> list[object]:
        return [data["why"] for data in self.told("key.made")]

    def faults(self, *more: dict[str, object]) -> list[JournalFault]:
        """In the current epoch. ``more`` are keys that another database has announced."""
        keys = [bytes.fromhex(str(data["public"])) for data in (*self.told("key.made"), *more)]
        with self.opened() as store:
            store.journal.verify()
            first = len(store.signing.state().epochs) * EPOCH_SHIFT
            return list(find_journal_faults(store.outbox.database.read(lambda c: [*rows_from(c, first)]), keys))

    def begin(self, why: str) -> None:
        with self.opened() as store:
            store.epochs.start(why)


@pytest.fixture
def box(tmp_path: Path, begun: Path) -> Box:
    shutil.copytree(begun, tmp_path / "box")
    return Box(tmp_path / "box")


def test_the_first_start_makes_a_key_that_signs_its_own_announcement(box: Box) -> None:
    assert box.signing.current_key() is None
    box.start()
    key = box.signing.current_key()
    assert key is not None
    assert box.told("key.made") == [{"public": key.public.hex(), "why": "first"}]
    for name, size in ((KEY_FILE, 32), (BINDING_FILE, 0)):
        status = (box.folder / name).stat()
        assert status.st_mode & 0o777 == 0o600 and status.st_size >= size
    box.write(3)
    box.start()
    box.later()
    assert (box.whys(), box.told("events.covered"), box.faults()) == (["first"], [], [])


def _flipped(box: Box) -> None:
    file = box.folder / KEY_FILE
    seed = bytearray(file.read_bytes())
    seed[7] ^= 1
    file.write_bytes(seed)


def _new_database(box: Box) -> None:
    for path in box.folder.glob("station.db*"):
        path.unlink()
    box.write()


def _set(name: str, content: bytes) -> Callable[[Box], object]:
    return lambda box: (box.folder / name).write_bytes(content)


def _moved_clone(box: Box) -> None:
    """The card's copy goes on in another machine, after a technician has resolved the fork."""
    box.machine = "board-2"
    box.begin("forked")


BEFORE_A_START: dict[str, tuple[Callable[[Box], object], list[str]]] = {
    "nothing happened": (lambda box: None, []),
    "behind, as the relay begins it": (lambda box: box.begin("behind"), ["first"]),
    "restored": (lambda box: box.begin("restored"), ["restored"]),
    "forked": (lambda box: box.begin("forked"), ["restored"]),
    "restored, then behind": (lambda box: (box.begin("restored"), box.begin("behind")), ["restored"]),
    "made anew": (_new_database, ["restored"]),
    "another machine": (lambda box: setattr(box, "machine", "board-2"), ["moved"]),
    "a machine without a serial number": (lambda box: setattr(box, "machine", ""), ["moved"]),
    "a copied card": (_moved_clone, ["moved"]),
    "a flipped bit": (_flipped, ["repaired"]),
    "empty": (_set(KEY_FILE, b""), ["repaired"]),
    "one byte short": (_set(KEY_FILE, b"x" * 31), ["repaired"]),
    "one byte long": (_set(KEY_FILE, b"x" * 33), ["repaired"]),
    "gone": (lambda box: (box.folder / KEY_FILE).unlink(), ["repaired"]),
    "another key": (_set(KEY_FILE, b"y" * 32), ["repaired"]),
    "no binding": (lambda box: (box.folder / BINDING_FILE).unlink(), ["repaired"]),
    "a torn binding": (_set(BINDING_FILE, b'{"public":"'), ["repaired"]),
    "a binding of something else": (_set(BINDING_FILE, b'{"public":1}'), ["repaired"]),
    "a huge binding": (_set(BINDING_FILE, b" " * 100_000), ["repaired"]),
}


def test_what_makes_a_new_key(box: Box, tmp_path: Path, subtests: pytest.Subtests) -> None:
    box.start()
    box.write(2)
    for name, (act, expected) in BEFORE_A_START.items():
        with subtests.test(name):
            shutil.rmtree(tmp_path / "copy", ignore_errors=True)
            copy = Box(Path(shutil.copytree(box.folder, tmp_path / "copy")), box.machine)
            act(copy)
            before = len(copy.whys())
            copy.start()
            copy.write()
            assert copy.whys()[before:] == expected
            assert copy.faults(*box.told("key.made")) == []
            copy.start()
            copy.later()
            again = copy.told("key.made")
            # Each once; anew where the county had not acknowledged it, and an epoch was begun without another key.
            assert len(again) == len({*map(str, again)}) + (expected == ["first"])
            key = copy.signing.current_key()
            assert key is not None and again[-1]["public"] == key.public.hex()


def test_a_new_card_with_a_restored_database_covers_what_was_written_without_a_key(box: Box) -> None:
    box.start()
    box.write(3)
    for name in (KEY_FILE, BINDING_FILE):
        (box.folder / name).unlink()
    box.begin("restored")
    box.start()
    assert box.whys() == ["first", "restored"]
    assert [(data["first_seq"], data["events"]) for data in box.told("events.covered")] == [(1, 5)]
    assert box.faults() == []


def test_a_key_that_fails_stops_nothing(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    box.start()
    box.write()
    aside = (box.folder / KEY_FILE).rename(box.folder / "aside")
    caplog.clear()
    box.write(2)
    assert box.signing.current_key() is None
    box.later()
    box.write()
    assert len([line for line in caplog.messages if "signing key fails" in line]) == 1
    assert [fault.kind for fault in box.faults()] == ["uncovered"] * 3
    aside.rename(box.folder / KEY_FILE)
    box.later()
    box.write()
    box.later()
    box.start()
    assert [data["events"] for data in box.told("events.covered")] == [3]
    assert (box.whys(), box.faults()) == (["first"], [])


def test_a_file_that_stays_unreadable_is_read_once_a_minute(box: Box) -> None:
    box.start()
    looked: list[float] = []
    machine = lambda: looked.append(box.now) or "board-2"  # noqa: E731 - asked with each reading
    failing = StationSigning(box.folder, machine, lambda: box.now)
    for _ in range(100):
        box.now += 2
        assert failing.sign("00" * 32) == ""
    assert len(looked) == 4


def test_nothing_that_goes_wrong_in_signing_reaches_who_writes(box: Box) -> None:
    def broken() -> str:
        raise RuntimeError("no such board")

    box.start()
    assert StationSigning(box.folder, broken).sign("00" * 32) == ""
    assert box.signing.sign("no hash") == ""
    box.now += 61
    assert box.signing.sign("00" * 32)


def test_a_key_that_cannot_be_made_is_made_later(box: Box) -> None:
    blocked = box.folder / f".{KEY_FILE}.new"
    blocked.mkdir()
    box.start()
    assert box.signing.current_key() is None
    box.write(2)
    box.later()
    blocked.rmdir()
    box.later()
    box.write()
    assert (box.whys(), box.faults()) == (["first"], [])


def _uncovered(box: Box) -> None:
    box.start()
    aside = (box.folder / KEY_FILE).rename(box.folder / "aside")
    box.write(2)
    aside.rename(box.folder / KEY_FILE)


def _moved(box: Box) -> None:
    box.start()
    box.machine = "board-2"


@pytest.mark.parametrize("before", [lambda box: None, _moved, _uncovered], ids=["first", "moved", "uncovered"])
def test_cut_at_any_line(box: Box, tmp_path: Path, before: Callable[[Box], object]) -> None:
    before(box)
    machine = box.machine

    def copied(name: str) -> Box:
        shutil.rmtree(tmp_path / name, ignore_errors=True)
        return Box(Path(shutil.copytree(box.folder, tmp_path / name)), machine)

    whole = copied("whole")
    cuts = worth_a_cut(lines_of(whole.start, LINES))
    for cut in cuts[:: max(1, len(cuts) // CUTS)]:
        half = copied("half")
        assert run(half.start, cut, LINES)
        half.write()
        half.start()
        half.write()
        assert (half.whys(), half.faults()) == (whole.whys(), [])
        assert len(half.told("events.covered")) <= 2  # Once, and once for what the cut left unsigned
        key = half.signing.current_key()
        assert key is not None and half.told("key.made")[-1]["public"] == key.public.hex()


def test_both_programs_write_at_once_while_the_key_is_made_anew(box: Box) -> None:
    box.start()
    box.machine = "board-2"
    child = os.fork()
    if child == 0:
        try:
            box.signing = box.process()
            box.write(40)
            os._exit(0)
        finally:
            os._exit(1)
    box.start()
    box.write(40)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    box.later()
    assert (box.whys(), box.faults()) == (["first", "moved"], [])


def test_the_board_s_serial_number_is_told_to_nobody(tmp_path: Path) -> None:
    serial = tmp_path / "serial-number"
    assert read_machine(serial) == ""
    serial.write_bytes(b"10000000abcdef01\x00")
    machine = read_machine(serial)
    assert len(machine) == 64 and "abcdef01" not in machine


@pytest.fixture
def clinic(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    monkeypatch.setattr("kiosk.base.systemd.MARK", tmp_path / "none")
    clinic = Clinic(tmp_path, template)
    clinic.cure()
    yield clinic
    clinic.store.close()


def test_no_backup_kit_or_bundle_takes_the_key_along(clinic: Clinic) -> None:
    data = clinic.settings.data
    seed = (data / KEY_FILE).read_bytes()
    medium = clinic.folder / "medium"
    medium.mkdir()
    back_up(clinic.store, BackupSettings(medium), clinic.settings, clinic.stamp(), same_disk=True)
    settings = clinic.folder / "station.toml"
    settings.write_text('[station]\nstation = "S0147"\n')
    clinic.config.county = None
    kit = collect_kit(KitSource(clinic.config, settings, {}), clinic.stamp())
    findings = clinic.doctor.findings()
    subject = Subject(clinic.settings, settings, findings, clinic.moment, clinic.software, clinic.metrology, True)
    bundle = write_bundle(subject, medium)
    shutil.unpack_archive(bundle, medium / "unpacked")
    found = [path.read_bytes() for path in medium.rglob("*") if path.is_file()] + [msgspec.json.encode(kit)]
    assert len(found) > 6
    for content in found:
        assert seed not in content and seed.hex().encode() not in content
