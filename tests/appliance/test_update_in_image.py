"""The image is updated from a stick with FAT, and its power goes: the card of any moment is booted again.

Every write to the card is kept in its order. ``KIOSK_SEED`` says at which moments of it the power goes. The card of a
moment has everything that was written before; or it has lost what no flush had forced out, as a card with a cache
may; or it has ignored flushes, as no card may.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from kiosk.station.update.journal import UpdatePhase
from tests.appliance.boards import STICK, FatStick, RootPartition, planned, settings_come
from tests.appliance.releases import END, PROGRAM, bundle, migrating
from tests.appliance.settled import Refused, Settled, data_partition, settle
from tests.appliance.virtual_board import LOOK_S, PATIENCE_S, Board, Plan
from tests.appliance.write_log import Replayed, WriteLog, written
from tests.station.update.machine import KEY, packaging, public
from tests.systemd.box import RELAY, STATION

SEED = os.environ.get("KIOSK_SEED", "2026")
CUTS = 5
LOOKS = 8
"""So many times as many moments are looked at without a boot."""
IGNORED = (0, 1, 4)
"""Flushes before the moment that the card ignored, for each of the cards that lose writes and are booted."""
IGNORED_IN_LOOKS = (0, 0, 1, 4, 16, 40)
NEW = "99.0.1"
HELPER = "kiosk-update.service"
INSIDE = Path(__file__).with_name("in_an_update.py")
RUN_INSIDE = f"/usr/lib/station-kiosk/bin/python3 -P /usr/lib/{INSIDE.name}"
UPDATER = PROGRAM / "code/kiosk/station/update/updater.py"
HURRIED = {"TRIAL_S: Final = 120.0": "TRIAL_S: Final = 700.0", "ANSWER_S: Final = 20.0": "ANSWER_S: Final = 150.0"}
"""An emulated machine beside others is no board that has two minutes: these two waits are longer. All else is as
shipped."""
UPDATE_S = 1000.0
"""``kiosk update`` follows one for 900 s."""

CANNOT = "the station cannot run|the update cannot be ended now"
SPLASH, GOOD, OFTEN = 8079, 200, 3


@dataclass
class Course:
    """What was confirmed, and how much had been written when it was certain."""

    packaged: str
    schema: int
    receipts: list[tuple[int, str]] = field(default_factory=list)

    def certain(self, entry: int) -> set[str]:
        """Receipts of what was confirmed before this entry of the log."""
        return {receipt for at, receipt in self.receipts if at <= entry}


@dataclass(frozen=True, slots=True)
class Rules:
    """For what is there after a power cut. ``may``: releases, of which one has to run; ``certain``: receipts."""

    course: Course
    may: set[str]
    certain: set[str]

    def judge(self, found: Settled, told: str) -> None:
        """One release, the database that goes with it, everything that is certain, and nothing twice."""
        steps = 1 if found.runs == NEW else 0
        assert found.runs in self.may, told
        assert (found.schema, found.steps) == (self.course.schema + steps, steps), told
        assert self.certain <= set(found.receipts) <= {receipt for _, receipt in self.course.receipts}, told
        assert len(found.receipts) == len(set(found.receipts)), told
        assert not found.copy, told


@dataclass(frozen=True, slots=True)
class Moment:
    """The power goes before the entry ``end``; from ``begin`` on the card has not got what is ``lost``."""

    phase: UpdatePhase
    begin: int
    end: int
    lost: frozenset[int] = frozenset()
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class Recording:
    """Of one update: where in the log each phase begins, and where all is over."""

    writes: WriteLog
    phases: dict[UpdatePhase, int]
    end: int


@pytest.fixture
def plan(image: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plan]:
    """A card as it is made."""
    monkeypatch.setattr(packaging("sign"), "XZ_PRESET", 0)
    with planned(image, folder) as made:
        yield made


def program_of(card: Path, folder: Path) -> Path:
    """What an update is made of; then the card's own package gets a vendor's key, and waits longer."""
    root, key = RootPartition(card), folder / "vendor.pub"
    for name in ("release.json", "code"):
        root.take(f"/{PROGRAM}/{name}", folder / PROGRAM)
    key.write_text(f"{public(KEY)}\n", encoding="ascii")
    root.put(key, f"/{PROGRAM}")
    root.put(INSIDE, "/usr/lib")
    unhurried(root, folder)
    return folder


def unhurried(root: RootPartition, folder: Path) -> None:
    text = (folder / UPDATER).read_text(encoding="utf-8")
    for row, longer in HURRIED.items():
        assert text.count(row) == 1, row
        text = text.replace(row, longer)
    changed = folder / UPDATER.name
    changed.write_text(text, encoding="utf-8")
    compiled = list((folder / UPDATER.parent).glob(f"__pycache__/{UPDATER.stem}.*"))
    root.remove(f"/{UPDATER}", *(f"/{path.relative_to(folder)}" for path in compiled))
    root.put(changed, f"/{UPDATER.parent}")


def test_an_update_may_lose_its_power_at_any_moment_also_on_a_card_that_lies(plan: Plan, folder: Path) -> None:
    chance, began = Random(SEED), time.monotonic()
    program = program_of(plan.card, folder / "program")
    told = json.loads((program / PROGRAM / "release.json").read_bytes())
    stick = FatStick(folder / "stick.img")
    stick.take(bundle(program, folder / "bundles", NEW, migrating(1)))
    course = Course(told["version"], told["schema"])
    killed_in_the_middle(plan, folder, stick, course, chance)
    print(f"\nkilled once: {time.monotonic() - began:.0f} s")
    before, log = folder / "before.img", folder / "writes"
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(plan.card), str(before)], check=True)
    end = goes_on_and_is_updated(replace(plan, log=log), folder, stick, course)
    writes = WriteLog(log)
    recording = Recording(writes, {UpdatePhase(name): at for name, at in writes.phases().items()}, end)
    print(f"updated: {time.monotonic() - began:.0f} s; {len(writes.entries)} entries, {writes.size >> 20} MiB")
    print(f"seed {SEED}; phases at {recording.phases}, over at {end}")
    print(f"looked at: {looked_at(course, recording, chance, folder)}; {time.monotonic() - began:.0f} s")
    replayed = Replayed(before, writes)
    booted = sorted(moments(recording, chance, IGNORED), key=lambda moment: moment.begin)
    for number, moment in enumerate(booted):
        begun = time.monotonic()
        replayed.forward(moment.begin)
        with (
            replayed.until(moment.end, moment.lost),
            Board(replace(plan, card=before, kept=False), folder / f"board-{number}") as board,
        ):
            board.until_shell()
            said = judged(board, moment, rules(course, moment, recording.phases))
        lied = f", {len(moment.lost)} of {moment.end - moment.begin} lost, {moment.ignored} flushes ignored"
        told = f"{moment.phase} at {moment.end}{lied if moment.lost else ''}: {said}"
        print(f"{told}; {time.monotonic() - begun:.0f} s, in all {time.monotonic() - began:.0f} s")
    replayed.forward(len(writes.entries))
    subprocess.run(["cmp", str(before), str(plan.card)], check=True)


def killed_in_the_middle(plan: Plan, folder: Path, stick: FatStick, course: Course, chance: Random) -> None:
    """A new box is set up and updated, and QEMU is killed."""
    asked_for = (
        UpdatePhase.UNPACKING,
        UpdatePhase.ASKING,
    )  # a trial would be begun again, and nothing be left to be updated
    asked = {"bundle": f"{STICK}/{NEW}{END}", "phase": chance.choice(asked_for), "after_s": 0.0}
    with Board(plan, folder / "first") as board:
        board.until_shell()
        board.page("/setup")
        settings_come(board)
        stick.plug_into(board)
        told = inside(board, json.dumps(asked))
    assert told["phase"] in asked_for, told
    print(f"\nkilled in {told['phase']}")
    course.receipts += [(0, receipt) for receipt in told["receipts"]]


def goes_on_and_is_updated(plan: Plan, folder: Path, stick: FatStick, course: Course) -> int:
    """With everything it writes in the log; how much had been written when the update was over."""
    assert plan.log is not None
    with Board(plan, folder / "second") as board:
        board.until_shell()
        whole(board, Rules(course, {course.packaged}, course.certain(0)))
        bring_in(board, course, plan.log)
        stick.plug_into(board)
        begun = time.monotonic()
        told = board.call(f"kiosk update {STICK}/{NEW}{END}", UPDATE_S).stdout  # it gives up after a minute unheard
        assert "handed in" in told, told
        board.until("kiosk update --status", lambda told: f"{NEW}, was kept" in told, UPDATE_S)
        print(f"the update took {time.monotonic() - begun:.0f} s")
        end = written(plan.log)
        whole(board, Rules(course, {NEW}, course.certain(end)))
        bring_in(board, course, plan.log)
        board.qmp("stop")  # what the drive has begun is ended, on the card and in the log
    return end


def bring_in(board: Board, course: Course, log: Path) -> None:
    receipt = board.done(f"runuser -u kiosk -- {RUN_INSIDE} bring-in").strip()
    course.receipts.append((written(log), receipt))


def moments(recording: Recording, chance: Random, ignores: Sequence[int]) -> Sequence[Moment]:
    """Of phases that take turns."""
    phases, writes = recording.phases, recording.writes
    last = dict(zip(phases, [*list(phases.values())[1:], recording.end], strict=True))
    found = []
    for phase in chance.sample(list(phases), CUTS):
        at = chance.randint(phases[phase] + 1, last[phase])
        found.append(Moment(phase, at, at))
    for ignored, phase in zip(ignores, chance.sample(list(phases), len(ignores)), strict=True):
        lost: frozenset[int] = frozenset()
        while not lost:
            at = chance.randint(phases[phase] + 1, last[phase])
            begin = writes.unflushed(at, ignored)
            lost = writes.lose(begin, at, chance)
        found.append(Moment(phase, begin, at, lost, ignored))
    return found


def rules(course: Course, moment: Moment, phases: dict[UpdatePhase, int]) -> Rules:
    """Before the switch nothing is new; when the update is over there is no way back.

    On a card that ignores flushes there may be one: with the block that said so its file system forgets what was kept.
    What was confirmed before is there all the same.
    """
    may = {course.packaged, NEW}
    if moment.end <= phases[UpdatePhase.SWITCHING]:
        may.discard(NEW)
    if moment.begin > phases[UpdatePhase.OVER] and not moment.ignored:
        may.discard(course.packaged)
    return Rules(course, may, course.certain(moment.begin))


def looked_at(course: Course, recording: Recording, chance: Random, folder: Path) -> str:
    """The data partition of many moments, settled here; how often what was found."""
    data, found = folder / "data.img", Counter[str]()
    first = data_partition(folder / "before.img", data)
    replayed = Replayed(data, recording.writes, first)
    many = [moment for _ in range(LOOKS) for moment in moments(recording, chance, IGNORED_IN_LOOKS)]
    for moment in sorted(many, key=lambda moment: moment.begin):
        replayed.forward(moment.begin)
        try:
            with replayed.until(moment.end, moment.lost):
                settled = settle(data, folder / "program" / PROGRAM, folder)
        except Refused as error:
            assert moment.ignored, f"{moment}: {error}"
            found[f"{moment.ignored} ignored: closed"] += 1
            continue
        rules(course, moment, recording.phases).judge(settled, str(moment))
        lied = f"{moment.ignored} ignored" if moment.ignored else "lost in the cache" if moment.lost else "cut"
        found[f"{lied}: {'new' if settled.runs == NEW else 'former'}"] += 1
    return str(dict(sorted(found.items())))


def judged(board: Board, moment: Moment, rules: Rules) -> str:
    """What a technician would say of it."""
    if moment.ignored and (why := closed(board)):
        return f"it stays closed, and says why: {why}"
    return whole(board, rules)


def closed(board: Board) -> str:
    """Of a station that does not come, what its screen or its journal says; "" of one that comes."""
    restarts = f"systemctl show --value --property=NRestarts {STATION} {HELPER} | grep -v '^$'"
    end = time.monotonic() + PATIENCE_S
    while board.asked("/")[0] != GOOD:
        if board.call("test -e /run/kiosk-data/missing").returncode == 0:
            return str(json.loads(board.page("/state", port=SPLASH))["missing"])
        if max(map(int, board.done(restarts).split())) >= OFTEN:
            board.page("/index.html", port=SPLASH)
            told = board.done(f"journalctl --boot --output=cat --unit={STATION} --unit={HELPER} --grep='{CANNOT}'")
            return told.splitlines()[-1]
        assert time.monotonic() < end, board.journal()
        time.sleep(LOOK_S)
    return ""


def whole(board: Board, rules: Rules) -> str:
    """One release works, by the rules, and what nobody needs any more is gone."""
    board.page("/")
    looks = f"systemctl show --value --property=ActiveState {HELPER}; {RUN_INSIDE} look"

    def settled(told: str) -> bool:
        state, _, look = told.partition("\n")
        if state != "inactive" or not look.startswith("{"):
            return False
        found = json.loads(look)
        return not found["phase"] and not found["held"] and not found["asked"]

    found = json.loads(board.until(looks, settled).partition("\n")[2])
    board.page("/")
    runs = board.done("kiosk update --status").split()[1]
    assert found["whole"], board.journal()
    rules.judge(
        Settled("", runs, found["schema"], found["steps"], found["receipts"], found["copy"]),
        f"{found}\n{board.journal()}",
    )
    assert found["releases"] == ([NEW] if runs == NEW else [])
    board.until(f"systemctl is-active {RELAY}", lambda state: state == "active")
    return f"{'the new' if runs == NEW else 'the former'} release works"


def inside(board: Board, words: str) -> Any:
    return json.loads(board.done(f"{RUN_INSIDE} {shlex.quote(words)}"))
