"""A real machine is updated: the real units, in a real Debian with a real systemd, from a bundle to the new release."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.station.update.machine import KEY, OTHER_KEY, packaging, public
from tests.systemd.box import SCREENLESS, STATION, Box, wait_for
from tests.systemd.conftest import tree

__all__ = ["tree"]

PROGRAM = Path("usr/lib/station-kiosk")
UPDATE_S = 600.0
"""Two trials of two minutes each, on a machine that has much to do."""


@pytest.fixture(scope="module")
def program(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed tree with a vendor's key, as a package of a vendor has it."""
    folder = tmp_path_factory.mktemp("program") / "tree"
    shutil.copytree(tree, folder, symlinks=True, copy_function=link)
    place = folder / PROGRAM
    (place / "vendor.pub").write_text(f"{public(KEY)}\n")
    return folder


def link(source: str, target: str) -> str:
    os.link(source, target, follow_symlinks=False)
    return target


def bundle(program: Path, folder: Path, version: str, key: Ed25519PrivateKey = KEY, *, broken: bool = False) -> None:
    """A release of the same code with a higher number; a broken one cannot even be imported."""
    tree = folder / f"tree-{version}"
    tree.mkdir(parents=True)
    told = json.loads((program / PROGRAM / "release.json").read_bytes())
    (tree / "release.json").write_text(json.dumps(told | {"version": version}))
    compiled = shutil.ignore_patterns("__pycache__")
    shutil.copytree(program / PROGRAM / "code", tree / "code", copy_function=link, ignore=compiled)
    if broken:
        shutil.rmtree(tree / "code/kiosk/cli")
        (tree / "code/kiosk/cli").mkdir()
        (tree / "code/kiosk/cli/__init__.py").write_text("raise SystemExit(9)\n")
    packaging("sign").sign(tree, key, folder / f"{version}.kioskupdate")
    shutil.rmtree(tree)


@pytest.fixture
def box(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    monkeypatch.setattr(packaging("sign"), "XZ_PRESET", 0)
    work = tmp_path / "box"
    bundles = work / "tree/srv"
    bundle(program, bundles, "99.0.0", broken=True)
    bundle(program, bundles, "99.0.1")
    bundle(program, bundles, "99.0.2")
    bundle(program, bundles, "99.0.3", OTHER_KEY, broken=True)
    with Box(program, work, setup=SCREENLESS) as box:
        yield box


def test_a_machine_is_updated_and_steps_back_by_itself(box: Box) -> None:
    assert "<html" in box.page("/"), box.journal(STATION)
    assert "noexec" not in box.call("findmnt", "-no", "OPTIONS", "/var/lib/kiosk-releases").stdout
    first = box.call("kiosk", "update", "--status").stdout
    refused = box.call("kiosk", "update", "/srv/99.0.3.kioskupdate")
    assert (refused.returncode, "not signed" in refused.stderr) == (1, True), refused
    stepped_back = box.call("kiosk", "update", "/srv/99.0.0.kioskupdate", timeout_s=UPDATE_S)
    assert stepped_back.returncode == 1, (stepped_back, box.journal("kiosk-update.service"))
    assert "did not get healthy in time" in stepped_back.stderr, box.journal("kiosk-update.service")
    assert "<html" in box.page("/"), box.journal(STATION)
    assert box.call("kiosk", "update", "--status").stdout.splitlines()[0] == first.splitlines()[0]
    kept = box.call("kiosk", "update", "/srv/99.0.1.kioskupdate", timeout_s=UPDATE_S)
    assert kept.returncode == 0, (kept, box.journal("kiosk-update.service"), box.journal(STATION))
    assert "<html" in box.page("/"), box.journal(STATION)
    assert box.call("kiosk", "update", "--status").stdout.startswith("runs 99.0.1 ")
    assert box.property("kiosk-relay.service", "ActiveState") == "active"
    assert box.call("ls", "/run/kiosk-update").stdout == ""
    a_helper_that_is_killed_goes_on(box)


def a_helper_that_is_killed_goes_on(box: Box) -> None:
    """In the middle of a trial: the release that was there returns, and everything starts again."""
    asked = 'cp /srv/99.0.2.kioskupdate /var/lib/kiosk/updates/; echo \'{"bundle":"99.0.2.kioskupdate"}\''
    box.call("sh", "-c", f"{asked} > /srv/ask; mv /srv/ask /var/lib/kiosk/requests/update.json")

    def phase() -> str:
        return box.call(
            "sed", "-n", 's/.*"phase":"\\([a-z]*\\)".*/\\1/p', "/var/lib/kiosk-releases/journal.json"
        ).stdout

    wait_for(lambda: phase().strip() in ("switching", "trial"), lambda: box.journal("kiosk-update.service"))
    box.call("systemctl", "kill", "--signal=KILL", "kiosk-update.service")
    wait_for(
        lambda: "99.0.2, was not kept" in box.call("kiosk", "update", "--status").stdout,
        lambda: box.journal("kiosk-update.service"),
    )
    assert "<html" in box.page("/"), box.journal(STATION)
    assert box.call("kiosk", "update", "--status").stdout.startswith("runs 99.0.1 ")
    box.until("kiosk-relay.service", "ActiveState", lambda state: state == "active")
