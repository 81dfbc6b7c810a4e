"""A ledger an older version wrote: read as it is, brought up to date when it is opened for writing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select

from kiosk.messaging.contract.control import Status
from kiosk.sorting_center.export import table
from kiosk.sorting_center.ledger import Delivery, Ledger, LedgerInUse, Sighting
from kiosk.sorting_center.ledger.care.digest import digest
from kiosk.sorting_center.ledger.database.postgres import IN_USE_LOCK
from kiosk.sorting_center.ledger.schema import REVISION, SCHEMA_VERSION, alembic_version, bag, meta, metadata
from tests.servers.postgres import PostgresServer
from tests.sorting_center.stations import NOW, Station

OLD = Path(__file__).parents[2] / "databases" / "center_schema_1.sqlite"
"""S0147 with events 1 to 5 and 2147483647; S0148 with 1, 2 and 4; a status of S0147."""


@pytest.fixture
def old_url(tmp_path: Path) -> str:
    shutil.copyfile(OLD, tmp_path / "ledger.db")
    return f"sqlite:///{tmp_path / 'ledger.db'}"


def test_it_becomes_what_a_new_ledger_is(old_url: str) -> None:
    with Ledger.open(old_url) as ledger, ledger.reading() as connection:
        looking = inspect(connection)
        for table in metadata.sorted_tables:
            assert {column["name"] for column in looking.get_columns(table.name)} == set(table.columns.keys())
        values = {row.name: row.value for row in connection.execute(select(meta))}
        assert (values["schema_version"], values["generation"]) == (str(SCHEMA_VERSION), ledger.generation)
        assert len(ledger.generation) == 16
        generation = ledger.generation
    with Ledger.open(old_url) as again:
        assert again.generation == generation
        assert again.feed_position("mqtt") == 5


def test_an_event_out_of_reach_no_longer_holds_a_gap_open(old_url: str) -> None:
    station = Station(bag_codes=False)
    events = station.run(6)
    with Ledger.open(old_url) as ledger:
        overview = ledger.overview(NOW)
        assert [(row.station, row.first, row.last) for row in overview.gaps] == [("S0148", 3, 3)]
        assert overview.quarantine == (("far_ahead", 1),)
        assert overview.counts.events == 8
        (state,) = ledger.accept(events, "shache", NOW)
        assert (state.upto, state.gaps, state.head) == (6, (), station.head)
        status = Status(online=True, pending=0, software="1.0.0", epoch=station.epoch, alarm="fork")
        ledger.commit(Delivery(sightings=[Sighting("shache", "S0147", status)]), NOW)
        assert ledger.counts().alarms == 1


def test_counting_and_exporting_leave_it_as_it_is(old_url: str, tmp_path: Path) -> None:
    with Ledger.open_readonly(old_url) as ledger:
        assert (ledger.counts().events, ledger.counts().alarms, ledger.generation) == (9, 0, "")
        assert len(list(ledger.events())) == 9
    assert (tmp_path / "ledger.db").read_bytes() == OLD.read_bytes()


BEFORE_REGIONS = OLD.with_name("center_schema_2.sqlite")
"""S0147 in shache: three good intakes, the second void, and four that break a rule (the largest weights both ways,
markup and another station's number for a receipt). S0147 in yarkant, another station: the first two receipts, the first
void. S0149 with a gap at 3, above it an intake that breaks a rule, and a fork of 2. S0150 restored: its second receipt
told again, and a third. 23 events, all but those above the gap in the feed."""


@pytest.fixture
def two_url(tmp_path: Path) -> str:
    shutil.copyfile(BEFORE_REGIONS, tmp_path / "ledger.db")
    return f"sqlite:///{tmp_path / 'ledger.db'}"


def test_what_two_counties_told_under_one_number_is_counted_apart(two_url: str) -> None:
    for _ in range(2):  # brought up to date, and opened again
        with Ledger.open(two_url) as ledger:
            rows = [row for row in ledger.intakes(0, 100) if row.station == "S0147"]
            assert [(row.region, row.receipt[-6:], row.voided) for row in rows] == [
                ("shache", "000001", False),
                ("shache", "000002", True),
                ("shache", "000003", False),
                ("yarkant", "000001", True),
                ("yarkant", "000002", False),
            ]
            assert {row.kind for row in ledger.overview(NOW).alarms} == {"fork"}
            assert ledger.counts().stations == 4


def test_figures_that_contradict_themselves_leave_the_totals_and_nothing_else(two_url: str) -> None:
    with Ledger.open_readonly(two_url) as ledger:
        before = [entry.body for entry in ledger.feed(0, 1000)]
        events = [(row.station, row.epoch, row.seq, row.body, row.received_at) for row in ledger.events()]
    for _ in range(2):
        with Ledger.open(two_url) as ledger:
            totals = ledger.overview("").totals
            assert (totals.intakes, totals.voided) == (2 + 1 + 1 + 3, 2)
            assert (totals.net_g, totals.amount_fen) == (7 * 12_450, 7 * 29_880)
            assert [entry.body for entry in ledger.feed(0, 1000)] == before, "the feed takes nothing back"
            told = [(row.station, row.epoch, row.seq, row.body, row.received_at) for row in ledger.events()]
            assert told == events
            assert dict(ledger.overview(NOW).quarantine) == {"bad_data": 5, "fork": 1}
            assert ledger.feed_position("mqtt") == 12


def test_an_unbelievable_event_that_was_held_is_not_counted_when_the_gap_is_filled(two_url: str) -> None:
    missing = Station("S0149", "00000000000000dd", bag_codes=False).run(3)[2]
    with Ledger.open(two_url) as ledger:
        (state,) = ledger.accept([missing], "shache", NOW)
        assert (state.upto, state.quarantined) == (5, (2, 5))
        counted = [row.receipt[-6:] for row in ledger.intakes(0, 100) if row.station == "S0149"]
        assert counted == ["000001", "000002", "000003"]


def test_a_ledger_before_regions_is_looked_at_as_it_is(two_url: str, tmp_path: Path) -> None:
    with Ledger.open_readonly(two_url) as ledger:
        counts = ledger.counts()
        assert (counts.events, counts.stations, counts.gaps, counts.forks) == (23, 4, 1, 1)
        assert {(row.station, row.region) for row in ledger.events()} == {
            ("S0147", "shache"),
            ("S0147", "yarkant"),
            ("S0149", "shache"),
            ("S0150", "shache"),
        }
        assert len("".join(table(ledger.events())).splitlines()) == 24
    assert (tmp_path / "ledger.db").read_bytes() == BEFORE_REGIONS.read_bytes()


def test_an_upgrade_that_is_cut_off_leaves_the_old_ledger(
    two_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(_: object) -> None:
        raise OSError("the power is gone")

    with monkeypatch.context() as broken:
        broken.setattr("kiosk.sorting_center.ledger.migrate._judge_again", cut)
        with pytest.raises(OSError, match="power"):
            Ledger.open(two_url)
    with Ledger.open_readonly(two_url) as ledger:
        assert ledger.counts().events == 23
    with Ledger.open(two_url) as ledger:
        assert ledger.overview("").totals.intakes == 7


STORED = (
    "center_schema_3.sqlite",
    "center_schema_4.sqlite",
    "center_schema_4.postgresql.sql",
    "center_schema_5.sqlite",
    "center_schema_5.postgresql.sql",
    "center_schema_6.sqlite",
    "center_schema_6.postgresql.sql",
)
"""S0147 in shache: 00...aa with 1 to 4 and, above a gap, 7 (void of the first), 8 (a type nobody knows), 9 (figures
that are false), and a clone's other 3; 00...bb with the second told again, a third, and the first receipt with other
figures. S0147 in yarkant: 00...cc with 1 to 3. A refused message, a status, the feed published up to 4. Received in
September, October and November."""


@pytest.fixture
def stored_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    stored = OLD.with_name(request.param)
    if stored.suffix == ".sqlite":
        shutil.copyfile(stored, tmp_path / "ledger.db")
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    url = str(request.getfixturevalue("postgres_url"))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(stored.read_bytes())
    return url


REGIONS = ("shache", "yarkant", "shache", "yarkant", "shache")
"""Of the receipts that count, in the order of their numbers."""


@pytest.mark.parametrize("stored_url", STORED, indirect=True)
def test_a_stored_ledger_is_opened_twice_and_goes_on(stored_url: str) -> None:
    for _ in range(2):
        with Ledger.open(stored_url) as ledger, ledger.reading() as connection:
            versions = list(connection.execute(select(alembic_version.c.version_num)).scalars())
            assert versions == [REVISION]
            counts = ledger.counts()
            assert (counts.events, counts.stations, counts.gaps, counts.forks, counts.quarantined) == (14, 2, 1, 1, 3)
            totals = ledger.overview("").totals
            assert (totals.intakes, totals.voided, totals.net_g) == (5, 0, 5 * 12_450)
            assert [entry.feedseq for entry in ledger.feed(0, 100)] == list(range(1, 12))
            assert (ledger.feed_position("mqtt"), ledger.announced()) == (4, ledger.generation)
            bags = connection.execute(select(bag).order_by(*bag.primary_key)).all()
            assert [(row.station, row.bag, row.region) for row in bags] == [("S0147", 1, region) for region in REGIONS]
            assert {(row.code, row.net_g) for row in bags} == {(None, 12_450)}
    station = Station("S0147", "00000000000000aa", bag_codes=False)
    missing = station.run(6)[4:]
    with Ledger.open(stored_url) as ledger:
        (state,) = ledger.accept(missing, "shache", "2026-11-21T04:00:00.000Z")
        assert (state.upto, state.gaps, state.quarantined) == (9, (), (3, 8, 9))
        assert [entry.feedseq for entry in ledger.feed(0, 100)] == list(range(1, 15))
        assert (ledger.overview("").totals.intakes, ledger.overview("").totals.voided) == (6, 1)


@pytest.mark.parametrize("stored_url", STORED, indirect=True)
def test_a_stored_ledger_is_looked_at_as_it_is(stored_url: str) -> None:
    with Ledger.open_readonly(stored_url) as ledger:
        assert (ledger.counts().events, ledger.counts().stations, ledger.overview("").totals.intakes) == (14, 2, 5)
        assert len("".join(table(ledger.events())).splitlines()) == 15
        with ledger.reading() as connection:
            before = digest(connection)
    with Ledger.open_readonly(stored_url) as again, again.reading() as connection:
        assert digest(connection) == before
        assert before.rows["event"] == 14


@pytest.mark.parametrize("stored_url", STORED, indirect=True)
def test_a_stored_ledger_has_the_tables_of_a_new_one(stored_url: str) -> None:
    with Ledger.open(stored_url) as ledger, ledger.reading() as connection:
        # In PostgreSQL the events are parted by month, and Alembic sees a table in each part.
        apart = {"include_object": _is_not_of_events} if stored_url.startswith("postgresql") else {}
        assert compare_metadata(MigrationContext.configure(connection, opts=apart), metadata) == []


SHAPE = (
    "SELECT table_name, column_name, ordinal_position, data_type, datetime_precision, is_nullable, collation_name"
    " FROM information_schema.columns WHERE table_schema = 'public' AND table_name !~ '^event_2' ORDER BY 1, 3",
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename !~ '^event_2' ORDER BY 1",
    "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
)


def shape(url: str) -> list[object]:
    with psycopg.connect(url) as connection:
        return [connection.execute(question).fetchall() for question in SHAPE]


@pytest.mark.parametrize(
    "stored_url", [f"center_schema_{version}.postgresql.sql" for version in (4, 5, 6)], indirect=True
)
def test_a_stored_ledger_in_postgresql_becomes_what_a_new_one_is(stored_url: str, postgres: PostgresServer) -> None:
    Ledger.open(stored_url).close()
    with postgres.fresh() as database:
        Ledger.open(postgres.url(database)).close()
        assert shape(stored_url) == shape(postgres.url(database))


WAITING = """
UPDATE event SET problem = 'unknown_type' WHERE epoch = '00000000000000bb' AND seq = 3;
UPDATE event SET feedseq = NULL WHERE feedseq > 4;
DELETE FROM intake WHERE feedseq > 4;
INSERT INTO unnumbered (station, epoch, region, first, last) VALUES
    ('S0147', '00000000000000bb', 'shache', 1, 4), ('S0147', '00000000000000cc', 'yarkant', 1, 3);
"""


@pytest.mark.parametrize("stored_url", ["center_schema_4.postgresql.sql"], indirect=True)
def test_what_waited_for_its_places_in_an_older_ledger_gets_them(stored_url: str) -> None:
    with psycopg.connect(stored_url, autocommit=True) as connection:
        connection.execute(WAITING)
    with Ledger.open(stored_url) as ledger:
        assert ledger.feed_end() == 4
        while ledger.number(2):
            pass
        bodies = [(entry.feedseq, json.loads(entry.body)) for entry in ledger.feed(0, 100)]
        assert [(place, body["epoch"][-2:], body["seq"]) for place, body in bodies] == [
            *((seq, "aa", seq) for seq in (1, 2, 3, 4)),
            *((5, "bb", 1), (6, "bb", 2), (7, "bb", 4)),
            *((7 + seq, "cc", seq) for seq in (1, 2, 3)),
        ]
        assert ledger.overview("").totals.intakes == 5


@pytest.mark.parametrize("stored_url", ["center_schema_4.postgresql.sql"], indirect=True)
def test_an_older_ledger_that_is_used_is_not_changed(stored_url: str) -> None:
    with psycopg.connect(stored_url, autocommit=True) as older:
        older.execute("SELECT pg_advisory_lock_shared(%s)", [IN_USE_LOCK])
        with pytest.raises(LedgerInUse, match="older version"):
            Ledger.open(stored_url)
        assert older.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone() == ("4",)
    with Ledger.open(stored_url) as ledger:
        assert ledger.feed_end() == 11


def _is_not_of_events(_: object, name: str | None, kind: str, *__: object) -> bool:
    return kind != "table" or not str(name).startswith("event")
