"""Nothing is ever half done: each operation of each use fails once, and the power goes at any time."""

from __future__ import annotations

import itertools
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.domain.catalog import EMPTY_CATALOG
from kiosk.domain.clerk import Clerk, Role
from kiosk.domain.events import AuthLocked, ConfigRefused
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.intake import AbandonReason, Intake
from kiosk.domain.lockout import Lockout
from kiosk.domain.metrology.pan_journal import HeldLoadNote, LingeringLoadNote, LoadLeftNote, UnbookedWhy
from kiosk.domain.moment import ClockQuality
from kiosk.domain.parcel import CollectedBy, ParcelNumber, Proof
from kiosk.domain.trade import Mode, Party
from kiosk.domain.verdict import Finding, Reason
from kiosk.domain.void import Void, VoidReason
from kiosk.messaging.contract.configuration import ConfigurationDocument
from kiosk.store import ExpectedParcel, NewPaper, Store, StoreError
from kiosk.store.catalogs import PreparedCatalog
from kiosk.store.county_documents import CheckedDocument
from kiosk.store.shared.records import (
    DamageEvidence,
    HandoverProof,
    ListedPhoto,
    NewCheck,
    NewCode,
    NewPhoto,
    SlotAssignment,
)
from tests.depth import TORTURE, many
from tests.store.counter_rig import CLERK, SLOTS, Codes, arrive, days_later, mac_of, papers
from tests.store.failing import Plan, failing_connect
from tests.store.scale_rig import LOCK, scale_of, with_frames
from tests.store.village import (
    CATALOG,
    JOBS,
    bring_in,
    content,
    epochs,
    offer_of,
    open_intake,
    open_store,
    pictures,
    rows,
    stamp,
    weighed,
)

Use = Callable[[Store], object]

FIRST, SECOND = ReceiptNumber("S0147", "A", 1), ReceiptNumber("S0147", "A", 2)
SECOND_EPOCH = f"{2:016x}"
PARCEL, DAMAGED = ParcelNumber("S0147", "A", 1), ParcelNumber("S0147", "A", 3)
OPENED = Intake(SECOND, Party("M-00001"), "ALMOND", Mode.PURCHASE, 1, 2400)


def submit(store: Store, receipt: ReceiptNumber) -> None:
    row = store.listings.of(receipt)
    store.listings.submit(receipt, row, offer_of(row), stamp())


def county_document(number: int) -> CheckedDocument:
    """Other prices, another list of people, one more parcel."""
    prices = (replace(CATALOG.prices[0], fen_per_kg=100 * number),)
    document = ConfigurationDocument("S0147", "yarkant", (1, number), "2026-11-24T03:00:00Z", None, {}, "")
    return CheckedDocument(
        document,
        document.encode(),
        PreparedCatalog.of(replace(CATALOG, prices=prices)),
        (Clerk("01", "Patime", Role.TECHNICIAN),),
        (ExpectedParcel("YT7", "YTO"),),
    )


USES: dict[str, Use] = {
    "import": lambda store: store.catalogs.add(EMPTY_CATALOG, stamp()),
    "open": open_intake,
    "confirm": lambda store: store.intakes.confirm(weighed(OPENED, 5_000, 6_000), "tap", JOBS, stamp()),
    "abandon": lambda store: store.intakes.abandon(SECOND, "opened", AbandonReason.LEFT, stamp()),
    "abandon left open": lambda store: store.intakes.abandon_left_open(stamp()),
    "void": lambda store: store.intakes.void(
        Void(FIRST, VoidReason.WRONG_PARTY, "clerk:07", "witness:02", SECOND), stamp()
    ),
    "sending": lambda store: store.papers.sending(2),
    "done": lambda store: store.papers.done(1),
    "unknown": lambda store: store.papers.unknown(1, "device", stamp()),
    "recover": lambda store: store.papers.recover(stamp()),
    "reprint": lambda store: store.papers.reprint(1, "clerk:07", stamp()),
    "reprint of a receipt": lambda store: store.papers.reprint(2, "clerk:07", stamp()),
    "label scanned": lambda store: store.papers.scanned(FIRST, 1, stamp()),
    "photo": lambda store: store.photos.add(NewPhoto(FIRST.lot, "ALMOND", pictures("ef")), stamp()),
    "photo overruled": lambda store: store.photos.add(
        NewPhoto(FIRST.lot, "ALMOND", pictures("ef"), (Finding(Reason.BLUR, 4, 3),), CLERK), stamp()
    ),
    "listing chosen": lambda store: store.listings.choose(FIRST, 500, "1", stamp()),
    "listing arranged": lambda store: store.listings.arrange(FIRST, [ListedPhoto("cd" * 32, True, "")], stamp()),
    "listing submitted": lambda store: submit(store, FIRST),
    "photo sent": lambda store: store.photos.mark_sent("cd" * 32),
    "acknowledge": lambda store: store.outbox.acknowledge(3, [2, 3]),
    "expect": lambda store: store.deliveries.expect(
        [ExpectedParcel("YT1", "YTO"), ExpectedParcel("YT2", "YTO")], stamp()
    ),
    "arrive": lambda store: arrive(store, Codes(itertools.count(500_000)), "YT9"),
    "accept damaged": lambda store: store.parcels.accept_damaged(
        DAMAGED,
        DamageEvidence("ab" * 32, CLERK),
        SlotAssignment(SLOTS, Codes(itertools.count(500_000)), papers),
        stamp(),
    ),
    "collect": lambda store: store.parcels.collect(
        PARCEL, HandoverProof(Proof.CODE, CollectedBy.SELF, mac_of("100001"), None, CLERK), stamp()
    ),
    "withdraw": lambda store: store.parcels.withdraw(PARCEL, CLERK, stamp()),
    "reissue": lambda store: store.parcels.reissue_code(
        PARCEL, NewCode(Codes(itertools.count(500_000)), papers), CLERK, stamp()
    ),
    "close delivery": lambda store: store.deliveries.close(CLERK, stamp()),
    "sweep": lambda store: store.parcels.sweep(days_later(1).moment.timestamp, "1970", days_later(4)),
    "lockout": lambda store: store.lockouts.save("pin", Lockout((), 5, "b", 7), AuthLocked("pin", 10), stamp()),
    "clerk": lambda store: store.clerks.add("Aygul", Role.CLERK, "hash", stamp()),
    "county document": lambda store: store.county_documents.apply(county_document(18), stamp()),
    "county prices of another day": lambda store: store.county_documents.change_day(
        PreparedCatalog.of(replace(CATALOG, day="2026-12-01")), 1, stamp()
    ),
    "county document refused": lambda store: store.county_documents.report(
        ConfigRefused(1, 18, "ab" * 32, "signature"), stamp()
    ),
    "parts of the county": lambda store: store.county_documents.add_part(b"{}"),
    "old parts of the county": lambda store: store.county_documents.prune(),
    "close day": lambda store: store.days.close(CLERK, lambda *_: [NewPaper("day_slip", "receipt", b"x")], stamp()),
    "confirm with frames": lambda store: store.intakes.confirm(with_frames(OPENED), "tap", JOBS, stamp()),
    "abandon what was held": lambda store: store.intakes.abandon(SECOND, "weighed", AbandonReason.IDLE, stamp()),
    "another scale": lambda store: store.counters.observe_scale(scale_of(10), stamp()),
    "other containers": lambda store: store.catalogs.add(replace(CATALOG, containers=()), stamp()),
    "clock set": lambda store: store.counters.count_clock(ClockQuality.UNSET, ClockQuality.SYNCED, 90, stamp()),
    "check weight": lambda store: store.checks.add(NewCheck(5_000, 5, LOCK, CLERK), stamp()),
    "load lies": lambda store: store.pan_loads.note(LingeringLoadNote(5, 5_000), stamp()),
    "load held": lambda store: store.pan_loads.note(HeldLoadNote(str(SECOND), 6, 5_000, 5_000), stamp()),
    "load left": lambda store: store.pan_loads.note(LoadLeftNote(9_000, UnbookedWhy.NO_INTAKE), stamp()),
    "noted load left": lambda store: store.pan_loads.note(LoadLeftNote(9_000, UnbookedWhy.FAULT, noted=True), stamp()),
    "new epoch": lambda store: store.epochs.start("behind", stamp()),
}


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """A folder with a station in the middle of its work: one intake done, one open; one paper is on its way,
    and nobody knows of its copy whether it came out.
    """
    folder = tmp_path_factory.mktemp("morning")
    store = open_store(folder / "kiosk.sqlite", template, new_epoch=epochs())
    store.catalogs.add(CATALOG, stamp())
    bring_in(store)
    open_intake(store)
    store.papers.sending(1)
    copy = store.papers.reprint(1, CLERK, stamp())
    store.papers.sending(copy)
    store.papers.unknown(copy, "device", stamp())
    store.county_documents.add_part(b"[]")
    store.deliveries.expect([ExpectedParcel("SF1", "SF"), ExpectedParcel("SF3", "SF")], stamp())
    codes = Codes()
    arrive(store, codes, "SF1")
    arrive(store, codes, "SF2", damaged=True)
    store.counters.observe_scale(scale_of(5), stamp())
    store.pan_loads.note(HeldLoadNote(str(SECOND), 3, 5_000, 5_000), stamp())
    store.pan_loads.note(LingeringLoadNote(4, 8_000), stamp())
    store.photos.add(NewPhoto(FIRST.lot, "ALMOND", pictures("cd")), stamp())
    store.close()
    return folder


def _copy(morning: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(morning, folder)
    return folder / "kiosk.sqlite"


MOST_OPERATIONS = 10_000
KILLS = many(4, torture=10)


@pytest.mark.parametrize("success_lost", [False, True])
@pytest.mark.parametrize("use", USES)
def test_whichever_operation_fails_all_or_nothing_is_there(
    morning: Path, template: Path, tmp_path: Path, use: str, success_lost: bool
) -> None:
    """Every page is read when it is opened again after the first and after a late failure: between them the file
    holds, to the row, what it held after the first. `make torture` reads every page every time.
    """
    path = _copy(morning, tmp_path / "station")
    before, counting = content(path), Plan()
    store = open_store(path, template, new_epoch=lambda: SECOND_EPOCH, connect=failing_connect(counting))
    counting.left = MOST_OPERATIONS
    USES[use](store)
    operations = MOST_OPERATIONS - counting.left
    counting.left = None
    store.close()
    after = content(path)
    assert after != before
    found: list[list[str]] = []
    for operation in _tried(operations, success_lost):
        path = _copy(morning, tmp_path / "station")
        plan = Plan(after=success_lost)
        opening = {"check": TORTURE, "new_epoch": lambda: SECOND_EPOCH, "connect": failing_connect(plan)}
        store = open_store(path, template, **opening)
        assert _fails(store, USES[use], plan, operation)
        found.append(content(path))
        if found[-1] == before:
            USES[use](store)
            assert content(path) == after, "the same store goes on"
        store.journal.verify()
        store.close()
        looked_at = TORTURE or operation == 0 or found[-1] == after
        open_store(path, template, check=looked_at, new_epoch=epochs(50)).close()
        assert content(path) == after, "opening after a crash changes nothing"
    assert operations >= 3
    assert [one for one in found if one != before] == ([after] if success_lost else [])


def _tried(operations: int, success_lost: bool) -> list[int]:
    """Each operation, by turns before and after it is done; the first, the last statement and the commit both ways.

    `make torture` tries each of them both ways.
    """
    both = {0, operations - 2, operations - 1}
    return [number for number in range(operations) if TORTURE or number in both or number % 2 == success_lost]


def _fails(store: Store, use: Use, plan: Plan, operation: int) -> bool:
    """Whether the use has so many operations; it must say that it failed then."""
    plan.left = operation
    try:
        use(store)
    except StoreError as error:
        assert "reports an error" in str(error)
    plan.left = None
    return plan.struck


_BUSY_STATION = """
import itertools, sys
from pathlib import Path
from kiosk.domain.intake import AbandonReason
from tests.store.village import JOBS, CATALOG, open_intake, open_store, stamp, weighed
store = open_store(Path(sys.argv[1]), Path(sys.argv[2]))
store.intakes.abandon_left_open(stamp())
store.papers.recover(stamp())
store.catalogs.add(CATALOG, stamp())
for number in itertools.count():
    intake = open_intake(store)
    if number % 5 == 4:
        store.intakes.abandon(intake.receipt, "opened", AbandonReason.LEFT, stamp())
        continue
    row = store.intakes.confirm(weighed(intake, 2000, 3000), str(intake.receipt), JOBS, stamp())
    print(row.receipt, row.seq, flush=True)
    job = store.papers.next("label")
    store.papers.sending(job.id)
    store.papers.done(job.id)
    store.outbox.acknowledge(row.seq - number % 3, [])
"""


def test_killed_at_any_time_everything_promised_is_there(path: Path, template: Path) -> None:
    """`make torture` kills it ten times."""
    promised: list[tuple[str, int]] = []
    for round_ in range(KILLS):
        promised += _work_until_killed(path, template, intakes=3 + 4 * round_)
        store = open_store(path, template)
        store.journal.verify()
        for receipt, seq in promised:
            row = store.intakes.confirmed(receipt)
            assert row is not None and (row.seq, row.net_g) == (seq, 4_680)
        store.close()
        _assert_nothing_half_done(path)
    assert len(promised) >= KILLS * 3


def _work_until_killed(path: Path, template: Path, intakes: int) -> list[tuple[str, int]]:
    """Receipts a station had told of when it was killed in the middle of its work."""
    told = []
    command = [sys.executable, "-c", _BUSY_STATION, str(path), str(template)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as station:
        assert station.stdout is not None
        for line in itertools.islice(station.stdout, intakes):
            told.append(line)
        station.send_signal(signal.SIGKILL)
        told += station.stdout.read().splitlines()
    assert station.returncode == -signal.SIGKILL
    return [(receipt, int(seq)) for receipt, seq in (line.split() for line in told)]


def _assert_nothing_half_done(path: Path) -> None:
    """Rows that belong together are there together, and no receipt number is missing."""
    assert rows(path, "PRAGMA foreign_key_check") == []
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    wanted = "SELECT number FROM intake WHERE state = 'confirmed'"
    for part in (
        "SELECT intake FROM lot",
        "SELECT DISTINCT intake FROM intake_line",
        "SELECT DISTINCT intake FROM print_job",
    ):
        assert rows(path, f"{part} ORDER BY 1") == rows(path, f"{wanted} ORDER BY 1")
    numbers = [number for (number,) in rows(path, "SELECT number FROM intake ORDER BY number")]
    assert numbers == list(range(1, len(numbers) + 1))
    told = rows(path, "SELECT count(*) FROM journal WHERE type = 'station.intake.confirmed.v1'")
    assert told == rows(path, f"SELECT count(*) FROM ({wanted})")


def test_many_threads_take_turns(store: Store, path: Path) -> None:
    barrier = threading.Barrier(6)
    failures: list[BaseException] = []

    def counter(number: int) -> None:
        try:
            barrier.wait(10)
            for load in range(8):
                bring_in(store, 1_000 + load, token=f"{number}-{load}")
                store.intakes.recent(5)
        except BaseException as error:
            failures.append(error)

    def onlooker() -> None:
        try:
            barrier.wait(10)
            for _ in range(40):
                waiting = store.outbox.pending(100)
                if not waiting:  # faster than all counters together
                    continue
                assert [row.seq for row in waiting] == list(range(waiting[0].seq, waiting[0].seq + len(waiting)))
                store.outbox.acknowledge(waiting[0].seq, [])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=counter, args=(number,)) for number in range(5)]
    threads.append(threading.Thread(target=onlooker))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert store.journal.verify() == 2 + 40
    _assert_nothing_half_done(path)


def test_one_tap_in_many_threads_is_one_intake(store: Store) -> None:
    intake = open_intake(store)
    barrier = threading.Barrier(4)
    results = []

    def tap() -> None:
        barrier.wait(10)
        results.append(store.intakes.confirm(weighed(intake), "tap", JOBS, stamp()))

    threads = [threading.Thread(target=tap) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(row.repeated for row in results) == [False, True, True, True]
    assert {row.receipt for row in results} == {str(intake.receipt)}
