"""The HTTP server over plain HTTP: large bodies, those who read slowly, and bodies whose connection breaks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request

from kiosk.sorting_center.shared.http_server import BrokenBodyChannel, WebServer
from kiosk.sorting_center.shared.listen_socket import unix_socket
from tests.depth import many
from tests.sorting_center.brokers import SOON_S

LARGE = bytes(range(256)) * 16 * 1024
"""4 MiB: more than a socket takes at once."""


def large_app() -> Flask:
    app = Flask(__name__)

    @app.get("/large")
    def large() -> bytes:
        return LARGE

    @app.post("/length")
    def length() -> str:
        return str(len(request.get_data()))

    return app


@contextmanager
def served(app: Callable[..., Any], **more: Any) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = WebServer(app, listening, **more)
        server.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.stop(SOON_S)


@pytest.fixture
def port() -> Iterator[int]:
    with served(large_app()) as port:
        yield port


def body(port: int, path: str = "/large", sent: bytes = b"") -> bytes:
    connection = HTTPConnection("127.0.0.1", port, timeout=SOON_S)
    try:
        connection.request("POST" if sent else "GET", path, sent or None)
        return connection.getresponse().read()
    finally:
        connection.close()


def test_much_goes_both_ways(port: int) -> None:
    assert body(port) == LARGE
    assert body(port, "/length", LARGE) == str(len(LARGE)).encode()


def test_an_answer_waits_for_who_reads_slowly_and_holds_up_nobody(port: int) -> None:
    """More of them than the server has threads; beside them some who say half of a request, or nothing."""
    with ExitStack() as ends:
        lines = [
            ends.enter_context(socket.create_connection(("127.0.0.1", port), SOON_S))
            for _ in range(many(10, torture=20) + 100)
        ]
        slow, idle = lines[:-100], lines[-100:]
        for line in slow:
            line.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        for number, line in enumerate(idle):
            line.sendall(
                b"POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n123"[: number % 3 * 34]
            )
        assert body(port) == LARGE
        for line in slow:
            answer = b""
            while piece := line.recv(1 << 16):
                answer += piece
            assert answer.partition(b"\r\n\r\n")[2] == LARGE


def test_the_application_gets_what_has_arrived_of_a_broken_body(tmp_path: Path) -> None:
    bodies: list[bytes] = []
    arrived = threading.Semaphore(0)

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        bodies.append(environ["wsgi.input"].read())
        arrived.release()
        start_response("204 No Content", [])
        return ()

    head = b"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"
    path = str(tmp_path / "s")
    with unix_socket(path) as listening:
        server = WebServer(app, listening, channel_class=BrokenBodyChannel)
        server.start()
        try:
            for sent in (head + b"1234", head, head + b"1234567890", head[:-2]):
                with socket.socket(socket.AF_UNIX) as line:
                    line.connect(path)
                    line.sendall(sent)
                    if sent.endswith(b"0"):
                        assert line.recv(100).startswith(b"HTTP/1.1 204")
            for _ in range(3):
                assert arrived.acquire(timeout=SOON_S)
        finally:
            server.stop(SOON_S)
    assert sorted(bodies) == [b"", b"1234", b"1234567890"], "each once, and nothing of a broken head"
