"""``sorting-center ledger`` as a technician calls it: one JSON object for what was done, one line for what was not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.sorting_center import main
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.ledger import Ledger
from tests.servers.postgres import LOCKED_USER, PostgresServer
from tests.sorting_center.station_journal import Station

AT = "2026-09-20T04:00:00.000Z"
VERBS = ("count", "export", "restored", "rebuild", "copy", "backup", "archive")


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["ledger", *arguments])


def done(*arguments: str) -> dict[str, Any]:
    result = call(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def refused(code: int, *arguments: str) -> str:
    result = call(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    (line,) = result.stderr.splitlines()
    return line


def flip_in_the_schema(path: Path, statement: bytes) -> bytes:
    """What the file holds then: SQLite's message quotes bytes that are no UTF-8."""
    whole = path.read_bytes()
    assert whole.count(statement) == 1
    damaged = whole.replace(statement, statement.replace(b"TABLE", b"T\xc3BLE"))
    path.write_bytes(damaged)
    return damaged


@pytest.fixture
def filled_url(ledger_url: str, station: Station) -> str:
    with Ledger.open(ledger_url) as ledger:
        ledger.accept(station.run(5), "shache", AT)
        ledger.set_feed_position("mqtt", 5)
    return ledger_url


def test_every_verb_says_what_it_changes() -> None:
    for verb in VERBS:
        said = call(verb, "--help").stdout
        assert "Change" in said, verb


def test_the_way_of_a_ledger_through_all_verbs(filled_url: str, postgres_url: str, tmp_path: Path) -> None:
    assert done("rebuild", "--ledger", filled_url)["intakes"] == 4
    copied = done("copy", filled_url, postgres_url)
    assert copied["digest"]["rows"]["event"] == 5
    assert len(copied["digest"]["sha256"]) == 64
    backup = done("backup", "--ledger", postgres_url, str(tmp_path / "backup.db"))
    assert (backup["rows"]["event"], backup["file"]) == (5, str(tmp_path / "backup.db"))
    month = done("archive", "--ledger", postgres_url, "--before", "2026-10", "--to", str(tmp_path))
    assert (month["month"], month["events"]) == ("2026-09", 5)
    assert done("count", "--ledger", postgres_url)["events"] == 5
    assert call("export", "--ledger", postgres_url, "--format", "jsonl").stdout == ""
    assert call("restored", "--ledger", postgres_url).exit_code == 0


def test_a_wrong_call_is_one_line_and_exit_2(
    filled_url: str, postgres: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    locked = postgres.url(postgres_url.rpartition("/")[2], f"{LOCKED_USER}:very-secret")
    for arguments in (["count", "--ledger", locked], ["copy", filled_url, locked], ["rebuild", "--ledger", locked]):
        line = refused(2, *arguments)
        assert "PGPASSWORD" in line
        assert "very-secret" not in line
    assert "create it first" in refused(2, "count", "--ledger", postgres.url("not_there"))
    assert done("copy", filled_url, postgres_url)["numbered"] == 0
    assert "not empty" in refused(2, "copy", filled_url, postgres_url)
    assert "month" in refused(2, "archive", "--ledger", filled_url, "--before", "autumn", "--to", str(tmp_path))
    (tmp_path / "there.db").touch()
    assert "there already" in refused(2, "backup", "--ledger", filled_url, str(tmp_path / "there.db"))


def test_a_ledger_that_cannot_be_used_is_one_line_and_exit_1(filled_url: str, tmp_path: Path) -> None:
    with Ledger.open(filled_url):
        assert "stop it first" in refused(1, "rebuild", "--ledger", filled_url)
    assert "has not begun" in refused(
        1, "archive", "--ledger", filled_url, "--before", "2099-01", "--to", str(tmp_path)
    )


def test_what_is_about_a_member_is_exported_alone(ledger_url: str) -> None:
    """Receipts and what names them or their lots, also in an epoch that is read before that of the receipt."""
    first, later = Station(epoch="ff112233445566aa"), Station(epoch="00112233445566aa")
    events = [
        first.start(),
        first.intake(1, party="M-00001"),
        first.intake(2, party="M-00002"),
        first.offer(1, "ab" * 32),
    ]
    broken = first.raw(data={"receipt": ["M-00001"], "lot": {}})
    with Ledger.open(ledger_url) as ledger:
        ledger.accept([*events, first.offer(2, "cd" * 32), broken], "shache", AT)
        ledger.accept([later.start(), later.void(1)], "shache", AT)
    exported = call("export", "--ledger", ledger_url, "--format", "jsonl", "--member", "M-00001").stdout.splitlines()
    found = {(event["epoch"], event["type"]) for event in map(json.loads, exported)}
    assert found == {
        (later.epoch, "station.intake.voided.v1"),
        (first.epoch, "station.intake.confirmed.v1"),
        (first.epoch, "station.listing.submitted.v1"),
    }
    assert len(exported) == 3
    table = call("export", "--ledger", ledger_url, "--format", "csv", "--member", "M-00001").stdout.splitlines()
    assert len(table) == 1 + 3
    assert call("export", "--ledger", ledger_url, "--format", "jsonl", "--member", "M-00003").stdout == ""


@pytest.mark.parametrize("verb", VERBS)
def test_a_ledger_whose_schema_is_damaged_is_one_line_and_exit_1_and_stays_as_it_is(verb: str, tmp_path: Path) -> None:
    path, other = tmp_path / "ledger.db", tmp_path / "other.db"
    url = f"sqlite:///{path}"
    Ledger.open(url).close()
    kept = flip_in_the_schema(path, b"CREATE TABLE event ")
    more = {
        "export": ["--format", "jsonl"],
        "backup": [str(other)],
        "archive": ["--before", "2026-09", "--to", str(tmp_path)],
    }
    arguments = [url, f"sqlite:///{other}"] if verb == "copy" else ["--ledger", url, *more.get(verb, [])]
    line = refused(1, verb, *arguments)
    assert f"{path} is damaged" in line
    assert "restore the last backup" in line
    assert (path.read_bytes(), other.exists()) == (kept, False)


def test_a_desk_whose_schema_is_damaged_is_one_line_and_exit_1(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    Ledger.open(url).close()
    DeskDatabase(url).close()
    flip_in_the_schema(tmp_path / "ledger.desk.db", b"CREATE TABLE person ")
    for arguments in (
        ["backup", "--ledger", url, str(tmp_path / "backup.db")],
        ["copy", url, f"sqlite:///{tmp_path / 'other.db'}"],
    ):
        assert "malformed" in refused(1, *arguments)
    assert sorted(path.name for path in tmp_path.glob("*backup*")) == []
    with pytest.raises(DeskError, match="malformed"):
        DeskDatabase(url)
