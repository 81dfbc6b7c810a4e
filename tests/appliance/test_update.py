"""A real machine is updated: the real units, in a real Debian with a real systemd, from a bundle to the new release."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from platform import machine

import pytest

from tests.appliance.releases import bundle, for_another, migrating, unimportable, with_key, without_pages
from tests.station.update.machine import OTHER_KEY, packaging
from tests.systemd.box import SCREENLESS, STATION, Box, wait_for
from tests.systemd.conftest import tree

__all__ = ["tree"]

UPDATE_S = 600.0
"""Two trials of two minutes each, on a machine that has much to do."""


@pytest.fixture(scope="module")
def program(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_key(tree, tmp_path_factory.mktemp("program") / "tree")


@pytest.fixture
def box(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    monkeypatch.setattr(packaging("sign"), "XZ_PRESET", 0)
    work = tmp_path / "box"
    bundles = work / "tree/srv"
    bundle(program, bundles, "99.0.0", unimportable)
    bundle(program, bundles, "99.0.1")
    bundle(program, bundles, "99.0.2")
    bundle(program, bundles, "99.0.3", unimportable, key=OTHER_KEY)
    bundle(program, bundles, "99.0.4", migrating(1), without_pages)
    bundle(program, bundles, "99.0.5", for_another(architecture="arm64" if machine() == "x86_64" else "amd64"))
    bundle(program, bundles, "0.1.0")
    with Box(program, work, setup=SCREENLESS) as box:
        yield box


def test_a_machine_is_updated_and_steps_back_by_itself(box: Box) -> None:
    assert "<html" in box.page("/"), box.journal(STATION)
    assert "noexec" not in box.call("findmnt", "-no", "OPTIONS", "/var/lib/kiosk-releases").stdout
    first = box.call("kiosk", "update", "--status").stdout
    what_is_refused_changes_nothing(box)
    assert box.call("kiosk", "update", "--status").stdout.splitlines()[0] == first.splitlines()[0]
    stepped_back = box.call("kiosk", "update", "/srv/99.0.0.kioskupdate", timeout_s=UPDATE_S)
    assert stepped_back.returncode == 1, (stepped_back, box.journal("kiosk-update.service"))
    assert "did not become healthy in time" in stepped_back.stderr, box.journal("kiosk-update.service")
    assert "<html" in box.page("/"), box.journal(STATION)
    assert box.call("kiosk", "update", "--status").stdout.splitlines()[0] == first.splitlines()[0]
    what_migrated_and_is_not_healthy_steps_back(box)
    assert box.call("kiosk", "update", "--status").stdout.splitlines()[0] == first.splitlines()[0]
    kept = box.call("kiosk", "update", "/srv/99.0.1.kioskupdate", timeout_s=UPDATE_S)
    assert kept.returncode == 0, (kept, box.journal("kiosk-update.service"), box.journal(STATION))
    assert "<html" in box.page("/"), box.journal(STATION)
    assert box.call("kiosk", "update", "--status").stdout.startswith("runs 99.0.1 ")
    assert box.property("kiosk-relay.service", "ActiveState") == "active"
    assert box.call("ls", "/run/kiosk-update").stdout == ""
    a_helper_that_is_killed_goes_on(box)


def what_is_refused_changes_nothing(box: Box) -> None:
    """Another's signature, another board, an older version, one byte too few, and a card without room."""
    box.call("sh", "-c", "head --bytes=-1 /srv/99.0.1.kioskupdate > /srv/short.kioskupdate")
    told = {
        "99.0.3": "not signed with the vendor's key",
        "99.0.5": "for another kind of board",
        "0.1.0": "this version or a newer one",
        "short": "is not whole",
    }
    for name, words in told.items():
        refused = box.call("kiosk", "update", f"/srv/{name}.kioskupdate")
        assert (refused.returncode, words in refused.stderr) == (1, True), refused
    room = "df --output=avail --block-size=M /var/lib/kiosk | tail -1 | tr -dc 0-9"
    fill = f'fallocate --length="$(( $({room}) - 60 ))M" /var/lib/kiosk/filled'
    assert box.call("sh", "-ec", fill).returncode == 0
    refused = box.call("kiosk", "update", "/srv/99.0.1.kioskupdate")
    assert (refused.returncode, "too little room" in refused.stderr) == (1, True), refused
    assert box.call("rm", "/var/lib/kiosk/filled").returncode == 0
    assert box.call("find", "/var/lib/kiosk-releases", "-mindepth", "1", "-type", "d").stdout == ""


def what_migrated_and_is_not_healthy_steps_back(box: Box) -> None:
    """The database of before is back, of the schema that the former release reads."""
    schema = ("/usr/bin/python3", "-ISc", SCHEMA)
    before = box.call(*schema).stdout
    assert before.split()[1] == "[]", before
    stepped_back = box.call("kiosk", "update", "/srv/99.0.4.kioskupdate", timeout_s=UPDATE_S)
    assert stepped_back.returncode == 1, (stepped_back, box.journal("kiosk-update.service"))
    assert "could not draw its pages" in stepped_back.stderr, (stepped_back, box.journal(STATION))
    assert "to schema" not in box.journal(STATION), "the migration itself has failed"
    assert "<html" in box.page("/"), box.journal(STATION)
    assert box.call(*schema).stdout == before


SCHEMA = """\
import sqlite3
database = sqlite3.connect("file:/var/lib/kiosk/station.db?mode=ro", uri=True)
steps = database.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'step_%'").fetchall()
print(database.execute("PRAGMA user_version").fetchone()[0], steps)
"""


def a_helper_that_is_killed_goes_on(box: Box) -> None:
    """In the middle of a trial: the trial is begun again, and everything starts again."""
    request = json.dumps({"kind": "update", "id": "0" * 32, "body": {"bundle": "99.0.2.kioskupdate"}})
    asked = f"cp /srv/99.0.2.kioskupdate /var/lib/kiosk/updates/; echo '{request}'"
    box.call("sh", "-c", f"{asked} > /srv/ask; mv /srv/ask /var/lib/kiosk/requests/update.json")

    def phase() -> str:
        return box.call(
            "sed", "-n", 's/.*"phase":"\\([a-z]*\\)".*/\\1/p', "/var/lib/kiosk-releases/journal.json"
        ).stdout

    wait_for(lambda: phase().strip() in ("switching", "trial"), lambda: box.journal("kiosk-update.service"))
    box.call("systemctl", "kill", "--signal=KILL", "kiosk-update.service")
    wait_for(
        lambda: "99.0.2, was kept" in box.call("kiosk", "update", "--status").stdout,
        lambda: box.journal("kiosk-update.service"),
    )
    assert "<html" in box.page("/"), box.journal(STATION)
    assert box.call("kiosk", "update", "--status").stdout.startswith("runs 99.0.2 ")
    box.until("kiosk-relay.service", "ActiveState", lambda state: state == "active")
