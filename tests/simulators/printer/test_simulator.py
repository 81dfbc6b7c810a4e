"""The simulated printer as a client on TCP sees it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Literal

import pytest
from PIL import Image

from kiosk.devices.printer.profiles import profile
from kiosk.labels.papers.bag_label import BagLabel, render_bag_label
from kiosk.labels.raster import Raster
from kiosk.protocols.barcodes.reader import read
from kiosk.protocols.printers import escpos, tspl
from kiosk.simulators.printer import mechanism as printer_mechanism
from kiosk.simulators.printer.simulator import PrinterSimulator
from kiosk.simulators.shared.faults import FAULT_WORDS, BadFaultWord

TSPL = profile("tspl").setup
ESCPOS = profile("escpos").setup

SMALL = Raster(16, 8, b"\xf0\x0f" * 8)
LABEL = tspl.page(SMALL, TSPL)
SLIP = escpos.page(SMALL, ESCPOS)
QUERY = b"\x1b!?"
WAIT_S = 30.0


@pytest.fixture
def printer(tmp_path: Path) -> Iterator[PrinterSimulator]:
    before = threading.active_count()
    with PrinterSimulator("tspl", tmp_path) as simulator:
        yield simulator
    assert threading.active_count() == before


def connect(simulator: PrinterSimulator) -> socket.socket:
    return socket.create_connection((simulator.host, simulator.port), timeout=WAIT_S)


def ask(simulator: PrinterSimulator) -> int:
    with connect(simulator) as link:
        link.sendall(QUERY)
        return link.recv(1)[0]


def says(simulator: PrinterSimulator, status: int) -> bool:
    """Whether the printer comes to say this; it may still be drawing."""
    deadline = monotonic() + WAIT_S
    while ask(simulator) != status:
        if monotonic() > deadline:
            return False
    return True


def send(simulator: PrinterSimulator, data: bytes) -> None:
    """Send a job and wait until the printer has taken it in: the status behind it is answered after it."""
    with connect(simulator) as link:
        link.sendall(data + QUERY)
        assert link.recv(1)


def test_a_label_becomes_a_numbered_picture_that_a_reader_reads(printer: PrinterSimulator, tmp_path: Path) -> None:
    label = render_bag_label(
        BagLabel(
            "ھەسەل",
            "蜂蜜",
            "Honey",
            990,
            "Y1L0147A000381K",
            receipt="0147-A-000381",
            station="S0147",
            date=None,
            zone="",
            bag=1,
            bags=1,
            mode="purchase",
        ),
        TSPL.head,
    )
    send(printer, tspl.page(label, TSPL))
    assert printer.wait_for(1, WAIT_S)
    assert printer.printed == (tmp_path / "000001.png",)
    with Image.open(printer.printed[0]) as picture:
        assert picture.convert("1").tobytes() == label.to_image().tobytes()
        assert [symbol.text for symbol in read(picture)] == ["Y1L0147A000381K"]


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    for number in (1, 2):
        with PrinterSimulator("tspl", tmp_path) as simulator:
            send(simulator, LABEL)
            assert simulator.wait_for(1, WAIT_S)
            assert simulator.printed[0].name == f"{number:06d}.png"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000001.png", "000002.png"]


@pytest.mark.parametrize(
    ("word", "bit", "cure"),
    [
        ("paper-out", 0x04, "paper-in"),
        ("paper-out", 0x04, "on"),
        ("head-open", 0x01, "paper-in"),
        ("head-open", 0x01, "on"),
        ("jam", 0x02, "on"),
    ],
)
def test_a_fault_shows_holds_the_label_and_gives_it_out_when_cured(
    printer: PrinterSimulator, word: str, bit: int, cure: str
) -> None:
    printer.command(word)
    assert ask(printer) == bit
    send(printer, LABEL)
    assert not printer.wait_for(1, 0.2)
    assert ask(printer) == bit
    printer.command(cure)
    assert printer.wait_for(1, WAIT_S)
    assert ask(printer) == 0


def test_off_refuses_drops_and_forgets_and_on_brings_it_back_at_the_same_port(printer: PrinterSimulator) -> None:
    port = printer.port
    printer.command("paper-out")
    send(printer, LABEL)
    with connect(printer) as link:
        link.sendall(QUERY)
        assert link.recv(1)
        printer.command("off")
        assert link.recv(1) == b""
    with pytest.raises(OSError, match="refused"):
        connect(printer)
    printer.command("on")
    assert printer.port == port
    assert ask(printer) == 0
    send(printer, LABEL)
    assert printer.wait_for(1, WAIT_S)
    assert len(printer.printed) == 1


def test_on_and_off_twice_are_harmless(printer: PrinterSimulator) -> None:
    for word in ("on", "off", "off", "on"):
        printer.command(word)
    assert ask(printer) == 0


def test_forget_says_done_and_prints_nothing(printer: PrinterSimulator) -> None:
    printer.command("forget")
    send(printer, LABEL)
    assert ask(printer) == 0, "it is never seen printing"
    assert printer.printed == ()
    printer.command("on")
    send(printer, LABEL)
    assert printer.wait_for(1, WAIT_S)


def test_late_runs_out_of_paper_on_the_job_and_prints_it_afterwards(printer: PrinterSimulator) -> None:
    printer.command("late")
    assert ask(printer) == 0
    send(printer, LABEL)
    assert ask(printer) == 0x04
    assert not printer.wait_for(1, 0.2)
    printer.command("paper-in")
    assert printer.wait_for(1, WAIT_S)


def test_slow_is_seen_printing_for_seconds(printer: PrinterSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock of its own: somebody who looks seconds late must not find the page out already."""
    now = [0.0]
    monkeypatch.setattr(printer_mechanism, "monotonic", lambda: now[0])
    printer.command("slow")
    send(printer, LABEL)
    assert ask(printer) == 0x20
    now[0] = 2.0
    printer.command("slow")  # the mechanism looks at its clock when it is told something
    assert not printer.wait_for(1, 0.2)
    assert ask(printer) == 0x20
    now[0] = 5.0  # three seconds after the latest moment at which it can have begun
    printer.command("slow")
    assert printer.wait_for(1, WAIT_S)


def test_every_fault_word_of_the_list_is_understood(printer: PrinterSimulator) -> None:
    for row in FAULT_WORDS:
        if row.device == "printer":
            printer.command(row.word)
    with pytest.raises(BadFaultWord, match="fly"):
        printer.command("fly")


def test_the_first_byte_of_each_job_is_timed(printer: PrinterSimulator) -> None:
    start = monotonic()
    for _ in range(2):
        send(printer, LABEL)
    assert len(printer.first_byte_at) == 2
    assert start < printer.first_byte_at[0] < printer.first_byte_at[1] < monotonic()


def test_a_full_buffer_stops_taking_bytes_and_stopping_ends_it(tmp_path: Path) -> None:
    simulator = PrinterSimulator("tspl", tmp_path)
    simulator.start()
    simulator.command("paper-out")
    with connect(simulator) as link:
        link.sendall(tspl.page(SMALL, TSPL, copies=999) + QUERY)
        link.settimeout(0.2)
        with pytest.raises(TimeoutError):
            link.recv(1)
        simulator.stop()
    assert simulator.printed == ()


def test_half_a_label_of_a_broken_connection_is_not_mixed_with_the_next(printer: PrinterSimulator) -> None:
    with connect(printer) as link:
        link.sendall(LABEL[:-20])
    send(printer, LABEL)
    assert printer.wait_for(1, WAIT_S)
    assert len(printer.printed) == 1


@pytest.mark.parametrize(
    ("word", "replies"),
    [
        ("on", "12121212"),
        ("paper-out", "1a321272"),
        ("head-open", "1a161212"),
        ("jam", "1a125212"),
    ],
)
def test_escpos_faults_in_their_bits(tmp_path: Path, word: str, replies: str) -> None:
    with PrinterSimulator("escpos", tmp_path) as simulator, connect(simulator) as link:
        simulator.command(word)
        link.sendall(escpos.STATUS_QUERY)
        assert link.makefile("rb").read(4).hex() == replies


def test_escpos_answers_behind_the_job_only_when_it_is_out(tmp_path: Path) -> None:
    with PrinterSimulator("escpos", tmp_path) as simulator, connect(simulator) as link:
        simulator.command("paper-out")
        link.sendall(SLIP + escpos.DRAINED_QUERY)
        link.settimeout(0.2)
        with pytest.raises(TimeoutError):
            link.recv(1)
        simulator.command("paper-in")
        link.settimeout(WAIT_S)
        assert link.recv(1) == b"\x00"
        assert len(simulator.printed) == 1


@pytest.mark.parametrize("language", ["tspl", "escpos"])
def test_starting_and_stopping_leaves_no_thread(tmp_path: Path, language: Literal["tspl", "escpos"]) -> None:
    before = threading.active_count()
    for _ in range(3):
        with PrinterSimulator(language, tmp_path) as simulator, connect(simulator):
            pass
    assert threading.active_count() == before
