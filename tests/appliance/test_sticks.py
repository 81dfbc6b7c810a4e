"""Sticks that nobody should plug in: named and refused, or looked at within bounds; never a byte written on them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.app.identity.mounted_folder import FOLDER
from kiosk.first_start.identity.format import sealed_name
from tests.appliance.cards import Cards
from tests.appliance.sticks import MEDIUM, MOUNTS, NAME, Stick
from tests.appliance.visitor import Visitor
from tests.station.update.machine import KEY, OTHER_KEY, packaging, public
from tests.systemd.box import SCREENLESS, SETTINGS, STATION, Booted

MANY = 10_000
PLACE = f"/run/kiosk-media/KIOSK-USB-{NAME}"
PROGRAM = "usr/lib/station-kiosk"
STATION_KB = 160 * 1024
"""What it has on a stick with nothing on it, and as much again."""


@pytest.fixture(scope="module")
def box(cards: Cards) -> Iterator[Booted]:
    """A new one, before its first start, with a vendor's key as a package of a vendor has it."""
    card = cards.new({**MOUNTS, f"{PROGRAM}/vendor.pub": f"{public(KEY)}\n"})
    card.run(SCREENLESS)
    with card.boot() as booted:
        Visitor(booted).comes("/setup")
        yield booted


def mount(booted: Booted) -> str:
    """What the unit says when it has judged the stick."""
    booted.call("systemctl", "reset-failed", MEDIUM)
    booted.call("journalctl", "--rotate")
    booted.call("journalctl", "--vacuum-time=1ms")
    begun = time.monotonic()
    booted.call("systemctl", "start", MEDIUM)
    print(f"judged in {time.monotonic() - begun:.1f} s")
    return booted.journal(MEDIUM)


def look(booted: Booted, question: str = "") -> str:
    """The first start looks at the media; the page that comes of it."""
    visitor = Visitor(booted)
    visitor.post("/setup/language", value="en")
    visitor.post("/setup/panel", value="7")
    for _ in range(2):  # with the list before it, when there was one, and again with a look at the stick
        visitor.post("/setup/back")
        visitor.post("/setup/panel", value="7")
    begun = time.monotonic()
    page = visitor.get("/setup").page
    print(f"the wizard's page in {time.monotonic() - begun:.1f} s")
    assert f'data-question="{question}"' in page, page
    # Not by its control group: a container may have none for memory.
    status = booted.call("cat", f"/proc/{booted.property(STATION, 'MainPID')}/status").stdout
    peak_kb = int(status.partition("VmHWM:")[2].split()[0])
    print(f"the station had at most {peak_kb / 1024:.0f} MB")
    assert peak_kb < STATION_KB
    return page


def test_ten_thousand_files(box: Booted, tmp_path: Path) -> None:
    stick = Stick(tmp_path / "stick.img", megabytes=256, inodes=3 * MANY)
    with stick.mounted() as top:
        (top / FOLDER).mkdir()
        for number in range(MANY):
            (top / f"song {number}.json").write_bytes(b"{}")
            (top / FOLDER / sealed_name(f"S{number:04}")).write_bytes(b"station = 1\n")
    before = stick.digest()
    with stick.plugged_into(box):
        assert "is mounted at" in mount(box)
        visitor = Visitor(box)
        page = look(box, "station")
        assert "S0000" not in page, "what is no identity is not offered"
        begun = time.monotonic()
        box.call("systemctl", "start", "kiosk-identity.service")
        print(f"root has looked through it in {time.monotonic() - begun:.1f} s")
        assert box.property("kiosk-identity.service", "Result") == "success"
        assert visitor.get("/setup").status == 200
    assert stick.digest() == before, "not a byte of it was written"


def test_loops(box: Booted, tmp_path: Path) -> None:
    """Links that lead to themselves and to each other, and a folder that lies in itself, as a broken stick has it."""
    stick = Stick(tmp_path / "stick.img", "ext4")
    with stick.mounted() as top:
        (top / "itself").symlink_to(".")
        (top / "one").symlink_to("other")
        (top / "other").symlink_to("one")
        (top / FOLDER).mkdir()
        (top / FOLDER / "identity.toml").symlink_to("/etc/shadow")
        (top / FOLDER / sealed_name("S0147")).symlink_to(sealed_name("S0148"))
        (top / FOLDER / sealed_name("S0148")).symlink_to(sealed_name("S0147"))
    subprocess.run(
        ["debugfs", "-w", "-R", f"ln {FOLDER} {FOLDER}/{FOLDER}", str(stick.file)], check=True, capture_output=True
    )
    before = stick.digest()
    with stick.plugged_into(box):
        assert "is mounted at" in mount(box)
        look(box, "station")
        box.call("systemctl", "start", "kiosk-identity.service")
        assert box.property("kiosk-identity.service", "Result") == "success"
    assert stick.digest() == before


def test_wrong_and_broken_file_systems(box: Booted, tmp_path: Path) -> None:
    swap, other = tmp_path / "swap.img", Stick(tmp_path / "ext2.img", "ext2")
    nothing, torn = Stick(tmp_path / "nothing.img", "ext4"), Stick(tmp_path / "torn.img", "ext4")
    nothing.file.write_bytes(bytes(8 << 20))
    swapped = Stick(swap, "ext4")
    subprocess.run(["mkswap", "-q", str(swap)], check=True)
    with torn.file.open("r+b") as image:  # the first block tells of a file system that is not behind it
        image.seek(4096)
        image.write(bytes(16 << 20))
    for stick, told in (
        (other, "sda1 has another file system than vfat, exfat, ext4"),
        (swapped, "sda1 has another file system than vfat, exfat, ext4"),
        (nothing, "sda1 has no file system that is known, or a broken one"),
        (torn, "sda1 cannot be mounted, its file system may be broken"),
    ):
        first = 4096 if stick is torn else 0
        before = stick.digest(first)
        with stick.plugged_into(box):
            said = mount(box)
            assert told in said, said
            assert "/run/kiosk-media" not in box.call("cat", "/proc/self/mountinfo").stdout, "nothing is mounted"
        # In the first block of a broken ext4 the kernel itself notes what it met there, also when it mounts nothing.
        assert stick.digest(first) == before, stick.file.name


def test_forged_bundles(box: Booted, tmp_path: Path) -> None:
    """Another vendor's, a changed one, one that is cut off, one that is none. Last: here the box is set up."""
    sign, stick = packaging("sign"), Stick(tmp_path / "stick.img")
    tree = tmp_path / "tree"
    told = json.loads(box.call("cat", f"/{PROGRAM}/release.json").stdout)
    (tree / "code/kiosk").mkdir(parents=True)
    (tree / "code/kiosk/__init__.py").write_text("raise SystemExit(9)\n")
    (tree / "release.json").write_text(json.dumps(told | {"version": "99.0.0"}))
    good, other = tmp_path / "good.kioskupdate", tmp_path / "other.kioskupdate"
    sign.sign(tree, KEY, good)
    sign.sign(tree, OTHER_KEY, other)
    content = good.read_bytes()
    forged = {
        "other": (other.read_bytes(), "not signed"),
        "changed": (content[:-100] + bytes([content[-100] ^ 1]) + content[-99:], "not whole, or was changed"),
        "cut": (content[: len(content) // 2], "not whole, or was changed"),
        "none": (bytes(1 << 20), "not an update bundle"),
    }
    with stick.mounted() as top:
        for name, (bundle, _) in forged.items():
            (top / f"{name}.kioskupdate").write_bytes(bundle)
    box.call(
        "sh", "-euc", 'printf %s "$1" >/etc/kiosk/station.toml; chown kiosk: /etc/kiosk/station.toml', "sh", SETTINGS
    )
    Visitor(box).comes("/")
    before, program = stick.digest(), laid_down(box)
    with stick.plugged_into(box):
        assert "is mounted at" in mount(box)
        for name, (_, why) in forged.items():
            begun = time.monotonic()
            refused = box.call("kiosk", "update", f"{PLACE}/{name}.kioskupdate")
            print(f"{name}: refused in {time.monotonic() - begun:.1f} s: {refused.stderr.strip()}")
            assert (refused.returncode, why in refused.stderr) == (1, True), refused
    assert stick.digest() == before
    assert laid_down(box) == program
    assert "<html" in box.page("/")


def laid_down(box: Booted) -> str:
    """Everything that a release is made of; what came of the newest update is noted beside."""
    kept = f"find {PROGRAM} -type f -not -path '*/__pycache__/*' -exec sha256sum {{}} + | sort"
    listed = box.call("sh", "-c", f"cd / && {kept}; find var/lib/kiosk-releases -mindepth 1 -type d").stdout
    assert "var/lib/kiosk-releases" not in listed, listed
    return hashlib.sha256(listed.encode()).hexdigest()
