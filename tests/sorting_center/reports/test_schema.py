"""Tables of another version are made again, and nobody has to remember to say that they are others."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, MetaData, Table, inspect, text

from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports import Reports
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.reports.tables.schema import metadata
from kiosk.sorting_center.reports.tables.stamps import SCHEMA, schema_of
from tests.sorting_center.reports.ledgers import ZONE, ClockedStation, closed, content, followed
from tests.sorting_center.station_journal import NOW


def a_copy() -> MetaData:
    copy = MetaData()
    for table in metadata.sorted_tables:
        table.to_metadata(copy)
    return copy


def test_every_change_of_the_tables_is_another_schema() -> None:
    assert schema_of(a_copy()) == SCHEMA
    with_column, with_index, with_table, without_null, without_table = (a_copy() for _ in range(5))
    with_column.tables["parcel"].append_column(Column("more", Integer))
    Index("parcel_more", with_index.tables["parcel"].c.digest, with_index.tables["parcel"].c.state)
    Table("more", with_table, Column("more", Integer))
    without_null.tables["receipt"].c.member.nullable = False
    without_table.remove(without_table.tables["closing"])
    others = [schema_of(one) for one in (with_column, with_index, with_table, without_null, without_table)]
    assert len({SCHEMA, *others}) == 6


def test_tables_of_a_version_before_are_dropped_and_made_again(ledger: Ledger, ledger_url: str) -> None:
    station = ClockedStation()
    told = [*station.run(6), station.add(closed(first_seq=1, last_seq=6))]
    ledger.accept(told, "shache", NOW)
    with Reports.open(ledger_url, ZONE) as reports:
        followed(ReportsFollower(ledger, reports))
        before = content(reports)
        with reports.tables.writing() as connection:
            for statement in (
                "DROP TABLE closing",
                "CREATE TABLE closing (other_column INTEGER)",
                "CREATE TABLE of_before (only_column INTEGER)",
                "UPDATE stamp SET value = '1' WHERE name = 'schema'",
            ):
                connection.execute(text(statement))
    with Reports.open(ledger_url, ZONE) as reports:
        with reports.tables.reading() as connection:
            assert set(inspect(connection).get_table_names()) == set(metadata.tables)
        followed(ReportsFollower(ledger, reports))
        assert content(reports) == before
    assert any(before.values())
