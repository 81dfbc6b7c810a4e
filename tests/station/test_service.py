"""The station as one thing, in one process: real store and desk, fakes only where the hardware would be."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from kiosk.devices.ports import LinkState, PrinterFault, PrintNotStarted, Scale, ScaleListener
from kiosk.domain.intake import Intake
from kiosk.domain.metrology.pan import PanState
from kiosk.domain.trade import Mode, Party
from kiosk.messaging.relay.shared.faults import LinkFault
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.station.desk.live import Snapshot
from kiosk.station.desk.view import DeskRefused, DeskStep, DeskView
from kiosk.station.doctor.status_files import RelayStatusFile
from kiosk.station.service import Hardware, ServiceSettings, StationService
from kiosk.station.shared.clock import StationClock
from kiosk.station.shared.settings import CountyKeys, StationSettings
from kiosk.store import DiskFull, Store
from kiosk.store.database.opening import OpenOptions
from tests.station.fakes import PROFILE, STAMP, walking
from tests.station.hardware import (
    BLUR,
    FACE,
    WAIT_S,
    AfterTheMark,
    FakeCamera,
    FakePrinter,
    PowerCut,
    bring_in,
    judged,
    power_cuts,
)

NOW = datetime(2026, 11, 25, 6, 5, tzinfo=UTC).timestamp()


class FakeScale:
    """Reads what it is told, a tenth of a second apart on its own clock."""

    def __init__(self, listener: ScaleListener) -> None:
        self.listener = listener
        self.now = 100.0
        self.running = False
        self.pulse: float | None = None

    def start(self) -> None:
        self.running = True
        self.listener.on_link(LinkState.CONNECTED, "the scale is connected", self.now)

    def stop(self, timeout_s: float = 2.0) -> None:
        self.running = False

    def rest(self, grams: int) -> None:
        for _ in range(8):
            self.now += 0.1
            self.listener.on_reading(Reading(Decimal(grams).scaleb(-3), "kg", None, None, None, None, b""), self.now)


@dataclass
class Shop:
    """A service with its hardware in reach."""

    service: StationService
    scale: FakeScale
    label: FakePrinter
    receipt: FakePrinter
    camera: FakeCamera

    def wait(self, check: Any) -> Snapshot:
        """The first snapshot of the board for which ``check`` holds."""
        deadline = monotonic() + WAIT_S
        snapshot = self.service.board.snapshot()
        while not check(snapshot):
            newer = self.service.board.wait(snapshot.number, deadline - monotonic())
            assert newer is not None, snapshot
            snapshot = newer
        return snapshot

    def printed(self, *states: str) -> Snapshot:
        return self.wait(lambda seen: [row.state for row in seen.view.prints] == list(states))

    def agreed(self, grams: int = 12_450) -> DeskView:
        """The next person comes with this load and agrees."""
        desk = self.service.desk
        self.scale.rest(0)
        desk.intake_exit.leave()
        self.scale.rest(grams)
        desk.choices.choose_party("04412")
        shown = desk.choices.choose_product("BADAM", desk.view().catalog_version)
        return desk.agreement.agree(shown.reading_no, shown.token)


def settings(folder: Path) -> StationSettings:
    return StationSettings("S0147", "yarkant", folder)


def no_paper() -> list[PrintNotStarted]:
    """For as long as the test lasts, however often the worker tries again."""
    return [PrintNotStarted("no paper", (PrinterFault.PAPER_OUT,))] * 1000


def make(
    store: Store,
    folder: Path,
    printers: dict[str, FakePrinter] | None = None,
    *,
    relay: bool = True,
    county: CountyKeys | None = None,
) -> Shop:
    label, receipt, camera = FakePrinter(), FakePrinter(language="escpos"), FakeCamera()
    scales: list[FakeScale] = []

    def scale(listener: ScaleListener) -> Scale:
        scales.append(FakeScale(listener))
        return scales[0]

    hardware = Hardware(
        PROFILE,
        scale,
        {"label": label, "receipt": receipt} if printers is None else printers,
        camera,
        clock=lambda: scales[0].now,
    )
    clock = StationClock("Asia/Shanghai", "boot-2", walking(NOW), lambda: True)
    service = StationService(ServiceSettings(settings(folder), county=county, relay=relay), store, hardware, clock)
    return Shop(service, scales[0], label, receipt, camera)


@contextmanager
def opened(store: Store, folder: Path, **options: Any) -> Iterator[Shop]:
    shop = make(store, folder, **options)
    shop.service.start()
    try:
        yield shop
    finally:
        shop.service.stop()


def test_a_card_full_of_photographs_takes_no_more_and_weighs_on(store: Store, tmp_path: Path) -> None:
    """One file of 4 GB that takes up no room stands for all that was shot and not sent."""
    filler = tmp_path / "photos" / "ab" / f"{'ab' * 32}.jpg"
    filler.parent.mkdir(parents=True)
    with filler.open("wb") as file:
        file.truncate(4_000_000_000)
    with opened(store, tmp_path) as shop:
        shop.wait(lambda seen: seen.marks.scale == "ok")
        for grams in (12_450, 9_800):
            assert shop.agreed(grams).step is DeskStep.TAKE
            shop.printed("printed", "printed")
            shop.service.desk.result_screen.take_photo()
            photo = shop.wait(lambda seen: seen.view.photo.state not in ("offered", "taking")).view.photo
            assert (photo.state, photo.problem) == ("failed", "photo_room")
            shop.service.desk.result_screen.finish()
        assert shop.camera.shooting.told == []
    assert len(store.intakes.recent()) == 2
    assert filler.exists()


def test_from_the_first_reading_to_the_papers_the_shot_and_the_count(store: Store, tmp_path: Path) -> None:
    with opened(store, tmp_path) as shop:
        assert shop.wait(lambda seen: seen.marks.scale == "ok").marks.printer == "ok"
        shown = shop.agreed()
        assert (shown.step, shown.party) == (DeskStep.TAKE, Party("M-04412"))
        shop.printed("printed", "printed")
        assert len(shop.label.sheets.told) == len(shop.receipt.sheets.told) == 1
        assert shop.label.sheets.told[0].startswith(b"SIZE 60")

        shop.service.desk.result_screen.take_photo()
        photo = shop.wait(lambda seen: seen.view.photo.state == "done").view.photo
        assert photo.sha256 is not None
        path = shop.service.photo_folder.path(photo.sha256)
        master = judged(b"one").master
        assert path is not None and master is not None
        assert path.read_bytes() == master.jpeg
        last = store.outbox.counts().last_seq
        shop.wait(lambda seen: seen.pending == last)
    result = shown.result
    assert result is not None
    row = store.intakes.confirmed(result.receipt)
    assert row is not None
    assert (row.gross_g, row.tare_g, row.net_g, row.amount_fen) == (12_450, 0, 12_450, 29_880)
    assert store.photos.of_lot(row.lot)[0].sha256 == photo.sha256
    assert (shop.scale.running, shop.camera.closed) == (False, True)


def test_a_face_leaves_no_trace_on_the_card(store: Store, tmp_path: Path) -> None:
    """Nor does any other shot that was not accepted: no file, no row, no event."""
    with opened(store, tmp_path) as shop:
        shop.wait(lambda seen: seen.marks.scale == "ok")
        shop.agreed()
        shop.camera.plan.extend((FACE, BLUR))
        told = store.outbox.counts().last_seq
        for tries in (1, 2):
            shop.service.desk.result_screen.take_photo()
            shop.wait(lambda seen, tries=tries: seen.view.photo.tries == tries)
        assert store.outbox.counts().last_seq == told
    assert list((tmp_path / "photos").rglob("*.jpg")) == []
    assert store.photos.oldest(10) == []


def test_the_second_tick_comes_when_the_relay_has_heard(store: Store, tmp_path: Path) -> None:
    relay = Store.open(tmp_path / "station.db", "S0147", STAMP, OpenOptions(reserve_bytes=0))
    with opened(store, tmp_path) as shop:
        shop.agreed()
        shop.printed("printed", "printed")
        relay.outbox.acknowledge(store.outbox.counts().last_seq, [])
        seen = shop.wait(lambda seen: seen.view.result is not None and seen.view.result.acknowledged)
        shop.wait(lambda seen: seen.pending == 0)
        assert seen.view.step is DeskStep.TAKE
    relay.close()


def test_a_broker_that_refuses_turns_the_network_mark_gray(store: Store, tmp_path: Path) -> None:
    """The relay, a process of its own, has said so in its file."""
    with opened(store, tmp_path) as shop:
        RelayStatusFile(tmp_path).fault(LinkFault.NOT_AUTHORIZED)
        assert shop.wait(lambda seen: seen.marks.link != "ok").marks.link == "link_down"


def test_a_station_without_a_relay_shows_no_link_that_is_well(store: Store, tmp_path: Path) -> None:
    with opened(store, tmp_path, relay=False) as shop:
        assert shop.wait(lambda seen: seen.marks.link != "ok").marks.link == "link_none"


def test_a_printer_in_trouble_is_on_every_screen_until_it_is_well(store: Store, tmp_path: Path) -> None:
    with opened(store, tmp_path) as shop:
        shop.label.plan.extend(no_paper())
        shop.agreed()
        shop.wait(lambda seen: seen.marks.printer == "paper_out")
        shop.label.plan.clear()
        shop.agreed()
        shop.printed("printed", "printed")
        shop.wait(lambda seen: seen.marks.printer == "ok")


def test_a_well_printer_does_not_hide_the_trouble_of_the_other(store: Store, tmp_path: Path) -> None:
    with opened(store, tmp_path) as shop:
        shop.label.plan.extend(no_paper())
        shop.agreed()
        shop.wait(lambda seen: seen.marks.printer == "paper_out")
        shop.printed("queued", "printed")
        assert shop.service.board.snapshot().marks.printer == "paper_out"


def test_a_restart_settles_what_was_open_and_prints_nothing_twice(store: Store, tmp_path: Path) -> None:
    first = bring_in(store)
    (label, receipt) = store.papers.of_receipt(first.receipt)
    store.papers.sending(label.id)
    store.papers.sending(receipt.id)
    store.papers.done(receipt.id)
    version, _ = store.catalogs.get()
    left = store.intakes.open(lambda number: Intake(number, Party(None), "BADAM", Mode.PURCHASE, version, 2200), STAMP)
    with opened(store, tmp_path) as shop:
        assert [job.state for job in store.papers.of_receipt(first.receipt)] == ["unknown", "printed"]
        assert shop.service.board.snapshot().marks.printer == "printer_unknown"
        assert store.intakes.abandon_left_open(STAMP) == []
        assert store.intakes.confirmed(str(left.receipt)) is None
        shown = shop.agreed()
        assert shown.result is not None
        assert shown.result.receipt == "0147-A-000003", "an abandoned number is not given out again"
        shop.printed("printed", "printed")
        shop.wait(lambda seen: seen.marks.printer == "ok")
    assert len(shop.label.sheets.told) == 1
    assert [job.state for job in store.papers.of_receipt(first.receipt)] == ["unknown", "printed"]


def test_a_repeated_tap_after_a_restart_shows_the_first_result(store: Store, tmp_path: Path) -> None:
    with opened(store, tmp_path) as shop:
        shop.scale.rest(0)
        shop.scale.rest(12_450)
        shop.service.desk.choices.choose_party("04412")
        page = shop.service.desk.choices.choose_product("BADAM", 1)
        shop.service.desk.agreement.agree(page.reading_no, page.token)
    with opened(store, tmp_path) as again:
        again.printed()
        view = again.service.desk.agreement.agree(page.reading_no, page.token)
        assert view.result is not None
        assert (view.step, view.result.receipt) == (DeskStep.TAKE, "0147-A-000001")
    assert len(store.intakes.recent()) == 1


def test_a_paper_without_a_printer_is_not_waited_for(store: Store, tmp_path: Path) -> None:
    label = FakePrinter()
    with opened(store, tmp_path, printers={"label": label}) as shop:
        shown = shop.agreed()
        shop.printed("printed")
        assert shown.result is not None
        assert [job.document for job in store.papers.of_receipt(shown.result.receipt)] == ["bag_label"]
        shop.scale.rest(0)
        assert shop.service.desk.intake_exit.leave(idle=True).step is DeskStep.HOME


def test_labels_come_out_by_the_layout_that_was_chosen_last(store: Store, tmp_path: Path) -> None:
    with opened(store, tmp_path) as shop:
        for name, size in (("bag_small", b"SIZE 40"), ("bag", b"SIZE 60")):
            shop.service.own_layouts.choose("bag", name)
            shop.agreed()
            shop.printed("printed", "printed")
            assert shop.label.sheets.told[-1].startswith(size)


def test_a_body_that_cannot_be_drawn_does_not_hold_up_the_next_intake(store: Store, tmp_path: Path) -> None:
    bad = bring_in(store)
    with opened(store, tmp_path) as shop:
        shop.agreed()
        shop.printed("printed", "printed")
    assert [job.state for job in store.papers.of_receipt(bad.receipt)] == ["unknown", "unknown"]


def test_an_unset_clock_books_and_prints_without_a_date(store: Store, tmp_path: Path) -> None:
    shop = make(store, tmp_path)
    shop.service.clock = StationClock("Asia/Shanghai", "boot-2", walking(7.0), lambda: True)
    shop.service.start()
    shown = shop.agreed()
    shop.printed("printed", "printed")
    shop.service.stop()
    assert shown.result is not None
    assert all(b'"date":null' in job.body for job in store.papers.of_receipt(shown.result.receipt))


def test_the_words_of_the_scale(store: Store, tmp_path: Path) -> None:
    with opened(store, tmp_path) as shop:
        shop.scale.rest(5000)
        for state, word in ((LinkState.SILENT, "scale_silent"), (LinkState.MISSING, "scale_missing")):
            shop.scale.listener.on_link(state, "gone", shop.scale.now)
            seen = shop.wait(lambda seen, word=word: seen.marks.scale == word)
            assert (seen.view.pan.state, seen.view.pan.grams) == (PanState.LOST, None)
        shop.scale.listener.on_link(LinkState.CONNECTED, "back", shop.scale.now)
        shop.wait(lambda seen: seen.marks.scale == "ok")


def test_a_start_that_fails_can_be_stopped_and_says_why(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise DiskFull("the disk is full")

    monkeypatch.setattr(store.papers, "recover", full)
    shop = make(store, tmp_path)
    with pytest.raises(DiskFull):
        shop.service.start()
    shop.service.stop()
    assert shop.camera.closed


def test_pictures_that_cannot_be_tidied_keep_no_station_from_weighing(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for place in ("photos/ab/.x.part", "parcel-photos/new/.x.part"):
        (tmp_path / place).mkdir(parents=True)  # as a card that forgets leaves it
    with opened(store, tmp_path) as shop:
        assert shop.agreed().step is DeskStep.TAKE
    assert "the pictures of goods cannot be tidied" in caplog.text
    assert "the pictures of parcels cannot be tidied" in caplog.text


def test_a_part_that_does_not_stop_keeps_no_other_from_stopping(store: Store, tmp_path: Path) -> None:
    shop = make(store, tmp_path)
    shop.service.start()

    def stuck(timeout_s: float = 2.0) -> None:
        raise TimeoutError("the scale did not stop")

    shop.scale.stop = stuck  # type: ignore[method-assign]
    with pytest.raises(TimeoutError):
        shop.service.stop()
    assert shop.camera.closed
    others = [thread for thread in threading.enumerate() if thread.name.startswith(("print-", "photo", "outbox"))]
    for thread in others:  # told to end and not waited for without end
        thread.join(WAIT_S)
    assert not any(thread.is_alive() for thread in others)


def test_after_a_power_cut_between_mark_and_paper_a_person_decides(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    go_on = threading.Event()
    shop = make(store, tmp_path)
    shop.label.plan.append(AfterTheMark(PowerCut()))
    shop.receipt.plan.append(go_on)
    with power_cuts() as seen:
        shop.service.start()
        shown = shop.agreed()
        shop.printed("sending", "sending")
        go_on.set()
        shop.printed("sending", "printed")
        shop.service.stop()
    assert seen == [PowerCut]
    with caplog.at_level(logging.WARNING), opened(store, tmp_path) as again:
        again.wait(lambda seen: seen.marks.printer == "printer_unknown")
    assert shown.result is not None
    assert [job.state for job in store.papers.of_receipt(shown.result.receipt)] == ["unknown", "printed"]
    assert again.label.asked.told == again.receipt.asked.told == []
    assert shown.result.receipt in caplog.text


def test_a_scan_of_nonsense_opens_nothing(store: Store, tmp_path: Path) -> None:
    with opened(store, tmp_path) as shop:
        shop.scale.rest(0)
        with pytest.raises(DeskRefused):
            shop.service.desk.choices.scan("6901234567892")
        assert shop.service.board.snapshot().view.step is DeskStep.HOME


def test_an_altered_record_is_told_at_the_start_and_the_station_weighs_on(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(store, tmp_path) as shop:
        row = shop.agreed().result
        assert row is not None
        receipt = row.receipt
    with closing(sqlite3.connect(tmp_path / "station.db")) as db:
        db.execute("UPDATE intake SET net_g = net_g + 500, gross_g = gross_g + 500")
        db.commit()
    told = threading.Event()

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if f"the record of {receipt} is not what was sealed: gross_g, net_g" in record.getMessage():
                told.set()

    handler = Told()
    logging.getLogger("kiosk.station.service").addHandler(handler)
    try:
        with opened(store, tmp_path) as shop:
            assert told.wait(WAIT_S)
            assert shop.agreed().step is DeskStep.TAKE
    finally:
        logging.getLogger("kiosk.station.service").removeHandler(handler)
