"""An office printer on loopback that is driven by IPP and draws what it receives. Written from RFC 8010 and 8011."""

from __future__ import annotations

import struct
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from PIL import Image

from kiosk.simulators.printer.mechanism import SimulatedPrinter
from kiosk.simulators.printer.model import OFFICE_PRINTER, PrinterModel

_OK, _BAD_REQUEST, _NOT_FOUND, _NOT_POSSIBLE, _FORMAT, _OPERATION = 0x0000, 0x0400, 0x0406, 0x0404, 0x040A, 0x0501
_VALIDATE, _CREATE, _SEND, _CANCEL, _JOB, _PRINTER = 0x0004, 0x0005, 0x0006, 0x0008, 0x0009, 0x000B
_RASTER = "image/pwg-raster"
_REASONS = {"paper_out": "media-empty-error", "head_open": "cover-open-error", "paper_jam": "media-jam-error"}
_HELD, _WORKING, _WAITING, _CANCELED, _ABORTED, _COMPLETED = 4, 5, 6, 7, 8, 9
_FINAL = (_CANCELED, _ABORTED, _COMPLETED)
_MAX_BODY_BYTES = 40_000_000
Attributes = list[tuple[int, str, tuple[int | bool | str, ...]]]


@dataclass(slots=True)
class _IppJob:
    """``pages`` are those that are or were in the printer's buffer."""

    number: int
    state: int = _HELD
    reason: str = "job-incoming"
    pages: tuple[Image.Image, ...] = ()
    sheets: int = 0


class IppSimulator(SimulatedPrinter):
    """One printer; ``out_dir`` gets a picture of each sheet. It takes the words of every printer.

    ``unknown`` keeps what no printer would have understood.
    """

    path = "/ipp/print"

    def __init__(self, out_dir: Path, host: str = "127.0.0.1", port: int = 0, model: PrinterModel = OFFICE_PRINTER):
        super().__init__(out_dir, host, port, model)
        self.unknown: list[bytes] = []
        self._lock = threading.Lock()
        self._jobs: dict[int, _IppJob] = {}
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        return f"ipp://{self.host}:{self.port}{self.path}"

    def _listen(self) -> None:
        if self._server is not None:
            return
        self._server = ThreadingHTTPServer((self.host, self.port), _handler(self))
        self._server.daemon_threads = False
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="printer-ipp", daemon=True
        )
        self._thread.start()

    def _hang_up(self) -> None:
        server, self._server = self._server, None
        if server is not None and self._thread is not None:
            server.shutdown()
            server.server_close()
            self._thread.join()
        with self._lock:
            self._jobs.clear()

    def answer(self, body: bytes) -> bytes:
        try:
            operation, request, request_attributes, document = _read(body)
        except (IndexError, struct.error, UnicodeDecodeError):
            return _written(_BAD_REQUEST, 0, 0, [])
        status, group, attributes = self._carry_out(operation, request_attributes, document)
        if status in (_BAD_REQUEST, _OPERATION):
            self.unknown.append(body[:40])
        return _written(status, request, group, attributes)

    def _carry_out(
        self, operation: int, request_attributes: dict[str, str | int], document: bytes
    ) -> tuple[int, int, Attributes]:
        if request_attributes.get("attributes-charset") != "utf-8" or "printer-uri" not in request_attributes:
            return _BAD_REQUEST, 0, []
        if operation == _PRINTER:
            return _OK, 0x04, self._printer()
        if request_attributes.get("document-format", _RASTER) != _RASTER:
            return _FORMAT, 0, []
        if operation == _VALIDATE:
            return _OK, 0, []
        with self._lock:
            if operation == _CREATE:
                job = _IppJob(len(self._jobs) + 1)
                self._jobs[job.number] = job
                return _OK, 0x02, _attributes_of(job)
            found = self._jobs.get(int(request_attributes.get("job-id", 0)))
        if found is None:
            return _NOT_FOUND, 0, []
        if operation == _SEND:
            return self._take(found, document)
        if operation == _CANCEL:
            return self._cancel(found)
        if operation == _JOB:
            return _OK, 0x02, self._job_attributes(found)
        return _OPERATION, 0, []

    def _printer(self) -> Attributes:
        flags = self._mechanism.flags()
        faults = tuple(_REASONS[flag] for flag in sorted(flags) if flag in _REASONS)
        state = 5 if faults else 4 if "printing" in flags else 3
        return [
            (0x23, "printer-state", (state,)),
            (0x44, "printer-state-reasons", faults or ("none",)),
            (0x22, "printer-is-accepting-jobs", (True,)),
            (0x49, "document-format-supported", (_RASTER, "application/octet-stream")),
        ]

    def _take(self, job: _IppJob, document: bytes) -> tuple[int, int, Attributes]:
        if job.state != _HELD:
            return _NOT_POSSIBLE, 0, []
        try:
            sheets = pages(document)
        except BadRaster as error:
            job.state, job.reason = _ABORTED, "document-format-error"
            self.unknown.append(str(error).encode())
            return _FORMAT, 0, []
        job.state, job.reason, job.pages = _WORKING, "job-printing", tuple(sheets)
        before = self._mechanism.count
        for sheet in sheets:
            self._mechanism.accept(sheet)
        self._mechanism.accept(lambda: self._finished(job, before))
        return _OK, 0x02, _attributes_of(job)

    def _finished(self, job: _IppJob, before: int) -> None:
        with self._lock:
            if job.state == _WORKING:
                job.sheets = self._mechanism.count - before
                job.state, job.reason = _COMPLETED, "job-completed-successfully"

    def _cancel(self, job: _IppJob) -> tuple[int, int, Attributes]:
        with self._lock:
            if job.state in _FINAL:
                return _NOT_POSSIBLE, 0, []
            job.state, job.reason = _CANCELED, "job-canceled-by-user"
        self._mechanism.drop(job.pages)
        return _OK, 0, []

    def _job_attributes(self, job: _IppJob) -> Attributes:
        stopped = self._mechanism.flags() - {"printing"}
        with self._lock:
            attributes = _attributes_of(job)
            if job.state == _WORKING and stopped:
                attributes[1:3] = [(0x23, "job-state", (_WAITING,)), (0x44, "job-state-reasons", ("printer-stopped",))]
            return attributes


def _attributes_of(job: _IppJob) -> Attributes:
    return [
        (0x21, "job-id", (job.number,)),
        (0x23, "job-state", (job.state,)),
        (0x44, "job-state-reasons", (job.reason,)),
        (0x21, "job-impressions-completed", (job.sheets,)),
    ]


def _read(body: bytes) -> tuple[int, int, dict[str, str | int], bytes]:
    """Parse operation, request id, the first value of each attribute, the document."""
    _, operation, request = struct.unpack_from(">HHI", body)
    attributes: dict[str, str | int] = {}
    at = 8
    while body[at] != 0x03:
        tag = body[at]
        at += 1
        if tag < 0x10:
            continue
        (size,) = struct.unpack_from(">H", body, at)
        name = body[at + 2 : at + 2 + size].decode("utf-8")
        at += 2 + size
        (size,) = struct.unpack_from(">H", body, at)
        value = body[at + 2 : at + 2 + size]
        at += 2 + size
        if name:
            attributes[name] = int.from_bytes(value) if tag in (0x21, 0x22, 0x23) else value.decode("utf-8")
    return operation, request, attributes, body[at + 1 :]


def _written(status: int, request: int, group: int, attributes: Attributes) -> bytes:
    common: Attributes = [(0x47, "attributes-charset", ("utf-8",)), (0x48, "attributes-natural-language", ("en",))]
    reply = struct.pack(">HHI", 0x0101, status, request) + b"\x01" + _group(common)
    if group:
        reply += bytes((group,)) + _group(attributes)
    return reply + b"\x03"


def _group(attributes: Attributes) -> bytes:
    written = b""
    for tag, name, values in attributes:
        key = name.encode()
        for value in values:
            if isinstance(value, bool):
                data = bytes((value,))
            elif isinstance(value, int):
                data = struct.pack(">i", value)
            else:
                data = value.encode()
            written += struct.pack(">BH", tag, len(key)) + key + struct.pack(">H", len(data)) + data
            key = b""
    return written


def _handler(printer: IppSimulator) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if self.path != printer.path or self.headers.get("Content-Type") != "application/ipp":
                self.send_error(404)
                return
            if not length.isdigit() or int(length) > _MAX_BODY_BYTES:
                self.send_error(413)
                return
            body = self.rfile.read(int(length))
            if len(body) < int(length):  # interrupted: half a document is invalid
                self.close_connection = True
                return
            reply = printer.answer(body)
            self.send_response(200)
            self.send_header("Content-Type", "application/ipp")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(reply), reply))
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name the library gives it
            return

    return Handler


_SYNC, _HEADER = b"RaS2", 1796
_MAX_DOTS = 40_000_000
_SGRAY = 18


class BadRaster(ValueError):
    """The text names what no printer would have understood."""


def pages(document: bytes) -> list[Image.Image]:
    """Decode every sheet, mode "1", dark on white. Raises BadRaster."""
    if not document.startswith(_SYNC):
        raise BadRaster("no sync word")
    at, found = len(_SYNC), []
    while at < len(document):
        header = document[at : at + _HEADER]
        if len(header) < _HEADER or not header.startswith(b"PwgRaster\0"):
            raise BadRaster("a broken page header")
        picture, at = _page(document, at + _HEADER, header)
        found.append(picture)
    if not found or _figure(document[len(_SYNC) :], 452) not in (0, len(found)):
        raise BadRaster("not as many pages as the header says")
    return found


def _figure(header: bytes, offset: int) -> int:
    return int(struct.unpack_from(">I", header, offset)[0])


def _page(document: bytes, at: int, header: bytes) -> tuple[Image.Image, int]:
    width, height = _figure(header, 372), _figure(header, 376)
    kind = (
        _figure(header, 384),
        _figure(header, 388),
        _figure(header, 392),
        _figure(header, 400),
        _figure(header, 420),
    )
    if kind != (8, 8, width, _SGRAY, 1) or not 0 < width * height <= _MAX_DOTS:
        raise BadRaster(f"a kind of picture that not every printer takes: {kind}")
    lines: list[bytes] = []
    while len(lines) < height:
        repeats, at = _byte(document, at) + 1, at + 1
        line, at = _line(document, at, width)
        lines += [line] * repeats
    if len(lines) != height:
        raise BadRaster("more lines than the page is high")
    return Image.frombytes("L", (width, height), b"".join(lines)).point(lambda gray: 255 * (gray > 127)).convert(
        "1"
    ), at


def _byte(document: bytes, at: int) -> int:
    if at >= len(document):
        raise BadRaster("cut off in a line")
    return document[at]


def _line(document: bytes, at: int, width: int) -> tuple[bytes, int]:
    """Decode a line: n up to 127 repeats the next dot n + 1 times; from 129, 257 - n literal dots follow."""
    line = b""
    while len(line) < width:
        length, at = _byte(document, at), at + 1
        if length < 128:
            line += bytes((_byte(document, at),)) * (length + 1)
            at += 1
        elif length > 128:
            line += document[at : at + 257 - length]
            at += 257 - length
        else:
            raise BadRaster("a run of no length")
    if len(line) != width:
        raise BadRaster("a run beyond the line")
    return line, at
