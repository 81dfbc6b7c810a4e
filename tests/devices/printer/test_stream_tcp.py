"""The real adapter against the simulated printer on TCP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
from PIL import Image

from kiosk.devices.ports import Printer, PrinterFault, PrintNotStarted, PrintUncertain
from kiosk.devices.printer import stream as printer_stream
from kiosk.devices.printer.profiles import profile
from kiosk.devices.printer.stream import TcpPrinter
from kiosk.labels.raster import Raster
from kiosk.protocols.printers import escpos, tspl
from kiosk.protocols.printers.languages import encode
from kiosk.protocols.printers.page_setup import Language
from kiosk.simulators.printer import mechanism as printer_mechanism
from kiosk.simulators.printer.simulator import PrinterSimulator

TSPL = profile("tspl").setup
ESCPOS = profile("escpos").setup

PAPER = Raster(384, 320, bytes(range(256)) * 60)
LABEL = Raster(480, 320, bytes(range(256)) * 75)
DEADLINE_S = 60.0


class JobClock:
    """The adapter's clock: the machine's own, and what a test lets pass at once."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return monotonic() + self.ahead

    def pass_by(self, seconds: float) -> None:
        self.ahead += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> JobClock:
    """An answer is waited for as long as a loaded machine needs; a deadline passes when the test says so."""
    clock = JobClock()
    monkeypatch.setattr(printer_stream, "monotonic", clock)
    monkeypatch.setattr(printer_stream, "ANSWER_S", DEADLINE_S)
    monkeypatch.setattr(printer_stream, "_FINAL_STATUS_S", DEADLINE_S)
    return clock


@pytest.fixture
def one_look(clock: JobClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline passes while the adapter sleeps for the first time: it has seen the printer's state once."""
    monkeypatch.setattr(printer_stream, "sleep", lambda _: clock.pass_by(DEADLINE_S))


@pytest.fixture
def endless_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is being drawn is never done."""
    monkeypatch.setattr(printer_mechanism, "monotonic", lambda: 0.0)


@pytest.fixture
def label_simulator(tmp_path: Path) -> Iterator[PrinterSimulator]:
    with PrinterSimulator("tspl", tmp_path) as simulator:
        yield simulator


@pytest.fixture
def receipt_simulator(tmp_path: Path) -> Iterator[PrinterSimulator]:
    with PrinterSimulator("escpos", tmp_path) as simulator:
        yield simulator


def connected(simulator: PrinterSimulator, row: str = "") -> Printer:
    return TcpPrinter(simulator.host, simulator.port, row or simulator.language)


def nothing() -> None:
    return


def test_a_label_is_on_paper_when_print_returns(label_simulator: PrinterSimulator) -> None:
    connected(label_simulator).print(tspl.page(LABEL, TSPL), DEADLINE_S, nothing)
    (picture,) = label_simulator.printed
    with Image.open(picture) as image:
        assert image.convert("1").tobytes() == LABEL.to_image().tobytes()


def test_a_receipt_is_on_paper_when_print_returns(receipt_simulator: PrinterSimulator) -> None:
    slip = Raster(384, 700, bytes(range(240)) * 140)
    connected(receipt_simulator).print(escpos.page(slip, ESCPOS), DEADLINE_S, nothing)
    (picture,) = receipt_simulator.printed
    with Image.open(picture) as image:
        assert image.size == (464, 700 + 96)
        assert image.convert("1").crop((40, 0, 424, 700)).tobytes() == slip.to_image().tobytes()


def test_the_first_byte_leaves_within_20_ms(label_simulator: PrinterSimulator) -> None:
    printer = connected(label_simulator)
    page = tspl.page(LABEL, TSPL)
    delays = [1.0]
    while len(delays) < 100 and min(delays) >= 0.020:  # the least: the machine may be busy with something else
        start = monotonic()
        printer.print(page, DEADLINE_S, nothing)
        delays.append(label_simulator.first_byte_at[-1] - start)
    assert min(delays) < 0.020


@pytest.mark.parametrize(
    ("word", "flag"),
    [("paper-out", PrinterFault.PAPER_OUT), ("head-open", PrinterFault.HEAD_OPEN), ("jam", PrinterFault.PAPER_JAM)],
)
def test_a_fault_before_the_job(label_simulator: PrinterSimulator, word: str, flag: PrinterFault) -> None:
    printer = connected(label_simulator)
    label_simulator.command(word)
    assert printer.status(DEADLINE_S).flags == (flag,)
    with pytest.raises(PrintNotStarted) as caught:
        printer.print(tspl.page(LABEL, TSPL), DEADLINE_S, pytest.fail)
    assert caught.value.flags == (flag,)
    label_simulator.command("on")
    assert printer.status(DEADLINE_S).ready is True
    assert list(label_simulator.first_byte_at) == []


@pytest.mark.parametrize("word", ["paper-out", "head-open", "jam"])
def test_a_fault_before_the_receipt(receipt_simulator: PrinterSimulator, word: str) -> None:
    receipt_simulator.command(word)
    with pytest.raises(PrintNotStarted, match="receipt printer"):
        connected(receipt_simulator).print(escpos.page(LABEL, ESCPOS), DEADLINE_S, pytest.fail)


def test_off_and_on(label_simulator: PrinterSimulator) -> None:
    printer = connected(label_simulator)
    label_simulator.command("off")
    assert printer.status(1.0).ready is None
    with pytest.raises(PrintNotStarted, match=f"127.0.0.1:{label_simulator.port}.*check its power and cable"):
        printer.print(tspl.page(LABEL, TSPL), 1.0, pytest.fail)
    label_simulator.command("on")
    printer.print(tspl.page(LABEL, TSPL), DEADLINE_S, nothing)
    assert len(label_simulator.printed) == 1


@pytest.mark.usefixtures("endless_page")
def test_power_lost_after_the_first_byte_is_uncertain(label_simulator: PrinterSimulator) -> None:
    label_simulator.command("slow")
    printer = connected(label_simulator)

    def power_goes() -> None:
        end = monotonic() + DEADLINE_S
        while not label_simulator.first_byte_at and monotonic() < end:
            sleep(0.005)
        label_simulator.command("off")

    cut = threading.Thread(target=power_goes)
    with pytest.raises(PrintUncertain, match="may or may not have printed: look at the paper"):
        printer.print(tspl.page(LABEL, TSPL), DEADLINE_S, cut.start)
    cut.join()
    assert label_simulator.printed == ()


@pytest.mark.usefixtures("one_look")
@pytest.mark.parametrize("language", ["tspl", "escpos"])
def test_late_is_uncertain_and_the_paper_comes_once_after_the_cure(
    tmp_path: Path, language: str, clock: JobClock
) -> None:
    page = tspl.page(LABEL, TSPL) if language == "tspl" else escpos.page(LABEL, ESCPOS)
    with PrinterSimulator("tspl" if language == "tspl" else "escpos", tmp_path) as simulator:
        simulator.command("late")
        # On a receipt printer the adapter does not sleep: it waits for the answer behind the job.
        begun = nothing if language == "tspl" else lambda: clock.pass_by(DEADLINE_S - 0.5)
        with pytest.raises(PrintUncertain, match="out of paper"):
            connected(simulator).print(page, DEADLINE_S, begun)
        assert simulator.printed == ()
        simulator.command("paper-in")
        assert simulator.wait_for(1, DEADLINE_S)
        assert len(simulator.printed) == 1


def test_slow_printing_is_waited_for(label_simulator: PrinterSimulator) -> None:
    label_simulator.command("slow")
    start = monotonic()
    connected(label_simulator).print(tspl.page(LABEL, TSPL), DEADLINE_S, nothing)
    assert monotonic() - start > 2
    assert len(label_simulator.printed) == 1


@pytest.mark.usefixtures("one_look", "endless_page")
def test_slower_than_the_deadline_is_uncertain(label_simulator: PrinterSimulator) -> None:
    label_simulator.command("slow")
    with pytest.raises(PrintUncertain, match="busy"):
        connected(label_simulator).print(tspl.page(LABEL, TSPL), DEADLINE_S, nothing)


@pytest.mark.parametrize("language", ["tspl", "zpl", "escpos", "cpcl"])
def test_a_printer_that_takes_a_job_and_prints_nothing_is_not_believed(
    tmp_path: Path, language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = profile(language).setup
    with PrinterSimulator(language, tmp_path) as simulator:
        simulator.command("forget")
        with monkeypatch.context() as slow_paper:  # the answer is sooner than paper runs, however slow this machine is
            slow_paper.setattr(printer_stream, "_MAX_SPEED_MM_S", 0.1)
            with pytest.raises(PrintUncertain, match=r"never seen printing|before the paper can have come out"):
                connected(simulator).print(encode(PAPER, setup), DEADLINE_S, nothing)
        assert simulator.printed == ()
        simulator.command("on")
        connected(simulator).print(encode(PAPER, setup), DEADLINE_S, nothing)
        assert len(simulator.printed) == 1


def test_without_a_way_back_the_complete_write_is_the_proof(label_simulator: PrinterSimulator) -> None:
    printer = connected(label_simulator, "tspl_203_silent")
    assert printer.status(1.0).ready is None
    printer.print(tspl.page(LABEL, TSPL), DEADLINE_S, nothing)
    assert label_simulator.wait_for(1, DEADLINE_S)


class Mute:
    """A server that takes a connection and a limited number of bytes, and says nothing."""

    def __init__(self, answer: bytes = b"", take: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._answer, self._take = answer, take
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Mute:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # whom nobody called is not left waiting
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        try:
            link, _ = self._listener.accept()
        except OSError:
            return
        with link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            if self._answer:
                assert link.recv(3)
                link.sendall(self._answer)
            left = self._take
            while left > 0 and (data := link.recv(min(left, 1024))):
                left -= len(data)
            if self._take:
                return
            assert self._done.wait(2 * DEADLINE_S)


def test_a_printer_that_accepts_and_says_nothing() -> None:
    with Mute() as mute:
        start = monotonic()
        with pytest.raises(PrintNotStarted, match="does not answer"):
            TcpPrinter("127.0.0.1", mute.port, "tspl").print(b"x", 0.3, pytest.fail)
        assert monotonic() - start < DEADLINE_S / 2


def test_a_printer_that_stops_taking_bytes_is_left_at_the_deadline(clock: JobClock) -> None:
    with Mute(answer=b"\x00") as mute:
        start = monotonic()
        with pytest.raises(PrintUncertain, match=r"broke off after .* of 30000000 bytes"):
            TcpPrinter("127.0.0.1", mute.port, "tspl").print(
                bytes(30_000_000), DEADLINE_S, lambda: clock.pass_by(DEADLINE_S - 0.5)
            )
        assert monotonic() - start < DEADLINE_S / 2


def test_a_connection_dropped_in_the_middle_is_uncertain() -> None:
    with Mute(answer=b"\x00", take=5000) as mute, pytest.raises(PrintUncertain):
        TcpPrinter("127.0.0.1", mute.port, "tspl").print(bytes(30_000_000), DEADLINE_S, nothing)


def test_nothing_is_sent_when_the_start_cannot_be_noted(label_simulator: PrinterSimulator) -> None:
    def disk_full() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        connected(label_simulator).print(tspl.page(LABEL, TSPL), DEADLINE_S, disk_full)
    assert list(label_simulator.first_byte_at) == []


def test_an_unknown_language_is_refused_with_the_known_rows() -> None:
    with pytest.raises(ValueError, match="tspl_203"):
        TcpPrinter("127.0.0.1", 9100, "pcl")
