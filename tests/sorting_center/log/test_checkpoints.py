"""Checkpoints of days, what of them each station is given, and what people hear of stations that refuse."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence

import pytest
from cryptography import x509
from sqlalchemy import select

from kiosk.domain.events import CheckpointKept, CheckpointRefused
from kiosk.messaging.contract.checkpoint import Checkpoint, parse_checkpoint, parse_path
from kiosk.messaging.contract.configuration import CheckpointRow
from kiosk.messaging.contract.merkle import is_consistent
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.schema import alarm
from kiosk.sorting_center.log.checkpoints import checkpoint_parts, newest_checkpoint
from kiosk.sorting_center.shared.alarm_texts import english_detail
from tests.sorting_center.log.county_log_rig import LogRig, issued
from tests.sorting_center.station_journal import Station

ORIGIN = "shache/2026"


def days(ledger: Ledger, origin: str = ORIGIN) -> list[tuple[str, int]]:
    found = []
    with ledger.reading() as connection:
        until = "9999"
        while row := newest_checkpoint(connection, origin, until):
            found.append((row.day, row.size))
            until = row.day[:-1] + chr(ord(row.day[-1]) - 1)
    return found[::-1]


def kept(rig: LogRig, ledger: Ledger, checkpoint: Checkpoint, station: Station | None = None) -> None:
    station = station or rig.station
    rig.accept(ledger, station.add(CheckpointKept(checkpoint.origin, checkpoint.size, checkpoint.root.hex())))
    rig.follow(ledger)


def public() -> bytes:
    return x509.load_pem_x509_certificate(issued(1).certificate.encode()).public_key().public_bytes_raw()  # type: ignore[union-attr]


def fits(row: CheckpointRow, old: Checkpoint) -> bool:
    new = parse_checkpoint(row.note).checkpoint
    proof = parse_path(row.proof)
    return row.from_size == old.size and is_consistent(old.size, old.root, new.size, new.root, proof)


def said(ledger: Ledger) -> Sequence[str]:
    with ledger.reading() as connection:
        return [english_detail(row.detail) for row in connection.execute(select(alarm).order_by(alarm.c.id))]


def test_one_after_each_day_that_is_over(rig: LogRig) -> None:
    rig.write_key()
    with rig.opened() as ledger:
        log = rig.log(ledger)
        for count, after in ((3, 0.5), (2, 0.0), (0, 1.0), (0, 3.0), (4, 1.0), (1, 0.0)):
            rig.intakes(ledger, count)
            while log.step():
                pass
            rig.days(after)
        # At the change of the day, before what came after it; none for days without events.
        assert days(ledger) == [("2026-12-01", 5), ("2026-12-05", 9)]
        note = parse_checkpoint(rig.rows(ledger)[0].note)
        assert note.checkpoint == Checkpoint(ORIGIN, 9, bytes.fromhex(rig.root(ledger, ORIGIN, 9)))


def test_without_a_key_the_log_goes_on(rig: LogRig, caplog: pytest.LogCaptureFixture) -> None:
    with rig.opened() as ledger, caplog.at_level(logging.ERROR):
        rig.intakes(ledger, 3)
        log = rig.log(ledger)
        for _ in range(3):
            log.step()
        assert [tree.size for tree in rig.trees(ledger)] == [3]
        assert len(caplog.records) == 1
        rig.write_key()
        log.step()
        assert days(ledger) == [("2026-11-30", 3)]
        assert checkpoint_parts(ledger, rig.key_file, "kashgar", "S0147") == {}


def test_what_a_station_is_given(rig: LogRig) -> None:
    with rig.opened() as ledger:
        rig.intakes(ledger, 3)
        first = rig.checkpoint(ledger, "2026-12-01")
        assert first.is_signed_by(public())
        (row,) = rig.rows(ledger)
        assert (row.from_size, row.proof) == (0, ())
        kept(rig, ledger, first.checkpoint)
        assert rig.rows(ledger) == (row,)  # Its document stays as it is until the next checkpoint
        rig.intakes(ledger, 4)
        second = rig.checkpoint(ledger, "2026-12-02").checkpoint
        (row,) = rig.rows(ledger)
        assert fits(row, first.checkpoint)
        assert rig.rows(ledger, "S0999")[0].from_size == 0
        kept(rig, ledger, second)
        rig.intakes(ledger, 1)
        third = rig.checkpoint(ledger, "2026-12-03").checkpoint
        assert fits(rig.rows(ledger)[0], second)
        # Its report was lost, or an older card was put in: what it says last counts, and only then is all made again.
        kept(rig, ledger, first.checkpoint)
        assert fits(rig.rows(ledger)[0], first.checkpoint)
        # Of a key that followed: a document with its certificate is believed, and the checkpoint with it.
        renewed = parse_checkpoint(rig.rows(ledger, generation=2)[0].note)
        assert renewed.checkpoint == third
        assert not renewed.is_signed_by(public())


def test_at_the_turn_of_the_year_both(rig: LogRig) -> None:
    rig.write_key()
    rig.days(30.4)  # The last day of the year
    with rig.opened() as ledger:
        rig.intakes(ledger, 3)
        rig.follow(ledger)
        rig.days(1)
        rig.intakes(ledger, 2)
        rig.follow(ledger)
        rig.days(1)
        rig.follow(ledger)
        old, new = (parse_checkpoint(row.note).checkpoint for row in rig.rows(ledger))
        assert (old.origin, old.size, new.origin, new.size) == (ORIGIN, 3, "shache/2027", 2)
        rig.days(40)
        rig.intakes(ledger, 1)
        rig.follow(ledger)
        rig.days(1)
        rig.follow(ledger)
        assert [parse_checkpoint(row.note).checkpoint.size for row in rig.rows(ledger)] == [3]


def test_a_ledger_from_a_backup_gives_another_log(rig: LogRig) -> None:
    with rig.opened() as ledger:
        rig.intakes(ledger, 3)
        rig.checkpoint(ledger, "2026-12-01")
    Ledger.begin_generation(rig.url)
    with rig.opened() as ledger:
        other = Station("S0148")
        rig.intakes(ledger, 2)
        checkpoint = rig.checkpoint(ledger, "2026-12-02").checkpoint
        (row,) = rig.rows(ledger)
        assert parse_checkpoint(row.note).checkpoint == checkpoint
        assert checkpoint.origin == f"{ORIGIN}.2"
        rig.accept(ledger, other.start())
        kept(rig, ledger, checkpoint)
        kept(rig, ledger, checkpoint, other)
        assert said(ledger) == ["keeps shache/2026.2: the county's log has begun again in this year"]


def test_people_hear_of_a_station_that_refuses(rig: LogRig) -> None:
    with rig.opened() as ledger:
        rig.intakes(ledger, 3)
        for reason in ("smaller", "inconsistent", "signature", "of_another_version"):
            rig.accept(ledger, rig.station.add(CheckpointRefused(ORIGIN, 70, "0" * 64, 90, reason)))
        rig.follow(ledger)
        assert said(ledger) == [
            "refused the county's log shache/2026 with 70 events: it keeps one with 90",
            "refused the county's log shache/2026 with 70 events: it does not continue its own with 90",
            "refused the county's log shache/2026 with 70 events: the county has not signed it",
            "refused the county's log shache/2026 with 70 events: it does not continue its own with 90",
        ]
        rig.follow(ledger)
        assert len(said(ledger)) == 4
        with ledger.reading() as connection:
            rows = connection.execute(select(alarm)).all()
        assert {(row.kind, row.station, row.region) for row in rows} == {("county_log", "S0147", "shache")}
        assert all(json.loads(row.detail)["code"].startswith("log_") for row in rows)


def test_what_is_of_another_county_is_not_noted(rig: LogRig) -> None:
    with rig.opened() as ledger:
        rig.intakes(ledger, 3)
        checkpoint = rig.checkpoint(ledger, "2026-12-01").checkpoint
        kept(rig, ledger, Checkpoint("kashgar/2026", 2, bytes(32)))
        assert rig.verify(ledger).witnesses == 0
        assert rig.rows(ledger)[0].from_size == 0
        assert checkpoint.size == 3
