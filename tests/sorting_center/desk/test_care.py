"""What people did survives: in the backup of a ledger, and on its way into another database."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kiosk.cli.sorting_center import main
from kiosk.sorting_center.desk.decisions import DecisionKind, DecisionRationale
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.notices.targets import NoticeChannel, NoticeTarget
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.shared.cases import CaseState, Condition
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.listings.listings import ActionContext, CenterListings
from kiosk.sorting_center.listings.offer_follower import OfferFollower
from kiosk.sorting_center.listings.ports import NoPictureStore
from kiosk.sorting_center.listings.records import ListingKey
from kiosk.sorting_center.listings.records import ListingState as Listed
from tests.sorting_center.desk.shared.test_cases import NOW
from tests.sorting_center.station_journal import NOW as CAME
from tests.sorting_center.station_journal import Station

PASSWORD = "a long enough one"
ALMONDS = ListingKey("shache", "S0147", Station().lot(1))
EVENT = "shache S0147 0011223344556677 4 ab12"
FORK = Condition("fork", "shache", "S0147", "0011223344556677 4", "event 4 came twice")


def work(desk: CenterDesk, ledger_url: str) -> None:
    """An admin decides, an operator takes a case."""
    desk.people.add("gulnar", StaffRole.ADMIN, PASSWORD, NOW)
    desk.people.add("turdi", StaffRole.OPERATOR, PASSWORD, NOW)
    desk.notice_targets.add(NoticeTarget("hook", NoticeChannel.WEBHOOK, "https://example.org/", "ug"), NOW)
    desk.drafts.store("turdi", "word", b"\x00\xff", "mark", NOW)
    desk.audit.record("gulnar", AuditAction.PERSON_ADDED, "turdi", "operator", NOW)
    desk.cases.observe([FORK], NOW)
    desk.notices.collect(NOW)
    (case,) = desk.cases.page(CaseState)
    desk.cases.claim(case.id, case.version, "turdi", NOW)
    desk.decisions.decide(
        (DecisionKind.QUARANTINE, EVENT), 0, "set_aside", DecisionRationale("gulnar", "of a test machine"), NOW
    )
    with Ledger.open_shared(ledger_url) as ledger:
        station = Station()
        ledger.accept([station.start(), station.intake(1), station.offer(1, "ab" * 32)], "shache", CAME)
        while ledger.number(100):
            pass
        OfferFollower(ledger, desk.database, lambda: NOW).step()
    CenterListings(desk.database, NoPictureStore()).withdraw(ALMONDS, ActionContext("turdi", 1, NOW, "moldy"))


def assert_all_is_there(ledger_url: str) -> None:
    with CenterDesk.open(ledger_url) as desk:
        assert [(person.name, person.role) for person in desk.people.all()] == [
            ("gulnar", StaffRole.ADMIN),
            ("turdi", StaffRole.OPERATOR),
        ]
        assert desk.people.verify("gulnar", PASSWORD) is not None
        (case,) = desk.cases.page([CaseState.CLAIMED])
        assert (case.who, case.detail, len(desk.cases.history(case.id))) == ("turdi", FORK.detail, 2)
        (decision,) = desk.decisions.history(DecisionKind.QUARANTINE, EVENT)
        assert (decision.who, decision.act, decision.reason) == ("gulnar", "set_aside", "of a test machine")
        assert [(row.who, row.act) for row in desk.audit.page()] == [("gulnar", AuditAction.PERSON_ADDED)]
        claim = desk.notices.claim(NOW)
        assert claim is not None
        assert (claim.notice.cases[0].station, claim.target.secret[:4]) == ("S0147", "whs_")
        listings = CenterListings(desk.database, NoPictureStore())
        assert [(step.who, step.act, step.reason) for step in listings.history(ALMONDS)][1:] == [
            ("turdi", "withdraw", "moldy")
        ]
        assert listings.counts()[Listed.WITHDRAWN] == 1
        # And people go on: nothing that is counted begins anew.
        desk.audit.record("turdi", AuditAction.CASE_CLAIMED, "1", "", NOW)
        desk.decisions.decide(
            (DecisionKind.QUARANTINE, EVENT), 1, "take_again", DecisionRationale("turdi", "the update is here"), NOW
        )
        assert len(desk.cases.observe([Condition("quiet", "shache", "S0200")], NOW)) == 1
        assert desk.notices.collect(NOW) == 1


def call(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(main, ["ledger", *arguments])
    assert (result.exit_code, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["ledger", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr


def test_the_restore_drill(desk: CenterDesk, ledger_url: str, tmp_path: Path) -> None:
    work(desk, ledger_url)
    folder = tmp_path / "backups"
    folder.mkdir()
    made = call("backup", "--ledger", ledger_url, str(folder / "county-1.db"))  # while people work
    assert made["desk"]["file"] == str(folder / "county-1.desk.db")
    rows = made["desk"]["rows"]
    assert (rows["person"], rows["alarm_case"], rows["case_step"], rows["decision"]) == (2, 1, 2, 1)
    assert sorted(path.name for path in folder.iterdir()) == ["county-1.db", "county-1.desk.db"]
    assert stat.S_IMODE((folder / "county-1.desk.db").stat().st_mode) == 0o600, "hashes of passwords are in it"
    desk.people.add("meryem", StaffRole.VIEWER, PASSWORD, NOW)
    again = tmp_path / "again.db"
    shutil.copyfile(folder / "county-1.db", again)
    shutil.copyfile(folder / "county-1.desk.db", tmp_path / "again.desk.db")
    Ledger.begin_generation(f"sqlite:///{again}")
    assert_all_is_there(f"sqlite:///{again}")


def test_a_backup_goes_back_into_a_database(
    desk: CenterDesk, ledger_url: str, postgres_url: str, tmp_path: Path
) -> None:
    work(desk, ledger_url)
    call("backup", "--ledger", ledger_url, str(tmp_path / "backup.db"))
    desk.close()
    if ledger_url.startswith("postgresql"):
        postgres_url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    copied = call("copy", f"sqlite:///{tmp_path / 'backup.db'}", postgres_url)
    assert (copied["desk"]["rows"]["person"], len(copied["desk"]["sha256"])) == (2, 64)
    assert_all_is_there(postgres_url)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_ledger_at_whose_desk_nobody_works(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    empty = "postgres_url" if kind == "postgresql" else None
    ledger_url = str(request.getfixturevalue(empty)) if empty else f"sqlite:///{tmp_path / 'county.db'}"
    with Ledger.open(ledger_url):
        pass
    assert call("backup", "--ledger", ledger_url, str(tmp_path / "backup.db"))["desk"] is None
    assert not (tmp_path / "backup.desk.db").exists()
    assert call("copy", ledger_url, f"sqlite:///{tmp_path / 'copy.db'}")["desk"] is None


def test_nothing_is_replaced(desk: CenterDesk, ledger_url: str, tmp_path: Path) -> None:
    work(desk, ledger_url)
    (tmp_path / "backup.desk.db").write_bytes(b"an older one")
    assert "there already" in refused("backup", "--ledger", ledger_url, str(tmp_path / "backup.db"))
    assert (tmp_path / "backup.desk.db").read_bytes() == b"an older one"
    assert not (tmp_path / "backup.db").exists()
    other = f"sqlite:///{tmp_path / 'other.db'}"
    with CenterDesk.open(other) as theirs:
        theirs.people.add("meryem", StaffRole.VIEWER, PASSWORD, NOW)
    assert "people at its desk already" in refused("copy", ledger_url, other)
    assert not (tmp_path / "other.db").exists()


def test_a_desk_of_an_older_version_is_brought_up_first(
    desk: CenterDesk, ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(desk, ledger_url)
    monkeypatch.setattr("kiosk.sorting_center.desk.shared.database.REVISION", "9999")
    monkeypatch.setattr("kiosk.sorting_center.desk.care.REVISION", "9999")
    result = CliRunner().invoke(main, ["ledger", "copy", ledger_url, f"sqlite:///{tmp_path / 'copy.db'}"])
    assert (result.exit_code, "start the sorting center" in result.stderr) == (1, True)
    assert not (tmp_path / "copy.db").exists()


def test_a_backup_of_the_desk_that_fails_leaves_no_half(desk: CenterDesk, ledger_url: str, tmp_path: Path) -> None:
    work(desk, ledger_url)
    (tmp_path / ".backup.db.desk.db").mkdir()  # in the way of the file it writes first
    result = CliRunner().invoke(main, ["ledger", "backup", "--ledger", ledger_url, str(tmp_path / "backup.db")])
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("backup")] == []
