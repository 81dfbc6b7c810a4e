"""Recorded key events of hostile scans through the real adapter to both faces: each is refused and named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from kiosk.devices.scanner.evdev import EvdevDevice
from kiosk.devices.scanner.keys import LAYOUT_64, NATIVE
from kiosk.devices.scanner.reader import ScannerReader
from kiosk.devices.scanner.report import ScanReporter
from kiosk.domain.parcel import ParcelState
from kiosk.protocols.barcodes.refusal import ScanRefusal
from kiosk.simulators.scanner.typing import TypingScannerSimulator
from tests.simulators.scanner.recordings import HOSTILE
from tests.station.counter.acts import watching
from tests.station.counter.rig import CounterRig
from tests.station.hardware import Heard
from tests.station.test_scan_router import Faces

GOLDEN = Path(__file__).resolve().parents[1] / "golden/scans"
CONTROL, LONG = {ScanRefusal.CONTROL.value}, {ScanRefusal.TOO_LONG.value}
NO_CODE = {"text", "command", "not_a_waybill", "not_a_member_card"}
"""Which of them a text is called is told in test_scans.py, and of a scan's meaning in the tests of its room."""

NAMED = dict.fromkeys(HOSTILE, CONTROL) | {
    "adf_newland": NO_CODE,
    "adf_symbol": NO_CODE,
    "qr_4_kb": LONG,
    "url": {"url"},
    "url_script": {"url"},
    "wifi": {"wifi"},
    "zpl": NO_CODE,
    "sql": NO_CODE,
    "foreign_kind_of_code": {"text", "unknown_code"},
}


def native(recording: bytes) -> bytes:
    """The same events for a reader with this machine's longs."""
    return b"".join(NATIVE.pack(*event) for event in LAYOUT_64.iter_unpack(recording))


@contextmanager
def typing(faces: Faces, folder: Path, told: Callable[[], str]) -> Iterator[tuple[TypingScannerSimulator, Heard]]:
    """A scanner in keyboard mode that the station reads, and what ``told`` says once each scan was taken or refused."""
    taken, states = Heard(), Heard()

    def on_scan(text: str) -> None:
        faces.router.on_scan(text)
        taken(told())

    def on_refused(word: ScanRefusal) -> None:
        faces.router.on_refused(word)
        taken(told())

    report = ScanReporter(on_scan, states, lambda: 0.0, 0.0, on_refused)
    with TypingScannerSimulator(folder / "scanner") as simulator:
        reader = ScannerReader(EvdevDevice(str(folder / "scanner"), report), report, lambda: 0.0)
        reader.start()
        try:
            states.wait(lambda words: words == ["ok"])
            yield simulator, taken
        finally:
            reader.stop(30.0)


def moved(faces: Faces) -> list[object]:
    """Everything a scan could have changed."""
    view = faces.rig.counter.state.view()
    parcels = faces.rig.store.parcels.in_states(list(ParcelState))
    return [view.mode, view.handover, view.waiting_handovers, parcels, faces.desk.cards, faces.desk.certificates]


def test_the_recordings_are_what_the_simulator_writes() -> None:
    assert {path.stem: path.read_bytes() for path in GOLDEN.glob("*.bin")} == HOSTILE


@pytest.mark.parametrize("at_counter", [True, False])
def test_every_hostile_scan_is_refused_and_named_and_no_page_changes(
    rig: CounterRig, tmp_path: Path, at_counter: bool, caplog: pytest.LogCaptureFixture
) -> None:
    faces = Faces(rig)
    rig.counter.receiving.set_mode(rig.session, "in")
    faces.desk.busy = True
    before, words = moved(faces), {}

    def told() -> str:
        if not at_counter:
            return faces.notices[-1][0]
        last = rig.counter.state.view().last
        assert last is not None
        assert (last.kind, last.path) == ("refused", "")
        return last.word

    with ExitStack() as open_page, typing(faces, tmp_path, told) as (scanner, taken), caplog.at_level("DEBUG"):
        if at_counter:
            open_page.enter_context(watching(faces.board))
        for number, (name, recording) in enumerate(HOSTILE.items(), 1):
            scanner.send(native(recording))
            taken.wait(lambda heard, number=number: len(heard) == number)
            words[name] = taken.told[-1]
    assert {name: word for name, word in words.items() if word not in NAMED[name]} == {}
    assert moved(faces) == before
    assert not [text for text in ("SF1385", "6901234567892", "javascript", "DROP", "12345678") if text in caplog.text]
