"""Whether the store can keep anything: asked without writing, and without waiting for a writer."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from time import monotonic

import pytest

from kiosk.store import Store, StoreError
from kiosk.store.database.connection import connect
from tests.store.village import bring_in, open_store

PATIENCE_S = 120


def digests(folder: Path) -> list[str]:
    """Of all but the index of the log: reading moves a mark in it, too, in memory."""
    files = (one for one in sorted(folder.iterdir()) if not one.name.endswith("-shm"))
    return [hashlib.sha256(one.read_bytes()).hexdigest() for one in files]


def test_asking_writes_nothing_and_keeps_nobody_from_writing(store: Store, path: Path) -> None:
    before = digests(path.parent)
    for _ in range(3):
        store.check_writable()
    assert digests(path.parent) == before
    bring_in(store)


def test_a_writer_at_work_in_another_process_is_not_waited_for(store: Store, path: Path) -> None:
    """Waiting for it would take two minutes: no busy machine is that slow."""
    store.journal.database.write(
        lambda connection: connection.exec_driver_sql(f"PRAGMA busy_timeout = {PATIENCE_S * 1000}")
    )
    with closing(connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        begun = monotonic()
        store.check_writable()
        assert monotonic() - begun < PATIENCE_S / 4
        other.execute("ROLLBACK")
    bring_in(store)


def test_a_database_that_was_opened_for_reading_only(path: Path, template: Path) -> None:
    """What SQLite falls back to, without a word, when the file belongs to another user."""
    open_store(path, template).close()

    def reader(place: Path) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{place}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)

    with closing(connect(path)), closing(open_store(path, template, connect=reader)) as store:
        assert store.outbox.counts().last_seq == 1, "it can be read"
        with pytest.raises(StoreError, match="cannot be written"):
            store.check_writable()


@pytest.mark.parametrize("name", ["", "kiosk.sqlite", "kiosk.sqlite-wal", "receipt-series", "receipt-series.lock"])
def test_a_folder_or_file_that_refuses(store: Store, path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As on a card that went read-only, where a transaction still begins."""
    refused, access = path.parent / name, os.access
    monkeypatch.setattr(os, "access", lambda place, mode: Path(place) != refused and access(place, mode))
    with pytest.raises(StoreError, match="cannot be written") as caught:
        store.check_writable()
    assert str(refused) in str(caught.value)
