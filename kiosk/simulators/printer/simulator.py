"""A printer on TCP that draws what it receives; real adapters run against it unchanged."""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Literal

from kiosk.simulators.printer.cpcl import CpclInterpreter
from kiosk.simulators.printer.escpos import EscposInterpreter
from kiosk.simulators.printer.mechanism import SimulatedPrinter
from kiosk.simulators.printer.model import (
    LABEL_PRINTER,
    PORTABLE_PRINTER,
    RECEIPT_PRINTER,
    CountQuery,
    DrainQuery,
    Event,
    JobStarted,
    PrintedPage,
    PrinterInterpreter,
    PrinterModel,
    StatusQuery,
)
from kiosk.simulators.printer.tspl import TsplInterpreter
from kiosk.simulators.printer.zpl import ZplInterpreter

Language = Literal["tspl", "zpl", "escpos", "cpcl"]
_TSPL_BITS = {"head_open": 0x01, "paper_jam": 0x02, "paper_out": 0x04, "printing": 0x20}
_ESCPOS_FIXED = 0x12
_CPCL_BITS = {"printing": 0x01, "paper_out": 0x02, "paper_jam": 0x02, "head_open": 0x04}
INTERPRETERS: dict[Language, Callable[[PrinterModel], PrinterInterpreter]] = {
    "tspl": TsplInterpreter,
    "zpl": ZplInterpreter,
    "escpos": EscposInterpreter,
    "cpcl": CpclInterpreter,
}
_MODELS: dict[Language, PrinterModel] = {
    "tspl": LABEL_PRINTER,
    "zpl": LABEL_PRINTER,
    "escpos": RECEIPT_PRINTER,
    "cpcl": PORTABLE_PRINTER,
}


def tspl_status(flags: frozenset[str]) -> bytes:
    """Return the byte a TSPL printer answers to ESC ! ?."""
    return bytes((sum(bit for name, bit in _TSPL_BITS.items() if name in flags),))


def escpos_status(number: int, flags: frozenset[str]) -> bytes:
    """Return an ESC/POS printer's answer to DLE EOT ``number``; it has no way to report that it is printing."""
    faults = flags - {"printing"}
    bits = {
        1: 0x08 if faults else 0,
        2: (0x04 if "head_open" in faults else 0) | (0x20 if "paper_out" in faults else 0),
        3: 0x40 if "paper_jam" in faults else 0,
        4: 0x60 if "paper_out" in faults else 0,
    }
    return bytes((_ESCPOS_FIXED | bits[number],))


def zpl_status(flags: frozenset[str], waiting: int) -> bytes:
    """Return the three strings a ZPL printer answers to ~HS; it has no word for a jam and reports missing paper."""
    paper_out = int(bool(flags & {"paper_out", "paper_jam"}))
    paused, head_open = int("paper_jam" in flags), int("head_open" in flags)
    strings = (
        f"030,{paper_out},{paused},0355,{waiting:03d},0,0,0,000,0,0,0",
        f"000,0,{head_open},0,0,2,6,0,{waiting:08d},1,000",
        "1234,0",
    )
    return b"".join(b"\x02" + text.encode("ascii") + b"\x03\r\n" for text in strings)


def cpcl_status(flags: frozenset[str]) -> bytes:
    """Return the byte a CPCL printer answers to ESC h; it has no word for a jam and reports missing paper."""
    answer = 0
    for name, bit in _CPCL_BITS.items():
        answer |= bit if name in flags else 0
    return bytes((answer,))


class PrinterSimulator(SimulatedPrinter):
    """One printer; ``out_dir`` gets 000001.png and so on, each complete when it appears.

    A page takes the time its length needs at the speed of the ``model``, and the printer is busy meanwhile.
    Use as a context manager, or ``start`` and ``stop``.
    """

    def __init__(
        self,
        language: Language,
        out_dir: Path,
        host: str = "127.0.0.1",
        port: int = 0,
        model: PrinterModel | None = None,
    ) -> None:
        super().__init__(out_dir, host, port, model or _MODELS[language])
        self.language = language
        self.first_byte_at: deque[float] = deque(maxlen=10_000)  # Monotonic second of the first byte of each job
        # What no printer of the language would have understood; of a connection when it has ended.
        self.unknown: deque[bytes] = deque(maxlen=1000)
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._links: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def _listen(self) -> None:
        with self._lock:
            if self._listener is not None:
                return
            self._listener = socket.create_server((self.host, self.port))
            self.port = self._listener.getsockname()[1]
            self._spawn(self._accept, self._listener)

    def _hang_up(self) -> None:
        with self._lock:
            sockets = [*self._links, *([self._listener] if self._listener else [])]
            self._listener = None
            threads, self._threads = self._threads, []
            for each in sockets:
                # End a blocking accept or recv in another thread
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()

    def _spawn(self, target: Callable[[socket.socket], None], link: socket.socket) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=target, args=(link,), name=f"printer-{target.__name__}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with listener:
            while True:
                try:
                    link, _ = listener.accept()
                except OSError:
                    return
                with self._lock:
                    if self._listener is not listener:
                        link.close()
                        return
                    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._links.add(link)
                    self._spawn(self._serve, link)

    def _serve(self, link: socket.socket) -> None:
        interpreter = INTERPRETERS[self.language](self.model)
        try:
            while data := _receive(link):
                for event in interpreter.feed(data):
                    self._on_event(event, link)
            for event in interpreter.end():
                self._on_event(event, link)
        finally:
            with self._lock:
                self.unknown.extend(interpreter.unknown)
                self._links.discard(link)
            link.close()

    def _on_event(self, event: Event, link: socket.socket) -> None:
        match event:
            case StatusQuery(number):
                self._answer_status(link, number)
            case JobStarted():
                self.first_byte_at.append(monotonic())
            case DrainQuery():
                self._mechanism.accept(lambda: _answer(link, b"\x00"))
            case CountQuery():
                _answer(link, f'"{self._mechanism.count}"\r\n'.encode("ascii"))
            case PrintedPage(image):
                self._mechanism.accept(image)

    def _answer_status(self, link: socket.socket, number: int) -> None:
        flags = self._mechanism.flags()
        if self.language == "cpcl" and flags == {"printing"}:  # its answer waits behind the label
            self._mechanism.accept(lambda: _answer(link, cpcl_status(self._mechanism.flags())))
        else:
            _answer(link, self._status(number, flags))

    def _status(self, number: int, flags: frozenset[str]) -> bytes:
        match self.language:
            case "escpos":
                return escpos_status(number, flags)
            case "tspl":
                return tspl_status(flags)
            case "cpcl":
                return cpcl_status(flags)
            case "zpl":
                return zpl_status(flags, self._mechanism.waiting)


def _receive(link: socket.socket) -> bytes:
    with suppress(OSError):
        return link.recv(65536)
    return b""


def _answer(link: socket.socket, reply: bytes) -> None:
    with suppress(OSError):  # the client may have disconnected
        link.sendall(reply)
