"""Stations at the real nginx with the shipped site: who is let in, who keeps others waiting, what a cut costs."""

from __future__ import annotations

import http.client
import resource
import socket
import ssl
import stat
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from kiosk.messaging.contract.photos import MAX_PART_BYTES
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.photos.server import MAX_DOWNLOADS
from kiosk.sorting_center.shared.http_server import BrokenBodyChannel
from tests.messaging.authority import Authority
from tests.servers.nginx import SITES
from tests.sorting_center.brokers import until
from tests.sorting_center.photos.lanes import (
    REGION,
    SITE,
    SOON_S,
    STATION,
    Listening,
    Receiving,
    Shot,
    announce,
    head,
    jpeg,
    put,
    shots,
)
from tests.sorting_center.station_journal import Station

OF_STATION, OF_ALL = 4, 100  # Requests in progress, as the site has it
SLOW = 400


@pytest.fixture
def told(receiving: Receiving, station: Station) -> list[Shot]:
    pictures = shots(2)
    announce(receiving.ledger, station, *pictures)
    receiving.follow()
    return pictures


@pytest.fixture
def lane(receiving: Receiving, authority: Authority, told: list[Shot]) -> Iterator[Listening]:
    with Listening(receiving, authority) as listening:
        yield listening


def test_a_renewed_certificate_is_shown_from_the_next_connection_on(lane: Listening, told: list[Shot]) -> None:
    """Until it fits its key, the one before stays."""

    def shown() -> bytes:
        with ExitStack() as ends:
            line = lane.raw(ends)
            assert isinstance(line, ssl.SSLSocket)
            return line.getpeercert(True) or b""

    before = shown()
    with closing(lane.client()) as client:
        assert head(client, told[0].name()).offset == 0
        lane.certify(key_of="another")
        refused = lane.nginx.reload()
        assert (refused.returncode, "key values mismatch" in refused.stderr) == (1, True), refused
        assert shown() == before
        lane.certify()
        assert lane.nginx.reload().returncode == 0
        renewed = ssl.PEM_cert_to_DER_cert((lane.folder / "photos.crt").read_text())
        until(lambda: shown() == renewed != before)
    with closing(lane.client()) as client:
        assert put(client, told[0].name(), told[0].part(0)).status == 201


def test_a_picture_arrives_over_one_connection(lane: Listening, receiving: Receiving, told: list[Shot]) -> None:
    one, other = told
    with closing(lane.client()) as client:
        first = head(client, one.name())
        assert (first.status, first.offset, first.headers["Upload-Complete"]) == (204, 0, "?0")
        part = put(client, one.name(), one.part(0, 1000))
        assert (part.status, part.offset) == (204, 1000)
        assert put(client, one.name(), one.part(0, 1000)).offset == 1000
        done = put(client, one.name(), one.part(1000))
        assert (done.status, done.headers["Upload-Complete"]) == (201, "?1")
        assert head(client, one.name()).status == 200
        assert put(client, other.name(), other.part(0)).status == 201
        unknown = head(client, Shot.of(jpeg(77)).name())
        assert (unknown.status, unknown.headers["Picture-Refused"]) == (404, "not_announced")
    assert receiving.has(one) and receiving.has(other)


def test_a_certificate_speaks_for_its_own_station_alone(lane: Listening, told: list[Shot]) -> None:
    with closing(lane.client(lane.context("S0148"))) as client:
        assert head(client, told[0].name()).status == 403
        refused = put(client, told[0].name(), told[0].part(0))
        assert (refused.status, refused.headers["Picture-Refused"]) == (403, "not_yours")
        assert head(client, told[0].name("S0148")).status == 404


def let_in(lane: Listening, context: ssl.SSLContext, told: list[Shot]) -> bool:
    with closing(lane.client(context)) as client:
        try:
            return head(client, told[0].name()).status == 204
        except (OSError, http.client.HTTPException):
            return False


def test_who_is_not_let_in(lane: Listening, told: list[Shot], tmp_path: Path) -> None:
    assert let_in(lane, lane.context(), told)
    other = tmp_path / "other"
    other.mkdir()
    strangers = {
        "no certificate": lane.context(None),
        "another authority": lane.context(of=Authority(other, "elsewhere")),
        "an authority of the same name": lane.context(of=Authority(other)),
        "expired": lane.context(days=-1),
        "no station": lane.context("sorting-center"),
        "a name that begins with one": lane.context("S0147.example"),
    }
    assert [name for name, context in strangers.items() if let_in(lane, context, told)] == []
    old = lane.context()
    with pytest.warns(DeprecationWarning):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    assert not let_in(lane, old, told)
    assert let_in(lane, lane.context(), told)


def named(lane: Listening, *parts: list[tuple[x509.ObjectIdentifier, str]]) -> ssl.SSLContext:
    """A certificate whose subject has these parts, each of one value or several."""
    assert lane.authority is not None
    names = [
        x509.RelativeDistinguishedName([x509.NameAttribute(kind, value) for kind, value in part]) for part in parts
    ]
    context = lane.context(None)
    context.load_cert_chain(*lane.authority.issue("named", subject=x509.Name(names)))
    return context


COMMON, COMPANY, SERIAL = NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.SERIAL_NUMBER


def test_a_station_is_the_one_common_name_of_its_certificate(
    subtests: pytest.Subtests, lane: Listening, told: list[Shot]
) -> None:
    for parts, is_let_in in [
        ([[(COMPANY, "County, of 喀什 + \\")], [(COMMON, "S0147")]], True),
        ([[(COMMON, "S0147")], [(COMPANY, "CN=S0148")], [(SERIAL, "7")]], True),
        ([[(COMMON, "S0147")], [(COMMON, "S0147")]], False),
        ([[(COMMON, "S0148")], [(COMMON, "S0147")]], False),
        ([[(COMPANY, "x,CN=S0147")]], False),
        ([[(COMPANY, "x,CN=S0147")], [(COMMON, "elsewhere")]], False),
        ([[(COMMON, "elsewhere,CN=S0147")]], False),
        ([[(COMMON, "S0147"), (SERIAL, "7")]], False),
        ([[(COMMON, "S0147\n")]], False),
        ([[(COMMON, "S01470")]], False),
        ([[(NameOID.COUNTRY_NAME, "CN")], [(SERIAL, "S0147")]], False),
    ]:
        with subtests.test(parts=parts, is_let_in=is_let_in):
            assert let_in(lane, named(lane, *parts), told) is is_let_in


def test_a_header_of_the_client_says_nothing(lane: Listening, told: list[Shot]) -> None:
    """nginx overwrites it, and the program is reached through nginx alone."""
    forged = "X-Station: S0147\r\nx-station: S0147\r\nX_Station: S0147\r\n"
    request = f"HEAD {told[0].name()} HTTP/1.1\r\nHost: center\r\n{forged}\r\n".encode()
    with ExitStack() as ends:
        assert said(lane, request, lane.context("S0148")).startswith(b"HTTP/1.1 403")
        assert said(lane, request, lane.context("sorting-center")).startswith(b"HTTP/1.1 403")
        assert said(lane, request, lane.context(None)) == b""
        assert said(lane, request.replace(b"S0147\r\n", b"S0148\r\n")).startswith(b"HTTP/1.1 204"), "its own"
        line = ends.enter_context(socket.socket(socket.AF_UNIX))
        line.connect(str(lane.socket))
        line.sendall(f"HEAD {told[0].name()} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
        assert line.recv(4096).startswith(b"HTTP/1.1 403"), "without the header nobody is known"
    assert stat.S_IMODE(lane.socket.stat().st_mode) == 0o600


def test_the_server_is_checked_by_the_station(lane: Listening, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    context = ssl.create_default_context(cafile=str(Authority(elsewhere).file))
    with closing(lane.client(context)) as client, pytest.raises(ssl.SSLCertVerificationError):
        client.request("HEAD", "/")


def test_over_plain_http_the_path_says_who(receiving: Receiving, told: list[Shot]) -> None:
    with Listening(receiving) as plain, closing(plain.client()) as client:
        assert put(client, told[0].name(), told[0].part(0)).status == 201
    assert receiving.has(told[0])


# --- requests that are none


def said(lane: Listening, request: bytes, context: ssl.SSLContext | None = None) -> bytes:
    """Everything that comes back to this."""
    with ExitStack() as ends:
        line = lane.raw(ends, context)
        answer = b""
        with suppress(OSError):
            line.sendall(request)
            answer = line.recv(65536)
            socket.socket.shutdown(line, socket.SHUT_WR)
            while block := line.recv(65536):
                answer += block
        return answer


def test_what_two_readers_could_read_differently_is_refused(
    receiving: Receiving, authority: Authority, told: list[Shot]
) -> None:
    one = told[0]
    path, size = str(one.name()), len(one.content)
    whole = f"Content-Range: bytes 0-{size - 1}/{size}\r\n"
    smuggled = f"HEAD {one.name('S0148')} HTTP/1.1\r\nHost: center\r\n\r\n"
    start = f"PUT {path} HTTP/1.1\r\n"
    hostile = {
        "two lengths": f"{start}{whole}Content-Length: {size}\r\nContent-Length: 5\r\n\r\n",
        "two equal lengths": f"{start}{whole}Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "a list of lengths": f"{start}{whole}Content-Length: 5, 5\r\n\r\n",
        "a negative length": f"{start}{whole}Content-Length: -5\r\n\r\n",
        "a length with a sign": f"{start}{whole}Content-Length: +5\r\n\r\n",
        "a length with an underscore": f"{start}{whole}Content-Length: 1_0\r\n\r\n",
        "chunked": f"{start}{whole}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
        "both": f"{start}{whole}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}",
        "chunked in disguise": f"{start}{whole}Content-Length: 5\r\nTransfer-Encoding:\x0bchunked\r\n\r\n",
        "a space before the colon": f"{start}{whole}Content-Length : 5\r\n\r\nabcde",
        "folded": f"{start}{whole}Content-Length:\r\n 5\r\n\r\nabcde",
        "bare line feeds": f"PUT {path} HTTP/1.1\nContent-Length: 5\n\nabcde",
        "two ranges": f"{start}{whole}{whole}Content-Length: {size}\r\n\r\n{'x' * size}",
        "a NUL in a header": f"HEAD {path} HTTP/1.1\r\nX: a\0b\r\n\r\n",
        "a long header": f"HEAD {path} HTTP/1.1\r\nX: {'a' * 100_000}\r\n\r\n",
        "a long line": f"HEAD /{'a' * 100_000} HTTP/1.1\r\n\r\n",
        "a NUL in the path": f"HEAD {path}\0 HTTP/1.1\r\n\r\n",
        "a way out": f"PUT /photos/{REGION}/../../etc/passwd HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        "a way out, escaped": f"PUT /photos/{REGION}/%2e%2e%2f{one.told.sha256} HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        "a question behind it": f"HEAD {path}?x HTTP/1.1\r\n\r\n",
        "no range": f"{start}Content-Length: 5\r\n\r\nabcde",
        "a negative range": f"{start}Content-Range: bytes -5-{size}/{size}\r\nContent-Length: 5\r\n\r\nabcde",
        "a range of another length": f"{start}{whole}Content-Length: 5\r\n\r\nabcde",
        "no length": f"{start}{whole}\r\n",
        "another method": f"POST {path} HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcde",
        "to read it": f"GET {path} HTTP/1.1\r\n\r\n",
        "to delete it": f"DELETE {path} HTTP/1.1\r\n\r\n",
        "a proxy": "CONNECT 127.0.0.1:22 HTTP/1.1\r\n\r\n",
        "too large": f"{start}Content-Range: bytes 0-{MAX_PART_BYTES}/{MAX_PART_BYTES + 1}\r\n"
        f"Content-Length: {MAX_PART_BYTES + 1}\r\n\r\n",
        "no HTTP": "\x16\x03\x01hello\r\n\r\n",
    }
    refusals = (b"", *(f"HTTP/1.1 {code}".encode() for code in (400, 404, 405, 413, 414, 501, 505)))
    with Listening(receiving, authority) as lane:
        for name, request in hostile.items():
            line, end, rest = request.partition("\n")
            answer = said(lane, f"{line}{end}Host: center{end and chr(13)}{end}{rest}".encode("latin-1"))
            assert answer.count(b"HTTP/1.1 ") <= 1, (name, answer)
            assert answer[:12] in refusals, (name, answer)
        assert not receiving.folder.root.exists() or not list(receiving.folder.root.rglob("*.*"))
        assert comes_in(lane, receiving, one)


def test_a_longer_body_than_was_told_is_another_request(
    lane: Listening, receiving: Receiving, told: list[Shot]
) -> None:
    one = told[0]
    part, data = one.part(0)
    head_lines = (
        f"PUT {one.name()} HTTP/1.1\r\nHost: center\r\nContent-Range: {part}\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    answer = said(lane, head_lines.encode() + data + b"and more that is no request\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 201")
    assert answer.count(b"HTTP/1.1 400") == 1
    assert receiving.has(one)


# --- who keeps others waiting


def served(lane: Listening, one: Shot) -> bool:
    with closing(lane.client(lane.context())) as client:
        return put(client, one.name(), one.part(0)).status == 201


def comes_in(lane: Listening, receiving: Receiving, one: Shot) -> bool:
    """As a station does: on from where the center is."""
    with closing(lane.client(lane.context())) as client:
        offset = head(client, one.name()).offset
        if offset is not None:
            put(client, one.name(), one.part(offset))
    return receiving.photos.status(REGION, STATION, one.told.sha256) == "received"


def part_start(one: Shot, first: int, size: int, sent: int) -> bytes:
    """A PUT of a part, and so many bytes of its body."""
    part, data = one.part(first, size)
    lines = f"PUT {one.name()} HTTP/1.1\r\nHost: center\r\nContent-Range: {part}\r\nContent-Length: {part.size}\r\n"
    return f"{lines}\r\n".encode() + data[:sent]


def hello_of(lane: Listening) -> bytes:
    """What a client sends first."""
    sends, receives = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        lane.context().wrap_bio(receives, sends, server_hostname="127.0.0.1").do_handshake()
    return sends.read()


def test_400_slow_clients_keep_no_station_waiting(lane: Listening, receiving: Receiving, told: list[Shot]) -> None:
    """Silent ones, half a handshake, half a head, and bodies of other stations that drip."""
    with ExitStack() as ends:
        hello, nobody = hello_of(lane), lane.context(None)
        others = [lane.context(f"S{number:04d}") for number in range(1, 11)]
        for number in range(SLOW):
            if number % 4 < 2:
                line = ends.enter_context(socket.create_connection(("127.0.0.1", lane.port), timeout=SOON_S))
                line.sendall(hello[: number % 4 * len(hello) // 2])
            elif number % 4 == 2:
                lane.raw(ends, nobody).sendall(b"GET / HTTP/1.1\r\nHos")
            else:
                lane.raw(ends, others[number // 4 % 10]).sendall(part_start(told[0], 0, 1000, 5))
        for one in told:
            assert comes_in(lane, receiving, one)


def test_a_station_has_so_many_requests_in_hand_and_is_told_to_come_again(
    lane: Listening, receiving: Receiving, told: list[Shot]
) -> None:
    with ExitStack() as ends:
        own = lane.context()
        held = [lane.raw(ends, own) for _ in range(OF_STATION)]
        for line in held:
            line.sendall(part_start(told[0], 0, 1000, 5))

        def refused() -> bool:
            with closing(lane.client(own)) as client:
                reply = head(client, told[0].name())
            assert reply.status == 204 or (reply.status, reply.headers["Retry-After"]) == (503, "30")
            return reply.status == 503

        until(refused)  # nginx has read all of them by then
        with closing(lane.client(lane.context("S0148"))) as client:
            assert head(client, told[0].name("S0148")).status == 404, "another station notices none of that"
        for line in held:
            line.close()
        until(lambda: not refused())
        assert comes_in(lane, receiving, told[0])


def test_all_stations_together_have_so_many_requests_in_progress(
    lane: Listening, receiving: Receiving, told: list[Shot]
) -> None:
    with ExitStack() as ends:
        held = []
        for number in range(1, OF_ALL // OF_STATION + 1):
            context = lane.context(f"S{number:04d}")
            held += [lane.raw(ends, context) for _ in range(OF_STATION)]
        for line in held:
            line.sendall(part_start(told[0], 0, 1000, 5))
        own = lane.context()

        def status() -> int:
            with closing(lane.client(own)) as client:
                return head(client, told[0].name()).status

        until(lambda: status() == 503)  # nginx has read all of them by then
        for line in held[: OF_STATION + 1]:
            line.close()
        until(lambda: status() == 204)
        assert comes_in(lane, receiving, told[0])


def test_bytes_that_drip_are_not_waited_for(lane: Listening, receiving: Receiving, told: list[Shot]) -> None:
    one, other = told
    over = threading.Event()

    def drip(line: socket.socket) -> None:
        with suppress(OSError):
            while not over.wait(0.02):
                line.sendall(b"a")

    with ExitStack() as ends:
        lines = [lane.raw(ends), lane.raw(ends, lane.context("S0148"))]
        lines[0].sendall(part_start(one, 0, len(one.content), 0))
        lines[1].sendall(f"HEAD {one.name()} HTTP/1.1\r\nX: ".encode())
        dripping = [threading.Thread(target=drip, args=(line,)) for line in lines]
        for thread in dripping:
            thread.start()
        try:
            assert comes_in(lane, receiving, other)
            assert comes_in(lane, receiving, one), "the same picture, over another line"
        finally:
            over.set()
            for thread in dripping:
                thread.join()
    assert receiving.has(one)


# --- cuts


def test_a_cut_in_every_part_costs_no_byte_that_has_arrived(
    lane: Listening, receiving: Receiving, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At another byte of each: before the first, somewhere, and after the last, when only the answer is lost."""
    size, (one,) = 1024, shots(1, side=128)
    announce(receiving.ledger, station, one)
    receiving.follow()
    bodies = []
    received = BrokenBodyChannel.received

    def watched(channel: BrokenBodyChannel, data: bytes) -> bool:
        more = bool(received(channel, data))
        if channel.request is not None and channel.request.body_rcv is not None:
            bodies.append(len(channel.request.body_rcv.getbuf()))
        return more

    def is_at(expected: int) -> bool:
        with closing(lane.client()) as client:
            return head(client, one.name()).offset == expected

    monkeypatch.setattr(BrokenBodyChannel, "received", watched)
    total, first, cuts = len(one.content), 0, 0
    while first + size < total:
        sent = cuts * 97 % size if cuts % 4 else (0, size)[cuts // 4 % 2]
        bodies.clear()
        with ExitStack() as ends:
            lane.raw(ends).sendall(part_start(one, first, size, sent))
            if sent < size:
                until(partial(bodies.__contains__, sent))
            else:
                until(partial(is_at, first + size))
        first, cuts = first + sent, cuts + 1
        assert until(partial(is_at, first)), (cuts, sent)
    assert cuts > total // size
    assert comes_in(lane, receiving, one)
    assert receiving.has(one)


def test_a_line_that_is_reset_and_a_server_that_is_started_again_spoil_nothing(
    lane: Listening, receiving: Receiving, told: list[Shot]
) -> None:
    """What was on its way is lost or kept, never wrong."""
    one = told[0]
    for end in (lane.nginx.stop, lambda: None):
        with ExitStack() as ends:
            line = lane.raw(ends)
            line.sendall(part_start(one, 0, 2000, 1500))
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end()
        if end == lane.nginx.stop:
            lane.nginx.start()
        with closing(lane.client()) as client:
            assert (head(client, one.name()).offset or 0) <= 1500
    assert comes_in(lane, receiving, one)


def test_without_the_program_a_station_is_told_to_come_again(lane: Listening, told: list[Shot]) -> None:
    lane.socket.unlink()
    with closing(lane.client()) as client:
        reply = put(client, told[0].name(), told[0].part(0))
    assert (reply.status, reply.headers["Retry-After"]) == (503, "30")


def test_hostile_requests_cost_little(lane: Listening, told: list[Shot]) -> None:
    """Of the processor's time, which no other program's work changes."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    with closing(lane.client()) as client:
        for _ in range(200):
            assert put(client, told[0].name(), told[0].part(700, 5)).status == 416
    after = resource.getrusage(resource.RUSAGE_SELF)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < 200 * 0.02, f"{spent / 200 * 1000:.1f} ms for each, both ends together"


def test_the_site_says_what_the_program_does() -> None:
    text = (SITES / SITE).read_text(encoding="utf-8")
    assert f"client_max_body_size {MAX_PART_BYTES // 1024}k;" in text
    assert f"limit_conn sorting_center_updates {MAX_DOWNLOADS};" in text
    assert f"limit_conn sorting_center_station {OF_STATION};" in text
    assert text.count(f"limit_conn sorting_center_photos {OF_ALL};") == 3
    assert "proxy_request_buffering off;" in text


def test_a_second_life_on_the_same_folder(
    ledger: Ledger, authority: Authority, tmp_path: Path, station: Station
) -> None:
    (one,) = shots(1)
    announce(ledger, station, one)
    for first, size, status in ((0, 900, 204), (900, 900, 204), (1800, None, 201)):
        with Receiving(ledger, tmp_path / "photos") as life, Listening(life, authority) as lane:
            life.follow()
            with closing(lane.client()) as client:
                offset = head(client, one.name()).offset
                assert offset == first
                assert put(client, one.name(), one.part(first, size)).status == status
    with Receiving(ledger, tmp_path / "photos") as last:
        assert last.has(one)
