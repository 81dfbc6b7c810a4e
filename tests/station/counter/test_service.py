"""The counter inside the whole station: real store, workers and papers, fakes only where the hardware would be."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from time import monotonic

import pytest

from kiosk.domain.clerk import Role
from kiosk.domain.parcel import ParcelState
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.station.clerk.access import CounterSession
from kiosk.station.counter.scans import ParsedScan
from kiosk.station.counter.state import CounterSnapshot
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.station.service import Hardware, ServiceSettings, StationService
from kiosk.station.shared.clock import StationClock
from kiosk.station.shared.settings import StationSettings
from kiosk.store import Store
from tests.station.counter.acts import watching
from tests.station.counter.rig import PIN, digits_in, refused, shot, waybill
from tests.station.fakes import CARD, PROFILE, STAMP, walking
from tests.station.hardware import (
    BLUR,
    WAIT_S,
    AfterTheMark,
    FakeCamera,
    FakePrinter,
    PowerCut,
    bring_in,
    power_cuts,
)
from tests.station.test_service import NOW


class Station:
    """A running station with its counter unlocked by clerk 01."""

    def __init__(self, store: Store, folder: Path, camera: FakeCamera | None = None, receipts: str = "escpos") -> None:
        self.store = store
        self.label, self.receipt = FakePrinter(), FakePrinter(language=receipts)
        self.camera = camera or FakeCamera()
        self.now = walking(NOW)
        self.read_at: Callable[[], float] = monotonic
        self.service = StationService(
            ServiceSettings(StationSettings("S0147", "yarkant", folder), parcels=ParcelSettings(shelves=("A-1:9",))),
            store,
            Hardware(
                PROFILE, None, {"label": self.label, "receipt": self.receipt}, self.camera, clock=lambda: self.read_at()
            ),
            StationClock("Asia/Shanghai", "boot-2", lambda: self.now(), lambda: True),
            environ={},
        )
        if not store.clerks.everyone():
            pins = PickupKey.from_existing(ParcelSettings(), folder, {}).pins()
            store.clerks.add("Aygul", Role.CLERK, pins.hash(PIN), STAMP)

    def begin(self) -> CounterSession:
        self.session = self.service.access.sign_in("01", PIN)
        self.service.counter.receiving.set_mode(self.session, "in")
        return self.session

    def wait(self, check: Callable[[CounterSnapshot], object]) -> CounterSnapshot:
        deadline = monotonic() + WAIT_S
        snapshot = self.service.counter_board.snapshot()
        while not check(snapshot):
            newer = self.service.counter_board.wait(snapshot.number, deadline - monotonic())
            assert newer is not None, snapshot
            snapshot = newer
        return snapshot


@contextmanager
def opened(store: Store, folder: Path, camera: FakeCamera | None = None, receipts: str = "escpos") -> Iterator[Station]:
    station = Station(store, folder, camera, receipts)
    station.service.start()
    try:
        station.begin()
        yield station
    finally:
        station.service.stop()


def test_a_scan_prints_label_and_slip_and_the_slip_forgets_its_code(store: Store, tmp_path: Path) -> None:
    with opened(store, tmp_path) as station:
        with watching(station.service.counter_board):
            station.service.scans.on_scan(waybill(1))
        seen = station.wait(lambda seen: seen.view.last and seen.view.pending_prints == 0)
        assert seen.view.last is not None
        assert seen.view.last.word == "shelved"
        station.label.sheets.wait(lambda sheets: len(sheets) == 1)
        station.receipt.sheets.wait(lambda sheets: len(sheets) == 1)
    assert store.papers.summary()["printed"] == 2
    assert (tmp_path / "pickup-key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("receipts", "printer"), [("escpos", "label"), ("office_a4", "receipt")])
def test_a_manifest_comes_out_of_the_printer_that_prints_a4(
    store: Store, tmp_path: Path, receipts: str, printer: str
) -> None:
    """Whichever of the two it stands in for; without one the label printer has stock of 100 x 150 mm."""
    with opened(store, tmp_path, receipts=receipts) as station:
        counter = station.service.counter
        row = station.service.counter.scans.scan(station.session, ParsedScan.of(waybill(1))).parcel
        assert row is not None
        counter.shelf.mark_due_back(station.session, str(row.number))
        counter.totes.pack(station.session, [str(row.number)])
        (tote,) = counter.totes.packed_totes(station.session)
        counter.totes.hand_over(station.session, [tote.number.text("T")])
        sheet = counter.totes.manifest(station.session)
        assert sheet is not None and sheet.printer == printer
        station.wait(lambda seen: seen.view.pending_prints == 0)
        out = station.receipt if printer == "receipt" else station.label
        assert any(len(data) > 10_000 for data in out.sheets.told)
    assert store.papers.latest("manifest") == replace(sheet, state="printed", attempts=1)


def test_a_damaged_one_is_shot_by_itself_and_kept_apart(store: Store, tmp_path: Path) -> None:
    with opened(store, tmp_path) as station:
        counter = station.service.counter
        counter.receiving.damaged_next(station.session, True)
        row = counter.scans.scan(station.session, ParsedScan.of(waybill(1))).parcel
        assert row is not None
        photo = station.wait(lambda seen: seen.view.photo.state == "done").view.photo
        accepted = counter.shelf.accept_damaged(station.session, str(row.number))
        assert photo.sha256 is not None
        assert accepted.photo_sha256 == photo.sha256
        path = station.service.parcel_photos.path(photo.sha256)
        assert path is not None
        assert path.read_bytes() == FakeCamera().pictures[0]
        assert station.service.photo_folder.path(photo.sha256) is None, "nothing public leads to it"


def test_a_shot_of_an_intake_is_told_at_the_counter_too(store: Store, tmp_path: Path) -> None:
    intake = bring_in(store, ())
    with opened(store, tmp_path) as station:
        station.service.counter.lot_shots.take(station.session, intake.receipt)
        seen = station.wait(lambda seen: seen.view.photo.state == "done")
        assert seen.view.shot_of == intake.lot
    assert len(store.photos.of_lot(intake.lot)) == 2, "cut out, and on the mat"


def test_a_shot_that_a_clerk_overrules_is_kept_and_told_with_their_name(store: Store, tmp_path: Path) -> None:
    intake = bring_in(store, ())
    with opened(store, tmp_path) as station:
        station.camera.plan.append(BLUR)
        shots = station.service.counter.lot_shots
        shots.take(station.session, intake.receipt)
        station.wait(lambda seen: seen.view.photo.state == "retake")
        assert store.photos.of_lot(intake.lot) == []
        shots.overrule(station.session, intake.receipt, station.service.counter.state.view().photo.token)
        assert station.wait(lambda seen: seen.view.photo.state == "done").view.shot_of == intake.lot
    rows = store.photos.of_lot(intake.lot)
    assert [(row.overruled, row.actor) for row in rows] == [((BLUR,), "clerk:01")] * 2
    told = [json.loads(event.body) for event in store.outbox.pending(100)][-2]
    assert (told["type"], told["data"]["actor"]) == ("station.photo.taken.v2", "clerk:01")
    assert told["data"]["overruled"] == [{"reason": "blur", "value": 4_000, "limit": 3_000}]


def test_without_the_counter_in_sight_scans_are_the_villagers(store: Store, tmp_path: Path) -> None:
    with opened(store, tmp_path) as station:
        station.service.scans.on_scan(CARD)
        assert station.service.desk.view().party is not None
        station.service.scans.on_scan("https://example.test")
        assert station.service.board.snapshot().notice.word == "url"
        station.service.scans.on_scan("https://example.test")
        assert station.service.board.snapshot().notice.count == 2


def test_a_power_cut_while_a_slip_is_printed_asks_for_a_new_code_never_a_copy(store: Store, tmp_path: Path) -> None:
    station = Station(store, tmp_path)
    station.receipt.plan.append(AfterTheMark(PowerCut()))
    with power_cuts() as seen:
        station.service.start()
        session = station.begin()
        row = station.service.counter.scans.scan(session, ParsedScan.of(waybill(1))).parcel
        station.receipt.asked.wait(lambda asked: len(asked) == 1)
        station.service.stop()
    assert seen == [PowerCut]
    assert row is not None
    with opened(store, tmp_path) as again:
        (slip,) = [job for job in again.service.counter.papers.queue(again.session) if job.document == "pickup_slip"]
        assert (slip.state, slip.about) == ("unknown", str(row.number))
        assert slip.body == b""
        assert refused(lambda: again.service.counter.papers.resolve(again.session, slip.id, False)).code == "reissue"
        again.service.counter.codes.reissue(again.session, str(row.number))
        again.receipt.sheets.wait(lambda sheets: len(sheets) == 1)


def test_the_station_tidies_a_shot_that_nobody_waits_for(store: Store, tmp_path: Path) -> None:
    left = Station(store, tmp_path)
    left.begin()
    counter = left.service.counter
    counter.receiving.damaged_next(left.session, True)
    row = counter.scans.scan(left.session, ParsedScan.of(waybill(1))).parcel
    assert row is not None
    left.service.parcel_photos.keep(row.number, shot())
    store.parcels.refuse(row.number, "clerk:01", STAMP)
    left.service.stop()
    with opened(store, tmp_path) as station:
        assert station.service.parcel_photos.path(shot().sha256) is None


def test_days_pass_by_themselves(store: Store, tmp_path: Path) -> None:
    first = Station(store, tmp_path)
    first.begin()
    first.service.counter.scans.scan(first.session, ParsedScan.of(waybill(1)))
    first.service.stop()
    late = Station(store, tmp_path)
    late.now = walking(NOW + 4 * 86_400)
    late.service.start()
    deadline, seen = monotonic() + WAIT_S, late.service.board.snapshot()
    while not store.parcels.in_states([ParcelState.OVERDUE]):
        newer = late.service.board.wait(seen.number, deadline - monotonic())
        assert newer is not None
        seen = newer
    late.service.stop()


def test_the_sweeper_ends_with_the_station(store: Store, tmp_path: Path) -> None:
    with opened(store, tmp_path):
        assert "counter-sweeper" in {thread.name for thread in threading.enumerate()}
    assert "counter-sweeper" not in {thread.name for thread in threading.enumerate()}


def test_nothing_a_villager_knows_is_logged(store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"), opened(store, tmp_path) as station:
        for number in range(1, 4):
            station.service.counter.scans.scan(station.session, ParsedScan.of(waybill(number)))
        station.service.scans.on_scan("13800138000")
        station.wait(lambda seen: seen.view.pending_prints == 0)
    assert waybill(1) not in caplog.text
    assert "13800138000" not in caplog.text
    assert PIN not in digits_in(caplog.text)


def test_what_a_villager_left_comes_to_the_counter_and_is_given_up_in_time(store: Store, tmp_path: Path) -> None:
    with opened(store, tmp_path) as station:
        desk = station.service.desk
        now = [100.0]
        station.read_at = lambda: now[0]

        def rest(grams: int) -> None:
            for _ in range(8):
                now[0] += 0.1
                weight = Decimal(grams).scaleb(-3)
                desk.readings.on_reading(Reading(weight, "kg", None, None, None, None, b""), now[0])

        rest(0)
        desk.choices.scan(CARD)
        desk.choices.choose_product("BADAM", store.catalogs.get()[0])
        rest(12_480)
        view = desk.view()
        desk.loads.another_bag(view.reading_no, view.token)
        rest(0)
        desk.intake_exit.leave(idle=True)
        receipt = station.wait(lambda seen: seen.view.unfinished).view.unfinished
        now[0] += 601.0
        station.wait(lambda seen: not seen.view.unfinished)
        assert store.intakes.confirmed(receipt) is None
        assert store.intakes.abandon_left_open(STAMP) == []
        answer = refused(lambda: station.service.counter.intakes.take_up(station.session, receipt))
        assert answer.code == "stale_page"
