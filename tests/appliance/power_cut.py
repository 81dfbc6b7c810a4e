"""The power of a booted box goes: every process dies, and the disk stays as it was in that moment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.systemd.box import AS_ROOT, BOOT, STOP_S, Box, wait_for

_TRIES = 20


def cut(box: Box, work: Path) -> None:
    """Nothing that the kernel holds back for the disk gets there. The next boot begins with that disk.

    The process that has it mounted stands still meanwhile: when that ended, the kernel would write everything out.
    """
    holder, leader = str(_holder(work)), str(box.leader)
    subprocess.run([*AS_ROOT, "kill", "-STOP", holder], check=True)
    try:
        subprocess.run([*AS_ROOT, "kill", "-KILL", leader], check=True)
        wait_for(lambda: not _lives(leader), lambda: f"process {leader} does not end")
        _copy_as_it_is(work / "disk.img", work / "disk.cut")
    finally:
        subprocess.run([*AS_ROOT, "kill", "-CONT", holder], check=True)
    box.wait(STOP_S)
    (work / "disk.cut").replace(work / "disk.img")


def _copy_as_it_is(image: Path, copy: Path) -> None:
    """In one moment: what was written to the disk while it was copied would be half there."""
    device = next(
        place.parents[1]
        for place in Path("/sys/block").glob("loop*/loop/backing_file")
        if place.read_text(encoding="utf-8").strip().removesuffix(" (deleted)") == str(image)
    )
    for _ in range(_TRIES):
        before = (device / "stat").read_text(encoding="ascii").split()
        subprocess.run(["cp", "--sparse=always", str(image), str(copy)], check=True)
        after = (device / "stat").read_text(encoding="ascii").split()
        if before[4:9] == after[4:9] and before[8] == "0":
            return
    raise AssertionError("the disk does not come to rest")


def _holder(work: Path) -> int:
    """Of the processes that boot this box the innermost: a sudo in front of it has the same words."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[1:4] == [b"-P", os.fsencode(BOOT), os.fsencode(work)]:
            found.append(int(place.parent.name))
    (one,) = found
    return one


def _lives(pid: str) -> bool:
    """A zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
