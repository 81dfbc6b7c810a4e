"""The pages over TLS, to real clients: those that are well, and those that are slow, half begun, or speak no TLS."""

from __future__ import annotations

import logging
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from flask import Flask, request

from kiosk.cli.sorting_center import main
from kiosk.sorting_center.certificate import ReloadingCertificate
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.health import CenterHealth
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.web.child import WebProcess
from kiosk.sorting_center.web.connections import channels
from kiosk.sorting_center.web.connections.channels import MAX_CONNECTIONS
from kiosk.sorting_center.web.connections.tls import certificate_of
from kiosk.sorting_center.web.guard import Hosts
from kiosk.sorting_center.web.server import WebServer
from kiosk.sorting_center.web.settings import BadWebSettings, CenterWebSettings
from kiosk.sorting_center.web.sources import Stores
from tests.depth import many
from tests.sorting_center.brokers import SOON_S, until
from tests.sorting_center.desk.notices.receivers import certificates
from tests.sorting_center.staff import NOON, PASSWORD, app_of

LARGE = bytes(range(256)) * 16 * 1024
"""4 MiB: more than a socket takes at once."""


@dataclass(frozen=True)
class Files:
    """A certificate for ``localhost`` and its key, and a client that trusts it."""

    cert: str
    key: str
    client: ssl.SSLContext


def files_in(folder: Path) -> Files:
    folder.mkdir(exist_ok=True)
    client = certificates(folder).client
    (folder / "key.pem").chmod(0o600)
    return Files(str(folder / "cert.pem"), str(folder / "key.pem"), client)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return files_in(tmp_path)


def large_app() -> Flask:
    app = Flask(__name__)

    @app.get("/large")
    def large() -> bytes:
        return LARGE

    @app.post("/length")
    def length() -> str:
        return str(len(request.get_data()))

    return app


@dataclass(frozen=True)
class Served:
    """Pages on a port of this machine; ``client`` is None without TLS."""

    port: int
    client: ssl.SSLContext | None
    certificate: ReloadingCertificate | None = None

    def connect(self) -> socket.socket:
        """Below TLS."""
        return socket.create_connection(("127.0.0.1", self.port), SOON_S)

    def secured(self) -> socket.socket:
        if self.client is None:
            return self.connect()
        return self.client.wrap_socket(self.connect(), server_hostname="localhost")

    def ask(self, path: str = "/sign-in", form: dict[str, str] | None = None, body: bytes = b"") -> Answer:
        connection = (
            HTTPConnection("localhost", self.port, timeout=SOON_S)
            if self.client is None
            else HTTPSConnection("localhost", self.port, timeout=SOON_S, context=self.client)
        )
        try:
            if form is not None:
                kind = {"Content-Type": "application/x-www-form-urlencoded"}
                connection.request("POST", path, urlencode(form), kind)
            else:
                connection.request("POST" if body else "GET", path, body or None)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: object
    body: bytes

    def all_of(self, name: str) -> str:
        return "; ".join(self.headers.get_all(name) or [])  # type: ignore[attr-defined]


@contextmanager
def served(app: Flask, files: Files | None) -> Iterator[Served]:
    certificate = certificate_of(files.cert, files.key) if files is not None else None
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = WebServer(app, listening, certificate)
        server.start()
        try:
            yield Served(listening.getsockname()[1], files.client if files is not None else None, certificate)
        finally:
            server.stop(SOON_S)


@pytest.fixture(params=["tls", "plain"])
def pages(request: pytest.FixtureRequest, files: Files) -> Iterator[Served]:
    with served(large_app(), files if request.param == "tls" else None) as running:
        yield running


def is_closed(connection: socket.socket) -> bool:
    """Waits for what the other side does."""
    with suppress(ConnectionError):
        while connection.recv(4096):
            pass
    return True


# --- those who are well -----------------------------------------------------------------------------------------------


def test_a_person_signs_in_with_a_cookie_that_no_plain_page_gets(stores: Stores, files: Files) -> None:
    stores.desk.people.add("gulnar", StaffRole.ADMIN, PASSWORD, NOON)
    with served(app_of(stores), files) as running:
        answer = running.ask("/sign-in", {"name": "gulnar", "password": PASSWORD})
        assert answer.status == 303
        (cookie,) = [text for text in answer.headers.get_all("Set-Cookie") if "center=" in text]  # type: ignore[attr-defined]
        assert cookie.startswith("__Host-center=")
        assert all(word in cookie for word in ("; Secure", "; HttpOnly", "; Path=/", "; SameSite=Strict"))


def test_who_came_over_tls_once_never_comes_without(stores: Stores) -> None:
    app = app_of(stores)
    for base, said in (
        ("https://192.0.2.7", True),
        ("https://localhost", False),
        ("http://127.0.0.1", False),
    ):
        answer = app.test_client().get("/sign-in", base_url=base)
        assert ("Strict-Transport-Security" in answer.headers) is said, base


def test_the_port_of_tls_need_not_be_named(stores: Stores) -> None:
    hosts = Hosts("192.0.2.7")
    assert hosts.is_allowed("192.0.2.7", 443, "https")
    assert not hosts.is_allowed("192.0.2.7", 443, "http")
    assert not hosts.is_allowed("192.0.2.7", 8090, "https")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_two_versions_of_tls(files: Files, version: ssl.TLSVersion) -> None:
    files.client.minimum_version = files.client.maximum_version = version
    with served(large_app(), files) as running, running.secured() as connection:
        assert isinstance(connection, ssl.SSLSocket)
        assert connection.version() == version.name.replace("_", ".")
    assert certificate_of(files.cert, files.key).context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_renewed_certificate_is_shown_from_the_next_connection_on(files: Files, tmp_path: Path) -> None:
    with served(large_app(), files) as running, running.secured() as before:
        renewed = replace(running, client=files_in(tmp_path).client)
        assert running.certificate is not None
        for _ in range(2):
            running.certificate.reload_if_changed()
        assert renewed.ask("/large").body == LARGE
        before.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert before.recv(12) == b"HTTP/1.1 200"


def test_much_goes_both_ways(pages: Served) -> None:
    assert pages.ask("/large").body == LARGE
    assert pages.ask("/length", body=LARGE).body == str(len(LARGE)).encode()


def test_an_answer_waits_for_who_reads_slowly_and_holds_up_nobody(pages: Served) -> None:
    """More of them than the server has threads."""
    with ExitStack() as ends:
        slow = [ends.enter_context(pages.secured()) for _ in range(many(10, torture=20))]
        for connection in slow:
            connection.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert pages.ask("/large").body == LARGE
        for connection in slow:
            told = b""
            while piece := connection.recv(1 << 16):
                told += piece
            assert told.partition(b"\r\n\r\n")[2] == LARGE


# --- those who are not ------------------------------------------------------------------------------------------------


def hello_of(pages: Served) -> bytes:
    """What a client says first."""
    said, heard = ssl.MemoryBIO(), ssl.MemoryBIO()
    assert pages.client is not None
    with suppress(ssl.SSLWantReadError):
        pages.client.wrap_bio(heard, said, server_hostname="localhost").do_handshake()
    return said.read()


def test_two_hundred_who_say_nothing_or_half_of_it_hold_up_nobody(files: Files) -> None:
    with served(large_app(), files) as pages, ExitStack() as ends:
        hello = hello_of(pages)
        for number in range(200):
            connection = ends.enter_context(pages.connect())
            connection.sendall(hello[: number % 3 * len(hello) // 3])
        for _ in range(40):
            connection = ends.enter_context(pages.secured())
            connection.sendall(b"POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n123")
        assert pages.ask("/large").body == LARGE


def test_too_many_of_one_address_lose_the_one_that_idles_longest(pages: Served) -> None:
    with ExitStack() as ends:
        first = ends.enter_context(pages.connect())
        for _ in range(MAX_CONNECTIONS):
            ends.enter_context(pages.connect())
        assert is_closed(first)
        assert pages.ask("/large").status == 200


def test_a_handshake_has_its_time(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "HANDSHAKE_TIMEOUT_S", 0.05)
    with served(large_app(), files) as pages, pages.connect() as silent, pages.connect() as half:
        half.sendall(hello_of(pages)[:50])
        assert is_closed(silent)
        assert is_closed(half)


def test_a_request_has_its_time_however_often_a_byte_of_it_comes(
    pages: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pages.secured() as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHo")
        monkeypatch.setattr(channels, "REQUEST_TIMEOUT_S", 0.05)

        def dripped() -> bool:
            try:
                connection.sendall(b"x")
            except (ConnectionError, ssl.SSLError):
                return True
            return False

        until(dripped)


def test_plain_http_on_the_port_of_tls_is_closed_and_said_once(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, channels.__name__), served(large_app(), files) as pages:
        for _ in range(20):
            with pages.connect() as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert is_closed(connection)
        assert pages.ask("/large").status == 200
    (record,) = [one for one in caplog.records if one.name == channels.__name__]
    assert (
        record.getMessage() == "A connection from 127.0.0.1 was closed: it asked for plain http on the port of https."
    )


def test_garbage_and_a_client_that_trusts_nobody_end_nothing(files: Files) -> None:
    with served(large_app(), files) as pages:
        for garbage in (b"\x16\x03\x01\xff\xff" + b"x" * 100, b"\x00" * 1000, b"\x16"):
            with pages.connect() as connection:
                connection.sendall(garbage)
                with suppress(OSError):  # closed by the other side already
                    connection.shutdown(socket.SHUT_WR)
                assert is_closed(connection)
        distrusting = Served(pages.port, ssl.create_default_context())
        with pytest.raises(ssl.SSLCertVerificationError):
            distrusting.secured()
        assert pages.ask("/large").status == 200


# --- settings ---------------------------------------------------------------------------------------------------------


def _other_key(files: Files, folder: Path) -> tuple[str, str]:
    return files.cert, files_in(folder / "other").key


def _encrypted(files: Files, folder: Path) -> tuple[str, str]:
    key = serialization.load_pem_private_key(Path(files.key).read_bytes(), None)
    kind, closed = serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"walnut")
    (folder / "closed.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, closed))
    (folder / "closed.pem").chmod(0o600)
    return files.cert, str(folder / "closed.pem")


def _for_all_to_read(files: Files, _: Path) -> tuple[str, str]:
    Path(files.key).chmod(0o644)
    return files.cert, files.key


def _cut(files: Files, folder: Path) -> tuple[str, str]:
    (folder / "cut.pem").write_text(Path(files.cert).read_text()[:200])
    return str(folder / "cut.pem"), files.key


BAD: dict[str, Callable[[Files, Path], tuple[str, str]]] = {
    "does not belong to the certificate": _other_key,
    "is encrypted": _encrypted,
    "chmod o-r": _for_all_to_read,
    "cannot be used for TLS": _cut,
    "holds no certificate": lambda files, _: (files.key, files.key),
    "holds no private key": lambda files, _: (files.cert, files.cert),
    "cannot be read: No such file": lambda files, folder: (files.cert, str(folder / "nowhere.pem")),
    "cannot be read: Is a directory": lambda files, folder: (str(folder), files.key),
    "cannot be read: embedded null": lambda files, _: ("cert\0.pem", files.key),
}


@pytest.mark.parametrize("said", BAD)
def test_files_that_cannot_be_used_are_told_in_one_line(said: str, files: Files, tmp_path: Path) -> None:
    cert, key = BAD[said](files, tmp_path)
    with pytest.raises(BadWebSettings) as refused:
        CenterWebSettings(cert_file=cert, key_file=key).validate()
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_wrong_call_ends_with_one_line(files: Files, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'county.db'}"
    for options, said in [
        (["--http", "127.0.0.1:0", "--http-cert", files.cert], "go together"),
        (["--http", "127.0.0.1:0", "--http-key", files.key], "go together"),
        (["--http", "127.0.0.1:0", "--http-cert", files.cert, "--http-key", files.cert], "holds no private key"),
    ]:
        result = CliRunner().invoke(main, ["web", "--ledger", url, *options])
        assert (result.exit_code, said in result.stderr, result.stderr.count("\n")) == (2, True, 1), options
    broker = ["--broker", "mqtt://127.0.0.1:1", "--http-cert", files.cert, "--http-key", files.key]
    result = CliRunner().invoke(main, ["run", "--ledger", url, *broker])
    assert (result.exit_code, "need --http" in result.stderr) == (2, True)


def test_any_address_will_do_with_a_certificate(files: Files) -> None:
    assert CenterWebSettings(host="0.0.0.0", cert_file=files.cert, key_file=files.key).validate().url(8090) == (
        "https://0.0.0.0:8090"
    )


# --- the process ------------------------------------------------------------------------------------------------------


def test_killed_it_is_begun_again_on_the_same_port_and_still_speaks_tls(ledger: Ledger, files: Files) -> None:
    web = WebProcess(ledger.url, CenterWebSettings(cert_file=files.cert, key_file=files.key), CenterHealth())
    pages = Served(int(web.url.rpartition(":")[2]), files.client)
    assert web.url.startswith("https://127.0.0.1:")
    web.start()
    try:
        assert until(lambda: pages.ask("/health").status) == 503
        first = web.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        until(lambda: web.pid not in (None, first))
        assert until(lambda: pages.ask("/health").status) == 503
    finally:
        web.stop(SOON_S)
