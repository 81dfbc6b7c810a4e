"""What is refused before anything changes, what is kept, and what steps back: the whole helper over real folders."""

from __future__ import annotations

import importlib.util
import marshal
import shutil
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest

from kiosk.app.update.helper import BACKUP, OTHERS_HELD, RELAY, STATION, STATION_HELD, Units, station_files
from kiosk.app.update.releases import ReleaseFolder
from kiosk.app.update.station import StationBundles
from kiosk.base.files import write_synced
from kiosk.station.update import journal
from kiosk.station.update.bundle import UpdateManifest
from kiosk.station.update.journal import JournalFile, UpdateEntry, UpdatePhase
from kiosk.station.update.messages import Answer, Verdict, is_bundle_name
from kiosk.station.update.refusals import UpdateRefusalReason, UpdateRefused, sentence
from kiosk.station.update.updater import RESERVE_BYTES, TRIAL_S, check_payload
from kiosk.station.update.updates import Updates
from kiosk.store import Store, StoreError
from kiosk.store.backup.pre_update_copy import PreUpdateCopy
from kiosk.store.database.inspection import inspect_database
from kiosk.store.database.migrate import migrate
from tests.station.update.machine import (
    BUNDLE,
    KEY,
    LOCK,
    NEW,
    OLD,
    OTHER_KEY,
    OTHER_LOCK,
    Behavior,
    Machine,
    lay_bundle,
    public,
)
from tests.store.second_schema import begin_second_schema
from tests.store.village import STATION as STATION_ID
from tests.store.village import stamp


class Still:
    """A station at which nothing goes on."""

    def busy(self) -> UpdateRefusalReason | None:
        return None

    def hears_scale(self) -> bool:
        return True


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine").lay()


def outcome_of(machine: Machine, bundle: str = BUNDLE) -> UpdateRefusalReason | None:
    machine.ask(bundle)
    outcome = machine.update()
    assert outcome is not None
    assert outcome == machine.outcome()
    return outcome.why


def test_what_does_not_fit_this_machine_is_refused_and_nothing_is_changed(machine: Machine) -> None:
    """One bundle for each reason; after all of them the right one is kept."""
    folder = machine.data / "updates"
    cases: dict[UpdateRefusalReason, dict[str, object]] = {
        UpdateRefusalReason.NOT_NEWER: {"version": "0.9.0+g9999999"},
        UpdateRefusalReason.ARCHITECTURE: {"architecture": "amd64"},
        UpdateRefusalReason.PYTHON: {"python": "3.11"},
        UpdateRefusalReason.SCHEMA: {"schema": 6},
        UpdateRefusalReason.LIBRARIES: {"libraries": OTHER_LOCK},
    }
    before = machine.content()
    for why, changed in cases.items():
        lay_bundle(folder, **changed)
        assert outcome_of(machine) is why
        assert (machine.version(), machine.content(), machine.entry()) == (OLD, before, None)
        assert machine.running == {STATION, RELAY}, "nobody was stopped"
        assert [path.name for path in machine.releases.iterdir()] == ["outcome.json"]
    lay_bundle(folder)
    machine.board.free = RESERVE_BYTES
    assert outcome_of(machine) is UpdateRefusalReason.FULL
    machine.board.free = 10**9
    for busy in (UpdateRefusalReason.BUSY_PAN, UpdateRefusalReason.BUSY_INTAKE, UpdateRefusalReason.BUSY_PRINTING):
        machine.behavior = Behavior(busy=busy)
        assert outcome_of(machine) is busy
        assert machine.running == {STATION, RELAY}
    machine.behavior = Behavior(answers=False)
    assert outcome_of(machine) is UpdateRefusalReason.NO_ANSWER
    assert (machine.version(), machine.content()) == (OLD, before)
    machine.behavior = Behavior()
    assert outcome_of(machine) is None
    assert machine.version() == NEW
    assert not (folder / BUNDLE).exists(), "what was installed needs no room any more"
    lay_bundle(folder)
    assert outcome_of(machine) is UpdateRefusalReason.NOT_NEWER


def test_an_update_waits_for_a_station_that_is_not_set_up_yet(machine: Machine) -> None:
    lay_bundle(machine.data / "updates")
    machine.database.unlink()
    assert outcome_of(machine) is UpdateRefusalReason.NOT_SET_UP


def test_nobody_has_the_database_open_while_it_is_copied(machine: Machine) -> None:
    lay_bundle(machine.data / "updates")
    script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA journal_mode = WAL'); "
    script += "c.execute('SELECT count(*) FROM sqlite_schema').fetchone(); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-IS", "-c", script, str(machine.database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert outcome_of(machine) is UpdateRefusalReason.DATABASE
        assert machine.running == {STATION, RELAY}
        other.communicate()
    assert machine.version() == OLD
    assert outcome_of(machine) is None


def test_an_unhealthy_release_may_say_why(subtests: pytest.Subtests) -> None:
    for why in [
        UpdateRefusalReason.PAGES,
        UpdateRefusalReason.SCALE,
        UpdateRefusalReason.INTAKE,
        UpdateRefusalReason.DATABASE,
    ]:
        with subtests.test(why=why):
            assert msgspec.json.decode(b'{"why":"%s"}' % why.encode(), type=Verdict) == Verdict(why)


def test_a_release_that_is_never_healthy_steps_back_in_time(machine: Machine) -> None:
    lay_bundle(machine.data / "updates")
    before, began = machine.content(), machine.board.now
    for behavior, why in (
        (Behavior(healthy=UpdateRefusalReason.SCALE), UpdateRefusalReason.SCALE),
        (Behavior(says=False), UpdateRefusalReason.LATE),
    ):
        machine.behavior = behavior
        assert outcome_of(machine) is why
        outcome = machine.outcome()
        assert outcome is not None
        assert outcome.stepped_back
        assert (machine.version(), machine.content()) == (OLD, before)
        assert machine.running == {STATION, RELAY}
    assert machine.board.now - began < TRIAL_S + 60, "on its own clock"


def test_a_migration_of_a_real_database_steps_back_and_goes_on_in_its_epoch(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_second_schema(machine.folder, monkeypatch, number=8)
    lay_bundle(machine.data / "updates")
    before, told = machine.content(), inspect_database(machine.database)
    seen: list[int] = []

    def migrates_and_dies() -> None:
        migrate(machine.database)
        store = Store.open(machine.database, STATION_ID, stamp())
        store.close()
        seen.append(store.epochs is not None)
        found = inspect_database(machine.database)
        assert found is not None
        seen.append(found.schema)

    machine.migrate = migrates_and_dies  # type: ignore[method-assign]
    machine.behavior = Behavior(says=False)
    assert outcome_of(machine) is UpdateRefusalReason.LATE
    assert seen[1] == 8
    assert machine.content() == before
    after = inspect_database(machine.database)
    assert told is not None
    assert after is not None
    since = replace(after.epoch, last_seq=told.epoch.last_seq, head=told.epoch.head)
    assert (since, after.epoch.last_seq) == (told.epoch, told.epoch.last_seq + machine.kept_rows)
    with closing(Store.open(machine.database, STATION_ID, stamp())) as store:
        assert store.epochs.identity().epoch == told.epoch.epoch, "nothing was given out twice"


def test_whoever_asks_again_while_a_bundle_is_checked_is_told_that_one_runs(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its payload is read and hashed: seconds on a card, in which a technician touches again."""
    lay_bundle(machine.data / "updates")
    shelf = StationBundles(
        ReleaseFolder(machine.releases, machine.package), JournalFile(machine.releases), machine.data, list
    )
    page = Updates(shelf, JournalFile(machine.releases), Still())
    page.install(BUNDLE)
    refused = []

    def check(file: BinaryIO, manifest: UpdateManifest) -> None:
        with pytest.raises(UpdateRefused) as caught:
            page.install(BUNDLE)
        refused.append(caught.value.why)
        check_payload(file, manifest)

    monkeypatch.setattr("kiosk.station.update.updater.check_payload", check)
    outcome = machine.update()
    assert outcome is not None
    assert outcome.succeeded
    assert refused == [UpdateRefusalReason.RUNNING]
    assert page.view().phase == ""
    machine.boot()
    machine.booted()
    assert machine.outcome() == outcome, "no second request was left behind it"


def test_a_release_steps_back_to_what_ran_and_not_to_what_current_names(machine: Machine) -> None:
    """`current` names one that is not whole, so the packaged one runs; the same version comes again and fails."""
    (machine.releases / NEW).mkdir()
    (machine.releases / "current").symlink_to(NEW)
    assert machine.version() == OLD
    machine.behavior = Behavior(healthy=UpdateRefusalReason.PAGES)
    lay_bundle(machine.data / "updates")
    assert outcome_of(machine) is UpdateRefusalReason.PAGES
    assert machine.version() == OLD
    assert not (machine.releases / "current").is_symlink()


def test_a_refusal_does_not_forget_what_was_tried_in_vain(machine: Machine) -> None:
    """Else the relay would fetch it again."""
    machine.behavior = Behavior(healthy=UpdateRefusalReason.PAGES)
    lay_bundle(machine.data / "updates")
    assert outcome_of(machine) is UpdateRefusalReason.PAGES
    (machine.data / "updates" / BUNDLE).unlink()
    assert outcome_of(machine) is UpdateRefusalReason.NOT_FOUND
    lay_bundle(machine.data / "updates", version="0.9.0+g9999999")
    assert outcome_of(machine) is UpdateRefusalReason.NOT_NEWER
    outcome = machine.outcome()
    assert outcome is not None
    assert (outcome.stepped_back, outcome.failed) == (False, NEW)
    machine.behavior = Behavior()
    lay_bundle(machine.data / "updates")
    assert outcome_of(machine) is None
    outcome = machine.outcome()
    assert outcome is not None
    assert outcome.failed == ""


def test_an_old_verdict_decides_nothing(machine: Machine) -> None:
    """Also one that somebody else has put there: it names another update."""
    lay_bundle(machine.data / "updates")
    machine.behavior = Behavior(says=False)
    station_files(machine.data).verdict.write(Verdict(None), "0000000000000009")
    assert outcome_of(machine) is UpdateRefusalReason.LATE


def test_a_release_that_does_not_start_is_a_release_that_says_nothing(machine: Machine) -> None:
    lay_bundle(machine.data / "updates")
    plain = machine.systemctl
    machine.systemctl = lambda words: "" if "start" in words and machine.on_trial() else plain(words)  # type: ignore[method-assign]
    assert outcome_of(machine) is UpdateRefusalReason.LATE
    assert (machine.version(), machine.running) == (OLD, {STATION, RELAY})


def test_one_update_follows_another_and_keeps_what_it_may_step_back_to(machine: Machine) -> None:
    folder, machine.behavior = machine.data / "updates", Behavior(migrates=False)
    following = {"version": "0.9.2", "libraries": OTHER_LOCK, "with_libraries": True}
    lay_bundle(folder)
    assert outcome_of(machine) is None
    lay_bundle(folder, **following)
    assert outcome_of(machine) is None
    assert {path.name for path in machine.releases.iterdir() if path.is_dir()} == {
        "current",
        NEW,
        "0.9.2",
        f"libraries-{OTHER_LOCK}",
    }
    lay_bundle(folder, version="0.9.3", libraries=OTHER_LOCK)
    machine.behavior = Behavior(healthy=UpdateRefusalReason.PAGES, migrates=False)
    assert outcome_of(machine) is UpdateRefusalReason.PAGES
    assert machine.version() == "0.9.2", "the release of before, not the packaged one"
    machine.behavior = Behavior(migrates=False)
    assert outcome_of(machine) is None
    lay_bundle(folder, version="0.9.4", libraries=LOCK)
    assert outcome_of(machine) is None
    lay_bundle(folder, version="0.9.5", libraries=LOCK)
    assert outcome_of(machine) is None
    assert not list(machine.releases.glob("libraries-*")), "nobody needs them any more"


def test_modules_of_an_update_are_compiled_once_and_not_at_each_start(machine: Machine) -> None:
    lay_bundle(machine.data / "updates", libraries=OTHER_LOCK, with_libraries=True)
    machine.behavior = Behavior(migrates=False)
    assert outcome_of(machine) is None
    code, libraries = machine.releases / NEW / "code/kiosk", machine.releases / f"libraries-{OTHER_LOCK}"
    for source in (code / "__init__.py", code / "station/service.py", *libraries.rglob("__init__.py")):
        raw = Path(importlib.util.cache_from_source(str(source))).read_bytes()
        assert int.from_bytes(raw[4:8], "little") == 0b01, "PEP 552: by hash, and the source is not looked at"
        assert marshal.loads(raw[16:]).co_filename == str(source)
    assert list(libraries.rglob("__init__.py"))


def test_the_vendor_changes_its_key_over_one_bundle(machine: Machine) -> None:
    folder = machine.data / "updates"
    lay_bundle(folder, key=OTHER_KEY)
    assert outcome_of(machine) is UpdateRefusalReason.SIGNATURE
    lay_bundle(folder, next_key=public(OTHER_KEY))
    machine.behavior = Behavior(healthy=UpdateRefusalReason.PAGES)
    assert outcome_of(machine) is UpdateRefusalReason.PAGES
    keys = ReleaseFolder(machine.releases, machine.package).keys
    assert [key.hex() for key in keys()] == [public(KEY)], "a release that was not kept changes nothing"
    machine.behavior = Behavior(migrates=False)
    assert outcome_of(machine) is None
    assert [key.hex() for key in keys()] == [public(KEY), public(OTHER_KEY)]
    lay_bundle(folder, version="0.9.2", key=OTHER_KEY)
    assert outcome_of(machine) is None
    lay_bundle(folder, version="0.9.3", key=KEY)
    assert outcome_of(machine) is UpdateRefusalReason.SIGNATURE, "the first key has ended"
    (machine.package / "vendor.pub").unlink()
    assert outcome_of(machine) is UpdateRefusalReason.NO_KEY


def test_a_journal_nobody_can_read_is_no_empty_one(machine: Machine) -> None:
    (machine.releases / "journal.json").write_text("{")
    with pytest.raises(OSError, match="cannot be read"):
        machine.updater().recover()


def test_a_copy_that_was_damaged_replaces_nothing(machine: Machine) -> None:
    copy = PreUpdateCopy(machine.database)
    sha256 = copy.make()
    write_synced(machine.data / "before-update/station.db", b"damaged")
    before = machine.content()
    for schema in (0, 6, 8):
        with pytest.raises(StoreError, match=f"not what was copied.*has schema 7, and had {schema} before"):
            copy.put_back(sha256, schema)
        assert machine.content() == before
    copy.put_back(sha256, 7)
    assert machine.content() == before
    machine.database.write_bytes(b"damaged")
    with pytest.raises(StoreError, match="not an SQLite file"):
        copy.put_back(sha256, 7)
    copy.forget()
    copy.forget()
    assert not (machine.data / "before-update").exists()


def spoiled_on_the_way_back(machine: Machine) -> None:
    """A bit of the copy turns over once it was decided to step back."""
    copy, acts = machine.data / "before-update/station.db", machine.board.on_wait

    def spoil() -> None:
        acts()
        if machine.on_trial():
            raw = bytearray(copy.read_bytes())
            raw[5000] ^= 1
            copy.write_bytes(raw)

    machine.board.on_wait = spoil
    machine.behavior.says = False
    machine.board.pace = 1000
    lay_bundle(machine.data / "updates")
    machine.ask()


def test_a_database_that_was_not_migrated_stays_where_the_copy_is_spoiled(machine: Machine) -> None:
    machine.behavior = Behavior(migrates=False)
    before = machine.content()
    spoiled_on_the_way_back(machine)
    outcome = machine.update()
    assert outcome is not None
    assert (outcome.why, outcome.stepped_back, machine.version()) == (UpdateRefusalReason.LATE, True, OLD)
    machine.station_acts()
    assert (machine.content(), machine.booked(), machine.running) == (before, machine.kept_rows, {STATION, RELAY})


def test_where_the_way_back_is_closed_for_ever_a_person_keeps_the_new_release(machine: Machine) -> None:
    assert machine.updater().keep_new() is None, "nothing is under way"
    spoiled_on_the_way_back(machine)
    with pytest.raises(StoreError, match="has schema 8, and had 7 before"):
        machine.update()
    copy = machine.data / "before-update/station.db"
    machine.boot()
    with pytest.raises(StoreError, match="has schema 8"):
        machine.booted()
    assert machine.running == set()
    spoiled, live = copy.read_bytes(), machine.database.read_bytes()
    machine.database.write_bytes(b"damaged as well")
    with pytest.raises(StoreError, match="not an SQLite file"):
        machine.updater().keep_new()
    machine.database.write_bytes(live)
    outcome = machine.updater().keep_new()
    assert outcome is not None
    assert (outcome.succeeded, machine.version(), machine.entry()) == (True, NEW, None)
    machine.station_acts()
    assert machine.running == {STATION, RELAY}
    assert machine.booked() == machine.kept_rows > 0
    assert spoiled
    assert not copy.exists()


def test_a_way_back_that_is_open_is_not_closed_by_a_person(machine: Machine) -> None:
    copy = PreUpdateCopy(machine.database)
    (machine.releases / NEW).mkdir()
    (machine.releases / "current").symlink_to(NEW)
    entry = UpdateEntry("1", UpdatePhase.BACK, NEW, copy=copy.make(), schema=7, why=UpdateRefusalReason.LATE)
    JournalFile(machine.releases).write(entry)
    assert machine.updater().keep_new() is None
    JournalFile(machine.releases).write(replace(entry, phase=UpdatePhase.TRIAL, copy="0" * 64))
    assert machine.updater().keep_new() is None, "it may still be healthy"
    assert machine.entry() is not None


def test_a_request_is_taken_once_and_strange_ones_are_none(machine: Machine) -> None:
    whole = '{"kind":"update","id":"0123456789abcdef","body":{"bundle":"a.kioskupdate"}}'
    bad = whole.replace("a.kioskupdate", "../../etc/shadow.kioskupdate"), whole[:-1] + " " * 5000 + "}"
    deep = whole.replace('"a.kioskupdate"', '"a.kioskupdate","x":' + "[" * 1_500 + "]" * 1_500)
    for raw in ("{}", "{", "[]", *bad, deep.replace("a.kiosk", "/a.kiosk")):
        (machine.data / "requests/update.json").write_text(raw)
        assert machine.update() is None
        assert not (machine.data / "requests/update.json").exists()
    secret = machine.folder / "secret.kioskupdate"
    shutil.copyfile(lay_bundle(machine.folder), secret)
    (machine.data / "updates" / BUNDLE).symlink_to(secret)
    assert outcome_of(machine) is UpdateRefusalReason.NOT_FOUND, "a link is no bundle"
    assert not is_bundle_name("")


def test_only_what_was_meant_and_for_this_update_is_an_answer(machine: Machine) -> None:
    files, number = station_files(machine.data), "0" * 16
    files.answer.write(Answer(None, scale=True), number)
    files.verdict.write(Verdict(UpdateRefusalReason.PAGES), number)
    assert (files.answer.answer_to(number), files.verdict.answer_to(number)) == (
        Answer(None, scale=True),
        Verdict(UpdateRefusalReason.PAGES),
    )
    assert (files.answer.answer_to("1" * 16), files.verdict.answer_to("1" * 16)) == (None, None)
    path = files.answer.path
    path.write_bytes(path.read_bytes().replace(b"null", b'"late"'))
    assert files.answer.answer_to(number) is None, "no reason to be busy"
    files.clear()
    assert list(path.parent.iterdir()) == []


def test_every_refusal_has_its_sentence(subtests: pytest.Subtests) -> None:
    for why in list(UpdateRefusalReason):
        with subtests.test(why=why):
            assert why.sentence.endswith(".")
            assert sentence(why, "12 MB free").endswith("(12 MB free)")


def test_units_are_held_by_marks_and_started_again(tmp_path: Path) -> None:
    told: list[list[str]] = []
    states = {STATION: "activating", RELAY: "failed"}

    def systemctl(words: list[str]) -> str:
        told.append(list(words))
        return states.get(words[1], "inactive") if words[0] == "is-active" else "disabled"

    def units() -> Units:
        """Each is another helper."""
        return Units(tmp_path, systemctl)  # type: ignore[arg-type]

    assert units().station_runs()
    units().stop()
    states[STATION] = "inactive"
    units().stop()  # again, by a helper that was killed: who is owed a start was noted
    assert {path.name for path in tmp_path.iterdir()} == {STATION_HELD, OTHERS_HELD, "to-start"}
    assert ["stop", STATION, RELAY, BACKUP] in told
    units().start_station()
    assert not (tmp_path / STATION_HELD).exists()
    assert (tmp_path / OTHERS_HELD).exists()
    told.clear()
    units().release()
    assert told == [["reset-failed", STATION], ["--no-block", "start", STATION]], "the relay had ended before"
    assert list(tmp_path.iterdir()) == []
    units().release()
    assert len(told) == 2


def test_every_phase_of_the_journal_says_what_a_power_cut_leaves() -> None:
    assert journal.__doc__ is not None
    said = {line.split()[0] for line in journal.__doc__.splitlines() if line.split()}
    assert {phase.value for phase in UpdatePhase} <= said
    entry = journal.UpdateEntry("1", UpdatePhase.TRIAL, NEW, why=UpdateRefusalReason.LATE)
    assert journal.parse_entry(msgspec.json.encode(entry)) == entry
