from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from kiosk.domain.intake import AbandonReason
from kiosk.store import OutboxCounts, Store, StoreError
from kiosk.store.journal.sealed_rows import find_altered
from tests.store.counter_rig import Codes, arrive
from tests.store.village import (
    CATALOG,
    JOBS,
    bring_in,
    content,
    events,
    open_intake,
    open_store,
    rows,
    stamp,
    void_of,
    weighed,
)


def test_every_event_waits_in_order_until_it_is_acknowledged(store: Store) -> None:
    bring_in(store)
    assert store.outbox.counts() == OutboxCounts(pending=3, last_seq=3, acked_upto=0)
    assert [row.seq for row in store.outbox.pending(10)] == [1, 2, 3]
    assert [row.seq for row in store.outbox.pending(1, after=1)] == [2]
    store.outbox.acknowledge(2, [])
    assert [row.seq for row in store.outbox.pending(10)] == [3]
    assert store.outbox.counts() == OutboxCounts(pending=1, last_seq=3, acked_upto=2)
    row = store.intakes.confirmed("0147-A-000001")
    assert row is not None and not row.acknowledged
    store.outbox.acknowledge(3, [])
    row = store.intakes.confirmed("0147-A-000001")
    assert row is not None and row.acknowledged
    assert store.outbox.pending(10) == []


def test_what_is_sent_is_what_was_sealed(store: Store) -> None:
    bring_in(store)
    for row in store.outbox.pending(10):
        assert store.outbox.hash_at(row.seq) == hashlib.sha256(row.body).hexdigest()
    assert store.outbox.hash_at(0) is None
    assert store.outbox.hash_at(4) is None


def test_a_restored_center_takes_acknowledgements_back(store: Store) -> None:
    for _ in range(3):
        bring_in(store)
    store.outbox.acknowledge(5, [4])
    assert store.outbox.quarantined() == [4]
    store.outbox.acknowledge(2, [])
    assert [row.seq for row in store.outbox.pending(10)] == [3, 4, 5]
    assert store.outbox.quarantined() == []


def test_the_same_acknowledgement_again_writes_nothing(store: Store, path: Path) -> None:
    bring_in(store)
    store.outbox.acknowledge(3, [2])
    before = path.with_name("kiosk.sqlite-wal").read_bytes()
    store.outbox.acknowledge(3, [2])
    assert path.with_name("kiosk.sqlite-wal").read_bytes() == before


@pytest.mark.parametrize("upto", [-1, 3, 2**31])
def test_an_acknowledgement_of_what_was_never_written_is_refused(store: Store, upto: int) -> None:
    with pytest.raises(StoreError, match="the last event of epoch"):
        store.outbox.acknowledge(upto, [])
    assert store.outbox.counts().acked_upto == 0


def test_a_new_epoch_tells_again_what_is_not_done(store: Store, path: Path) -> None:
    done = bring_in(store)
    store.outbox.acknowledge(3, [])
    intake = open_intake(store)
    store.intakes.confirm(weighed(intake), "late", JOBS, stamp(60))
    store.intakes.void(void_of(intake), stamp(61))
    gone = open_intake(store)
    store.intakes.abandon(gone.receipt, "opened", AbandonReason.LEFT, stamp(62))
    old = events(path)[-3:]
    store.epochs.start("behind")
    identity = store.epochs.identity()
    assert (identity.epoch, identity.series) == ("0000000000000002", "B")
    new = events(path)[-4:]
    assert [event["seq"] for event in new] == [1, 2, 3, 4]
    assert new[0]["data"] == {
        "series": "B",
        "why": "behind",
        "counters": {"scale_profile": 1, "tare_library": 1, "clock": 1},
    }
    for was, now in zip(old, new[1:], strict=True):
        assert now["reissued"] == was["id"]
        for same in ("type", "time", "data", "bootid", "monotonicms", "clock", "software"):
            assert now[same] == was[same]
    assert [row.seq for row in store.outbox.pending(10)] == [1, 2, 3, 4]
    assert str(open_intake(store).receipt) == "0147-B-000001"
    assert store.journal.verify() == 3 + 3 + 4
    late = store.intakes.by_token("late")
    assert late is not None and (late.epoch, late.seq, late.voided) == ("0000000000000002", 2, True)
    earlier = store.intakes.confirmed(done.receipt)
    assert earlier is not None and earlier.acknowledged and earlier.epoch == "0000000000000001"
    assert rows(path, "SELECT count(*) FROM void JOIN journal USING (position) WHERE journal.epoch = 2") == [(1,)]


def test_an_event_told_a_third_time_still_names_its_first_number(store: Store, path: Path) -> None:
    bring_in(store)
    store.epochs.start("behind")
    store.epochs.start("behind")
    assert [event.get("reissued") for event in events(path)[-3:]] == [None, "0000000000000001-2", "0000000000000001-3"]


def test_what_was_acknowledged_of_an_earlier_epoch_is_told_again_once(store: Store, path: Path) -> None:
    intake = open_intake(store)
    store.intakes.confirm(weighed(intake), "early", JOBS, stamp())
    store.intakes.void(void_of(intake), stamp(61))
    store.outbox.acknowledge(4, [])
    first = store.epochs.identity().epoch
    store.epochs.start("forked")
    store.outbox.acknowledge(1, [])
    series = store.epochs.identity().series
    assert store.epochs.reissue(first, 2) == 2
    assert [(event["seq"], event["type"], event["reissued"]) for event in events(path)[-2:]] == [
        (2, "station.intake.confirmed.v1", f"{first}-3"),
        (3, "station.intake.voided.v1", f"{first}-4"),
    ]
    assert store.outbox.counts() == OutboxCounts(pending=2, last_seq=3, acked_upto=1)
    assert [(one.epoch, one.acked_upto) for one in store.outbox.earlier()] == [(first, 2)]
    told = store.intakes.by_token("early")
    assert told is not None and (told.seq, told.voided, told.acknowledged) == (2, True, False)
    with closing(sqlite3.connect(path)) as bare:
        assert list(find_altered(bare)) == []
    assert store.epochs.reissue(first, 2) == store.epochs.reissue(first, 3) == 0
    assert store.epochs.reissue(first, 0) == 1, "the first event of an epoch is not told in another"
    assert store.epochs.identity().series == series
    store.journal.verify()


def test_the_current_epoch_and_a_stranger_s_are_not_told_again(store: Store, path: Path) -> None:
    bring_in(store)
    store.outbox.acknowledge(3, [])
    before = content(path)
    assert store.epochs.reissue(store.epochs.identity().epoch, 1) == 0
    assert store.epochs.reissue("ab" * 8, 0) == 0
    assert content(path) == before


def test_events_name_the_region_the_station_stands_in_when_they_are_numbered(store: Store, path: Path) -> None:
    """A database from before regions goes on: its old events stay as they are, told again they name it as well."""
    assert "region" not in events(path)[-1]
    open_intake(store)
    store.intakes.abandon_left_open(replace(stamp(), region="hotan"))
    assert events(path)[-1]["region"] == "hotan"
    store.epochs.start("technician", replace(stamp(), region="yarkant"))
    epoch = store.epochs.identity().epoch
    assert {event["region"] for event in events(path) if event["epoch"] == epoch} == {"yarkant"}
    assert {event.get("region") for event in events(path) if event["epoch"] != epoch} == {None, "hotan"}
    assert store.journal.verify() == len(events(path))


def test_an_intake_opened_before_a_new_epoch_is_confirmed_in_it(store: Store) -> None:
    intake = open_intake(store)
    store.epochs.start("behind", stamp())
    row = store.intakes.confirm(weighed(intake), "tap", JOBS, stamp())
    assert (row.receipt, row.epoch) == ("0147-A-000001", "0000000000000002")


def test_changed_tells_what_another_process_committed(store: Store, path: Path, template: Path) -> None:
    relay = open_store(path, template)
    relay.changed()
    assert not relay.changed()
    relay.outbox.acknowledge(1, [])
    assert not relay.changed()
    bring_in(store)
    assert relay.changed()
    assert not relay.changed()
    relay.close()


_STATION_PROCESS = """
import sys
from dataclasses import replace
from pathlib import Path
from tests.store.village import bring_in, open_store
store = open_store(Path(sys.argv[1]), Path(sys.argv[2]))
for number in range(40):
    bring_in(store, 1_000 + number)
store.close()
"""


def test_station_and_relay_share_one_file(store: Store, path: Path, template: Path) -> None:
    command = [sys.executable, "-c", _STATION_PROCESS, str(path), str(template)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[3]) as station:
        while station.poll() is None:
            waiting = store.outbox.pending(5)
            if waiting:
                store.outbox.acknowledge(waiting[-1].seq, [])
    assert station.returncode == 0
    last = store.outbox.counts().last_seq
    store.outbox.acknowledge(last, [])
    assert last == 42
    assert [row.acknowledged for row in store.intakes.recent()] == [True] * 40
    assert store.journal.verify() == 42


def test_reading_changes_nothing(store: Store, path: Path, template: Path) -> None:
    lot = bring_in(store).lot
    store.close()
    before = path.read_bytes()
    again = open_store(path, template)
    version, catalog = again.catalogs.get()
    assert (version, catalog) == (1, CATALOG)
    again.intakes.recent()
    again.intakes.confirmed("0147-A-000001")
    again.intakes.by_token("x")
    again.papers.next("label")
    again.papers.of_receipt("0147-A-000001")
    again.papers.summary()
    again.photos.of_lot(lot)
    again.outbox.pending(100)
    again.outbox.counts()
    again.outbox.hash_at(2)
    again.epochs.identity()
    again.changed()
    again.journal.verify()
    again.close()
    assert path.read_bytes() == before
    assert content(path)


def test_after_closing_nobody_opens_the_file_again(store: Store, path: Path) -> None:
    store.close()
    for late in (store.outbox.counts, store.changed, lambda: store.outbox.acknowledge(1, [])):
        with pytest.raises(StoreError, match="is closed"):
            late()
    store.close()
    assert not path.with_name("kiosk.sqlite-wal").exists()


def test_what_is_asked_often_reads_no_whole_table(store: Store, path: Path) -> None:
    lot = bring_in(store).lot
    row = arrive(store, Codes(), "SF1")
    asked: list[tuple[str, Any]] = []
    engine = store._database._reader
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    store.papers.next("label")
    store.papers.summary()
    store.papers.of_receipt("0147-A-000001")
    store.intakes.recent()
    store.intakes.confirmed("0147-A-000001")
    store.intakes.by_token("x")
    store.photos.of_lot(lot)
    store.outbox.counts()
    store.outbox.pending(10)
    store.outbox.hash_at(1)
    store.catalogs.get()
    store.papers.open_jobs()
    store.days.intakes()
    store.intakes.find("0147-A-000001")
    store.parcels.by_number(row.number)
    store.parcels.by_waybill("SF1")
    store.parcels.in_slot("A-1-01")
    store.parcels.by_mac(b"")
    store.parcels.in_states({row.state})
    store.lockouts.get("pin")
    store.members.brought("M-00001", "2026", "2026-11-25", 4, 8)
    store.members.has_code("M-00001", b"")
    questions = [(sql, values) for sql, values in asked if sql.startswith("SELECT")]
    assert len(questions) >= 20
    connection = sqlite3.connect(path)
    for sql, values in questions:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
        asked_of_all = [step for step in plan if step.startswith("SCAN") and step not in _SMALL]
        assert asked_of_all == [], f"{sql}: {plan}"
        assert "SCAN intake" not in plan or ("LIMIT" in sql and not any("TEMP B-TREE" in step for step in plan))
    connection.close()


_SMALL = (
    "SCAN epoch",
    "SCAN station",
    "SCAN catalog_version",
    "SCAN day",  # the newest one
    "SCAN print_job USING COVERING INDEX print_job_open",  # holds only what is not printed
    "SCAN intake",  # the newest ones: in the order of the key, ended by a limit
)
