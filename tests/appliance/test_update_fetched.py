"""From the sorting center's command to the new release: a real center offers, the relay's real unit fetches."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.appliance.releases import PROGRAM, bundle, put, with_key
from tests.station.update.machine import packaging
from tests.systemd.box import RELAY, SCREENLESS, SETTINGS, STATION, Box, wait_for
from tests.systemd.conftest import tree

__all__ = ["tree"]

CENTER = Path("usr/lib/sorting-center")
RELAY_CODE = Path("code/kiosk/messaging/relay")
INSIDE = "usr/lib/in_an_update.py"
LEDGER = ("--ledger", "sqlite:////run/center.db")
RUN = ("systemd-run", "--unit=center", "sorting-center", "run", "--broker", "mqtt://127.0.0.1:1883", *LEDGER)
UPDATES = ("--updates-dir", "/srv/updates")
SERVE = (
    *("systemd-run", "--unit=center-photos", "--property=Restart=always", "--property=RestartSec=1"),
    *("sorting-center", "photos", *LEDGER, "--http", "127.0.0.1:8843", "--photos-dir", "/run/photos", *UPDATES),
)
FETCHED = "/var/lib/kiosk/updates/fetched-99.0.1.kioskupdate"


def soon(program: Path) -> None:
    """A relay that asks within a second and takes a faster line: half an hour of waiting would show nothing more."""
    for name, before, after in (
        ("updates/lane", "MAX_FIRST_DELAY_S: Final = 1800.0", "MAX_FIRST_DELAY_S: Final = 1.0"),
        ("shared/download_client", "MAX_BYTES_PER_S: Final = 16_000", "MAX_BYTES_PER_S: Final = 500_000"),
    ):
        path = (program / RELAY_CODE / name).with_suffix(".py")
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, before
        put(path, text.replace(before, after))
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
            compiled.unlink()


def test_what_the_center_offers_is_fetched_and_installed(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packaging("sign"), "XZ_PRESET", 0)
    program, work = with_key(tree, tmp_path / "program"), tmp_path / "box"
    (program / CENTER / "vendor.pub").write_text((program / PROGRAM / "vendor.pub").read_text())
    soon(program / PROGRAM)
    bundle(program, work / "tree/srv", "99.0.1")
    inside = Path(__file__).with_name("in_an_update.py").read_text(encoding="utf-8")
    settings = SETTINGS + 'updates = "http://127.0.0.1:8843"\n'
    with Box(program, work, {"etc/kiosk/station.toml": settings, INSIDE: inside}, SCREENLESS) as box:
        added = box.call("sorting-center", "update", "add", "/srv/99.0.1.kioskupdate", *UPDATES, "--station", "S0147")
        assert (added.returncode, "99.0.1" in added.stdout) == (0, True), added
        for command in (RUN, SERVE):
            assert box.call(*command).returncode == 0
        assert "<html" in box.page("/"), box.journal(STATION)
        done = box.call(f"/{PROGRAM}/bin/python3", "-P", f"/{INSIDE}", "acknowledge")
        assert done.returncode == 0, done
        wait_for(
            lambda: box.call("test", "-e", FETCHED).returncode == 0,
            lambda: box.journal(RELAY) + box.journal("center.service") + box.journal("center-photos.service"),
        )
        kept = box.call("kiosk", "update", FETCHED, timeout_s=600)
        assert kept.returncode == 0, (kept, box.journal("kiosk-update.service"), box.journal(STATION))
        assert box.call("kiosk", "update", "--status").stdout.startswith("runs 99.0.1 ")
        assert box.call("find", "/var/lib/kiosk/updates", "-type", "f").stdout == ""
