"""What hands do to a ledger is named: an event edited, deleted, swapped with another, a day written again."""

from __future__ import annotations

import hashlib
import json

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from kiosk.cli.sorting_center import main
from kiosk.domain.events import CheckpointKept
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.log.tree import StoredLeaves, encode_leaves, parse_leaves, trees, write_block
from kiosk.sorting_center.log.verification import LogFault
from tests.sorting_center.log.county_log_rig import LogRig

ORIGIN, EPOCH = "shache/2026", "00112233445566aa"


def event(seq: int, kind: str) -> LogFault:
    return LogFault(ORIGIN, kind, f"S0147 {EPOCH}-{seq}")


@pytest.fixture
def ledger_with_days(rig: LogRig) -> LogRig:
    """300 events, then 300 more, and a checkpoint after each; a station keeps both."""
    with rig.opened() as ledger:
        for day, count in (("2026-12-01", 300), ("2026-12-02", 299)):
            rig.intakes(ledger, count)
            made = rig.checkpoint(ledger, day).checkpoint
            rig.accept(ledger, rig.station.add(CheckpointKept(made.origin, made.size, made.root.hex())))
            rig.follow(ledger)
        check = rig.verify(ledger)
        assert (check.events, check.checkpoints, check.witnesses, check.faults) == (601, 2, 2, [])
    return rig


def table(rig: LogRig) -> str:
    """In which events lie."""
    return "event" if rig.url.startswith("sqlite") else "event_by_month"


def faults(rig: LogRig) -> list[LogFault]:
    with Ledger.open_readonly(rig.url) as ledger:
        return rig.verify(ledger).faults


def edit(rig: LogRig, seq: int, *, with_hash: bool) -> bytes:
    """Make a kilogram of 12; the new hash."""
    with rig.hand() as hand:
        found = hand.execute(text(f"SELECT body FROM {table(rig)} WHERE seq = {seq}")).scalar_one()
        body = bytes(found).replace(b'"net_g":12450', b'"net_g":13450')
        assert body != bytes(found)
        digest = hashlib.sha256(body).hexdigest()
        hand.execute(text(f"UPDATE {table(rig)} SET body = :body WHERE seq = {seq}"), {"body": body})
        if with_hash:
            hand.execute(text(f"UPDATE {table(rig)} SET sha256 = :sha WHERE seq = {seq}"), {"sha": digest})
    return bytes.fromhex(digest)


def test_an_event_that_was_edited_beside_its_hash(ledger_with_days: LogRig) -> None:
    edit(ledger_with_days, 40, with_hash=False)
    assert faults(ledger_with_days) == [event(40, "edited")]


def test_an_event_that_is_no_json_any_more(ledger_with_days: LogRig) -> None:
    ledger_with_days.sql(f"UPDATE {table(ledger_with_days)} SET body = :body WHERE seq = 40", body=b"{")
    assert faults(ledger_with_days) == [event(40, "edited")]


def delete(rig: LogRig) -> None:
    rig.sql(f"DELETE FROM {table(rig)} WHERE seq IN (40, 500)")


def swap(rig: LogRig) -> None:
    with rig.hand() as hand:
        if table(rig) == "event":
            for was, becomes in ((40, -1), (500, 40), (-1, 500)):
                hand.execute(text(f"UPDATE event SET feedseq = {becomes} WHERE feedseq = {was}"))
        else:  # Their contents, there: places are those of ranges
            for was, becomes in ((40, -1), (500, 40), (-1, 500)):
                hand.execute(text(f"UPDATE event_by_month SET seq = {becomes} WHERE seq = {was}"))


def test_an_event_that_was_put_between(ledger_with_days: LogRig) -> None:
    """As one of another region it had its place in the feed already."""
    rig = ledger_with_days
    with rig.hand() as hand:
        blocks = hand.execute(text("SELECT number, leaves FROM log_block WHERE number = 0")).one()
        leaves = [leaf for leaf in parse_leaves(bytes(blocks.leaves)) if leaf.place != 40]
        values = {"leaves": encode_leaves(leaves)}
        hand.execute(text("UPDATE log_block SET leaves = :leaves WHERE number = 0"), values)
    assert set(faults(rig)) == {event(40, "added"), LogFault(ORIGIN, "block", "0")}


def rewrite(rig: LogRig, *, with_program: bool = True) -> None:
    """An event of the second day, and the leaf of the log; or all that follows from it as well."""
    digest = edit(rig, 500, with_hash=True)
    with rig.opened() as ledger, ledger.writing() as connection:
        (tree,) = trees(connection)
        leaves = list(StoredLeaves(connection, ORIGIN).block(1))
        leaves[500 - 257] = leaves[500 - 257]._replace(content=digest)
        if with_program:
            write_block(connection, tree, 1, leaves)
        else:
            values = {"leaves": encode_leaves(leaves)}
            connection.execute(text("UPDATE log_block SET leaves = :leaves WHERE number = 1"), values)


NAMED = {
    "edited": (lambda rig: edit(rig, 40, with_hash=True), {event(40, "edited")}),
    "deleted": (delete, {LogFault(ORIGIN, "deleted", f"feedseq {seq}") for seq in (40, 500)}),
    "swapped": (swap, {event(seq, "moved") for seq in (40, 500)}),
    "a day rewritten": (
        rewrite,
        {LogFault(ORIGIN, "checkpoint", "2026-12-02"), LogFault(ORIGIN, "witness", "S0147 at 600")},
    ),
}


@pytest.mark.parametrize("done", NAMED)
def test_what_was_done_to_a_ledger_is_named_by_the_command(ledger_with_days: LogRig, done: str) -> None:
    """The event by its station, epoch and number, one that is gone by its place in the feed, a day by its date."""
    command = ["log", "verify", "--ledger", ledger_with_days.url]
    assert CliRunner().invoke(main, command).exit_code == 0
    do, expected = NAMED[done]
    do(ledger_with_days)
    found = CliRunner().invoke(main, command)
    *rows, summary = map(json.loads, found.stdout.splitlines())
    assert (found.exit_code, {LogFault(**row) for row in rows}, summary["faults"]) == (1, expected, len(expected))


def test_the_leaf_of_an_event_that_was_written_again(ledger_with_days: LogRig) -> None:
    rewrite(ledger_with_days, with_program=False)
    assert faults(ledger_with_days) == [LogFault(ORIGIN, "block", "1")]


def test_a_day_that_was_written_again_and_signed_again(ledger_with_days: LogRig) -> None:
    rig = ledger_with_days
    rewrite(rig)
    rig.sql("DELETE FROM log_checkpoint WHERE day = '2026-12-02'")
    with rig.opened() as ledger:
        rig.checkpoint(ledger, "2026-12-02")
    assert faults(rig) == [LogFault(ORIGIN, "witness", "S0147 at 600")]


def test_a_checkpoint_that_was_changed(ledger_with_days: LogRig) -> None:
    ledger_with_days.sql("UPDATE log_checkpoint SET note = replace(note, 'shache', 'kashgar') WHERE day = '2026-12-01'")
    assert faults(ledger_with_days) == [LogFault(ORIGIN, "checkpoint", "2026-12-01")]


def test_a_log_that_was_cut(ledger_with_days: LogRig) -> None:
    ledger_with_days.sql("UPDATE log_tree SET size = 256")
    ledger_with_days.sql("DELETE FROM log_block WHERE number > 0")
    assert {fault.kind for fault in faults(ledger_with_days)} == {"checkpoint", "witness"}
    ledger_with_days.sql("DELETE FROM log_block")
    ledger_with_days.sql("DELETE FROM log_tree")
    assert len(faults(ledger_with_days)) == 4
