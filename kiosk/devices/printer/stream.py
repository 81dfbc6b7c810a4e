"""One job from "are you ready" to "it came out", on any channel.

The whole module turns on one line: the first byte of the job. Before it every failure is PrintNotStarted, after it
every failure is PrintUncertain; a label must come out once, not zero times and not twice.
"""

from __future__ import annotations

import os
import select
import socket
import stat
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic, sleep

import msgspec

from kiosk.devices.ports import PrinterFault, PrinterStatus, PrintNotStarted, PrintUncertain
from kiosk.devices.printer.ports import ChannelBroken, ChannelTimeout, PrinterChannel
from kiosk.devices.printer.profiles import PrinterProfile, profile
from kiosk.protocols.printers import cpcl, escpos, languages, tspl, zpl
from kiosk.protocols.printers.page_setup import PageSetup

ANSWER_S = 1.5  # A status query is answered at once, in error too; this allows for a slow Wi-Fi print server
_POLL_S = 0.02
# Beyond the deadline, to learn why: the job is uncertain already, and the reason shows people what to do.
_FINAL_STATUS_S = 0.25
_MAX_SPEED_MM_S = 500  # No receipt or portable printer runs its paper faster: one that is done sooner has not printed
_IDLE = frozenset({PrinterFault.PAPER_NEAR_END, PrinterFault.BATTERY_LOW})
_HARMLESS = _IDLE | {PrinterFault.PRINTING}
_UNKNOWN = PrinterStatus(ready=None, fault=None, flags=(PrinterFault.UNKNOWN,))
_OWN_JOB = PrinterStatus(ready=False, fault=False, flags=(PrinterFault.PRINTING,))


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How a language queries the state and when the answer is whole."""

    query: bytes
    is_whole: Callable[[bytes], bool]


_DIALECTS = {
    "tspl": _Dialect(tspl.STATUS_QUERY, lambda reply: len(reply) >= 1),
    "escpos": _Dialect(escpos.STATUS_QUERY, lambda reply: len(reply) >= 4),
    "zpl": _Dialect(zpl.STATUS_QUERY, lambda reply: reply.count(b"\x03\r\n") >= 3),
    "cpcl": _Dialect(cpcl.STATUS_QUERY, lambda reply: len(reply) >= 1),
}
# The query that is queued behind a job, and how its one byte is read.
_QUEUED_QUERIES: dict[str, tuple[bytes, Callable[[bytes], tuple[str, ...] | None]]] = {
    "escpos": (escpos.DRAINED_QUERY, escpos.parse_drained),
    "cpcl": (cpcl.STATUS_QUERY, cpcl.parse_status),
}

_COUNTER = _Dialect(zpl.COUNTER_QUERY, lambda reply: reply.count(b'"') >= 2)


@dataclass(frozen=True, slots=True)
class _SentJob:
    """A job on its way: when its first byte left, until when its proof is waited for, what was counted before it."""

    began: float
    until: float
    size: int
    counted: int | None


class StreamPrinter(ABC):
    """A printer behind a byte stream, opened for every job. One job at a time; safe from several threads."""

    def __init__(self, language: str | PrinterProfile, where: str) -> None:
        """Take ``language``: a language, the id of a row of profiles.toml, or such a row. Raises ValueError."""
        row = profile(language)
        self._profile = row
        self._name = PrinterName("receipt printer" if row.language == "escpos" else "label printer", where)
        self._turn = threading.Lock()
        self._counts = row.counts_labels and row.proof != "write"

    @property
    def setup(self) -> PageSetup:
        return self._profile.setup

    @property
    def proves(self) -> bool:
        return self.proof in ("status", "drained")

    @property
    def language(self) -> str:
        return self._profile.language

    @property
    def proof(self) -> str:
        """``status``, ``drained``, ``faults`` or ``write``: what proves a job, the row in profiles.toml."""
        return self._profile.proof

    @abstractmethod
    def _open(self, until: float) -> PrinterChannel:
        """Open the channel. Raises ChannelBroken or ChannelTimeout."""

    def _wire_s(self, size: int) -> float:
        """Return the seconds that so many bytes need on the wire; 0 where they are negligible."""
        del size
        return 0.0

    def status(self, deadline_s: float) -> PrinterStatus:
        """Ask the printer. During this station's own job the answer is "printing"."""
        until = monotonic() + deadline_s
        if not self._turn.acquire(timeout=max(0.0, deadline_s)):
            return _OWN_JOB
        try:
            return self._query_once(until)
        finally:
            self._turn.release()

    def print(self, data: bytes, deadline_s: float, before_first_byte: Callable[[], None]) -> None:
        """Print one job. The deadline covers everything from opening the channel to the proof."""
        until = monotonic() + deadline_s + self._wire_s(len(data))
        if not data:
            raise ValueError("an empty print job")
        if not self._turn.acquire(timeout=max(0.0, deadline_s)):
            raise PrintNotStarted(self._name.faulty((PrinterFault.PRINTING,)), (PrinterFault.PRINTING,))
        try:
            self._run(memoryview(data), until, before_first_byte)
        finally:
            self._turn.release()

    def _run(self, data: memoryview, until: float, before_first_byte: Callable[[], None]) -> None:
        channel = self._open_or_not_started(until)
        try:
            if self.proof != "write":
                self._await_ready(channel, until)
            counted = self._count_before(channel, until)
            before_first_byte()
            sent = _SentJob(monotonic(), until, len(data), counted)
            self._send_all(channel, data, until)
            try:
                if self.proof == "drained":
                    self._await_drained(channel, sent)
                elif self.proof != "write":
                    self._await_idle(channel, sent)
            except ChannelBroken as error:
                raise self._uncertain(str(error)) from error
        finally:
            channel.close()

    def _open_or_not_started(self, until: float) -> PrinterChannel:
        try:
            return self._open(until)
        except ChannelTimeout:
            raise PrintNotStarted(self._name.silent, (PrinterFault.UNKNOWN,)) from None
        except ChannelBroken as error:
            raise PrintNotStarted(self._name.unreachable(str(error)), (PrinterFault.UNKNOWN,)) from error

    def _await_ready(self, channel: PrinterChannel, until: float) -> None:
        problem = self._name.silent
        while True:
            found = self._query_or_unknown(channel, until)
            if found.ready is None:
                raise PrintNotStarted(problem, found.flags)
            if not _HARMLESS.issuperset(found.flags):
                raise PrintNotStarted(self._name.faulty(found.flags), found.flags)
            if PrinterFault.PRINTING not in found.flags:
                return
            problem = self._name.faulty(found.flags)
            if monotonic() + _POLL_S >= until:
                raise PrintNotStarted(problem, found.flags)
            sleep(_POLL_S)

    def _send_all(self, channel: PrinterChannel, data: memoryview, until: float) -> None:
        sent = 0
        try:
            while sent < len(data):
                sent += channel.send(data[sent:], until)
            channel.flush(until)
        except (ChannelBroken, ChannelTimeout) as error:
            reason = str(error) or "it takes no more data"
            if not sent:
                raise PrintNotStarted(self._name.unreachable(reason)) from error
            raise self._uncertain(f"the job broke off after {sent} of {len(data)} bytes: {reason}") from error

    def _await_idle(self, channel: PrinterChannel, sent: _SentJob) -> None:
        """Wait until the printer was busy and is idle again without a fault, or its counter of labels moved.

        The status overtakes the job: the first idle answer may be older than the job's first dot, so an idle printer is
        watched for the settle time. One that was never seen printing and counts nothing may have lost the job.
        """
        was_busy = False
        problem = self._name.silent
        idle_since: float | None = None
        while True:
            found = self._query_status(channel, sent.until)
            now = monotonic()
            faulty = found.ready is not None and not _HARMLESS.issuperset(found.flags)
            was_busy = not faulty and (was_busy or PrinterFault.PRINTING in found.flags)
            idle = found.ready is not None and _IDLE.issuperset(found.flags)
            idle_since = (idle_since or now) if idle else None
            if idle and was_busy:
                return
            if idle_since is not None and now - idle_since >= self._profile.settle_s:
                self._check_idle_without_printing(channel, sent)
                return
            problem = self._name.faulty(found.flags) or problem
            if now + _POLL_S >= sent.until:
                raise self._uncertain(problem)
            sleep(_POLL_S)

    def _check_idle_without_printing(self, channel: PrinterChannel, sent: _SentJob) -> None:
        """Accept a printer never seen printing if its proof is ``faults``, else only if its counter moved."""
        if self.proof == "faults":
            return
        now = self._count(channel, sent.until) if sent.counted is not None else None
        if now is None or sent.counted is None or now <= sent.counted:
            raise self._uncertain(self._name.never_seen_printing)

    def _await_drained(self, channel: PrinterChannel, sent: _SentJob) -> None:
        """Wait until the printer answers a query queued behind the job, not too soon, and has no fault."""
        query, parse = _QUEUED_QUERIES[self.language]
        flags = None
        try:
            self._send_query(channel, query, sent.until)
            while flags is None:
                found = (parse(bytes((value,))) for value in channel.receive(sent.until))
                flags = next((answer for answer in found if answer is not None), None)
        except ChannelTimeout:
            last = self._query_status(channel, monotonic() + _FINAL_STATUS_S)
            raise self._uncertain(self._name.faulty(last.flags) or self._name.silent) from None
        took = monotonic() - sent.began
        state = self._query_status(channel, sent.until)
        while PrinterFault.PRINTING in state.flags and monotonic() + _POLL_S < sent.until:
            sleep(_POLL_S)
            state = self._query_status(channel, sent.until)
            took = monotonic() - sent.began
        if state.ready is None or not _IDLE.issuperset(state.flags):
            raise self._uncertain(self._name.faulty(state.flags) or self._name.silent)
        if took < self._min_print_s(sent.size):
            raise self._uncertain(self._name.finished_too_soon)

    def _min_print_s(self, size: int) -> float:
        """Return the least seconds a job takes on the fastest printer: its bytes are its dots, uncompressed."""
        head = self._profile.setup.head
        return size * 8 / head.width_dots / head.per_mm / _MAX_SPEED_MM_S

    def _count_before(self, channel: PrinterChannel, until: float) -> int | None:
        """Ask for the labels printed so far. A printer without an answer is not asked again: each try costs a wait."""
        if not self._counts:
            return None
        try:
            counted = self._count(channel, until)
        except ChannelBroken as error:
            raise PrintNotStarted(self._name.unreachable(str(error)), (PrinterFault.UNKNOWN,)) from error
        self._counts = counted is not None
        return counted

    def _count(self, channel: PrinterChannel, until: float) -> int | None:
        return zpl.parse_count(self._exchange(channel, _COUNTER, until))

    def _query_once(self, until: float) -> PrinterStatus:
        if self.proof == "write":
            return _UNKNOWN
        try:
            channel = self._open(until)
        except (ChannelBroken, ChannelTimeout):
            return _UNKNOWN
        try:
            return self._query_or_unknown(channel, until)
        finally:
            channel.close()

    def _query_or_unknown(self, channel: PrinterChannel, until: float) -> PrinterStatus:
        try:
            return self._query_status(channel, until)
        except ChannelBroken:
            return _UNKNOWN

    def _query_status(self, channel: PrinterChannel, until: float) -> PrinterStatus:
        """Send one query and read its whole answer; anything less is unknown. Raises ChannelBroken."""
        reply = self._exchange(channel, _DIALECTS[self.language], until)
        report = languages.parse_status(self.language, reply)
        flags = tuple(PrinterFault(flag) for flag in report.flags)
        if self.language == "zpl" and zpl.work_waiting(reply):
            return PrinterStatus(False, report.fault, (*flags, PrinterFault.PRINTING))
        return PrinterStatus(report.ready, report.fault, flags)

    def _exchange(self, channel: PrinterChannel, dialect: _Dialect, until: float) -> bytes:
        """Return the whole answer to a query, b"" when it did not come in time. Raises ChannelBroken."""
        until = min(until, monotonic() + ANSWER_S)
        reply = b""
        try:
            channel.discard_input()
            self._send_query(channel, dialect.query, until)
            while not dialect.is_whole(reply):
                reply += channel.receive(until)
        except ChannelTimeout:
            return b""
        return reply

    def _send_query(self, channel: PrinterChannel, query: bytes, until: float) -> None:
        rest = memoryview(query)
        while rest:
            rest = rest[channel.send(rest, until) :]

    def _uncertain(self, reason: str) -> PrintUncertain:
        return PrintUncertain(f"{self._name} may or may not have printed: look at the paper. Reason: {reason}")


_PIECE = 4096
_IDLE_S = 0.02


class FdChannel:
    """A channel over a non-blocking file descriptor: a socket or a device file."""

    def __init__(self, fd: int, close: Callable[[], None], empty_read_is_end: bool) -> None:
        """Set ``empty_read_is_end`` for a socket; usblp gives empty reads while the printer is silent."""
        self._fd = fd
        self._close = close
        self._empty_read_is_end = empty_read_is_end

    def send(self, data: memoryview, until: float) -> int:
        while True:
            try:
                return os.write(self._fd, data[:_PIECE])
            except BlockingIOError:
                self._wait(select.POLLOUT, until)
            except OSError as error:
                raise ChannelBroken(error.strerror or str(error)) from error

    def flush(self, until: float) -> None:
        """Do nothing: sockets and usblp send what they have taken."""

    def receive(self, until: float) -> bytes:
        while True:
            self._wait(select.POLLIN, until)
            data = self._read()
            if data:
                return data
            sleep(_IDLE_S)  # ready to read and nothing there: only a clock can be waited for

    def discard_input(self) -> None:
        while self._read():
            pass

    def close(self) -> None:
        self._close()

    def _read(self) -> bytes:
        try:
            data = os.read(self._fd, _PIECE)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise ChannelBroken(error.strerror or str(error)) from error
        if not data and self._empty_read_is_end:
            raise ChannelBroken("the printer closed the connection")
        return data

    def _wait(self, event: int, until: float) -> None:
        poll = select.poll()
        poll.register(self._fd, event)
        left = until - monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise ChannelTimeout


RAW_PORT = 9100


class TcpPrinter(StreamPrinter):
    """Opens a connection for each job: most print servers serve one client at a time.

    Give an address, not a name: a name is looked up without a deadline. Raises ValueError.
    """

    def __init__(self, host: str, port: int = RAW_PORT, language: str | PrinterProfile = "tspl") -> None:
        super().__init__(language, f"{host}:{port}")
        self._address = (host, port)

    def _open(self, until: float) -> PrinterChannel:
        return connect(self._address, until)


def connect(address: tuple[str, int], until: float) -> FdChannel:
    """Connect before monotonic second ``until``. Raises ChannelBroken or ChannelTimeout."""
    left = until - monotonic()
    if left <= 0:
        raise ChannelTimeout
    try:
        link = socket.create_connection(address, timeout=left)
    except TimeoutError:
        raise ChannelTimeout from None
    except OSError as error:
        raise ChannelBroken(error.strerror or str(error)) from error
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.setblocking(False)
    return FdChannel(link.fileno(), link.close, empty_read_is_end=True)


class FilePrinter(StreamPrinter):
    """Opens the file for each job, never blocking and never creating it: an unplugged printer has no file.

    The status of a device file is queried like that of a network printer. A plain file or pipe cannot answer: there the
    complete write is the proof and ``status`` is unknown. ``language`` as for TcpPrinter. Raises ValueError.
    """

    def __init__(self, path: str | Path, language: str | PrinterProfile = "tspl") -> None:
        self._path = Path(path)
        row = profile(language)
        if self._path.exists() and not self._path.is_char_device():
            row = msgspec.structs.replace(row, proof="write")
        super().__init__(row, str(path))

    def _open(self, until: float) -> PrinterChannel:
        del until  # opening with O_NONBLOCK does not wait
        access = os.O_WRONLY | os.O_APPEND if self.proof == "write" else os.O_RDWR
        try:
            fd = os.open(self._path, access | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            raise ChannelBroken(error.strerror or str(error)) from error
        if self.proof != "write" and not stat.S_ISCHR(os.fstat(fd).st_mode):
            os.close(fd)
            raise ChannelBroken("it is not a device file")
        return FdChannel(fd, partial(os.close, fd), empty_read_is_end=False)


# In order of what to do first; paper near its end stops nothing and has no row.
_REMEDIES: dict[PrinterFault, str] = {
    PrinterFault.HEAD_OPEN: "has its head open: close it",
    PrinterFault.COVER_OPEN: "has its cover open: close it",
    PrinterFault.PAPER_JAM: "has a paper jam: open it and pull the paper out",
    PrinterFault.PAPER_OUT: "is out of paper: put a new roll in",
    PrinterFault.RIBBON_OUT: "is out of ribbon: put a new one in",
    PrinterFault.PAUSED: "is paused: press its feed or pause key",
    PrinterFault.BUFFER_FULL: "has a full buffer: switch it off and on",
    PrinterFault.TEMPERATURE: "is too hot or too cold: let it rest",
    PrinterFault.CUTTER_ERROR: "has a blocked cutter: clear it, then switch it off and on",
    PrinterFault.UNRECOVERABLE: "reports a failure: switch it off and on, then call a technician",
    PrinterFault.OFFLINE: "is offline: look at its lamp and its paper",
    PrinterFault.ERROR: "reports an error: switch it off and on",
    PrinterFault.PRINTING: "is still busy with another job: wait",
}


@dataclass(frozen=True, slots=True)
class PrinterName:
    """What the printer is called and where it is, for messages: "label printer", "127.0.0.1:9100"."""

    kind: str
    place: str

    def __str__(self) -> str:
        return f"The {self.kind} at {self.place}"

    @property
    def silent(self) -> str:
        return f"The {self.kind} does not answer at {self.place}: check its power and cable."

    @property
    def never_seen_printing(self) -> str:
        return f"The {self.kind} at {self.place} took the job and was never seen printing it."

    @property
    def finished_too_soon(self) -> str:
        return f"The {self.kind} at {self.place} said that it was done before the paper can have come out."

    def unreachable(self, reason: str) -> str:
        return f"The {self.kind} cannot be reached at {self.place} ({reason}): check its power and cable."

    def faulty(self, flags: tuple[PrinterFault, ...]) -> str:
        """Return the first act to take; "" when no flag stops a job."""
        return next((f"{self} {act}." for flag, act in _REMEDIES.items() if flag in flags), "")
