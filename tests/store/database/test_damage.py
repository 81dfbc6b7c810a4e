from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from kiosk.domain.metrology.pan_journal import LoadLeftNote, UnbookedWhy
from kiosk.store import DatabaseDamaged, DatabaseNewer, Store, StoreError
from kiosk.store.database.check import LINKS_AT_START
from tests.store.village import CATALOG, bring_in, change, epochs, events, open_store, rows, stamp

Damage = Callable[[Path], None]


def _everything(path: Path) -> dict[str, bytes]:
    """The files a technician would want to save."""
    return {file.name: file.read_bytes() for file in path.parent.iterdir() if not file.name.endswith("-shm")}


@pytest.fixture(scope="module")
def history(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with some history, closed: made once, copied by every test."""
    path = tmp_path_factory.mktemp("history") / "kiosk.sqlite"
    with closing(open_store(path, template, new_epoch=epochs())) as store:
        store.catalogs.add(CATALOG, stamp())
        for number in range(30):
            bring_in(store, 1_000 + number)
    return path


@pytest.fixture
def used(history: Path, path: Path) -> Path:
    """A copy of it, with what lies beside it."""
    shutil.copytree(history.parent, path.parent)
    return path


def _truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 // 1024 * 1024)


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _text(path: Path) -> None:
    path.write_text("this is a shopping list\n" * 100)


def _noise(path: Path) -> None:
    noise = random.Random(1).randbytes(path.stat().st_size)
    path.write_bytes(path.read_bytes()[:100] + noise[100:])


def _flipped_in_an_event(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    place = raw.rindex(b'"net_g":')
    raw[place + 8] ^= 0x01
    path.write_bytes(raw)


def _flipped_in_a_page_header(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    root = rows(path, "SELECT rootpage FROM sqlite_master WHERE name = 'intake'")[0][0]
    raw[(root - 1) * 1024] ^= 0xFF
    path.write_bytes(raw)


def _flipped_in_the_schema(path: Path) -> None:
    raw = path.read_bytes()
    assert raw.count(b"CREATE TABLE intake ") == 1
    path.write_bytes(raw.replace(b"CREATE TABLE intake ", b"CREATE T\xc3BLE intake "))


def _swapped_events(path: Path) -> None:
    last = 31 * 1
    base = 2**32
    change(
        path,
        "CREATE TEMP TABLE two AS SELECT * FROM journal ORDER BY position DESC LIMIT 2",
        f"UPDATE journal SET (sha256, body) = (SELECT sha256, body FROM two WHERE two.seq = {last}) "
        f"WHERE position = {base + last + 1}",
        f"UPDATE journal SET (sha256, body) = (SELECT sha256, body FROM two WHERE two.seq = {last + 1}) "
        f"WHERE position = {base + last}",
    )


def _lost_event(path: Path) -> None:
    change(path, f"DELETE FROM journal WHERE position = {2**32 + 20}")


def _lost_lot(path: Path) -> None:
    shot = (
        "INSERT INTO photo (intake, sha256, shot, size_bytes, width, height, taken_at, position, sent, natural_sha256, "
        "natural_size_bytes, natural_width, natural_height, natural_sent, measures) "
        "SELECT 3, printf('%064d', 0), 1, 1, 1, 1, '2026', max(position), 0, printf('%064d', 1), 1, 1, 1, 0, '{}' "
        "FROM journal"
    )
    change(path, shot, "DELETE FROM lot WHERE intake = 3")


def _acknowledged_events_lost(path: Path) -> None:
    change(path, "UPDATE epoch SET acked_upto = 32", f"DELETE FROM journal WHERE position > {2**32 + 25}")


def _no_events(path: Path) -> None:
    change(path, "DELETE FROM journal")


def _forged_weight(path: Path) -> None:
    change(path, "UPDATE intake SET gross_g = gross_g + 1000 WHERE number = 5")


def _foreign(path: Path) -> None:
    change(path, "PRAGMA application_id = 7")


DAMAGES: Final = (
    _truncated,
    _empty,
    _text,
    _noise,
    _flipped_in_an_event,
    _flipped_in_a_page_header,
    _flipped_in_the_schema,
    _swapped_events,
    _lost_event,
    _lost_lot,
    _acknowledged_events_lost,
    _no_events,
    _forged_weight,
    _foreign,
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_database_is_named_and_left_alone(used: Path, template: Path, damage: Damage) -> None:
    damage(used)
    before = _everything(used)
    with pytest.raises(DatabaseDamaged, match=r"is damaged: .*Nothing was changed\. Stop the station, copy") as caught:
        open_store(used, template)
    assert str(used) in str(caught.value)
    assert _everything(used) == before


def test_the_log_of_a_damaged_database_is_kept(store: Store, path: Path, template: Path, tmp_path: Path) -> None:
    bring_in(store)
    copy = tmp_path / "after the power cut" / path.name
    copy.parent.mkdir()
    for suffix in ("", "-wal"):
        source = path.with_name(path.name + suffix)
        copy.with_name(source.name).write_bytes(source.read_bytes())
    raw = bytearray(copy.read_bytes())
    raw[:16] = b"SQLite format 4\0"
    copy.write_bytes(raw)
    before = _everything(copy)
    with pytest.raises(DatabaseDamaged):
        open_store(copy, template)
    assert {name: data for name, data in _everything(copy).items() if name in before} == before


def test_damage_found_in_the_log_leaves_file_and_log_as_they_are(
    store: Store, path: Path, template: Path, tmp_path: Path
) -> None:
    bring_in(store)
    change(path, f"DELETE FROM journal WHERE position = {2**32 + 2}")
    copy = tmp_path / "copied while open" / path.name
    copy.parent.mkdir()
    for suffix in ("", "-wal"):
        source = path.with_name(path.name + suffix)
        copy.with_name(source.name).write_bytes(source.read_bytes())
    before = _everything(copy)
    assert len(before["kiosk.sqlite-wal"]) > 0
    with pytest.raises(DatabaseDamaged, match="does not follow the one before"):
        open_store(copy, template)
    after = _everything(copy)
    assert {name: after[name] for name in before} == before


def test_a_newer_database_is_left_to_newer_software(used: Path, template: Path) -> None:
    change(used, "PRAGMA user_version = 99")
    before = _everything(used)
    with pytest.raises(DatabaseNewer, match=r"schema 99.*install that version again"):
        open_store(used, template)
    assert _everything(used) == before


def test_old_events_are_checked_when_asked(used: Path, template: Path) -> None:
    with closing(open_store(used, template)) as store:
        for _ in range(LINKS_AT_START):
            store.pan_loads.note(LoadLeftNote(500, UnbookedWhy.NO_INTAKE, 1_000), stamp())
    change(used, f"UPDATE journal SET body = CAST(body || ' ' AS BLOB) WHERE position = {2**32 + 3}")
    again = open_store(used, template)
    with pytest.raises(DatabaseDamaged, match="event 0000000000000001-3 of the journal was changed"):
        again.journal.verify()
    again.close()


def test_damage_that_happens_while_open_is_named(used: Path, template: Path) -> None:
    store = open_store(used, template, check=False)
    _noise(used)
    with pytest.raises(DatabaseDamaged, match=r"kiosk\.sqlite is damaged"):
        store.journal.verify()
    store.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, template: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be opened.*check disk and owner"):
        open_store(tmp_path / "file" / "kiosk.sqlite", template)
    (tmp_path / "folder.sqlite").mkdir()
    with pytest.raises(StoreError, match=r"folder\.sqlite cannot be opened"):
        open_store(tmp_path / "folder.sqlite", template)


def test_a_locked_database_says_so(store: Store, path: Path) -> None:
    store.journal.database.write(lambda connection: connection.exec_driver_sql("PRAGMA busy_timeout = 20"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="in use by another program"):
        bring_in(store)
    other.execute("ROLLBACK")
    other.close()
    assert bring_in(store).receipt == "0147-A-000001"
    assert len(events(path)) == 3
