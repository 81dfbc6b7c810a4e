"""An office printer, or a queue of CUPS in front of one, by IPP.

A job is created before its document is sent, so that its end can be queried by its number: after a lost answer to the
document it is still known whether the paper came out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from time import monotonic, sleep

from kiosk.devices.ports import PrinterFault, PrinterStatus, PrintNotStarted, PrintUncertain
from kiosk.devices.printer.ports import ChannelBroken, ChannelTimeout, PrinterChannel
from kiosk.devices.printer.profiles import PrinterProfile, profile
from kiosk.devices.printer.settings import IppAddress
from kiosk.devices.printer.stream import PrinterName, connect
from kiosk.protocols.printers import ipp, pwg
from kiosk.protocols.printers.ipp import JobState, Operation
from kiosk.protocols.printers.languages import parse_status
from kiosk.protocols.printers.page_setup import PageSetup

ANSWER_S = 5.0  # A queue answers at once; a printer that sleeps wakes up first
_POLL_S = 0.2
_IPP = "application/ipp"
_USER = "kiosk"
_HARMLESS = frozenset({PrinterFault.PAPER_NEAR_END, PrinterFault.PRINTING})
_UNKNOWN = PrinterStatus(ready=None, fault=None, flags=(PrinterFault.UNKNOWN,))

_EXCHANGE_ERRORS = (ChannelBroken, ChannelTimeout, ipp.BadIppResponse)


class IppPrinter:
    """A connection for each question; one job at a time. Safe from several threads. Raises ValueError."""

    proof = "job"
    proves = True

    def __init__(self, address: IppAddress, language: str | PrinterProfile = "ipp") -> None:
        self._address = address
        self._profile = profile(language)
        self._name = PrinterName("office printer", address.uri)
        self._numbers = count(1)
        self._turn = threading.Lock()

    @property
    def language(self) -> str:
        return self._profile.language

    @property
    def setup(self) -> PageSetup:
        return self._profile.setup

    def status(self, deadline_s: float) -> PrinterStatus:
        """Ask the printer; a queue answers also during a job of this station."""
        return self._state(monotonic() + deadline_s)

    def print(self, data: bytes, deadline_s: float, before_first_byte: Callable[[], None]) -> None:
        """Print one job. The deadline covers everything from the first question to the end of the job."""
        until = monotonic() + deadline_s
        if not data:
            raise ValueError("an empty print job")
        if not self._turn.acquire(timeout=max(0.0, deadline_s)):
            raise PrintNotStarted(self._name.faulty((PrinterFault.PRINTING,)), (PrinterFault.PRINTING,))
        try:
            self._run(data, until, before_first_byte)
        finally:
            self._turn.release()

    def _run(self, data: bytes, until: float, before_first_byte: Callable[[], None]) -> None:
        self._check_ready(until)
        number = self._create_job(until)
        try:
            before_first_byte()
        except BaseException:
            self._cancel(number)
            raise
        problem = self._send(number, data, until)
        self._await_end(number, until, problem)

    def _state(self, until: float) -> PrinterStatus:
        request = ipp.requested_attributes(ipp.PRINTER_ATTRIBUTES)
        try:
            reply = self._exchange(Operation.GET_PRINTER_ATTRIBUTES, until, request)
        except (ChannelBroken, ChannelTimeout):
            return _UNKNOWN
        found = parse_status("ipp", reply)
        return PrinterStatus(found.ready, found.fault, tuple(PrinterFault(flag) for flag in found.flags))

    def _check_ready(self, until: float) -> None:
        found = self._state(until)
        if found.ready is None:
            raise PrintNotStarted(self._name.silent, found.flags)
        if not _HARMLESS.issuperset(found.flags):
            raise PrintNotStarted(self._name.faulty(found.flags), found.flags)
        kind = ipp.document_format(pwg.FORMAT)
        answer = self._request_before_sending(Operation.VALIDATE_JOB, until, ipp.user(_USER), kind)
        if not answer.accepted:
            reason = f"it refuses {pwg.FORMAT}, IPP status {answer.status:#06x}"
            raise PrintNotStarted(self._name.unreachable(reason), (PrinterFault.OFFLINE,))

    def _create_job(self, until: float) -> int:
        """Create a job without a document; return its number."""
        answer = self._request_before_sending(Operation.CREATE_JOB, until, ipp.user(_USER), ipp.job_name("kiosk"))
        number = answer.number("job-id")
        if not answer.accepted or number is None:
            reason = f"it makes no job, IPP status {answer.status:#06x}"
            raise PrintNotStarted(self._name.unreachable(reason), (PrinterFault.OFFLINE,))
        return number

    def _request_before_sending(
        self, operation: Operation, until: float, *attributes: ipp.Attribute
    ) -> ipp.IppResponse:
        """Send a request before anything that could be printed. Raises PrintNotStarted."""
        try:
            return ipp.parse(self._exchange(operation, until, *attributes))
        except _EXCHANGE_ERRORS as error:
            raise PrintNotStarted(self._name.unreachable(_reason(error)), (PrinterFault.UNKNOWN,)) from error

    def _send(self, number: int, data: bytes, until: float) -> str:
        """Send the document; return the problem, "" for none. What became of it the job's state shows."""
        attributes = (ipp.job_id(number), ipp.user(_USER), ipp.document_format(pwg.FORMAT), ipp.last_document())
        try:
            answer = ipp.parse(self._exchange(Operation.SEND_DOCUMENT, until, *attributes, document=data))
        except _EXCHANGE_ERRORS as error:
            return _reason(error)
        return "" if answer.accepted else f"it refused the document, IPP status {answer.status:#06x}"

    def _await_end(self, number: int, until: float, problem: str) -> None:
        """Wait until the job reports that it is completed, and counts a sheet if it counts sheets."""
        query = (ipp.job_id(number), ipp.requested_attributes(ipp.JOB_ATTRIBUTES))
        while monotonic() < until:
            answer = None
            with suppress(*_EXCHANGE_ERRORS):
                answer = ipp.parse(self._exchange(Operation.GET_JOB_ATTRIBUTES, until, *query))
            state = answer.number("job-state") if answer else None
            if answer and state == JobState.COMPLETED:
                self._completed(answer)
                return
            if answer and state in (JobState.CANCELED, JobState.ABORTED):
                reasons = ", ".join(answer.words("job-state-reasons")) or problem or "it says no reason"
                raise self._uncertain(f"the job was {JobState(state).name.lower()}: {reasons}")
            sleep(_POLL_S)
        found = self._state(monotonic() + _POLL_S)
        self._cancel(number)
        raise self._uncertain(self._name.faulty(found.flags) or problem or self._name.silent)

    def _completed(self, answer: ipp.IppResponse) -> None:
        sheets = [found for name in ipp.SHEETS if (found := answer.number(name)) is not None]
        if sheets and max(sheets) == 0:
            raise self._uncertain("it says that the job is completed, and counts no sheet")
        if "job-completed-with-errors" in answer.words("job-state-reasons"):
            raise self._uncertain("the job was completed with errors")

    def _cancel(self, number: int) -> None:
        """Cancel the job, so that a sheet not printed by now does not come out later beside a reprint."""
        until = monotonic() + ANSWER_S
        with suppress(*_EXCHANGE_ERRORS):
            self._exchange(Operation.CANCEL_JOB, until, ipp.job_id(number), ipp.user(_USER))

    def _exchange(self, operation: Operation, until: float, *attributes: ipp.Attribute, document: bytes = b"") -> bytes:
        """Send a request within ANSWER_S, a document within the deadline. Raises ChannelBroken or ChannelTimeout."""
        until = until if document else min(until, monotonic() + ANSWER_S)
        number = next(self._numbers)
        message = ipp.request(operation, number, self._address.uri, *attributes)
        channel = connect((self._address.host, self._address.port), until)
        try:
            return HttpExchange(channel, until, ipp.MAX_BYTES).post(self._address, _IPP, (message, document))
        finally:
            channel.close()

    def _uncertain(self, reason: str) -> PrintUncertain:
        return PrintUncertain(f"{self._name} may or may not have printed: look at the paper. Reason: {reason}")


def _reason(error: Exception) -> str:
    return str(error) or "it takes or gives no more data"


MAX_HEAD_BYTES = 16_384
_HEAD_END = b"\r\n\r\n"
_MAX_INTERIM_RESPONSES = 8  # Answers like "100 Continue" in front of the answer


class HttpExchange:
    """A request on a channel that is used for nothing else. Raises ChannelBroken or ChannelTimeout."""

    def __init__(self, channel: PrinterChannel, until: float, max_bytes: int) -> None:
        self._channel = channel
        self._until = until
        self._max_bytes = max_bytes
        self._buffer = b""

    def post(self, address: IppAddress, kind: str, body: tuple[bytes, ...]) -> bytes:
        """Send the pieces of ``body`` as one, and return the body of the answer."""
        host = f"[{address.host}]" if ":" in address.host else address.host
        head = (
            f"POST {address.path} HTTP/1.1\r\nHost: {host}:{address.port}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {sum(map(len, body))}\r\nConnection: close\r\n\r\n"
        )
        for piece in (head.encode("ascii"), *body):
            rest = memoryview(piece)
            while rest:
                rest = rest[self._channel.send(rest, self._until) :]
        return self._read_response()

    def _read_response(self) -> bytes:
        for _ in range(_MAX_INTERIM_RESPONSES):
            status, fields = self._head()
            if status >= 200:
                break
        if status != 200:
            raise ChannelBroken(f"it answers HTTP {status}")
        if "chunked" in fields.get("transfer-encoding", ""):
            return self._chunks()
        length = fields.get("content-length")
        if length is None:
            return self._read_to_end()
        if not (length.isascii() and length.isdigit()) or len(length) > 9 or int(length) > self._max_bytes:
            raise ChannelBroken("its answer is too long")
        return self._read_exactly(int(length))

    def _head(self) -> tuple[int, dict[str, str]]:
        while _HEAD_END not in self._buffer:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise ChannelBroken("it does not speak HTTP")
            self._buffer += self._channel.receive(self._until)
        head, _, self._buffer = self._buffer.partition(_HEAD_END)
        first, *lines = head.decode("latin-1").split("\r\n")
        words = first.split(" ")
        if not words[0].startswith("HTTP/1.") or len(words) < 2 or not (words[1].isascii() and words[1].isdigit()):
            raise ChannelBroken("it does not speak HTTP")
        pairs = (line.partition(":") for line in lines)
        return int(words[1][:3]), {name.strip().lower(): value.strip().lower() for name, _, value in pairs}

    def _read_exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._buffer += self._channel.receive(self._until)
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise ChannelBroken("its answer is no HTTP")
            self._buffer += self._channel.receive(self._until)
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _chunks(self) -> bytes:
        whole = b""
        while True:
            size = self._line().partition(b";")[0].strip()
            try:
                count = int(size, 16) if len(size) <= 8 else -1
            except ValueError:
                count = -1
            if count < 0 or len(whole) + count > self._max_bytes:
                raise ChannelBroken("its answer is too long or no HTTP")
            if count == 0:
                return whole
            whole += self._read_exactly(count)
            self._line()

    def _read_to_end(self) -> bytes:
        try:
            while len(self._buffer) <= self._max_bytes:
                self._buffer += self._channel.receive(self._until)
        except ChannelBroken:
            return self._buffer
        raise ChannelBroken("its answer is too long")
