"""Whoever holds the memory card changes a row: every column in turn, and what is not noticed is named."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kiosk.domain.intake import AbandonReason
from kiosk.store import Store
from kiosk.store.journal.sealed_rows import AlteredRecord, find_altered, find_altered_newest
from kiosk.store.shared.errors import DatabaseDamaged, StoreRefusal
from tests.store.scale_rig import with_frames
from tests.store.village import JOBS, bring_in, open_intake, open_store, rows, stamp, void_of

FREE = {
    "intake": {"token", "opened_at"},
    "intake_line": {"readings"},
    "intake_scale": {"serial_no"},
    "weighing_frames": {"frames"},
    "lot": set[str](),
    "void": set[str](),
}
"""By table: columns that no event tells. The frames are read again by ``verify_frames``, against their hash."""
MARKED, VOIDED, GIVEN_UP = "0147-A-000002", "0147-A-000003", "0147-A-000004"


@pytest.fixture
def used(store: Store, path: Path) -> Iterator[Path]:
    """Four receipts: one as it was before there were frames, one with all there is, one void, one abandoned."""
    bring_in(store, 12_450, 8_005)
    intake = open_intake(store)
    store.intakes.confirm(with_frames(intake, 12_450, 9_000), "second", JOBS, stamp())
    voided = open_intake(store)
    store.intakes.confirm(with_frames(voided), "third", JOBS, stamp())
    store.intakes.void(void_of(voided), stamp())
    given_up = open_intake(store)
    store.intakes.abandon(given_up.receipt, "opened", AbandonReason.LEFT, stamp())
    bring_in(store, 5_000)
    yield path


def change(path: Path, *statements: tuple[str, tuple[Any, ...]]) -> None:
    """As with a card in a reader: no rule of the database holds anybody up."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("PRAGMA ignore_check_constraints = ON")
        for sql, values in statements:
            db.execute(sql, values)
        db.commit()


def found(path: Path) -> list[AlteredRecord]:
    with closing(sqlite3.connect(path)) as db:
        return list(find_altered(db))


def columns(path: Path, table: str) -> list[tuple[str, str]]:
    return [(row[1], row[2]) for row in rows(path, f"PRAGMA table_info({table})")]


def other(value: Any, kind: str) -> Any:
    """Another value of the kind."""
    if kind == "INTEGER":
        return (value or 0) + 1_000_000
    if kind == "BLOB":
        return b"\x00\x01x"
    return f"{value or ''}x"


def key_of(table: str) -> str:
    return "number" if table == "intake" else "intake"


@pytest.mark.parametrize("table", FREE)
def test_every_column_of_a_row_is_compared(used: Path, table: str) -> None:
    """Each row of the table, each column: changed, looked at, and put back."""
    assert found(used) == []
    unnoticed: set[str] = set()
    noticed: set[str] = set()
    abandoned: set[str] = set()
    key = key_of(table)
    kinds = columns(used, table)
    for row in rows(
        used,
        f"SELECT rowid, * FROM {table}"
        if table in ("intake", "lot", "void", "intake_scale")
        else f"SELECT 0, * FROM {table}",
    ):
        names = [name for name, _ in kinds]
        before = dict(zip(names, row[1:], strict=True))
        own = [name for name in (key, "bag") if name in names]
        for name, kind in kinds:
            changed = other(before[name], kind)
            now = {**before, name: changed}
            where = " AND ".join(f"{one} = ?" for one in own)
            change(used, (f"UPDATE {table} SET {name} = ? WHERE {where}", (changed, *(before[one] for one in own))))
            seen = abandoned if before.get("state") == "abandoned" else noticed
            (seen if found(used) else unnoticed if seen is noticed else set()).add(name)
            change(used, (f"UPDATE {table} SET {name} = ? WHERE {where}", (before[name], *(now[one] for one in own))))
    assert found(used) == [], "all is as before"
    assert unnoticed == FREE[table]
    assert abandoned == ({"number", "receipt", "state", "position", "closed_at"} if table == "intake" else set())
    assert noticed == {name for name, _ in kinds} - FREE[table]


@pytest.mark.parametrize(
    ("statement", "receipt"),
    [
        (f"DELETE FROM intake WHERE receipt = '{MARKED}'", MARKED),
        (f"DELETE FROM intake WHERE receipt = '{GIVEN_UP}'", GIVEN_UP),
        ("DELETE FROM intake_line WHERE intake = 2 AND bag = 2", MARKED),
        ("DELETE FROM lot WHERE intake = 2", MARKED),
        ("DELETE FROM intake_scale WHERE intake = 2", MARKED),
        ("DELETE FROM weighing_frames WHERE intake = 2 AND bag = 1", MARKED),
        ("DELETE FROM void", VOIDED),
        ("INSERT INTO intake_line SELECT intake, 3, gross_g, tare_g, net_g, amount_fen, container, tare_source, "
         "reading, load, stable_ms, readings FROM intake_line WHERE intake = 2 AND bag = 2", MARKED),
        ("INSERT INTO intake_scale SELECT 1, trade, check_state, verification, scale_profile, tare_library, clock, "
         "serial_no FROM intake_scale WHERE intake = 2", "0147-A-000001"),
        ("INSERT INTO void SELECT 2, reason, actor, witness, replacement, position, voided_at FROM void", MARKED),
        (f"UPDATE intake SET state = 'abandoned' WHERE receipt = '{MARKED}'", MARKED),
        (f"UPDATE intake SET state = 'opened', position = NULL WHERE receipt = '{MARKED}'", MARKED),
        (f"UPDATE intake SET position = (SELECT max(position) FROM intake), net_g = 1 WHERE receipt = '{MARKED}'",
         MARKED),
    ],
)  # fmt: skip
def test_a_row_that_is_gone_or_was_never_told_is_named(used: Path, statement: str, receipt: str) -> None:
    change(used, (statement, ()))
    assert receipt in {one.receipt for one in found(used)}


def test_a_receipt_that_nobody_booked_is_named(used: Path) -> None:
    names = [name for name, _ in columns(used, "intake")]
    values = ", ".join(
        {"number": "77", "receipt": "'0147-A-000077'", "token": "'mine'"}.get(name, name) for name in names
    )
    change(used, (f"INSERT INTO intake SELECT {values} FROM intake WHERE number = 2", ()))
    assert [one.receipt for one in found(used)] == ["0147-A-000077"]


def test_an_event_that_was_changed_is_named_and_the_chain_breaks(used: Path, store: Store) -> None:
    where = "WHERE position = (SELECT position FROM intake WHERE number = 2)"
    ((body,),) = rows(used, f"SELECT body FROM journal {where}")
    lighter = body.replace(b'"net_g":12290', b'"net_g":12000')
    assert lighter != body
    change(used, (f"UPDATE journal SET body = ? {where}", (lighter,)))
    assert found(used) == [AlteredRecord(MARKED, ("event",))]
    for nonsense in (b"", b"{}", b"[1]", b'{"data": 3}', b"\xff\xfe", b'{"data":{"receipt":"x"},"type":"y"}'):
        change(used, (f"UPDATE journal SET body = ? {where}", (nonsense,)))
        assert found(used), nonsense
    change(used, (f"UPDATE journal SET body = ?, sha256 = ? {where}", (lighter, hashlib.sha256(lighter).hexdigest())))
    assert "bags" in found(used)[0].what, "and the row does not follow"
    with pytest.raises(DatabaseDamaged, match="does not follow"):
        store.journal.verify()


def test_the_day_is_not_closed_over_an_altered_row_and_is_when_it_is_mended(used: Path, store: Store) -> None:
    change(used, ("UPDATE intake SET net_g = net_g + 1000, gross_g = gross_g + 1000 WHERE number = 2", ()))
    assert [one.receipt for one in store.intakes.altered()] == [MARKED]
    before = rows(used, "SELECT count(*) FROM journal")
    for act in (
        lambda: store.days.close("clerk:07", lambda totals, head: [], stamp()),
        lambda: store.papers.reprint(3, "clerk:07", stamp()),
    ):
        with pytest.raises(StoreRefusal, match=MARKED) as refused:
            act()
        assert (refused.value.code, refused.value.values) == ("record_altered", {"receipt": MARKED})
    assert store.papers.reprint(1, "clerk:07", stamp()), "another receipt's paper comes"
    assert rows(used, "SELECT count(*) FROM journal") == [(before[0][0] + 1,)]
    change(used, ("UPDATE intake SET net_g = net_g - 1000, gross_g = gross_g - 1000 WHERE number = 2", ()))
    totals, _ = store.days.close("clerk:07", lambda totals, head: [], stamp())
    assert totals.intakes == 4
    change(used, ("UPDATE intake SET net_g = net_g + 1000, gross_g = gross_g + 1000 WHERE number = 2", ()))
    store.days.close("clerk:07", lambda totals, head: [], stamp())  # not of this day: the doctor tells it


def test_the_newest_are_looked_at_and_no_more(used: Path) -> None:
    change(used, ("UPDATE intake SET party = 'M-00002' WHERE number IN (1, 5)", ()))
    with closing(sqlite3.connect(used)) as db:
        for count, expected in ((1, [5]), (2, [5]), (4, [5]), (5, [1, 5]), (200, [1, 5])):
            named = [one.receipt for one in find_altered_newest(db, count)]
            assert named == [f"0147-A-{number:06d}" for number in expected], count


def test_what_was_told_again_in_a_new_epoch_is_compared_with_its_newest_event(used: Path, store: Store) -> None:
    store.outbox.acknowledge(3, [])
    store.epochs.start("behind", stamp(60))
    assert found(used) == []
    bring_in(store, 7_000)
    assert found(used) == []
    change(used, ("UPDATE intake_line SET container = 'BARE' WHERE intake = 3", ()))
    assert found(used) == [AlteredRecord(VOIDED, ("bags",))]


def test_the_start_names_what_is_altered_and_takes_intakes_all_the_same(
    used: Path, store: Store, template: Path
) -> None:
    store.close()
    change(used, ("UPDATE intake_line SET net_g = net_g + 5, gross_g = gross_g + 5 WHERE intake = 2 AND bag = 1", ()))
    again = open_store(used, template)
    try:
        assert again.intakes.altered() == [AlteredRecord(MARKED, ("bags",))]
        assert bring_in(again, 3_000).receipt == "0147-A-000006"
    finally:
        again.close()
