from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from kiosk.domain.identifiers import ReceiptNumber
from kiosk.store import Store, StoreError
from kiosk.store.database import opening
from kiosk.store.database.connection import connect, engine_for
from kiosk.store.database.migrate import main, migrate
from kiosk.store.database.opening import Opening
from kiosk.store.database.schema import APPLICATION_ID, SCHEMA_VERSION, metadata
from kiosk.store.errors import StoreRefusal
from kiosk.store.records import NewPhoto
from tests import migrated
from tests.store.village import (
    CATALOG,
    STATION,
    bring_in,
    change,
    content,
    events,
    offer_of,
    open_store,
    pictures,
    rows,
    stamp,
)

OLD = sorted((Path(__file__).parents[2] / "databases").glob("station_schema_*.sqlite"))
"""Databases as earlier schemas left them: one empty and one with a morning's work for each."""


@pytest.fixture
def in_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at a station: nothing is copied."""
    monkeypatch.setattr(opening, "_migrate_in_child", migrated.in_child)


_TABLES = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%' AND sql IS NOT NULL ORDER BY name"

_PAPERS = "SELECT id, intake, document, printer, bag, state, attempts, copy > 0, body FROM print_job ORDER BY id"


def _spelled_alike(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, re.sub(r"[\s\"]+", "", sql)) for name, sql in rows]


def _test_schema(path: Path) -> None:
    """The migrations and the code know the same tables, rules and indexes."""
    engine = engine_for(path, connect, "BEGIN")
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
    assert rows(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert rows(path, "PRAGMA application_id") == [(APPLICATION_ID,)]


def test_migrations_make_what_the_code_expects(template: Path, tmp_path: Path) -> None:
    _test_schema(template)
    direct = tmp_path / "direct.sqlite"
    engine = engine_for(direct, connect, "BEGIN IMMEDIATE")
    with engine.begin() as connection:
        metadata.create_all(connection)
    engine.dispose()
    assert _spelled_alike(rows(template, _TABLES)) == _spelled_alike(rows(direct, _TABLES))


def test_every_earlier_schema_is_stored() -> None:
    versions = {int(path.stem.split("_")[2]) for path in OLD}
    assert versions == set(range(1, SCHEMA_VERSION))
    for path in OLD:
        assert rows(path, "PRAGMA user_version") == [(int(path.stem.split("_")[2]),)]


@pytest.mark.parametrize("old", OLD, ids=lambda path: path.stem)
def test_an_old_database_is_brought_up_and_opened_twice(old: Path, path: Path) -> None:
    path.parent.mkdir()
    shutil.copyfile(old, path)
    receipts = rows(path, "SELECT receipt, net_g, token FROM intake ORDER BY number")
    journal = rows(path, "SELECT * FROM journal ORDER BY position")
    papers = rows(path, _PAPERS)
    for _ in range(2):
        store = open_store(path, old)
        assert store.journal.verify() == max(len(journal), 1)
        store.close()
        _test_schema(path)
    assert rows(path, "SELECT receipt, net_g, token FROM intake ORDER BY number") == receipts
    assert rows(path, _PAPERS) == papers
    assert rows(path, "SELECT * FROM journal ORDER BY position")[: len(journal)] == journal
    store = open_store(path, old)
    version, catalog = store.catalogs.get()
    assert not version or store.catalogs.add(catalog, stamp()) == version, "the same file is no new version"
    store.catalogs.add(CATALOG, stamp())
    row = bring_in(store, 5_000)
    assert row.receipt == f"0147-A-{len(receipts) + 1:06d}"
    store.photos.add(NewPhoto(row.lot, "ALMOND", pictures()), stamp())
    assert store.epochs.start("behind")
    store.close()
    data = {event["id"]: event["data"] for event in events(path)}
    again = [event for event in events(path) if "reissued" in event]
    assert again and [event["id"] for event in again if event["data"] != data[event["reissued"]]] == [], (
        "what was told without a younger field is told again without it"
    )


@pytest.mark.usefixtures("in_a_child")
def test_the_papers_of_an_old_database_go_on(path: Path, template: Path) -> None:
    path.parent.mkdir()
    shutil.copyfile(next(old for old in OLD if old.stem == "station_schema_2_morning"), path)
    store = open_store(path, template)
    assert [(job.id, job.about, job.state) for job in store.papers.recover(stamp())] == [
        (5, "0147-A-000003", "unknown")
    ]
    assert store.papers.summary() == {"queued": 4, "sending": 0, "printed": 3, "unknown": 2}
    receipt = store.papers.of_receipt("0147-A-000001")[2]
    assert (receipt.receipt, receipt.about, receipt.state, receipt.bag) == (*["0147-A-000001"] * 2, "unknown", 0)
    assert b"receipt_code" in receipt.body
    copy = store.papers.resolve(receipt.id, False, "clerk:07", stamp())
    assert [job.id for job in store.papers.open_jobs()] == [5, 6, 7, 8, 9, copy]
    found = store.intakes.find("0147-A-000003")
    assert found is not None and found.voided
    totals = store.days.totals()
    assert (totals.intakes, totals.voids, totals.abandoned, totals.photos) == (3, 1, 1, 1)
    store.close()


def test_photos_of_before_wait_for_their_verdict(path: Path, template: Path) -> None:
    """With everything that was known of them, and with the drafts they opened."""
    path.parent.mkdir()
    shutil.copyfile(next(old for old in OLD if old.stem == "station_schema_5_morning"), path)
    before = rows(path, "SELECT * FROM photo ORDER BY intake, shot")
    drafts = rows(path, "SELECT intake, min(drafted_at) FROM listing GROUP BY intake")
    assert len(before) == 3
    store = open_store(path, template)
    kept = "intake, sha256, shot, size_bytes, width, height, taken_at"
    assert rows(path, f"SELECT {kept} FROM photo ORDER BY intake, shot") == before
    assert rows(path, "SELECT intake, drafted_at FROM listing") == drafts
    lots = rows(path, "SELECT DISTINCT lot FROM lot JOIN photo USING (intake)")
    shots = [shot for (lot,) in lots for shot in store.photos.of_lot(lot)]
    assert [(shot.judged, shot.removed, shot.sent, shot.pictures) for shot in shots] == [
        (False, False, False, None)
    ] * 3
    assert len(store.photos.unjudged(10)) == 3
    assert not any(place.may_leave for place in store.photos.oldest(10))
    store.outbox.acknowledge(store.outbox.counts().last_seq, [])
    assert store.photos.unsent(10) == []
    store.close()


def test_shots_and_drafts_of_schema_6_are_kept_and_can_be_offered(path: Path, template: Path) -> None:
    """The drafts of one lot are one listing, with every accepted shot in the order it was taken."""
    path.parent.mkdir()
    shutil.copyfile(next(old for old in OLD if old.stem == "station_schema_6_morning"), path)
    photos = rows(path, "SELECT * FROM photo ORDER BY intake, shot")
    drafts = rows(path, "SELECT intake, min(drafted_at) FROM listing GROUP BY intake")
    accepted = rows(path, "SELECT sha256 FROM photo WHERE intake = 1 AND position IS NOT NULL ORDER BY shot")
    assert len(photos) > len(drafts) > 1 and len(accepted) > 1
    store = open_store(path, template)
    assert rows(path, "SELECT * FROM photo ORDER BY intake, shot") == [(*photo, None) for photo in photos]
    assert rows(path, "SELECT intake, drafted_at FROM listing") == drafts
    receipt = ReceiptNumber("S0147", "A", 1)
    row = store.listings.of(receipt)
    assert [(one.sha256, one.left_out, one.likeness) for one in row.photos] == [(sha, False, "") for (sha,) in accepted]
    assert (row.drafted, row.pack_g, row.told, store.listings.newest_shots(9)) == (True, None, None, [])
    store.listings.submit(receipt, row, offer_of(row), stamp())
    assert store.listings.of(receipt).told is not None
    store.close()


def test_copies_of_schema_7_are_counted(path: Path, template: Path) -> None:
    path.parent.mkdir()
    shutil.copyfile(next(old for old in OLD if old.stem == "station_schema_7_morning"), path)
    assert rows(path, "SELECT id FROM print_job WHERE copy = 1") == [(3,), (4,), (5,), (11,), (12,)]
    store = open_store(path, template)
    assert rows(path, "SELECT id, copy FROM print_job WHERE copy > 0") == [(3, 1), (4, 2), (5, 3), (11, 1), (12, 2)]
    copy = store.papers.reprint(1, "clerk:07", stamp())
    assert rows(path, f"SELECT copy FROM print_job WHERE id = {copy}") == [(4,)]
    assert not any(job.scanned for job in store.papers.of_receipt("0147-A-000001"))
    store.papers.scanned(ReceiptNumber("S0147", "A", 1), 1, stamp())
    assert {job.scanned for job in store.papers.of_receipt("0147-A-000001") if job.document == "bag_label"} == {True}
    store.close()


def test_bags_that_were_scanned_in_schema_8_prove_nothing_anew(path: Path, template: Path) -> None:
    """One label was scanned while it was sent, another one after nobody knew of it: nobody kept which."""
    path.parent.mkdir()
    shutil.copyfile(next(old for old in OLD if old.stem == "station_schema_8_morning"), path)
    scanned = rows(path, "SELECT intake, bag FROM scanned_bag")
    sending = rows(path, "SELECT id FROM print_job WHERE state = 'sending' AND document = 'bag_label'")
    assert scanned and sending
    store = open_store(path, template)
    assert rows(path, "SELECT intake, bag, print_job FROM scanned_bag") == [(*row, None) for row in scanned]
    assert {(job.id, job.state) for job in store.papers.recover(stamp())} >= {(id_, "unknown") for (id_,) in sending}
    with pytest.raises(StoreRefusal, match="was scanned before"):
        store.papers.scanned(ReceiptNumber("S0147", "A", scanned[0][0] % 1_000_000), scanned[0][1], stamp())
    assert store.papers.asked() is None
    store.close()


@pytest.mark.usefixtures("in_a_child")
def test_a_migration_that_fails_leaves_the_old_database(path: Path) -> None:
    path.parent.mkdir()
    shutil.copyfile(next(old for old in OLD if old.stem == "station_schema_3_morning"), path)
    change(path, "CREATE TABLE pan_load (surprise INTEGER)")
    before = content(path)
    with pytest.raises(StoreError, match=r"kiosk\.sqlite could not be brought to schema 9: .*pan_load already exists"):
        open_store(path, OLD[-1])
    assert content(path) == before


@pytest.mark.usefixtures("in_a_child")
def test_a_new_database_is_made_by_a_child_process(path: Path) -> None:
    store = Store.open(path, STATION, stamp(), Opening(reserve_bytes=0))
    assert store.epochs.identity().station == STATION
    store.close()
    _test_schema(path)


def test_making_a_new_database_takes_a_moment(tmp_path: Path) -> None:
    """Of the processor: how long a busy machine or a slow card keeps it waiting says nothing about the migrations."""
    migrate(tmp_path / "warm.sqlite")
    times = []
    for number in range(3):
        start = time.thread_time()
        migrate(tmp_path / f"{number}.sqlite")
        times.append(time.thread_time() - start)
    assert min(times) < 0.6


def test_the_station_does_not_load_the_migration_tool() -> None:
    code = "import sys, kiosk.store; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False).returncode == 0


def test_the_migration_program_tells_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err == "usage: python -m kiosk.store.database.migrate PATH\n"
    (tmp_path / "text").write_text("no database at all, just text" * 100)
    assert main([str(tmp_path / "text")]) == 1
    assert re.fullmatch(r"The database .*text is damaged: .*\n", capsys.readouterr().err)
    assert main([str(tmp_path / "new.sqlite")]) == 0
    _test_schema(tmp_path / "new.sqlite")


@pytest.mark.usefixtures("in_a_child")
def test_a_migration_that_hangs_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No time at all is given: any other could be enough for it, when this process is held up meanwhile."""
    monkeypatch.setattr(opening, "_MIGRATION_SECONDS", 0.0)
    with pytest.raises(StoreError, match="could not be brought to schema 9 in 0 seconds"):
        Store.open(path, STATION, stamp())
    assert not path.exists()
