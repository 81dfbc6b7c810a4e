"""The way back is closed, on a real machine: the copy is spoiled, or the card has forgotten a *keep*."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.store.database.schema import SCHEMA_VERSION
from tests.appliance.releases import bundle, migrating, with_key
from tests.appliance.test_update_kills import INSIDE, PYTHON
from tests.station.update.machine import packaging
from tests.systemd.box import RELAY, SCREENLESS, STATION, Box, wait_for
from tests.systemd.conftest import tree

__all__ = ["tree"]

UPDATE = "kiosk-update.service"
UPDATE_S = 400.0
CATALOG = "/usr/lib/station-kiosk/code/kiosk/catalogs/yarkant.toml"
SPLASH = 8079
ON_TRIAL = """\
import shutil, sqlite3, subprocess, sys, time
from pathlib import Path
schema, act = int(sys.argv[1]), sys.argv[2]
journal, data, kept = Path("/var/lib/kiosk-releases/journal.json"), Path("/var/lib/kiosk"), Path("/srv/remembered")
def brought_up():
    try:
        if b'"phase":"trial"' not in journal.read_bytes():
            return False
        with sqlite3.connect("file:/var/lib/kiosk/station.db?mode=ro", uri=True) as database:
            return database.execute("PRAGMA user_version").fetchone()[0] == schema
    except (OSError, sqlite3.Error):
        return False
while not brought_up():
    time.sleep(0.02)
copy = data / "before-update/station.db"
if act == "spoil":
    subprocess.run(["systemctl", "kill", "--signal=KILL", "kiosk-update.service"], check=True)
    raw = bytearray(copy.read_bytes())
    raw[5000] ^= 1
    copy.write_bytes(raw)
else:
    kept.mkdir()
    shutil.copy(journal, kept)
    subprocess.run(["cp", "-a", copy.parent, kept], check=True)
"""
"""Waits for the new release to have brought the database up on trial; then ``spoil`` or ``remember``."""
FORGET = """\
systemctl stop kiosk-station.service kiosk-relay.service
rm -f /var/lib/kiosk-releases/outcome.json
cp -a /srv/remembered/before-update /var/lib/kiosk/
cp /srv/remembered/journal.json /var/lib/kiosk-releases/
"""


@pytest.fixture
def box(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    monkeypatch.setattr(packaging("sign"), "XZ_PRESET", 0)
    program, work = with_key(tree, tmp_path / "program"), tmp_path / "box"
    bundles = work / "tree/srv"
    for steps in (1, 2):
        bundle(program, bundles, f"99.0.{steps}", migrating(steps))
    inside = Path(__file__).with_name("in_an_update.py").read_text(encoding="utf-8")
    with Box(program, work, {INSIDE: inside}, SCREENLESS) as box:
        yield box


def test_a_person_keeps_what_cannot_step_back_and_what_was_kept_is_kept_again(box: Box) -> None:
    assert "<html" in box.page("/"), box.journal(STATION)
    imported = box.call(
        "runuser", "-u", "kiosk", "--", "kiosk", "catalog", "import", "--config", "/etc/kiosk/station.toml", CATALOG
    )
    assert imported.returncode == 0, imported
    a_spoiled_copy_waits_for_a_person(box)
    a_keep_that_is_forgotten_loses_no_receipt(box)


def on_trial(box: Box, steps: int, act: str) -> None:
    """Hand the bundle in, and do this in the middle of its trial."""
    name = f"99.0.{steps}.kioskupdate"
    request = json.dumps({"kind": "update", "id": "0" * 32, "body": {"bundle": name}})
    asked = f"cp /srv/{name} /var/lib/kiosk/updates/; echo '{request}' > /srv/ask"
    handed = box.call("sh", "-c", f"mkdir -p /var/lib/kiosk/updates /var/lib/kiosk/requests; {asked}")
    assert handed.returncode == 0, handed
    box.call("chown", "-R", "kiosk:", "/var/lib/kiosk/updates", "/var/lib/kiosk/requests", "/srv/ask")
    box.call("mv", "/srv/ask", "/var/lib/kiosk/requests/update.json")
    met = box.call("/usr/bin/python3", "-ISc", ON_TRIAL, str(SCHEMA_VERSION + steps), act, timeout_s=UPDATE_S)
    assert met.returncode == 0, (met, box.journal(UPDATE))


def look(box: Box) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(box.call(PYTHON, f"/{INSIDE}", "look").stdout)
    return found


def status(box: Box) -> str:
    return box.call("kiosk", "update", "--status").stdout


def works_on(box: Box, version: str) -> None:
    assert status(box).startswith(f"runs {version} "), status(box)
    assert "<html" in box.page("/"), box.journal(STATION)
    box.until(RELAY, "ActiveState", lambda state: state == "active")
    box.until(UPDATE, "ActiveState", lambda state: state == "inactive")
    found = look(box)
    assert (found["held"], found["copy"], found["phase"], found["whole"]) == ([], False, "", True)


def a_spoiled_copy_waits_for_a_person(box: Box) -> None:
    on_trial(box, 1, "spoil")
    wait_for(lambda: look(box)["phase"] == "back", lambda: box.journal(UPDATE))
    wait_for(lambda: box.journal(UPDATE).count("is not what was copied") > 1, lambda: box.journal(UPDATE))
    assert box.property(STATION, "ActiveState") == "inactive"
    rows = json.loads(box.call("kiosk", "doctor", "--json", timeout_s=120.0).stdout)["rows"]
    assert "station_between" in {row["word"] for row in rows}
    assert '"held": "update"' in box.page("/state", port=SPLASH)
    kept = box.call("kiosk", "update", "--keep", timeout_s=120.0)
    assert (kept.returncode, kept.stdout) == (0, "99.0.1 is kept\n"), (kept, box.journal(UPDATE))
    works_on(box, "99.0.1")
    again = box.call("kiosk", "update", "--keep")
    assert (again.returncode, "nothing is to be decided" in again.stderr) == (1, True)


def a_keep_that_is_forgotten_loses_no_receipt(box: Box) -> None:
    on_trial(box, 2, "remember")
    wait_for(lambda: "to 99.0.2, was kept" in status(box), lambda: box.journal(UPDATE))
    works_on(box, "99.0.2")
    receipts = [box.call("runuser", "-u", "kiosk", "--", PYTHON, f"/{INSIDE}", "bring-in").stdout for _ in range(2)]
    before = look(box)
    assert before["receipts"] == receipts
    forgotten = box.call("sh", "-ec", FORGET)
    assert forgotten.returncode == 0, forgotten
    assert look(box)["phase"] == "trial"
    box.call("systemctl", "start", UPDATE, timeout_s=UPDATE_S)
    works_on(box, "99.0.2")
    assert "was kept (the card had forgotten it" in status(box)
    assert look(box) == before
