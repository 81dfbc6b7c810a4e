"""What is different in PostgreSQL: how it is reached, who else is there, what it does not keep."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from msgspec.structs import replace

from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.sorting_center.ledger import (
    Delivery,
    Ledger,
    LedgerAddressError,
    LedgerError,
    LedgerForeign,
    LedgerMissing,
    LedgerNewer,
    LedgerUnwritable,
    RejectedMessage,
)
from tests.messaging.ports import claimed_port
from tests.servers.postgres import LOCKED_PASSWORD, LOCKED_USER, PostgresServer
from tests.sorting_center.brokers import until
from tests.sorting_center.station_journal import NOW, Station, believed

REGION = "shache"
OPENINGS: list[Callable[[str], Ledger]] = [Ledger.open, Ledger.open_readonly]


def refused(kind: type[LedgerError], url: str, *words: str) -> None:
    for open_it in OPENINGS:
        with pytest.raises(kind) as error:
            open_it(url)
        text = str(error.value)
        assert "\n" not in text
        assert all(word in text for word in words), text
        assert "wrong-word" not in text


def test_a_server_that_is_away_is_named(postgres_url: str) -> None:
    with claimed_port() as port:
        refused(LedgerUnwritable, f"postgresql://tester:wrong-word@127.0.0.1:{port}/ledger", f"127.0.0.1:{port}/ledger")


def test_a_wrong_password_is_told_and_not_shown(postgres: PostgresServer, postgres_url: str) -> None:
    database = postgres_url.rpartition("/")[2]
    locked = postgres.url(database, f"{LOCKED_USER}:wrong-word")
    refused(LedgerAddressError, locked, f"{LOCKED_USER}:***@", "PGPASSWORD")
    refused(LedgerAddressError, postgres.url(database, LOCKED_USER), "PGPASSWORD")
    refused(LedgerAddressError, postgres.url(database, "nobody-here"), "nobody-here")


def test_a_password_may_come_from_the_environment(
    postgres: PostgresServer, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = postgres_url.rpartition("/")[2]
    with postgres.connection(database) as connection:
        connection.execute(f"GRANT ALL ON SCHEMA public TO {LOCKED_USER}")
    monkeypatch.setenv("PGPASSWORD", LOCKED_PASSWORD)
    with Ledger.open(postgres.url(database, LOCKED_USER)) as ledger:
        ledger.accept(Station().run(2), REGION, NOW)
        assert ledger.counts().events == 2


def test_a_server_that_is_not_there_says_nothing_of_a_password() -> None:
    """Whatever its address is called."""
    refused(LedgerUnwritable, "postgresql:///ledger?host=/nowhere/password", "cannot be opened", "No such file")


def test_a_missing_database_is_to_be_created(postgres: PostgresServer) -> None:
    refused(LedgerMissing, postgres.url("not_there"), "not_there", "create it first")


def test_another_database_is_refused_and_not_changed(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE outbox (seq INTEGER)")
        refused(LedgerForeign, postgres_url)
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert tables == (1,)


def test_an_empty_database_is_no_ledger_to_look_into(postgres_url: str) -> None:
    with pytest.raises(LedgerForeign):
        Ledger.open_readonly(postgres_url)


def test_a_ledger_of_a_later_version_is_refused(postgres_url: str) -> None:
    Ledger.open(postgres_url).close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE name = 'schema_version'")
    refused(LedgerNewer, postgres_url, "99")


def test_a_connection_that_is_lost_is_tried_again(postgres_url: str, station: Station) -> None:
    events = station.run(6)
    with Ledger.open(postgres_url) as ledger:
        ledger.accept(events[:3], REGION, NOW)
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        try:
            ledger.accept(events[3:], REGION, NOW)
        except LedgerUnwritable:
            ledger.accept(events[3:], REGION, NOW)
        assert ledger.stream(station.station, station.epoch, REGION).upto == 6


def test_a_stream_another_holds_is_waited_for(postgres_url: str, station: Station) -> None:
    events = station.run(3)
    with Ledger.open(postgres_url) as ledger, psycopg.connect(postgres_url) as other, ThreadPoolExecutor(1) as pool:
        ledger.accept(events[:1], REGION, NOW)
        other.execute("SELECT * FROM stream FOR UPDATE")
        waiting = pool.submit(ledger.accept, events[1:], REGION, NOW)
        with psycopg.connect(postgres_url, autocommit=True) as watching:
            until(lambda: watching.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone())
        other.rollback()
        (state,) = waiting.result()
        assert state.upto == 3


def test_a_stream_that_is_held_too_long_is_tried_again_later(postgres_url: str, station: Station) -> None:
    events = station.run(3)
    with Ledger.open(postgres_url) as ledger, psycopg.connect(postgres_url) as other:
        ledger.accept(events[:1], REGION, NOW)
        other.execute("SELECT * FROM stream FOR UPDATE")
        with ledger._opened.writing.connect() as connection:
            connection.exec_driver_sql("SET lock_timeout = '20ms'")
            connection.commit()
        with pytest.raises(LedgerUnwritable, match="lock timeout"):
            ledger.accept(events[1:], REGION, NOW)
        other.rollback()
        (state,) = ledger.accept(events[1:], REGION, NOW)
        assert state.upto == 3


def with_zero(station: Station, **changes: object) -> ReceivedEvent:
    return believed(station.intake(len(station.sealed), **changes))


def test_a_text_with_nul_is_kept_apart_and_stops_nothing(ledger: Ledger, station: Station) -> None:
    events = [station.start(), with_zero(station, product="A\0B"), with_zero(station, lot="\0"), station.intake(9)]
    odd = replace(station.raw(type="station.lot.packed.v1"), type="station.\0.v1", body=events[1].body)
    (state,) = ledger.accept(events, REGION, NOW)
    assert (state.upto, state.quarantined, state.head) == (4, (2, 3), events[3].sha256)
    (state,) = ledger.accept([odd], REGION, NOW)
    assert (state.upto, state.quarantined) == (5, (2, 3, 5))
    assert [json.loads(entry.body)["seq"] for entry in ledger.feed(0, 10)] == [1, 4]
    assert [row.body for row in ledger.events()][1] == events[1].body


def test_a_refused_topic_with_nul_is_cleaned(ledger: Ledger) -> None:
    ledger.commit(Delivery(refusals=[RejectedMessage("kiosk/v1/\0/up", "envelope", b"\0")]), NOW)
    assert ledger.counts().refused == 1
