"""The station's side: is it busy, what does a trial look at, and what does the technician see."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from kiosk.app.update import station as station_side
from kiosk.app.update.releases import ReleaseFolder
from kiosk.app.update.station import StationBundles
from kiosk.domain.metrology.pan import PanState
from kiosk.station.desk.live import OK, LiveBoard
from kiosk.station.desk.unfinished import UnfinishedIntake
from kiosk.station.desk.view import DeskStep
from kiosk.station.update.journal import JournalFile, UpdateEntry, UpdateOutcome, UpdatePhase
from kiosk.station.update.messages import Answer, Verdict
from kiosk.station.update.refusals import UpdateRefusalReason, UpdateRefused
from kiosk.station.update.release import Release
from kiosk.station.update.updates import (
    HOLD_S,
    MAX_SHOWN_BUNDLES,
    PAGES,
    Gate,
    QuietWatch,
    ReleaseTrial,
    StationQuiet,
    TrialTools,
    Updates,
    pending_trial,
)
from kiosk.store import StoreError
from tests.station.fakes import Rig
from tests.station.update.machine import BUNDLE, NEW, OLD, OTHER_KEY, Machine, lay_bundle


@dataclass
class FakeJournal:
    entry: UpdateEntry | None = None

    def read(self) -> UpdateEntry | None:
        return self.entry


@dataclass
class FakeQuiet:
    why: UpdateRefusalReason | None = None

    def busy(self) -> UpdateRefusalReason | None:
        return self.why

    def hears_scale(self) -> bool:
        return True


class FullShelf:
    """As many bundles as a page shows, none of them good, and an update that stepped back."""

    def names(self) -> list[str]:
        return [f"station-kiosk-0.9.{number}-of-a-long-name.kioskupdate" for number in range(MAX_SHOWN_BUNDLES)]

    def on_sticks(self) -> list[str]:
        return [f"/run/kiosk-media/TECHNICIAN-sda1/station-kiosk-0.9.{n}-of-a-name.kioskupdate" for n in (8, 9)]

    def head(self, name: str, size: int) -> bytes:
        return b""

    def bring(self, path: str, size: int) -> str:
        raise AssertionError(path)

    def running(self) -> Release:
        return Release("0.9.0+g0000001dirty", "", "all", "3.13", "a" * 64, 8)

    def keys(self) -> tuple[bytes, ...]:
        return ()

    def outcome(self) -> UpdateOutcome | None:
        return UpdateOutcome("1", NEW, UpdateRefusalReason.LATE, stepped_back=True, failed=NEW)

    def waits(self) -> bool:
        return False

    def ask(self, bundle: str) -> None:
        raise AssertionError(bundle)


@dataclass
class Papers:
    counts: dict[str, int] = field(default_factory=dict)

    def summary(self) -> dict[str, int]:
        return self.counts


def test_a_station_is_quiet_with_an_empty_pan_nothing_open_and_nothing_printing() -> None:
    view = Rig().desk.view()
    empty = replace(view, pan=replace(view.pan, state=PanState.EMPTY), step=DeskStep.HOME, receipt=None)
    board, papers = LiveBoard(view), Papers({"printed": 7, "unknown": 1})
    board.mark(scale=OK)

    def busy(**changed: Any) -> UpdateRefusalReason | None:
        now = replace(empty, **changed)
        quiet: Any = StationQuiet(lambda: now, lambda: left, board, papers)  # type: ignore[arg-type]
        return quiet.busy()  # type: ignore[no-any-return]

    left: UnfinishedIntake | None = None
    assert busy() is None
    left = UnfinishedIntake("0147-A-000001", "almond", 2, 8_000, 600.0)
    assert busy() is UpdateRefusalReason.BUSY_INTAKE, "a stop would give up the bags that wait for the clerk"
    left = None
    for state in set(PanState) - {PanState.EMPTY}:
        assert busy(pan=replace(view.pan, state=state)) is UpdateRefusalReason.BUSY_PAN
    assert busy(step=DeskStep.WHO) is UpdateRefusalReason.BUSY_INTAKE
    assert busy(receipt="0147-A-000001") is UpdateRefusalReason.BUSY_INTAKE
    for state in ("queued", "sending"):
        papers.counts = {state: 1}
        assert busy() is UpdateRefusalReason.BUSY_PRINTING
        assert StationQuiet(lambda: empty, lambda: None, board, papers).serving() is None  # type: ignore[arg-type]
    papers.counts = {}
    board.mark(scale="scale_missing")
    assert busy(pan=replace(view.pan, state=PanState.LOST)) is None, "nobody knows the pan; nothing is open"


def test_a_quiet_station_closes_its_pages_and_opens_them_when_nothing_comes_of_it() -> None:
    journal, quiet, gate, told, now = FakeJournal(), FakeQuiet(), Gate(), list[tuple[Answer, str]](), [0.0]
    watch = QuietWatch(journal, quiet, gate, lambda *what: told.append(what), lambda: now[0])
    watch.poll()
    assert (told, gate.closed) == ([], False)
    journal.entry = UpdateEntry("1", UpdatePhase.ASKING, NEW)
    quiet.why = UpdateRefusalReason.BUSY_INTAKE
    watch.poll()
    assert (told, gate.closed) == ([(Answer(UpdateRefusalReason.BUSY_INTAKE, True), "1")], False)
    quiet.why = None
    watch.poll()
    assert len(told) == 1, "each update is answered once"
    journal.entry = UpdateEntry("2", UpdatePhase.ASKING, NEW)
    watch.poll()
    assert (told[1], gate.closed) == ((Answer(None, True), "2"), True)
    journal.entry = UpdateEntry("2", UpdatePhase.COPYING, NEW)
    watch.poll()
    assert gate.closed
    journal.entry = UpdateEntry("2", UpdatePhase.OVER, NEW, why=UpdateRefusalReason.FULL)
    watch.poll()
    assert not gate.closed
    journal.entry = UpdateEntry("3", UpdatePhase.ASKING, NEW)
    watch.poll()
    now[0] = HOLD_S + 1
    watch.poll()
    assert not gate.closed, "the helper was killed: the counter does not stay closed for it"


def test_a_question_that_could_not_be_answered_is_answered_at_the_next_look() -> None:
    told = list[Answer]()

    class Quiet(FakeQuiet):
        def busy(self) -> UpdateRefusalReason | None:
            if failing:
                raise failing.pop()
            return None

    failing: list[Exception] = [RuntimeError("nobody foresaw it")]
    journal = FakeJournal()
    journal.entry = UpdateEntry("1", UpdatePhase.ASKING, NEW)
    watch = QuietWatch(journal, Quiet(), Gate(), lambda answer, number: told.append(answer))
    with pytest.raises(RuntimeError):
        watch.poll()
    watch.poll()
    assert told == [Answer(None, True)]


def test_a_journal_that_cannot_be_read_any_more_does_not_keep_the_pages_closed() -> None:
    now, gate = [0.0], Gate()

    class Journal(FakeJournal):
        def read(self) -> UpdateEntry | None:
            if now[0]:
                raise OSError("a flipped bit")
            return self.entry

    watch = QuietWatch(
        Journal(UpdateEntry("1", UpdatePhase.ASKING, NEW)),
        FakeQuiet(),
        gate,
        lambda answer, number: None,
        lambda: now[0],
    )
    watch.poll()
    for seconds, closed in ((HOLD_S, True), (HOLD_S + 1, False)):
        now[0] = seconds
        with pytest.raises(OSError, match="a flipped bit"):
            watch.poll()
        assert gate.closed is closed


# --- the trial --------------------------------------------------------------------------------------------------------


class Ended(threading.Event):
    """The helper decides while the trial waits."""

    def __init__(self, journal: FakeJournal, then: UpdateEntry | None, *, ends: bool = False) -> None:
        super().__init__()
        self._journal, self._then, self._ends = journal, then, ends

    def wait(self, timeout: float | None = None) -> bool:
        self._journal.entry = self._then
        return self._ends


def on_trial(*, scale: bool = True, **changed: Any) -> tuple[Verdict, bool]:
    journal, told = FakeJournal(UpdateEntry("1", UpdatePhase.TRIAL, NEW, scale=scale)), list[tuple[Verdict, str]]()
    tools = {"draw": lambda page: 200, "hear_scale": lambda seconds: seconds > 0, "rehearse": lambda: None}
    tools |= changed | {"report": lambda *what: told.append(what)}
    trial = ReleaseTrial(UpdateEntry("1", UpdatePhase.TRIAL, NEW, scale=scale), journal, TrialTools(**tools))
    passed = trial.run(Ended(journal, UpdateEntry("1", UpdatePhase.KEEP, NEW)))
    ((verdict, number),) = told
    assert number == "1"
    return verdict, passed


def test_a_trial_looks_at_pages_intake_and_scale() -> None:
    def fails() -> None:
        raise StoreError("The database refused a row.")

    def breaks(page: str) -> int:
        raise ZeroDivisionError

    assert on_trial() == (Verdict(None), True)
    verdict, _ = on_trial(draw=lambda page: 500 if page == "/counter" else 200)
    assert verdict == Verdict(UpdateRefusalReason.PAGES, "/counter answers 500")
    assert on_trial(draw=breaks)[0].why is UpdateRefusalReason.PAGES
    assert on_trial(rehearse=fails)[0] == Verdict(UpdateRefusalReason.INTAKE, "The database refused a row.")
    assert on_trial(hear_scale=lambda seconds: False)[0].why is UpdateRefusalReason.SCALE
    assert on_trial(hear_scale=lambda seconds: False, scale=False)[0].why is None, "it was silent before"
    drawn: list[str] = []
    on_trial(draw=lambda page: drawn.append(page) or 200)
    assert drawn == list(PAGES)


def test_a_trial_ends_with_the_word_of_the_helper_or_of_who_stops_it() -> None:
    for then, passes in (
        (UpdateEntry("1", UpdatePhase.KEEP, NEW), True),
        (None, True),
        (UpdateEntry("2", UpdatePhase.TRIAL, NEW), True),
    ):
        journal = FakeJournal(UpdateEntry("1", UpdatePhase.TRIAL, NEW))
        tools = TrialTools(lambda page: 200, lambda seconds: True, lambda: None, lambda verdict, number: None)
        assert (
            ReleaseTrial(UpdateEntry("1", UpdatePhase.TRIAL, NEW), journal, tools).run(Ended(journal, then)) is passes
        )
        still = UpdateEntry("1", UpdatePhase.BACK, NEW)
        assert not ReleaseTrial(UpdateEntry("1", UpdatePhase.TRIAL, NEW), FakeJournal(still), tools).run(
            Ended(FakeJournal(still), still, ends=True)
        )


def test_only_the_release_that_is_meant_is_on_trial() -> None:
    journal = FakeJournal(UpdateEntry("1", UpdatePhase.TRIAL, NEW))
    assert pending_trial(journal, NEW) == journal.entry
    assert pending_trial(journal, OLD) is None, "the former release begins as ever"
    for phase in set(UpdatePhase) - {UpdatePhase.SWITCHING, UpdatePhase.TRIAL, UpdatePhase.BACK}:
        journal.entry = UpdateEntry("1", phase, NEW)
        assert pending_trial(journal, NEW) is None
    journal.entry = None
    assert pending_trial(journal, NEW) is None


# --- the technician ---------------------------------------------------------------------------------------------------


def test_the_technician_sees_what_may_be_installed_and_asks_for_it(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine").lay()
    journal, quiet = JournalFile(machine.releases), FakeQuiet()
    shelf = StationBundles(ReleaseFolder(machine.releases, machine.package), journal, machine.data)
    updates = Updates(shelf, journal, quiet)
    view = updates.view()
    assert (view.running, view.bundles, view.phase, view.outcome) == (OLD, (), "", None)
    folder = machine.data / "updates"
    lay_bundle(folder, "good.kioskupdate")
    lay_bundle(folder, "strange.kioskupdate", OTHER_KEY)
    lay_bundle(folder, "old.kioskupdate", version=OLD)
    (folder / "notes.txt").touch()
    assert {row.name: (row.version, row.why) for row in updates.view().bundles} == {
        "good.kioskupdate": (NEW, None),
        "strange.kioskupdate": ("", UpdateRefusalReason.SIGNATURE),
        "old.kioskupdate": (OLD, UpdateRefusalReason.NOT_NEWER),
    }
    (folder / "broken.kioskupdate").write_bytes(b"KIOSKUPD")
    newest = updates.view().bundles[0]
    assert (newest.name, newest.version, newest.why) == ("broken.kioskupdate", "", UpdateRefusalReason.NO_BUNDLE)
    for name, why in (
        ("none.kioskupdate", UpdateRefusalReason.NOT_FOUND),
        ("old.kioskupdate", UpdateRefusalReason.NOT_NEWER),
    ):
        with pytest.raises(UpdateRefused) as refused:
            updates.install(name)
        assert refused.value.why is why
    quiet.why = UpdateRefusalReason.BUSY_PAN
    with pytest.raises(UpdateRefused) as refused:
        updates.install("good.kioskupdate")
    assert refused.value.why is UpdateRefusalReason.BUSY_PAN
    assert not shelf.waits()
    quiet.why = None
    updates.install("good.kioskupdate")
    assert updates.view().phase == "asked"
    with pytest.raises(UpdateRefused) as refused:
        updates.install("good.kioskupdate")
    assert refused.value.why is UpdateRefusalReason.RUNNING
    outcome = machine.update()
    assert outcome == UpdateOutcome("0" * 15 + "1", NEW, None)
    assert updates.view().outcome == outcome
    journal.write(UpdateEntry("2", UpdatePhase.TRIAL, "0.9.2"))
    assert updates.view().phase == "trial"
    for number in range(2 * MAX_SHOWN_BUNDLES):
        (folder / f"{number}.kioskupdate").touch()
    assert len(updates.view().bundles) == MAX_SHOWN_BUNDLES


def test_a_bundle_that_is_too_old_for_the_database_is_not_offered(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine").lay()
    shelf = StationBundles(
        ReleaseFolder(machine.releases, machine.package), JournalFile(machine.releases), machine.data
    )
    updates = Updates(shelf, JournalFile(machine.releases), FakeQuiet())
    lay_bundle(machine.data / "updates", schema=6)
    assert [row.why for row in updates.view().bundles] == [UpdateRefusalReason.SCHEMA]
    with pytest.raises(UpdateRefused) as refused:
        updates.install(BUNDLE)
    assert refused.value.why is UpdateRefusalReason.SCHEMA
    assert not shelf.waits()


def test_a_bundle_that_goes_while_it_is_listed_ends_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path / "machine").lay()
    folder = machine.data / "updates"
    shelf = StationBundles(
        ReleaseFolder(machine.releases, machine.package), JournalFile(machine.releases), machine.data
    )
    for name, at in (("one.kioskupdate", 1), ("two.kioskupdate", 2), ("fetched-0.8.0.kioskupdate", 3)):
        os.utime(lay_bundle(folder, name), (at, at))
    is_file = Path.is_file

    def taken_away(path: Path) -> bool:
        found = is_file(path)
        if path.name.startswith("fetched-"):
            path.unlink()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Path, "is_file", taken_away)
        assert list(shelf.names())[-2:] == ["two.kioskupdate", "one.kioskupdate"]
    (folder / "gone.kioskupdate").symlink_to(folder / "nothing")
    (folder / "folder.kioskupdate").mkdir()
    assert list(shelf.names())[-2:] == ["two.kioskupdate", "one.kioskupdate"]


def test_a_bundle_on_a_stick_is_chosen_and_copied_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine, stick = Machine(tmp_path / "machine").lay(), tmp_path / "stick"
    stick.mkdir()
    media = [stick, tmp_path / "pulled"]
    journal, quiet = JournalFile(machine.releases), FakeQuiet()
    shelf = StationBundles(ReleaseFolder(machine.releases, machine.package), journal, machine.data, lambda: media)
    updates = Updates(shelf, journal, quiet)
    assert updates.view().bundles == ()
    good = lay_bundle(stick, "good.kioskupdate")
    strange = lay_bundle(stick, "strange.kioskupdate", OTHER_KEY)
    short = stick / "short.kioskupdate"
    short.write_bytes(good.read_bytes()[:-1])
    (stick / "no name.kioskupdate").write_bytes(good.read_bytes())
    (stick / "link.kioskupdate").symlink_to(good)
    (stick / "folder.kioskupdate").mkdir()
    (stick / "notes.txt").touch()
    assert [(row.name, row.version, row.why, row.on_stick) for row in updates.view().bundles] == [
        (str(good), NEW, None, True),
        (str(short), NEW, None, True),
        (str(strange), "", UpdateRefusalReason.SIGNATURE, True),
    ]
    hidden = tmp_path / "hidden.kioskupdate"
    hidden.write_bytes(good.read_bytes())
    refused = {
        str(strange): UpdateRefusalReason.SIGNATURE,
        str(short): UpdateRefusalReason.DAMAGED,
        str(hidden): UpdateRefusalReason.NOT_FOUND,
        "../hidden.kioskupdate": UpdateRefusalReason.NOT_FOUND,
        str(stick / ".." / "hidden.kioskupdate"): UpdateRefusalReason.NOT_FOUND,
    }
    for path, why in refused.items():
        with pytest.raises(UpdateRefused) as error:
            updates.install(path)
        assert error.value.why is why, path
    with monkeypatch.context() as patch:
        patch.setattr(station_side, "RESERVE_BYTES", 2**60)
        with pytest.raises(UpdateRefused) as error:
            updates.install(str(good))
    assert error.value.why is UpdateRefusalReason.FULL
    assert list(shelf.names()) == []
    assert not shelf.waits()
    with good.open("ab") as file:
        file.write(b"what is behind the bundle is not copied")
    updates.install(str(good))
    assert list(shelf.names()) == ["good.kioskupdate"]
    media.clear()
    outcome = machine.update()
    assert outcome is not None
    assert (outcome.succeeded, machine.version()) == (True, NEW)


def test_of_a_bundle_that_is_copied_twice_or_not_to_its_end_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, stick = Machine(tmp_path / "machine").lay(), tmp_path / "stick"
    stick.mkdir()
    folder, good = machine.data / "updates", lay_bundle(stick)
    size = good.stat().st_size
    shelf = StationBundles(
        ReleaseFolder(machine.releases, machine.package), JournalFile(machine.releases), machine.data
    )
    pieces = station_side._pieces
    said = []

    def asked_for_again(path: Path, size: int) -> Iterator[bytes]:
        left = list(folder.iterdir())
        with pytest.raises(UpdateRefused) as refused:
            shelf.bring(str(path), size)
        shelf.sweep()
        said.append((refused.value.why, list(folder.iterdir()) == left))
        yield from pieces(path, size)

    def pulled(path: Path, size: int) -> Iterator[bytes]:
        yield from pieces(path, size)
        raise UpdateRefused(UpdateRefusalReason.DAMAGED, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(station_side, "_pieces", asked_for_again)
        assert shelf.bring(str(good), size) == good.name
        patch.setattr(station_side, "_pieces", pulled)
        with pytest.raises(UpdateRefused):
            shelf.bring(str(good), size)
    assert said == [(UpdateRefusalReason.RUNNING, True)]
    assert [(path.name, path.read_bytes()) for path in folder.iterdir()] == [(good.name, good.read_bytes())]
    (folder / ".killed.kioskupdate.new").write_bytes(b"x")
    shelf.sweep()
    (folder / ".again.kioskupdate.new").write_bytes(b"x")
    shelf.bring(str(good), size)
    assert [path.name for path in folder.iterdir()] == [good.name]
