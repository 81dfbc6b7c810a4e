"""``sorting-center registry`` as a technician calls it."""

from __future__ import annotations

import hashlib
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
    return CliRunner().invoke(main, ["registry", *arguments, "--ledger", url])


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
    exported = call(url, "export").stdout
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
