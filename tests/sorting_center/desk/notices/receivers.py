"""Who receives notices in tests: real servers on loopback that do what a test tells them to."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kiosk.sorting_center.desk.notices.outbound import DeliveryFailed
from kiosk.sorting_center.desk.notices.outbox import AlarmNotice, NoticeCase, NoticeClaim, NoticeState
from kiosk.sorting_center.desk.notices.targets import NoticeChannel, NoticeTarget
from kiosk.sorting_center.web.shared.texts import center_texts

NAME: Final = "receiver.example"
NOW: Final = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
CASE: Final = NoticeCase(7, "fork", "shache", "S0147", "abc 4", "event 4 came twice", "2026-11-27T08:00:00.000Z", False)

Handling = Callable[[socket.socket], None]


def case_line(case: NoticeCase, language: str) -> str:
    return f"{language} {case.kind} {case.station}"


def mail_text(cases: tuple[NoticeCase, ...], language: str) -> tuple[str, str]:
    lines = [case_line(case, language) for case in cases]
    return f"{len(cases)} ئاگاھ\r\nBcc: evil@example.org", "\n.\n".join(lines)


def refused(send: Callable[[NoticeClaim], str], one: NoticeClaim, secret: str) -> str:
    """Why it did not come through, as the pages say it in English; without the secret."""
    with pytest.raises(DeliveryFailed) as told:
        send(one)
    shown = center_texts("en").text(f"said_{told.value.code}", **told.value.values)
    assert secret not in shown + str(told.value)
    return shown


@dataclass(frozen=True)
class Request:
    line: str
    headers: dict[str, str]
    body: bytes


@contextmanager
def listening(handle: Handling, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of a server that gives each connection to ``handle`` and closes it then."""
    ending = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))
    own: list[socket.socket] = []

    def serve() -> None:
        while not ending.is_set():
            with suppress(OSError):
                plain, _ = server.accept()
                own.append(plain)
                with plain if tls is None else tls.wrap_socket(plain, server_side=True) as connection:
                    handle(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        ending.set()
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        for connection in own:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        thread.join()
        server.close()


def read_request(connection: socket.socket) -> Request:
    with connection.makefile("rb") as lines:
        first = lines.readline().decode().strip()
        headers = dict(line.decode().strip().split(": ", 1) for line in iter(lines.readline, b"\r\n"))
        return Request(first, headers, lines.read(int(headers["Content-Length"])))


@dataclass
class Http:
    """Answers each request with ``answer``, and keeps what it was asked."""

    answer: bytes = b"HTTP/1.1 204 No Content\r\n\r\n"
    asked: list[Request] = field(default_factory=list)

    def __call__(self, connection: socket.socket) -> None:
        self.asked.append(read_request(connection))
        connection.sendall(self.answer)

    def body(self) -> dict[str, object]:
        told: dict[str, object] = json.loads(self.asked[-1].body)
        return told


@dataclass
class Smtp:
    """Enough of RFC 5321 for one letter; ``answers`` replaces what it says to a command."""

    tls: ssl.SSLContext
    answers: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    logins: list[bytes] = field(default_factory=list)
    letter: bytes = b""

    def __call__(self, connection: socket.socket) -> None:
        connection.sendall(b"220 receiver.example ESMTP\r\n")
        while (line := _line(connection)) is not None:
            word = line.split(" ")[0].upper()
            self.said.append(word)
            answer = self.answers.get(word) or self._usual(word, line)
            connection.sendall(answer.encode() + b"\r\n")
            if word == "STARTTLS" and answer.startswith("220"):
                connection = self.tls.wrap_socket(connection, server_side=True)
            if word == "DATA" and answer.startswith("354"):
                self.letter = b"\r\n".join(_letter(connection))
                connection.sendall((self.answers.get(".") or "250 taken").encode() + b"\r\n")
            if word == "QUIT":
                break
        connection.close()

    def _usual(self, word: str, line: str) -> str:
        if word == "AUTH":
            self.logins.append(base64.b64decode(line.split(" ")[2]))
        return {
            "EHLO": "250-receiver.example\r\n250-STARTTLS\r\n250 AUTH PLAIN",
            "STARTTLS": "220 go on",
            "AUTH": "235 welcome",
            "DATA": "354 go on",
            "QUIT": "221 bye",
        }.get(word, "250 well")


def _line(connection: socket.socket) -> str | None:
    found = b""
    while not found.endswith(b"\r\n"):
        if not (piece := connection.recv(1)):
            return None
        found += piece
    return found.decode().rstrip("\r\n")


def _letter(connection: socket.socket) -> Iterator[bytes]:
    while (line := _line(connection)) not in (".", None):
        yield str(line).encode()


def claim(way: NoticeChannel, address: str, cases: Sequence[NoticeCase] = (CASE,), **of_target: str) -> NoticeClaim:
    """One that was just made, for a target at ``address``."""
    target = NoticeTarget("here", way, address, of_target.pop("language", "en"), **of_target)  # type: ignore[arg-type]
    notice = AlarmNotice(
        1, "c0de", "here", tuple(cases), len(cases), NoticeState.WAITING, 1, "2026-11-27T08:00:00.000Z", None, ""
    )
    return NoticeClaim(notice, target, 1)


@dataclass(frozen=True)
class Certificates:
    """Of a server that is called NAME, and of who trusts it."""

    server: ssl.SSLContext
    client: ssl.SSLContext


def certificates(folder: Path) -> Certificates:
    """A fresh key; good for the year around today."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=180))
        .not_valid_after(now + timedelta(days=180))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME), x509.DNSName("localhost")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "cert.pem", folder / "key.pem"
    pem.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(pem, private)
    return Certificates(server, ssl.create_default_context(cafile=str(pem)))
