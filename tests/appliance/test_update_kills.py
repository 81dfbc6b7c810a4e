"""Updates that are killed at seeded moments, on a real machine: after each there is one working release, nothing lost.

``KIOSK_KILLS`` says how many, ``KIOSK_SEED`` which. Two ways take turns. *The power goes*: every process dies at once,
and the next boot has the disk as it was in that moment, without what the kernel had not written out. *Everything is
killed*: helper, station and relay, under a systemd that lives on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from kiosk.store.database.migrate import migrate
from kiosk.store.database.schema import SCHEMA_VERSION
from tests.appliance.power_cut import cut
from tests.appliance.releases import END, bundle, migrating, with_key, without_pages
from tests.station.update.machine import packaging
from tests.store.village import CATALOG, open_store, stamp
from tests.systemd.box import AS_ROOT, SCREENLESS, STATION, Box, wait_for
from tests.systemd.conftest import tree

__all__ = ["tree"]

KILLS = int(os.environ.get("KIOSK_KILLS", "12"))
SEED = os.environ.get("KIOSK_SEED", "2026")
WITHOUT_REBOOT = 4
"""Of so many kills one leaves the system running."""
UNHEALTHY = 3
"""Of so many releases one cannot draw its pages."""
PHASES = ("unpacking", "asking", "copying", "switching", "trial", "over")
INSIDE = "usr/lib/in_an_update.py"
PYTHON = "/usr/lib/station-kiosk/bin/python3"
UNITS = ("kiosk-update.service", "kiosk-station.service", "kiosk-relay.service")
SETTLE_S = 520.0
"""A trial that is cut off waits for its verdict at most, and is begun again; a request that waited comes after it."""


@dataclass
class Course:
    """What happened so far."""

    program: Path
    work: Path
    chance: Random = field(default_factory=lambda: Random(SEED))
    version: str = ""
    steps: int = 0
    receipts: list[str] = field(default_factory=list)
    killed_in: Counter[str] = field(default_factory=Counter)
    kept: int = 0
    long_s: float = 10.0
    """As the newest update that was over took."""

    def next_bundle(self, *, healthy: bool) -> str:
        """Of a release whose database is one step further than that of the one that runs."""
        version = f"99.0.{self.steps + 1}" if healthy else f"99.0.{self.steps + 1}.1"
        if not (self.bundles / f"{version}{END}").exists():
            faults = () if healthy else (without_pages,)
            bundle(self.program, self.bundles, version, migrating(self.steps + 1), *faults)
        return version

    @property
    def bundles(self) -> Path:
        return self.work / "bundles"


@pytest.fixture
def course(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    monkeypatch.setattr(packaging("sign"), "XZ_PRESET", 0)
    work = tmp_path / "box"
    kept = work / "disk/kiosk"
    kept.mkdir(parents=True)
    migrate(tmp_path / "template")
    store = open_store(kept / "station.db", tmp_path / "template")
    store.catalogs.add(CATALOG, stamp())
    store.close()
    subprocess.run([*AS_ROOT, "chmod", "-R", "a+rwX", str(kept)], check=True)
    made = Course(with_key(tree, tmp_path / "program"), work)
    made.bundles.mkdir()
    return made


def test_an_update_may_be_killed_at_any_moment(course: Course) -> None:
    inside = Path(__file__).with_name("in_an_update.py").read_text(encoding="utf-8")
    options = [f"--bind-ro={course.bundles}:/srv"]
    box = Box(course.program, course.work, {INSIDE: inside}, SCREENLESS, options)
    began = time.monotonic()
    with ExitStack() as running:
        running.enter_context(box)
        whole(box, course, "")
        for number in range(KILLS):
            healthy = number % UNHEALTHY != UNHEALTHY - 1
            version = course.next_bundle(healthy=healthy)
            reboots = number % WITHOUT_REBOOT != WITHOUT_REBOOT - 1
            kill(box, course, version, (*PHASES, "keep" if healthy else "back"), reboots=reboots)
            if reboots:
                running.enter_context(box)
            whole(box, course, version if healthy else "")
            told = f"{number + 1} kills, {course.kept} kept, in {time.monotonic() - began:.0f} s"
            sys.stderr.write(f"{told}: {dict(course.killed_in)}\n")
    assert course.killed_in.total() == KILLS


def kill(box: Box, course: Course, version: str, phases: Sequence[str], *, reboots: bool) -> None:
    """At a moment of the whole course, or when a phase has begun, or shortly after that."""
    chance = course.chance
    if chance.random() < 0.5:
        moment = {"phase": "", "after_s": chance.uniform(0, course.long_s)}
    else:
        moment = {"phase": chance.choice(phases), "after_s": chance.choice((0, 0, 0.01, 0.1, 1.0)) * chance.random()}
    told = inside(box, json.dumps({"bundle": f"/srv/{version}{END}", **moment}))
    if reboots:
        cut(box, course.work)
    else:
        box.call("systemctl", "kill", "--signal=KILL", *UNITS)
    course.long_s = told["took_s"] or course.long_s
    course.receipts += told["receipts"]
    course.killed_in[told["phase"] or "none"] += 1


def whole(box: Box, course: Course, asked: str) -> None:
    """One release works, with the database that goes with it and everything that was confirmed.

    It is the one of before, or the one that was ``asked`` for; "" where that one is never kept.
    """

    def told() -> str:
        return "\n".join(box.journal(unit) for unit in (UNITS[0], STATION))

    def settled() -> bool:
        """Also the update that is begun only now, because its request had waited for its turn: it is not killed."""
        found = inside(box, "look")
        helper = box.property(UNITS[0], "ActiveState")
        return helper == "inactive" and not found["phase"] and not found["held"] and not found["asked"]

    assert "<html" in box.page("/"), told()
    wait_for(settled, told, SETTLE_S)
    assert "<html" in box.page("/"), told()
    found = inside(box, "look")
    runs = box.call("kiosk", "update", "--status").stdout.split()[1]
    if asked and runs == asked:
        course.version, course.steps, course.kept = asked, course.steps + 1, course.kept + 1
    elif not course.version:
        course.version = runs
    assert runs == course.version, told()
    assert found["whole"], told()
    assert (found["schema"], found["steps"]) == (SCHEMA_VERSION + course.steps, course.steps), told()
    assert set(course.receipts) <= set(found["receipts"])
    assert len(found["receipts"]) == len(set(found["receipts"]))
    assert not found["copy"]
    assert course.steps == 0 or course.version in found["releases"]
    assert len(found["releases"]) <= 2
    box.until("kiosk-relay.service", "ActiveState", lambda state: state == "active")


def inside(box: Box, *words: str) -> Any:
    done = box.call(PYTHON, "-P", f"/{INSIDE}", *words, timeout_s=SETTLE_S)
    assert done.returncode == 0, (done, box.journal(STATION))
    return json.loads(done.stdout)
