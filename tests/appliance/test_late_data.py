"""A data device that comes a minute after the boot, with every wait as it is shipped, in a booted container."""

from __future__ import annotations

import json
from pathlib import Path

from tests.systemd import conftest as systemd
from tests.systemd.box import RELAY, SCREENLESS, STATION, Box, wait_for

tree = systemd.tree

LATE = {
    "etc/systemd/system/data.mount.d/late.conf": "[Unit]\nRequires=late-disk.service\nAfter=late-disk.service\n",
    "etc/systemd/system/late-disk.service": "[Unit]\nDefaultDependencies=no\nStartLimitIntervalSec=0\n"
    "[Service]\nType=oneshot\nRemainAfterExit=yes\nTimeoutStartSec=infinity\nExecStart=/usr/bin/sleep 60\n",
}
"""In a container no device comes and goes: a service stands for it, which is ready 60 s after the boot."""


def test_a_disk_that_comes_a_minute_late_is_waited_for_and_everything_begins_by_itself(
    tree: Path, tmp_path: Path
) -> None:
    work = tmp_path / "box"
    work.mkdir()
    with Box(tree, work, LATE, SCREENLESS) as box:
        missing = {"station": None, "missing": "data"}
        wait_for(
            lambda: json.loads(box.page("/state", port=8079).partition("\n\n")[2]) == missing,
            lambda: box.journal("kiosk-data.service"),
        )
        assert box.property(STATION, "ActiveState") == "inactive"
        told = json.loads(box.call("kiosk", "doctor", "--json").stdout)
        assert [(row["device"], row["word"]) for row in told["rows"]] == [("disk", "disk_missing")]
        box.until(STATION, "StatusText", lambda text: text == "all parts are alive")
        assert "<html" in box.page("/"), box.journal(STATION)
        for unit in (RELAY, "kiosk-backup.timer"):
            box.until(unit, "ActiveState", lambda state: state == "active")
        assert box.property(STATION, "NRestarts") == "0"
        rows = {row["device"]: row["word"] for row in json.loads(box.call("kiosk", "doctor", "--json").stdout)["rows"]}
        assert (rows["disk"], rows["unit_station"], rows["unit_data"]) == ("fine", "fine", "fine")
        assert box.call("findmnt", "--noheadings", "--output=FSTYPE", "/var/lib/kiosk").stdout.strip() == "ext4"
