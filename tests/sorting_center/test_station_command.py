"""``sorting-center station`` as a technician calls it: the list of expected stations."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.sorting_center import main
from kiosk.sorting_center.desk.desk import CenterDesk

HEAD = "region,station,village,contact\n"
LIST = HEAD + "shache,S0001,Azadbagh,+86 998\nshache,S0002,گۈلباغ,\n"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'county.db'}"


def call(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["station", *arguments, "--ledger", url])


def file(folder: Path, content: str) -> str:
    path = folder / "stations.csv"
    path.write_text(content, encoding="utf-8")
    return str(path)


def test_a_list_is_tried_brought_in_and_handed_on(url: str, tmp_path: Path) -> None:
    tried = call(url, "import", file(tmp_path, LIST), "--dry-run")
    assert (tried.exit_code, tried.stderr) == (0, "")
    assert tried.stdout == (
        "new shache/S0001\nnew shache/S0002\n"
        "2 stations would be expected (UTF-8): new 2, changed 0, gone 0, townships 0\n"
    )
    with CenterDesk.open(url) as desk:
        assert desk.registry.current().stations == {}
        assert desk.audit.page() == []
    assert "2 stations are expected" in call(url, "import", file(tmp_path, LIST)).stdout
    with CenterDesk.open(url) as desk:
        kept = desk.registry.current()
        (row,) = desk.audit.page()
        sha256 = hashlib.sha256(LIST.encode()).hexdigest()
        assert (row.who, row.act, row.subject) == ("command", "registry_imported", sha256)
    exported = call(url, "list").stdout
    assert exported.startswith("\ufeffregion,station,village,")
    assert ",'+86 998," in exported
    again = call(url, "import", file(tmp_path, exported))
    assert "new 0, changed 0, gone 0, townships 0" in again.stdout
    with CenterDesk.open(url) as desk:
        assert desk.registry.current() == kept


def test_a_file_with_faults_changes_nothing_and_tells_each(url: str, tmp_path: Path) -> None:
    call(url, "import", file(tmp_path, LIST))
    refused = call(url, "import", file(tmp_path, HEAD + "shache,S1,,\nshache,S0003\n"))
    assert refused.exit_code == 2
    told = refused.stderr.splitlines()
    assert told[0].startswith("sorting-center: line 2, station: ")
    assert told[1].startswith("sorting-center: line 3: ")
    assert told[-1] == "sorting-center: nothing was taken, faults: 2"
    with CenterDesk.open(url) as desk:
        assert len(desk.registry.current().stations) == 2
        assert len(desk.audit.page()) == 1


def test_a_file_that_is_not_there_or_too_large_is_one_line(url: str, tmp_path: Path) -> None:
    assert call(url, "import", str(tmp_path / "nothing.csv")).exit_code == 2
    large = tmp_path / "large.csv"
    with large.open("wb") as written:
        written.truncate(17 * 1024 * 1024)
    refused = call(url, "import", str(large))
    assert refused.exit_code == 2
    assert "at most" in refused.stderr


def test_one_station_is_added_and_changed_by_the_rules_of_the_file(url: str) -> None:
    place = ("--village", "گۈلباغ", "--township", "Tomosteng", "--hours", "mon-sat 09:00-19:00", "--route", "R2")
    assert (
        call(url, "add", "S0001", "--region", "shache", *place).stdout
        == "new shache/S0001\ntownship shache/Tomosteng\n"
    )
    assert call(url, "add", "S0002", "--region", "shache", "--township", "Tomosteng").stdout == "new shache/S0002\n"
    changed = call(url, "add", "S0001", "--region", "shache", "--contact", "+86 998", "--route", "")
    assert changed.stdout == "changed shache/S0001\n"
    with CenterDesk.open(url) as desk:
        register = desk.registry.current()
        row = register.stations["shache", "S0001"]
        assert (row.village, row.contact, row.route) == ("گۈلباغ", "+86 998", "")
        assert str(register.townships["shache", "Tomosteng"].hours) == "mon-sat 09:00-19:00"
        assert [one.act for one in desk.audit.page()] == ["station_changed"] * 3
    bad = {
        ("S1", "--region", "shache"): "sorting-center: station: station id 'S1' must be S and four digits",
        ("S0003", "--region", "feed"): "sorting-center: region: region id 'feed'",
        ("S0003", "--region", "shache", "--valid-until", "31.5.2026"): "sorting-center: valid_until: '31.5.2026' is no",
        ("S0003", "--region", "shache", "--village", "a\u202eb"): "sorting-center: village: a hidden character, U+202E",
        ("S0003", "--region", "shache", "--hours", "mon 09:00-10:00"): "sorting-center: township: hours are those of",
    }
    for arguments, said in bad.items():
        refused = call(url, "add", *arguments)
        assert (refused.exit_code, refused.stderr.startswith(said)) == (2, True), refused.stderr
    moved = call(url, "add", "S0001", "--region", "shache", "--township", "", "--village", "=1+1")
    assert moved.stdout == "changed shache/S0001\n"
    with CenterDesk.open(url) as desk:
        assert desk.registry.current().stations["shache", "S0001"].village == "=1+1"
        assert len(desk.registry.current().stations) == 2
    assert ",'=1+1," in call(url, "list").stdout


def test_a_station_is_asked_for_what_there_is_and_nothing_else(url: str, subtests: pytest.Subtests) -> None:
    call(url, "add", "S0147", "--region", "shache")
    for arguments, said in {
        ("S0147", "shell"): "'shell' is not one of",
        ("S0147", "update"): "--release",
        ("S0147", "update", "--release", "1.0; reboot"): "--release",
        ("S0147", "report", "--release", "1.0"): "--release",
        ("S0147", "report", "--days", "0"): "--days",
        ("S0999", "report"): "not in the list",
        ("$(sh)", "report"): "not in the list",
    }.items():
        with subtests.test(arguments=arguments):
            refused = call(url, "request", *arguments)
            assert refused.exit_code != 0
            assert said in refused.stderr
    assert call(url, "requests").stdout == ""
    asked = json.loads(call(url, "request", "S0147", "update", "--release", "1.4.0", "--days", "2").stdout)
    (row,) = map(json.loads, call(url, "requests").stdout.splitlines())
    assert (row["station"], row["number"], row["kind"]) == ("S0147", asked["number"], "update")
    assert (row["release"], row["outcome"], row["file"]) == ("1.4.0", "open", "")
    with CenterDesk.open(url) as desk:
        newest = desk.audit.page()[0]
    assert (newest.act, newest.subject, newest.detail) == ("station_requested", "shache/S0147", "update 1.4.0")
