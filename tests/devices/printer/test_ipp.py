"""An office printer, from the bytes of its protocol to the sheet, and what a hostile one may answer."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic

import pytest
from PIL import Image

from kiosk.devices.ports import PrinterFault, PrintNotStarted, PrintUncertain
from kiosk.devices.printer import ipp as printer_ipp
from kiosk.devices.printer.ipp import MAX_HEAD_BYTES, HttpExchange, IppPrinter
from kiosk.devices.printer.ports import ChannelBroken, ChannelTimeout
from kiosk.devices.printer.profiles import profile
from kiosk.devices.printer.settings import IppAddress, PrinterSettings
from kiosk.devices.printer.stream import FdChannel
from kiosk.labels.raster import Raster
from kiosk.protocols.printers import ipp
from kiosk.protocols.printers.languages import encode
from kiosk.simulators.printer.ipp import IppSimulator

OFFICE = profile("office_a4").setup
SMALL = Raster(16, 4, b"\xff\x0f\x00\x00\x80\x01\x80\x01")
PAGE = encode(SMALL, OFFICE)
WAIT_S = 30.0


def nothing() -> None:
    return


@pytest.fixture
def polls_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds pass between two questions after a job: a deadline ends without anybody waiting for it."""
    passed = [0.0]
    monkeypatch.setattr(printer_ipp, "monotonic", lambda: monotonic() + passed[0])
    monkeypatch.setattr(printer_ipp, "sleep", lambda seconds: passed.__setitem__(0, passed[0] + 10.0))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[IppSimulator]:
    with IppSimulator(tmp_path) as simulator:
        yield simulator
        assert simulator.unknown == []


def printer_of(simulator: IppSimulator) -> IppPrinter:
    return IppPrinter(IppAddress(simulator.host, simulator.port, simulator.path))


def test_a_sheet_is_on_paper_when_print_returns(office: IppSimulator) -> None:
    printer = printer_of(office)
    assert printer.status(WAIT_S).ready is True
    begun: list[int] = []
    printer.print(PAGE, WAIT_S, lambda: begun.append(len(office.printed)))
    assert begun == [0]
    (sheet,) = office.printed
    with Image.open(sheet) as image:
        assert image.size == (2480, 3508)
        assert image.crop((118, 118, 134, 122)).convert("1").tobytes() == SMALL.to_image().tobytes()
        assert image.convert("L").point(lambda gray: 255 - gray).getbbox() == (118, 118, 134, 122)


def test_what_does_not_fit_on_a_sheet_goes_on_the_next(office: IppSimulator) -> None:
    long = Raster(8, 3300, bytes(range(256)) * 12 + bytes(228))
    printer_of(office).print(encode(long, OFFICE), WAIT_S, nothing)
    assert len(office.printed) == 2
    parts = []
    for sheet, rows in zip(office.printed, (3272, 28), strict=True):
        with Image.open(sheet) as image:
            parts.append(image.crop((118, 118, 126, 118 + rows)).convert("1").tobytes())
    assert b"".join(parts) == long.to_image().tobytes()


def test_a_fault_keeps_the_job_here_until_it_is_mended(office: IppSimulator) -> None:
    printer = printer_of(office)
    for word, flag in (
        ("paper-out", PrinterFault.PAPER_OUT),
        ("head-open", PrinterFault.COVER_OPEN),
        ("jam", PrinterFault.PAPER_JAM),
        ("off", PrinterFault.UNKNOWN),
    ):
        office.command(word)
        with pytest.raises(PrintNotStarted) as caught:
            printer.print(PAGE, WAIT_S, pytest.fail)
        assert caught.value.flags == (flag,), word
        office.command("on")
    printer.print(PAGE, WAIT_S, nothing)
    assert len(office.printed) == 1


@pytest.mark.usefixtures("polls_are_long")
def test_late_printers_are_not_believed_and_nothing_comes_out_later(office: IppSimulator) -> None:
    printer = printer_of(office)
    office.command("late")
    with pytest.raises(PrintUncertain, match="out of paper"):
        printer.print(PAGE, WAIT_S, nothing)
    office.command("on")
    last = encode(Raster(8, 2, b"\xff\xff"), OFFICE)
    with suppress(PrintUncertain):  # it may be slower than the questions
        printer.print(last, WAIT_S, nothing)
    assert office.wait_for(1, WAIT_S)
    (sheet,) = office.printed
    with Image.open(sheet) as image:
        box = image.convert("L").point(lambda gray: 255 - gray).getbbox()
    assert box == (118, 118, 126, 120), "the one that was given up was taken back"


def test_a_printer_that_forgets_counts_no_sheet(office: IppSimulator) -> None:
    office.command("forget")
    with pytest.raises(PrintUncertain, match="counts no sheet"):
        printer_of(office).print(PAGE, WAIT_S, nothing)
    assert office.printed == ()


def test_nothing_is_sent_when_the_start_cannot_be_noted(office: IppSimulator) -> None:
    def disk_full() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        printer_of(office).print(PAGE, WAIT_S, disk_full)
    printer_of(office).print(PAGE, WAIT_S, nothing)
    assert len(office.printed) == 1


@pytest.mark.usefixtures("polls_are_long")
def test_power_lost_with_the_document_is_uncertain(office: IppSimulator) -> None:
    with pytest.raises(PrintUncertain):
        printer_of(office).print(PAGE, WAIT_S, lambda: office.command("off"))
    office.command("on")


def test_a_document_that_is_no_raster_is_aborted_with_a_reason(tmp_path: Path) -> None:
    with IppSimulator(tmp_path) as office:
        for document in (b"%PDF", PAGE[:-9], PAGE[:500], PAGE + b"x", b"RaS2"):
            with pytest.raises(PrintUncertain, match="aborted: document-format-error"):
                printer_of(office).print(document, WAIT_S, nothing)
        assert office.printed == ()


class Far:
    """Answers each connection with the next bytes of its own, then hangs up."""

    def __init__(self, answers: list[bytes]) -> None:
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.place = IppAddress(*self._listener.getsockname(), "/ipp/print")
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Far:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            with link:
                try:
                    link.recv(65536)
                    link.sendall(self._answers.pop(0) if self._answers else b"")
                except OSError:
                    continue


def http(body: bytes, head: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def reply(state: int, reasons: tuple[str, ...] = ("none",), status: int = 0) -> bytes:
    """A Get-Printer-Attributes answer by hand."""
    data = b"\x01\x01" + status.to_bytes(2) + b"\0\0\0\x01\x01\x04"
    data += b"\x23\0\x0dprinter-state\0\x04" + state.to_bytes(4)
    for number, reason in enumerate(reasons):
        name = b"" if number else b"printer-state-reasons"
        data += b"\x44" + len(name).to_bytes(2) + name + len(reason).to_bytes(2) + reason.encode()
    return data + b"\x03"


HOSTILE = (
    b"",
    b"\xff" * 70_000,
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000,
    b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n" + b"\0" * 80_000,
    b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
    http(b"<html>no printer</html>"),
    http(reply(3)[:-1]),
    http(reply(3)[:30]),
    http(reply(3, status=0x0503)),
    http(b"", b"HTTP/1.1 401 Unauthorized"),
    http(b"", b"HTTP/1.1 426 Upgrade Required"),
)


def test_a_hostile_or_strange_answer_is_unknown_and_gets_no_document(subtests: pytest.Subtests) -> None:
    for answer in HOSTILE:
        with subtests.test(answer=repr(answer[:40])), Far([answer] * 2) as far:
            printer = IppPrinter(far.place)
            assert printer.status(WAIT_S).ready is None
            with pytest.raises(PrintNotStarted):
                printer.print(PAGE, WAIT_S, pytest.fail)


def test_every_way_to_send_an_answer_is_read() -> None:
    body = reply(3)
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x;x=y\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n"
    to_the_end = b"HTTP/1.0 200 OK\r\n\r\n" + body
    answers = [
        http(body),
        b"HTTP/1.1 100 Continue\r\n\r\n" + http(body),
        chunked % (10, body[:10], len(body) - 10, body[10:]),
        to_the_end,
    ]
    count = len(answers)
    with Far(answers) as far:
        printer = IppPrinter(far.place)
        assert [printer.status(WAIT_S).ready for _ in range(count)] == [True] * count


def test_an_answer_that_drips_ends_with_the_deadline() -> None:
    ends = os.pipe()
    now = [0.0]

    class Drip(FdChannel):
        def receive(self, until: float) -> bytes:
            now[0] += 1.0
            if now[0] > until:
                raise ChannelTimeout
            return b"x"

        def send(self, data: memoryview, until: float) -> int:
            return len(data)

    channel = Drip(ends[1], nothing, empty_read_is_end=True)
    with pytest.raises(ChannelTimeout):
        HttpExchange(channel, 30.0, 100).post(IppAddress("127.0.0.1", 631, "/"), "x/y", (b"",))
    with pytest.raises(ChannelBroken, match="does not speak HTTP"):
        HttpExchange(channel, 1e9, 100).post(IppAddress("::1", 631, "/"), "x/y", (b"",))
    assert now[0] < 2 * MAX_HEAD_BYTES
    for end in ends:
        os.close(end)


def test_states_and_reasons(subtests: pytest.Subtests) -> None:
    for data, flags in [
        (reply(3), ()),
        (reply(4), ("printing",)),
        (reply(5), ("offline",)),
        (reply(5, ("media-empty-error",)), ("paper_out",)),
        (reply(5, ("media-needed", "door-open-report")), ("paper_out", "cover_open")),
        (reply(3, ("media-low-warning",)), ("paper_near_end",)),
        (reply(3, ("toner-low-report", "cups-ipp-missing-get-job")), ()),
        (reply(5, ("paused",)), ("paused",)),
        (reply(5, ("something-new-error",)), ("error",)),
        (reply(4, ("connecting-to-device",)), ("offline", "printing")),
    ]:
        with subtests.test(data=data, flags=flags):
            assert ipp.parse_status(data) == flags
            for cut in range(len(data)):
                assert ipp.parse_status(data[:cut]) is None


def test_an_address_that_is_none_is_refused(subtests: pytest.Subtests) -> None:
    for address in [
        "127.0.0.1:631",
        "http://127.0.0.1/printers/a",
        "ipp://",
        "ipp://127.0.0.1",
        "ipp://127.0.0.1:0x/p",
        "ipp://127.0.0.1:99999/p",
        "ipp://u:p@127.0.0.1/p",
        "ipp://127.0.0.1/p q",
        "ipp://127.0.0.1/p\r\nX: y",
        "ipp://127.0.0.1/p?x=1",
        "ipp://[::1/p",
    ]:
        with (
            subtests.test(address=address),
            pytest.raises(ValueError, match=r"must look like ipp://127\.0\.0\.1:631/printers/office"),
        ):
            PrinterSettings("ipp", address, "office_a4")


def test_an_address_has_the_usual_port_and_a_profile_goes_with_its_kind() -> None:
    place = PrinterSettings("ipp", "ipp://127.0.0.1/printers/office", "office_a4").ipp_address
    assert place == IppAddress("127.0.0.1", 631, "/printers/office")
    assert PrinterSettings("ipp", "ipp://[::1]:8631/p", "ipp").ipp_address.uri == "ipp://[::1]:8631/p"
    wrong: tuple[Callable[[], object], ...] = (
        PrinterSettings("ipp", "ipp://127.0.0.1/p", "tspl_203").resolved_profile,
        PrinterSettings("file", "/dev/usb/lp0", "office_a4").resolved_profile,
    )
    for row in wrong:
        with pytest.raises(ValueError, match="it does not go with kind"):
            row()
