"""The real listener, with real certificates: who is let in, and what becomes of those who mean no good."""

from __future__ import annotations

import http.client
import resource
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from kiosk.messaging.contract.photos import MAX_PART_BYTES
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.photos.listener.reception import ConnectionLimits
from kiosk.sorting_center.photos.settings import BadPhotosSettings, PhotosSettings
from tests.each import each
from tests.messaging.authority import Authority
from tests.sorting_center.brokers import until
from tests.sorting_center.photos.lanes import (
    REGION,
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
from tests.sorting_center.stations import Station

FEW = ConnectionLimits(connections=8, pending_handshakes=6)


@pytest.fixture
def told(receiving: Receiving, station: Station) -> list[Shot]:
    pictures = shots(2)
    announce(receiving.ledger, station, *pictures)
    receiving.follow()
    return pictures


@pytest.fixture
def lane(receiving: Receiving, authority: Authority, told: list[Shot]) -> Iterator[Listening]:
    with Listening(receiving, authority, FEW) as listening:
        yield listening


def test_a_renewed_certificate_is_shown_from_the_next_connection_on(lane: Listening, authority: Authority) -> None:
    with ExitStack() as ends:
        before, certificate = lane.raw(ends), lane.certificate
        authority.issue("center", host="127.0.0.1")
        assert isinstance(before, ssl.SSLSocket) and certificate is not None
        for _ in range(2):
            certificate.reload_if_changed()
        after = lane.raw(ends)
        assert isinstance(after, ssl.SSLSocket)
        assert before.getpeercert(True) != after.getpeercert(True)


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


def test_the_listener_is_checked_by_the_station(lane: Listening, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    context = ssl.create_default_context(cafile=str(Authority(elsewhere).file))
    with closing(lane.client(context)) as client, pytest.raises(ssl.SSLCertVerificationError):
        client.request("HEAD", "/")


@each(
    ("settings", "says"),
    [
        ({"host": "0.0.0.0"}, "without TLS"),
        ({"host": "192.0.2.7"}, "without TLS"),
        ({"host": "center.example"}, "without TLS"),
        ({"host": "127.0.0.1", "cert": "a", "key": "b"}, "belong together"),
        ({"host": "127.0.0.1", "ca": "a"}, "belong together"),
    ],
)
def test_plain_http_is_for_this_machine_alone(settings: dict[str, str], says: str) -> None:
    with pytest.raises(BadPhotosSettings, match=says):
        PhotosSettings(port=0, folder="photos", **settings).checked()
    assert PhotosSettings(host="::1", port=0, folder="photos").checked().tls is None


def test_over_plain_http_the_path_says_who(receiving: Receiving, told: list[Shot]) -> None:
    with Listening(receiving) as plain, closing(plain.client()) as client:
        assert put(client, told[0].name(), told[0].part(0)).status == 201
    assert receiving.has(told[0])


# --- requests that are none


def said(lane: Listening, request: bytes) -> bytes:
    """Everything that comes back to this, until the center hangs up."""
    with ExitStack() as ends:
        line = lane.raw(ends)
        answer = b""
        with suppress(OSError):
            line.sendall(request)
        with suppress(OSError):
            while block := line.recv(65536):
                answer += block
        return answer


def test_what_two_readers_could_read_differently_is_refused(
    receiving: Receiving, authority: Authority, told: list[Shot]
) -> None:
    one = told[0]
    path, size = str(one.name()), len(one.content)
    whole = f"Content-Range: bytes 0-{size - 1}/{size}\r\n"
    smuggled = f"HEAD {one.name('S0148')} HTTP/1.1\r\n\r\n"
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
        "two ranges": f"{start}{whole}{whole}Content-Length: {size}\r\n\r\n",
        "a NUL in a header": f"HEAD {path} HTTP/1.1\r\nX: a\0b\r\n\r\n",
        "many headers": f"HEAD {path} HTTP/1.1\r\n" + "".join(f"X{n}: 1\r\n" for n in range(100)) + "\r\n",
        "a long header": f"HEAD {path} HTTP/1.1\r\nX: {'a' * 100_000}\r\n\r\n",
        "a long line": f"HEAD /{'a' * 100_000} HTTP/1.1\r\n\r\n",
        "a NUL in the path": f"HEAD {path}\0 HTTP/1.1\r\n\r\n",
        "a way out": f"PUT /photos/{REGION}/../../etc/passwd HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        "a way out, escaped": f"PUT /photos/{REGION}/%2e%2e%2f{one.told.sha256} HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        "an absolute path": f"HEAD http://127.0.0.1{path} HTTP/1.1\r\n\r\n",
        "a question behind it": f"HEAD {path}?x HTTP/1.1\r\n\r\n",
        "no range": f"{start}Content-Length: 5\r\n\r\nabcde",
        "a negative range": f"{start}Content-Range: bytes -5-{size}/{size}\r\nContent-Length: 5\r\n\r\n",
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
    with Listening(receiving, authority, ConnectionLimits(head_s=1.0)) as lane:
        for name, request in hostile.items():
            answer = said(lane, request.encode("latin-1"))
            assert answer.count(b"HTTP/1.1 ") <= 1, (name, answer)
            assert answer[:12] in (b"", *(f"HTTP/1.1 {code}".encode() for code in (400, 404, 405, 413, 414, 505))), (
                name,
                answer,
            )
        assert not receiving.folder.root.exists() or not list(receiving.folder.root.rglob("*.*"))
        assert until(lambda: comes_in(lane, receiving, one))


def test_a_longer_body_than_was_told_is_another_request(
    lane: Listening, receiving: Receiving, told: list[Shot]
) -> None:
    one = told[0]
    part, data = one.part(0)
    head_lines = f"PUT {one.name()} HTTP/1.1\r\nContent-Range: {part}\r\nContent-Length: {len(data)}\r\n\r\n"
    answer = said(lane, head_lines.encode() + data + b"and more that is no request\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 201")
    assert answer.count(b"HTTP/1.1 400") == 1
    assert receiving.has(one)


# --- who keeps others waiting


def served(lane: Listening, one: Shot) -> bool:
    with closing(lane.client(lane.context())) as client:
        return put(client, one.name(), one.part(0)).status == 201


def comes_in(lane: Listening, receiving: Receiving, one: Shot) -> bool:
    """As a station does: on from where the center is; begun anew when that was spoiled, or when it was hung up on.

    A machine that stands still for a second hangs up on everybody where so much is a long time.
    """
    with suppress(OSError, http.client.HTTPException), closing(lane.client(lane.context())) as client:
        offset = head(client, one.name()).offset
        if offset is not None:
            put(client, one.name(), one.part(offset))
    return receiving.photos.status(REGION, STATION, one.told.sha256) == "received"


def test_who_says_nothing_keeps_nobody_waiting(receiving: Receiving, authority: Authority, told: list[Shot]) -> None:
    limits = ConnectionLimits(connections=8, pending_handshakes=6, handshake_s=0.5)
    with Listening(receiving, authority, limits) as lane, ExitStack() as ends:
        silent = [
            ends.enter_context(socket.create_connection(("127.0.0.1", lane.port), timeout=SOON_S)) for _ in range(40)
        ]
        assert until(lambda: comes_in(lane, receiving, told[0]))
        for line in silent:
            with suppress(ConnectionError):
                assert line.recv(1) == b"", "hung up on"


def test_of_a_station_s_third_connection_the_oldest_goes(lane: Listening, told: list[Shot]) -> None:
    stranger = lane.context("S0148")
    with ExitStack() as ends:
        lines = []
        for _ in range(5):
            lines.append(lane.raw(ends, stranger))
            lines[-1].sendall(f"HEAD {told[0].name('S0148')} HTTP/1.1\r\n\r\n".encode())
            assert lines[-1].recv(4096).startswith(b"HTTP/1.1 404")
        for line in lines[:-2]:
            with suppress(OSError):
                assert line.recv(1) == b"", "hung up on"
        assert served(lane, told[0]), "another station notices none of that"


def test_when_all_places_are_taken_a_station_is_told_to_come_later(
    receiving: Receiving, authority: Authority, told: list[Shot]
) -> None:
    limits = ConnectionLimits(connections=2)
    with Listening(receiving, authority, limits) as lane:
        with ExitStack() as ends:
            for station in ("S0148", "S0149"):
                held = ends.enter_context(closing(lane.client(lane.context(station))))
                assert head(held, told[0].name(station)).status == 404
            late = ends.enter_context(closing(lane.client()))
            with suppress(OSError):
                assert head(late, told[0].name()).status == 503
        assert until(lambda: comes_in(lane, receiving, told[0])), "places are given back"


def test_bytes_that_drip_are_not_waited_for(receiving: Receiving, authority: Authority, told: list[Shot]) -> None:
    one, other = told
    part, _ = one.part(0)
    over = threading.Event()

    def drip(line: socket.socket) -> None:
        with suppress(OSError):
            while not over.wait(0.02):
                line.sendall(b"a")

    limits = ConnectionLimits(connections=8, head_s=1.0, min_bytes_per_s=20_000)
    with Listening(receiving, authority, limits) as lane, ExitStack() as ends:
        starts = (
            f"PUT {one.name()} HTTP/1.1\r\nContent-Range: {part}\r\nContent-Length: {part.size}\r\n\r\n",
            f"HEAD {one.name()} HTTP/1.1\r\nX: ",
        )
        lines, dripping = [], []
        for start in starts:
            line = lane.raw(ends, lane.context("S0148" if start.startswith("HEAD") else STATION))
            line.sendall(start.encode())
            lines.append(line)
            dripping.append(threading.Thread(target=drip, args=(line,)))
            dripping[-1].start()
        try:
            assert until(lambda: comes_in(lane, receiving, other))
            for line in lines:
                with suppress(OSError):
                    while line.recv(4096):  # until it is hung up on
                        pass
        finally:
            over.set()
            for thread in dripping:
                thread.join()
        assert until(lambda: comes_in(lane, receiving, one)), "what came of it did no harm"


def test_hostile_requests_cost_little(lane: Listening, told: list[Shot]) -> None:
    """Of the processor's time, which no other program's work changes."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    with closing(lane.client()) as client:
        for _ in range(200):
            assert put(client, told[0].name(), told[0].part(700, 5)).status == 416
    after = resource.getrusage(resource.RUSAGE_SELF)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < 200 * 0.02, f"{spent / 200 * 1000:.1f} ms for each, both ends together"


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
