"""One HTTP request and its answer, both bounded: every wait ends at the deadline, an answer holds so many bytes."""

from __future__ import annotations

from kiosk.devices.printer.ports import ChannelBroken, PrinterChannel
from kiosk.devices.printer.settings import IppAddress

MAX_HEAD_BYTES = 16_384
_HEAD_END = b"\r\n\r\n"
_MAX_INTERIM_RESPONSES = 8  # Answers like "100 Continue" in front of the answer


class HttpRefused(Exception):
    """The server answered, and not with 200; the text says so."""


class HttpExchange:
    """A request on a channel that is used for nothing else. Raises ChannelBroken, ChannelTimeout or HttpRefused."""

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
            raise HttpRefused(f"it answers HTTP {status}")
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
