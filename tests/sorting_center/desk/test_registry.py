from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.hours import OpeningHours
from kiosk.sorting_center.desk.registry import (
    DRAFT_LIFETIME,
    ExpectedStation,
    RegistryDraft,
    Township,
    build_register,
    differences,
    registry_coverage,
)
from kiosk.sorting_center.desk.registry_csv import COLUMNS, MAX_FAULTS, BadRegistry, read_registry, write_registry

SAMPLE = (
    "region,station,village,township,hours,quiet_min,contact,scale,verified_on,valid_until\r\n"
    "shache,S0001,Azadbagh,Tomosteng,mon-sat 09:00-19:00,90,post 1,XK3190 4711,2026-03-01,2027-02-28\r\n"
    "shache,S0002,ئازاد باغ,Tomosteng,mon-sat 09:00-19:00,90,,,,\r\n"
    "hotan,S0001,红枣村,,,,,,,\r\n"
)
NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
FILE = b"region,station\nshache,S0001\n\x00\xff"


def table(*rows: dict[str, str]) -> bytes:
    written = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(written, names)
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue().encode()


def faults(content: bytes) -> list[str]:
    with pytest.raises(BadRegistry) as refused:
        read_registry(content)
    return [str(fault) for fault in refused.value.faults]


def test_a_list_of_stations_as_a_spreadsheet_saves_it() -> None:
    for content, encoding in [
        (SAMPLE.encode(), "UTF-8"),
        (b"\xef\xbb\xbf" + SAMPLE.encode(), "UTF-8"),
        (SAMPLE.replace("\r\n", "\n").encode(), "UTF-8"),
        (SAMPLE.encode("utf-16"), "UTF-16"),
        (SAMPLE.replace("ئازاد باغ", "阿扎提巴格").encode("gb18030"), "GB18030"),
    ]:
        read = read_registry(content)
        assert read.encoding == encoding
        assert [row.key for row in read.stations] == [("shache", "S0001"), ("shache", "S0002"), ("hotan", "S0001")]
        hours = OpeningHours.parse("mon-sat 09:00-19:00")
        assert read.townships == (Township("shache", "Tomosteng", hours, 90),)
    assert read.stations[2].village == "红枣村"
    assert read.stations[0].scale == "XK3190 4711"


def test_quotes_line_breaks_and_missing_columns_are_taken() -> None:
    content = b'station,region,village\n"S0001","shache","a, ""b"""\n\n,,\nS0002,shache,x\n'
    read = read_registry(content)
    assert [row.village for row in read.stations] == ['a, "b"', "x"]


def test_formulas_stay_text() -> None:
    (row,) = read_registry(table({"region": "shache", "station": "S0001", "village": "=HYPERLINK(1)"})).stations
    assert row.village == "=HYPERLINK(1)"


def test_each_fault_is_told_with_its_line_and_column() -> None:
    good = {"region": "shache", "station": "S0001"}
    for row, said in [
        ({**good, "station": "S1"}, "line 2, station: "),
        ({**good, "region": "Shache!"}, "line 2, region: "),
        ({**good, "village": "a\u202eb"}, "line 2, village: a hidden character, U+202E"),
        ({**good, "village": "a\x00b"}, "U+0000"),
        ({**good, "village": "x" * 121}, "121 characters"),
        ({**good, "verified_on": "2026-13-01"}, "line 2, verified_on: '2026-13-01' is no date"),
        ({**good, "valid_until": "1.2.2026"}, "is no date"),
        ({**good, "township": "T", "hours": "9-18"}, "line 2, hours: "),
        ({**good, "township": "T", "quiet_min": "0"}, "line 2, quiet_min: "),
        ({**good, "township": "T", "quiet_min": "٦٠"}, "line 2, quiet_min: "),
        ({**good, "hours": "mon 09:00-10:00"}, "name it"),
    ]:
        (told,) = faults(table(row))
        assert said in told, row
    assert faults(table(good, good)) == ["line 3, station: S0001 of shache is there twice"]
    other = {"region": "shache", "township": "T", "hours": "mon 09:00-10:00"}
    told = faults(table({**other, "station": "S0001"}, {**other, "station": "S0002", "hours": "mon 09:00-11:00"}))
    assert told == ["line 3, hours: other hours than line 2 gives for T"]


def test_files_that_are_none() -> None:
    for content, said in [
        (b"", "empty"),
        (b"\n\n\n", "empty"),
        (b"region,station\n", "no station"),
        (b"station\nS0001\n", "the column region is missing"),
        (b"region,station,station\n", "twice"),
        (b"region,station,colour\n", "no column 'colour'"),
        (b"region,station\nshache\n", "1 cells where the first line names 2"),
        (b"region,station\nshache,S0001,x\n", "3 cells"),
        (b'region,station\n"shache,S0001\n', "no CSV"),
        (b"\xff\xfe\x00", "UTF-16"),
        (b"\x81\x00\xff\xff" * 10, "neither UTF-8 nor GB18030"),
        (b"region,station\n" + b"\x00" * 100, ""),
        (b"x" * (16 * 1024 * 1024 + 1), "at most"),
    ]:
        assert any(said in told for told in faults(content)), content[:30]
    many = table(*({"region": "shache", "station": "bad"} for _ in range(500)))
    assert len(faults(many)) == MAX_FAULTS


def test_fifty_thousand_rows_are_read() -> None:
    rows = [f"r{number // 9000},S{number % 9000:04}" for number in range(50_000)]
    assert len(read_registry("\n".join(["region,station", *rows]).encode()).stations) == 50_000


def test_the_list_is_replaced_as_a_whole_and_says_what_changed(desk: CenterDesk) -> None:
    read = read_registry(SAMPLE.encode())
    first = desk.registry.replace(read.stations, read.townships)
    assert (len(first.new), first.changed, first.removed) == (3, (), ())
    assert desk.registry.replace(read.stations, read.townships).is_empty
    moved = [ExpectedStation("shache", "S0001", village="Elsewhere"), ExpectedStation("shache", "S0009")]
    told = desk.registry.replace(moved, [])
    assert told.new == (("shache", "S0009"),)
    assert told.changed == (("shache", "S0001"),)
    assert told.removed == (("hotan", "S0001"), ("shache", "S0002"))
    assert told.townships == (("shache", "Tomosteng"),)
    assert set(desk.registry.current().stations) == {("shache", "S0001"), ("shache", "S0009")}


def test_a_dry_run_tells_the_same_and_changes_nothing(desk: CenterDesk) -> None:
    read = read_registry(SAMPLE.encode())
    desk.registry.replace(read.stations[:1], read.townships)
    before = desk.registry.current()
    other = desk.registry.current()
    told = differences(before, type(other)({row.key: row for row in read.stations}, other.townships))
    assert told.new == (("hotan", "S0001"), ("shache", "S0002"))
    assert desk.registry.current() == before


def test_the_hours_of_a_station_are_those_of_its_township(desk: CenterDesk) -> None:
    read = read_registry(SAMPLE.encode())
    desk.registry.replace(read.stations, read.townships)
    current = desk.registry.current()
    found = current.township_of(("shache", "S0002"))
    assert found is not None
    assert found.quiet_min == 90
    assert current.township_of(("hotan", "S0001")) is None
    assert current.township_of(("nowhere", "S0001")) is None


def test_what_is_expected_against_what_is_heard(desk: CenterDesk) -> None:
    read = read_registry(SAMPLE.encode())
    desk.registry.replace(read.stations, read.townships)
    found = registry_coverage(desk.registry.current(), [("shache", "S0001"), ("shache", "S0777")])
    assert found.never == (("hotan", "S0001"), ("shache", "S0002"))
    assert found.unexpected == (("shache", "S0777"),)


def test_every_column_is_one_of_the_documents() -> None:
    from pathlib import Path

    text = (Path(__file__).resolve().parents[3] / "docs/sorting-center.md").read_text("utf-8")
    assert [name for name in COLUMNS if f"`{name}`" not in text] == []


def test_what_is_written_is_read_back_the_same(desk: CenterDesk) -> None:
    read = read_registry(SAMPLE.encode())
    desk.registry.replace(read.stations, read.townships)
    again = read_registry(write_registry(desk.registry.current()))
    assert set(again.stations) == set(read.stations)
    assert again.townships == read.townships


@given(st.text(st.sampled_from("'=+-@\uff1d\uff0b\uff0d\uff20,\"x ئ；\u3000"), max_size=6))
def test_a_cell_is_never_a_formula_and_comes_back_as_it_was(text: str) -> None:
    row = ExpectedStation("shache", "S0001", village=text.strip())
    written = write_registry(build_register([row], []))
    (_, cells) = csv.reader(io.StringIO(written.decode("utf-8-sig")))
    assert not any(cell.startswith(tuple("=+-@\uff1d\uff0b\uff0d\uff20")) for cell in cells)
    assert read_registry(written).stations == (row,)


def test_a_list_that_was_changed_meanwhile_is_not_replaced(desk: CenterDesk) -> None:
    read = read_registry(SAMPLE.encode())
    seen = desk.registry.current().digest
    desk.registry.replace(read.stations, read.townships, seen)
    with pytest.raises(Refused) as refused:
        desk.registry.replace([], [], seen)
    assert refused.value.code == "changed_meanwhile"
    assert len(desk.registry.current().stations) == 3
    desk.registry.replace([], [], desk.registry.current().digest)


def draft_code(desk: CenterDesk, who: str, session: str, sha256: str, now: datetime) -> str:
    with pytest.raises(Refused) as refused:
        desk.drafts.find(who, session, sha256, now)
    return refused.value.code


def test_a_file_is_kept_for_its_session_until_it_is_taken(desk: CenterDesk) -> None:
    kept = desk.drafts.store("gulnar", "word", FILE, "mark", NOW)
    assert desk.drafts.find("gulnar", "word", kept.file_sha256, NOW) == RegistryDraft(FILE, kept.file_sha256, "mark")
    for who, session, sha256 in (
        ("turdi", "word", kept.file_sha256),
        ("gulnar", "other", kept.file_sha256),
        ("gulnar", "word", "0" * 64),
    ):
        assert draft_code(desk, who, session, sha256, NOW) == "no_draft"
    desk.drafts.discard("gulnar")
    assert draft_code(desk, "gulnar", "word", kept.file_sha256, NOW) == "no_draft"


def test_it_is_good_for_an_hour_and_until_the_next(desk: CenterDesk) -> None:
    first = desk.drafts.store("gulnar", "word", FILE, "mark", NOW)
    assert desk.drafts.find("gulnar", "word", first.file_sha256, NOW + DRAFT_LIFETIME)
    later = NOW + DRAFT_LIFETIME + timedelta(seconds=1)
    assert draft_code(desk, "gulnar", "word", first.file_sha256, later) == "no_draft"
    second = desk.drafts.store("gulnar", "word", b"another", "mark", NOW)
    assert draft_code(desk, "gulnar", "word", first.file_sha256, NOW) == "no_draft"
    assert desk.drafts.find("gulnar", "word", second.file_sha256, NOW)
