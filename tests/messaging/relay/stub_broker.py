"""Two brokers Mosquitto cannot be: one that answers with any reason code, and one that knows MQTT 3.1.1 alone."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

CONNECT, PUBLISH, SUBSCRIBE = 1, 3, 8
SOON_S = 60.0


class _Listener:
    """One connection after the other, in a thread."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stub-broker")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(SOON_S)
        self._socket.close()
        assert not self._thread.is_alive()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            with line:
                line.settimeout(0.1)
                with suppress(ConnectionError):
                    self.serve(line)

    def serve(self, line: socket.socket) -> None:
        raise NotImplementedError

    def packet(self, line: socket.socket) -> tuple[int, bytes] | None:
        """Type and content of the next packet; None at the end."""
        first = self._read(line, 1)
        if not first:
            return None
        length = shift = 0
        while True:
            more = self._read(line, 1)
            if not more:
                return None
            digit = more[0]
            length |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                return first[0] >> 4, self._read(line, length)

    def _read(self, line: socket.socket, count: int) -> bytes:
        data = b""
        while len(data) < count and not self._ended.is_set():
            try:
                block = line.recv(count - len(data))
            except TimeoutError:
                continue
            except OSError:
                return b""
            if not block:
                return b""
            data += block
        return data


class Refusing(_Listener):
    """Takes everybody in; every event or batch gets a PUBACK with ``puback``, or the end with ``disconnect``."""

    def __init__(self, *, puback: int | None = None, disconnect: int | None = None) -> None:
        super().__init__()
        self._puback, self._disconnect = puback, disconnect

    def serve(self, line: socket.socket) -> None:
        while (packet := self.packet(line)) is not None:
            kind, content = packet
            if kind == CONNECT:
                line.sendall(bytes([0x20, 3, 0, 0, 0]))
            elif kind == SUBSCRIBE:
                line.sendall(bytes([0x90, 5]) + content[:2] + bytes([0, 1, 1]))
            elif kind == PUBLISH and self._disconnect is not None:
                line.sendall(bytes([0xE0, 2, self._disconnect, 0]))
                return
            elif kind == PUBLISH:
                topic_end = 2 + int.from_bytes(content[:2], "big")
                line.sendall(bytes([0x40, 4]) + content[topic_end : topic_end + 2] + bytes([self._puback or 0, 0]))


class OldVersion(_Listener):
    """In front of a broker: refuses MQTT 5 as a broker of 3.1.1 does, and passes everything else on."""

    def __init__(self, broker_port: int) -> None:
        super().__init__()
        self._broker_port = broker_port
        self.versions: list[int] = []

    def serve(self, line: socket.socket) -> None:
        head = self._read(line, 2)
        while head and head[-1] >= 128:
            head += self._read(line, 1)
        head += self._read(line, 7)  # "MQTT" behind its length, then the version
        if not head:
            return
        self.versions.append(head[-1])
        if head[-1] != 4:
            line.sendall(bytes([0x20, 2, 0, 1]))
            return
        with socket.create_connection(("127.0.0.1", self._broker_port), timeout=SOON_S) as far:
            far.sendall(head)
            back = threading.Thread(target=self._pass, args=(far, line))
            back.start()
            self._pass(line, far)
            far.shutdown(socket.SHUT_RDWR)
            back.join(SOON_S)

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        source.settimeout(0.1)
        while not self._ended.is_set():
            try:
                block = source.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                return
            if not block:
                return
            sink.sendall(block)
