"""One scanner, two faces."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from kiosk.devices.scanner.hid_pos import HidPosDevice
from kiosk.devices.scanner.reader import ScannerReader
from kiosk.devices.scanner.report import ScanReporter
from kiosk.domain.identifiers import internal_code
from kiosk.domain.parcel import ParcelState
from kiosk.domain.slip import CheckedSlip, SlipVerdict
from kiosk.protocols.barcodes.refusal import ScanRefusal
from kiosk.simulators.scanner.hid_pos import HidPosScannerSimulator
from kiosk.station.counter.state import CounterBoard, CounterView
from kiosk.station.desk.live import LiveBoard
from kiosk.station.desk.view import DeskRefused, DeskView
from kiosk.station.scan_router import ScanRouter
from kiosk.station.slips import PublicSlips
from kiosk.store.shared.records import ParcelRow
from tests.station.counter.acts import watching
from tests.station.counter.rig import PIN, CounterRig, foreign, waybill
from tests.station.fakes import CARD, Rig
from tests.station.hardware import Heard
from tests.station.papers_signed import paper


class FakeDesk:
    def __init__(self) -> None:
        self.cards: list[str] = []
        self.certificates: list[str] = []
        self.busy = False
        self.error: Exception | None = None

    def scan(self, text: str) -> DeskView:
        self.cards.append(text)
        if self.error is not None:
            raise self.error
        return None  # type: ignore[return-value]

    def show_certificate(self, text: str) -> DeskView:
        if not self.busy:
            raise DeskRefused("wrong_step")
        self.certificates.append(text)
        return None  # type: ignore[return-value]


class Faces:
    """A router with both faces in reach."""

    def __init__(self, rig: CounterRig) -> None:
        self.rig = rig
        self.desk = FakeDesk()
        self.board = CounterBoard(CounterView())
        self.notices: list[tuple[str, ParcelRow | None, int]] = []
        self.public, self.asked = LiveBoard(Rig().desk.view()), list[str]()
        self.slips = PublicSlips(self.check, self.public)
        self.router = ScanRouter(rig.counter, self.board, rig.access, self.desk, self.slips, self.notice)

    def notice(self, word: str, parcel: ParcelRow | None, wait_s: int) -> None:
        self.notices.append((word, parcel, wait_s))

    def check(self, text: str) -> CheckedSlip:
        self.asked.append(text)
        return CheckedSlip(SlipVerdict.UNREADABLE)

    def checked(self) -> tuple[str, str]:
        """The newest slip, and what the board says of it."""
        return self.asked[-1], self.public.snapshot().notice.word

    def at_counter(self, text: str) -> None:
        with watching(self.board):
            self.router.on_scan(text)


@pytest.fixture
def faces(rig: CounterRig) -> Faces:
    return Faces(rig)


def test_an_open_unlocked_counter_gets_everything(faces: Faces) -> None:
    faces.rig.counter.receiving.set_mode(faces.rig.session, "in")
    faces.at_counter(waybill(1))
    faces.at_counter(CARD)
    last = faces.rig.counter.state.view().last
    assert last is not None
    assert last.kind == "member"
    assert faces.rig.store.parcels.by_waybill(waybill(1)) is not None
    assert (faces.desk.cards, faces.notices) == ([], [])


def test_two_scanners_at_once_book_every_parcel_once(faces: Faces, tmp_path: Path) -> None:
    """Each has its thread; the same label before both at the same moment is one parcel."""
    faces.rig.counter.receiving.set_mode(faces.rig.session, "in")
    numbers = [waybill(number) for number in range(5)]  # as many as there are slots
    taken = Heard()

    def on_scan(text: str) -> None:
        faces.router.on_scan(text)
        taken(text)

    with ExitStack() as ends:
        ends.enter_context(watching(faces.board))
        simulators = []
        for name in ("left", "right"):
            simulators.append(ends.enter_context(HidPosScannerSimulator(tmp_path / name)))
            states = Heard()
            report = ScanReporter(on_scan, states, lambda: 0.0)
            reader = ScannerReader(HidPosDevice(str(tmp_path / name), report), report)
            reader.start()
            ends.callback(reader.stop, 30.0)
            states.wait(lambda told: told == ["ok"])
        for left, right in zip(numbers, reversed(numbers), strict=True):
            simulators[0].scan(left)
            simulators[1].scan(right)
        taken.wait(lambda told: len(told) == 2 * len(numbers))
    rows = faces.rig.store.parcels.in_states(list(ParcelState))
    assert sorted(row.waybill for row in rows) == numbers
    assert len({row.shelf for row in rows}) == len(numbers)


def test_a_counter_that_nobody_looks_at_gets_nothing(faces: Faces) -> None:
    faces.rig.counter.receiving.set_mode(faces.rig.session, "in")
    faces.router.on_scan(waybill(1))
    assert faces.rig.store.parcels.in_states(list(ParcelState)) == []
    assert faces.notices == [("not_a_member_card", None, 0)]


def test_a_locked_counter_and_a_technicians_get_nothing(faces: Faces) -> None:
    faces.rig.access.sign_in("03", PIN)
    faces.at_counter(CARD)
    faces.rig.clock.wait(301)
    faces.at_counter(CARD)
    assert faces.desk.cards == [CARD, CARD]
    assert faces.rig.counter.state.view().last is None


def test_a_slip_at_the_public_face_puts_its_parcel_up(faces: Faces) -> None:
    row = faces.rig.bring()
    faces.router.on_scan(faces.rig.slip_of(row))
    ((word, parcel, _),) = faces.notices
    assert word == "my_parcel"
    assert parcel is not None
    assert (parcel.shelf, parcel.waybill) == ("A-1-01", "0001")
    assert faces.rig.counter.state.view().handover == row


def test_a_slip_calls_the_clerk_who_is_away(faces: Faces) -> None:
    row = faces.rig.bring()
    faces.rig.clock.wait(301)
    faces.router.on_scan(faces.rig.slip_of(row))
    assert [word for word, _, _ in faces.notices] == ["clerk_called"]
    assert faces.rig.counter.state.view().handover == row


def test_wrong_slips_lock_the_public_face(faces: Faces) -> None:
    row = faces.rig.bring()
    wrong = row.number.slip_code(faces.rig.wrong_code())
    for _ in range(6):
        faces.rig.clock.wait(6)
        faces.router.on_scan(wrong)
    assert [word for word, _, _ in faces.notices] == ["wrong_code"] * 5 + ["code_locked"]
    assert faces.notices[-1][2] == 594


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("13800138000", "phone_number"),
        ("653125199001011234", "id_number"),
        ("https://example.test", "url"),
        ("WIFI:S:x;;", "wifi"),
        ("6901234567892", "product"),
        ("\x1b[A", "control"),
        (waybill(1), "not_a_member_card"),
        ("hello", "not_a_member_card"),
        (internal_code("R", "0147A000001"), "not_a_member_card"),
        (foreign("K"), "foreign_code"),
        (CARD[:-1] + "0", "not_a_member_card"),
    ],
)
def test_everything_else_is_named_and_not_logged(
    faces: Faces, caplog: pytest.LogCaptureFixture, text: str, word: str
) -> None:
    with caplog.at_level(logging.DEBUG):
        faces.router.on_scan(text)
    assert faces.notices == [(word, None, 0)]
    assert faces.desk.cards == []
    assert text not in caplog.text


def test_the_number_of_a_certificate_is_taken_while_somebody_brings_goods(faces: Faces) -> None:
    faces.router.on_scan("C-0147-260914-11")
    assert faces.notices == [("not_a_member_card", None, 0)]
    faces.desk.busy = True
    faces.router.on_scan("C-0147-260914-11")
    assert (faces.desk.certificates, len(faces.notices)) == (["C-0147-260914-11"], 1)


@pytest.mark.parametrize(
    "text",
    ["13800138000", "653125199001011234", "https://a.test/1", waybill(1), "WIFI:S:x;;", foreign("K"), "6901234567892"],
)
def test_a_stranger_s_code_is_no_certificate(faces: Faces, text: str) -> None:
    faces.desk.busy = True
    faces.router.on_scan(text)
    assert faces.desk.certificates == []
    assert len(faces.notices) == 1


def test_what_the_desk_refuses_is_a_notice(faces: Faces) -> None:
    faces.desk.error = DeskRefused("unknown_member")
    faces.router.on_scan(CARD)
    assert faces.notices == [("unknown_member", None, 0)]


@pytest.mark.parametrize("break_", ["desk", "store"])
def test_the_scanners_thread_never_hears_of_a_failure(
    faces: Faces, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, break_: str
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    acts: dict[str, Callable[[], None]] = {
        "desk": lambda: faces.router.on_scan(CARD),
        "store": lambda: faces.at_counter(waybill(1)),
    }
    faces.desk.error = RuntimeError("broken")
    monkeypatch.setattr(faces.rig.store.parcels, "by_waybill", broken)
    acts[break_]()
    assert "a scan could not be taken" in caplog.text
    assert waybill(1) not in caplog.text


def test_a_receipt_at_the_public_face_is_checked(faces: Faces, caplog: pytest.LogCaptureFixture) -> None:
    """With and without the identifier of its symbology; nothing of it is logged."""
    caplog.set_level(logging.DEBUG)
    for text in (paper(), f"]Q1{paper()}", f"{paper()}\r\n"):
        faces.router.on_scan(text)
        assert faces.checked() == (paper(), "slip.unreadable")
    assert faces.notices == []
    assert paper()[-40:] not in caplog.text


def test_whatever_is_held_here_while_a_receipt_is_asked_for_is_a_bad_one(faces: Faces) -> None:
    faces.slips.hold()
    for text in (paper()[:200], paper()[-200:], waybill(1), "https://example.invalid", "6901234567892"):
        faces.router.on_scan(text)
        assert faces.checked() == (text, "slip.unreadable")
    faces.router.on_refused(ScanRefusal.HALF)
    assert faces.checked() == ("", "slip.unreadable")
    assert (faces.desk.cards, faces.notices) == ([], [])
    faces.router.on_scan(CARD)
    assert faces.desk.cards == [CARD], "a member card begins an intake, as ever"


def test_where_none_is_asked_for_a_bad_scan_is_named_as_ever(faces: Faces) -> None:
    faces.router.on_scan(paper()[-200:])
    faces.router.on_refused(ScanRefusal.HALF)
    assert [word for word, _, _ in faces.notices] == ["not_a_waybill", "scan_half"]
    assert faces.asked == []


def test_a_receipt_at_the_open_counter_is_the_clerks(faces: Faces) -> None:
    faces.at_counter(paper())
    last = faces.rig.counter.state.view().last
    assert last is not None
    assert (last.kind, last.word, last.path, last.shown) == ("slip", "unreadable", "/counter/slip", "")
    assert faces.public.snapshot().notice.count == 0
