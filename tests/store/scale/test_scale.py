"""What the store keeps about the scale: counters that never go back, raw frames that can be proven, unbooked loads."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kiosk.domain.catalog import Catalog
from kiosk.domain.intake import AbandonReason, TareSource, Weighing
from kiosk.domain.metrology.frames import pack
from kiosk.domain.metrology.legal_status import CounterValues
from kiosk.domain.metrology.pan_journal import (
    BookedLoadNote,
    HeldLoadNote,
    LingeringLoadNote,
    LoadLeftNote,
    PreviousLoads,
    UnbookedWhy,
)
from kiosk.domain.moment import ClockQuality
from kiosk.store import Store, StoreError
from kiosk.store.backup.backup import make_backup
from kiosk.store.backup.restore import RestoreOptions, restore
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.database.opening import OpenOptions
from kiosk.store.shared.records import NewCheck
from kiosk.store.shared.software import metrology
from tests.store.scale_rig import FRAMES, LOCK, STANDING, scale_of, with_frames
from tests.store.village import (
    CATALOG,
    JOBS,
    NO_CERTIFICATE,
    STATION,
    bring_in,
    change,
    epochs,
    events,
    open_intake,
    open_store,
    rows,
    stamp,
)


def told(path: Path, kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in events(path) if event["type"] == f"station.{kind}.v1"]


# --- the digits of the metrology --------------------------------------------------------------------------------------


def test_every_event_names_the_rules_that_weighed(store: Store, path: Path) -> None:
    bring_in(store)
    store.epochs.start("behind", stamp())
    assert {event["metrology"] for event in events(path)} == {metrology()}


def test_an_event_of_before_is_told_again_without_them(store: Store, path: Path) -> None:
    intake = open_intake(store)
    store.intakes.abandon(intake.receipt, "opened", AbandonReason.LEFT, replace(stamp(), metrology=""))
    store.epochs.start("behind", stamp())
    again = [event for event in events(path) if event["type"] == "station.intake.abandoned.v1"]
    assert [event.get("metrology") for event in again] == [None, None]


# --- counters ---------------------------------------------------------------------------------------------------------


def test_another_scale_counts_and_the_same_one_does_not(store: Store, path: Path) -> None:
    assert [store.counters.observe_scale(scale_of(e_g), stamp()) for e_g in (5, 5, 10, 10, 5)] == [0, 0, 1, 1, 2]
    changes = told(path, "scale.changed")
    assert [(row["counter"], row["e_g"]) for row in changes] == [(0, 5), (1, 10), (2, 5)]
    assert changes[0]["before_sha256"] == ""
    assert changes[2]["before_sha256"] == changes[1]["sha256"] == scale_of(10).sha256
    assert store.counters.read() == CounterValues(2, 0, 0)


def test_other_containers_count_and_other_prices_do_not(store: Store, path: Path) -> None:
    sack = CATALOG.containers[0]
    store.catalogs.add(replace(CATALOG, prices=CATALOG.prices[:1]), stamp())
    assert store.counters.read().tare_library == 0
    store.catalogs.add(replace(CATALOG, containers=(replace(sack, names=CATALOG.products[0].names),)), stamp())
    assert store.counters.read().tare_library == 0, "another name is no other tare"
    store.catalogs.add(replace(CATALOG, containers=(replace(sack, tare_g=165),)), stamp())
    store.catalogs.add(replace(CATALOG, containers=(replace(sack, tare_g=165, weighed=True),)), stamp())
    assert store.counters.read() == CounterValues(tare_library=2)
    assert [(row["counter"], row["containers"]) for row in told(path, "tares.changed")] == [(1, 1), (2, 1)]


def test_a_clock_that_is_set_counts(store: Store, path: Path) -> None:
    assert store.counters.count_clock(ClockQuality.UNSET, ClockQuality.SYNCED, 86_400, stamp()) == 1
    assert store.counters.count_clock(ClockQuality.SYNCED, ClockQuality.SYNCED, -90, stamp()) == 2
    assert told(path, "clock.changed") == [
        {"counter": 1, "before": "unset", "after": "synced", "step_s": 86_400},
        {"counter": 2, "before": "synced", "after": "synced", "step_s": -90},
    ]


def test_a_new_epoch_raises_every_counter_and_tells_them(store: Store, path: Path) -> None:
    store.counters.observe_scale(scale_of(5), stamp())
    store.epochs.start("behind", stamp())
    assert store.counters.read() == CounterValues(1, 1, 1)
    assert told(path, "epoch.started")[-1]["counters"] == {"scale_profile": 1, "tare_library": 1, "clock": 1}
    assert store.counters.observe_scale(scale_of(5), stamp()) == 1, "the scale is still the one it was"
    assert store.counters.observe_scale(scale_of(10), stamp()) == 2


@pytest.mark.parametrize("present", ["there", "gone", "damaged"])
def test_a_restore_lowers_no_counter(store: Store, path: Path, tmp_path: Path, template: Path, present: str) -> None:
    store.counters.count_clock(ClockQuality.UNSET, ClockQuality.SYNCED, 90, stamp())
    medium = tmp_path / "medium"
    medium.mkdir()
    backup = make_backup(path, STATION, BackupSettings(medium), stamp(), same_disk=True).path
    for _ in range(6):
        store.counters.count_clock(ClockQuality.SYNCED, ClockQuality.SYNCED, 90, stamp())
    for e_g in (5, 10, 5):
        store.counters.observe_scale(scale_of(e_g), stamp())
    before = store.counters.read()
    store.close()
    assert before == CounterValues(2, 0, 7)
    if present == "gone":
        path.unlink()
    elif present == "damaged":
        path.write_bytes(b"not a database at all" * 100)
    restore(backup, path, STATION, stamp(), RestoreOptions(new_epoch=epochs(50)))
    with closing(open_store(path, template)) as again:
        assert again.counters.read() == (CounterValues(3, 1, 8) if present == "there" else CounterValues(1, 1, 2))
    assert told(path, "epoch.started")[-1]["counters"]["clock"] == (8 if present == "there" else 2)


# --- the worth of a weighing and its frames ---------------------------------------------------------------------------


def test_an_intake_keeps_what_the_scale_was_worth_and_the_frames_of_every_bag(store: Store, path: Path) -> None:
    row = store.intakes.confirm(with_frames(open_intake(store), 12_450, 9_000), "tap", JOBS, stamp())
    assert store.weighings.legal_status(row.receipt) == STANDING
    assert store.weighings.frames(row.receipt, 1) == store.weighings.frames(row.receipt, 2) == FRAMES
    assert store.weighings.frames(row.receipt, 3) == store.weighings.frames("0147-A-999999", 1) == ()
    data = told(path, "intake.confirmed")[-1]
    assert data["scale"] == {
        "trade": True,
        "check": "late",
        "verification": "valid",
        "counters": {"scale_profile": 3, "tare_library": 12, "clock": 5},
    }
    kept = rows(path, "SELECT frames FROM weighing_frames WHERE bag = 1")[0][0]
    assert kept == pack(FRAMES) and len(kept) <= 4096
    assert data["bags"][0]["frames_sha256"] == hashlib.sha256(kept).hexdigest()
    assert (store.weighings.verify().bags, store.weighings.verify().broken) == (2, ())


def test_an_intake_of_which_nothing_is_known_says_so(store: Store, path: Path) -> None:
    row = bring_in(store)
    assert store.weighings.legal_status(row.receipt) is None
    data = told(path, "intake.confirmed")[-1]
    assert (data["scale"], data["bags"][0]["frames_sha256"]) == (None, None)
    assert store.weighings.verify().bags == 0


@pytest.mark.parametrize(
    "tamper",
    [
        "UPDATE weighing_frames SET frames = x'000131' WHERE bag = 2",
        "UPDATE weighing_frames SET sha256 = '" + "ab" * 32 + "' WHERE bag = 2",
        "UPDATE weighing_frames SET frames = x'000031' WHERE bag = 2",
        "UPDATE weighing_frames SET frames = x'000131', sha256 = '"
        + hashlib.sha256(b"\x00\x01\x31").hexdigest()
        + "' WHERE bag = 2",
        "DELETE FROM weighing_frames WHERE bag = 2",
    ],
)
def test_changed_frames_are_found(store: Store, path: Path, tamper: str) -> None:
    row = store.intakes.confirm(with_frames(open_intake(store), 12_450, 9_000), "tap", JOBS, stamp())
    change(path, tamper)
    assert store.weighings.verify().broken == (f"{row.receipt}/2",)


def test_frames_are_proven_after_a_new_epoch_too(store: Store) -> None:
    store.intakes.confirm(with_frames(open_intake(store)), "tap", JOBS, stamp())
    store.epochs.start("behind", stamp())
    assert (store.weighings.verify().bags, store.weighings.verify().broken) == (1, ())


# --- the check weight -------------------------------------------------------------------------------------------------


def test_a_check_is_kept_and_told(store: Store, path: Path) -> None:
    assert store.checks.last() is None
    passed = store.checks.add(NewCheck(5_000, 5, LOCK, "clerk:07"), stamp())
    failed = store.checks.add(NewCheck(5_000, 4, LOCK, "clerk:08"), stamp(60))
    assert (passed.number, passed.passed, passed.read_g, passed.local_date) == (1, True, 5_005, "2026-11-24")
    assert (failed.number, failed.passed, failed.actor) == (2, False, "clerk:08")
    assert store.checks.last() == failed
    first, second = told(path, "scale.checked")
    assert (first["passed"], second["passed"], first["reading"], first["stable_ms"]) == (True, False, 120, 800)
    assert first["frames_sha256"] == passed.frames_sha256
    change(path, "UPDATE scale_check SET frames = x'000131' WHERE number = 2")
    assert store.weighings.verify().broken == ("check 2",)


def test_a_check_of_a_person_by_name_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="clerk:07"):
        store.checks.add(NewCheck(5_000, 5, LOCK, "Aygul"), stamp())
    assert store.checks.last() is None


# --- the journal of the pan -------------------------------------------------------------------------------------------


def open_notes(path: Path) -> list[tuple[Any, ...]]:
    return rows(path, "SELECT state, load, peak_g FROM pan_load WHERE position IS NULL ORDER BY number")


def test_a_load_that_left_is_a_row_and_an_event(store: Store, path: Path) -> None:
    store.pan_loads.note(LoadLeftNote(12_450, UnbookedWhy.NOT_AGREED, 4_200), stamp())
    store.pan_loads.note(LoadLeftNote(9_000, UnbookedWhy.NO_INTAKE, 900, loads=7), stamp(5))
    newest, oldest = store.pan_loads.unbooked()
    assert (newest.peak_g, newest.why, newest.loads, newest.receipt) == (9_000, "not_asked", 7, "")
    assert (oldest.peak_g, oldest.settled_ms, oldest.at, oldest.clock) == (
        12_450,
        4_200,
        "2026-11-24T03:00:00.000Z",
        "synced",
    )
    assert store.pan_loads.unbooked(1, 1) == [oldest]
    assert told(path, "load.left")[0] == {
        "peak_g": 12_450,
        "why": "not_agreed",
        "settled_ms": 4_200,
        "loads": 1,
        "receipt": None,
    }


def test_a_noted_load_is_one_row_to_its_end(store: Store, path: Path) -> None:
    store.pan_loads.note(LingeringLoadNote(3, 5_000), stamp())
    assert (open_notes(path), store.pan_loads.unbooked()) == ([("lies", 3, 5_000)], [])
    assert store.pan_loads.before() == PreviousLoads(5_000, ())
    store.pan_loads.note(LoadLeftNote(5_500, UnbookedWhy.POWER, noted=True), stamp())
    assert open_notes(path) == []
    assert [(row.peak_g, row.why) for row in store.pan_loads.unbooked()] == [(5_500, "power")]
    store.pan_loads.note(LoadLeftNote(6_000, UnbookedWhy.FAULT, noted=True), stamp())
    assert len(store.pan_loads.unbooked()) == 2, "without its note it is a row of its own"


def test_a_noted_load_that_is_booked_or_checked_after_all_is_no_open_case(store: Store, path: Path) -> None:
    store.pan_loads.note(LingeringLoadNote(1, 12_450), stamp())
    store.intakes.confirm(with_frames(open_intake(store), 12_450), "tap", JOBS, stamp())
    assert open_notes(path) == []
    assert store.pan_loads.before() == PreviousLoads(None, (12_450,))
    store.pan_loads.note(LingeringLoadNote(LOCK.load_no, 5_005), stamp())
    store.checks.add(NewCheck(5_000, 5, LOCK, "clerk:07"), stamp())
    assert (open_notes(path), store.pan_loads.unbooked()) == ([], [])


def test_a_note_that_is_written_after_the_booking_is_closed_behind_it(store: Store, path: Path) -> None:
    store.checks.add(NewCheck(5_000, 5, LOCK, "clerk:07"), stamp())
    store.pan_loads.note(LingeringLoadNote(LOCK.load_no, 5_005), stamp())
    store.pan_loads.note(BookedLoadNote(LOCK.load_no), stamp())
    assert (open_notes(path), store.pan_loads.before().lies_g) == ([], None)
    store.pan_loads.note(LingeringLoadNote(LOCK.load_no + 1, 6_000), stamp())
    store.pan_loads.note(BookedLoadNote(LOCK.load_no), stamp())
    assert store.pan_loads.before().lies_g == 6_000, "the next load is another one"


def test_the_check_weight_that_lies_there_is_known_after_a_start(store: Store) -> None:
    assert store.pan_loads.before().known_g == ()
    store.checks.add(NewCheck(5_000, 5, LOCK, "clerk:07"), stamp())
    assert store.pan_loads.before() == PreviousLoads(None, (LOCK.grams,))


@pytest.mark.parametrize(
    ("why", "want"),
    [
        (AbandonReason.LEFT, "abandoned"),
        (AbandonReason.IDLE, "idle"),
        (AbandonReason.RESTART, "restart"),
    ],
)
def test_what_was_fixed_for_an_abandoned_intake_is_told(
    store: Store, path: Path, why: AbandonReason, want: str
) -> None:
    intake = open_intake(store)
    for load in (1, 2):
        store.pan_loads.note(HeldLoadNote(str(intake.receipt), load, 5_000 * load, 5_000 * load), stamp())
    assert store.pan_loads.before().known_g == (10_000,)
    store.intakes.abandon(intake.receipt, "weighed", why, stamp())
    store.intakes.abandon(intake.receipt, "weighed", why, stamp())
    assert [(row.peak_g, row.why, row.receipt) for row in store.pan_loads.unbooked()] == [
        (10_000, want, str(intake.receipt)),
        (5_000, want, str(intake.receipt)),
    ]
    assert open_notes(path) == []
    store.journal.verify()


def test_a_power_cut_with_fixed_bags_loses_none_of_them(store: Store, path: Path, template: Path) -> None:
    intake = open_intake(store)
    store.pan_loads.note(HeldLoadNote(str(intake.receipt), 1, 5_000, 5_000), stamp())
    store.close()
    with closing(open_store(path, template)) as again:
        assert again.pan_loads.before().known_g == (5_000,)
        again.intakes.abandon_left_open(stamp())
        assert [(row.peak_g, row.why) for row in again.pan_loads.unbooked()] == [(5_000, "restart")]


def test_a_note_that_comes_after_the_end_of_its_intake(store: Store, path: Path) -> None:
    booked = store.intakes.confirm(with_frames(open_intake(store), 5_000), "tap", JOBS, stamp())
    store.pan_loads.note(HeldLoadNote(booked.receipt, 1, 5_000, 5_000), stamp())
    assert (open_notes(path), store.pan_loads.unbooked()) == ([], [])
    left = open_intake(store)
    store.intakes.abandon(left.receipt, "weighed", AbandonReason.LEFT, stamp())
    store.pan_loads.note(HeldLoadNote(str(left.receipt), 2, 6_000, 6_000), stamp())
    assert [(row.peak_g, row.why) for row in store.pan_loads.unbooked()] == [(6_000, "abandoned")]


def test_a_container_that_was_exchanged_for_another_is_told(store: Store) -> None:
    intake = open_intake(store)
    for load, grams in ((1, 900), (2, 400)):
        store.pan_loads.note(HeldLoadNote(str(intake.receipt), load, grams, grams), stamp())
    weighing = Weighing(12_450, 30, 3, 1200, 14)
    confirmed = intake.with_bag(weighing, "OWN", TareSource.WEIGHED, 400).confirm(NO_CERTIFICATE)
    store.intakes.confirm(confirmed, "tap", JOBS, stamp())
    assert [(row.peak_g, row.why) for row in store.pan_loads.unbooked()] == [(900, "abandoned")]


def test_a_load_left_is_recorded_on_a_disk_that_takes_no_new_work(store: Store, path: Path) -> None:
    reserve = path.with_name(".reserve")
    with closing(
        Store.open(path, STATION, stamp(), OpenOptions(stamps=stamp, reserve_bytes=2**50, check=False))
    ) as full:
        with pytest.raises(StoreError):
            full.catalogs.add(Catalog((), (), (), ()), stamp())
        full.pan_loads.note(LoadLeftNote(12_450, UnbookedWhy.NO_INTAKE), stamp())
        full.checks.add(NewCheck(5_000, 5, LOCK, "clerk:07"), stamp())
    assert len(store.pan_loads.unbooked()) == 1 and store.checks.last() is not None
    assert not reserve.exists() or reserve.stat().st_size < 2**50
