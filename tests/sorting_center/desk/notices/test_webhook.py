from __future__ import annotations

import hashlib
import hmac
import socket
import threading
from pathlib import Path

import pytest

from kiosk.sorting_center.desk.notices.outbound import OutboundNetwork
from kiosk.sorting_center.desk.notices.targets import NoticeChannel
from kiosk.sorting_center.desk.notices.webhook import WebhookSender, signature
from kiosk.sorting_center.shared.alarm_texts import format_detail
from tests.sorting_center.desk.notices.receivers import (
    CASE,
    NAME,
    NOW,
    Certificates,
    Http,
    case_line,
    certificates,
    claim,
    listening,
    read_request,
)
from tests.sorting_center.desk.notices.receivers import refused as refused_by

SECRET = "whs_of_this_test"


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("papers"))


def way(papers: Certificates, *allowed: str, whole_s: float = 30.0) -> WebhookSender:
    """NAME is this machine."""
    network = OutboundNetwork(allowed, lambda *_: ["127.0.0.1"], papers.client)
    return WebhookSender(case_line, network, lambda: NOW, whole_s)


def refused(sending: WebhookSender, url: str) -> str:
    return refused_by(sending.send, claim(NoticeChannel.WEBHOOK, url, secret=SECRET), SECRET)


def test_a_notice_is_posted_over_tls_and_signed(papers: Certificates) -> None:
    here = Http()
    with listening(here, papers.server) as port:
        url = f"https://{NAME}:{port}/alarms?to=1"
        said = way(papers, NAME).send(claim(NoticeChannel.WEBHOOK, url, secret=SECRET, language="zh"))
    assert said == format_detail("answered", host=NAME, n=204)
    (asked,) = here.asked
    assert asked.line == "POST /alarms?to=1 HTTP/1.1"
    assert asked.headers["Host"] == f"{NAME}:{port}"
    assert asked.headers["X-Kiosk-Notice"] == "c0de"
    assert asked.headers["X-Kiosk-Timestamp"] == str(int(NOW.timestamp()))
    signed = asked.headers["X-Kiosk-Timestamp"].encode() + b"." + asked.body
    assert (
        asked.headers["X-Kiosk-Signature"] == "sha256=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    )
    told = here.body()
    assert (told["id"], told["what"], told["language"]) == ("c0de", "alarms", "zh")
    assert told["cases"] == [
        {
            "number": 7,
            "kind": "fork",
            "region": "shache",
            "station": "S0147",
            "subject": "abc 4",
            "detail": "event 4 came twice",
            "opened_at": CASE.opened_at,
            "again": False,
            "text": "zh fork S0147",
        }
    ]


def test_a_test_has_no_cases(papers: Certificates) -> None:
    here = Http()
    with listening(here) as port:
        way(papers, NAME).send(claim(NoticeChannel.WEBHOOK, f"http://{NAME}:{port}/", ()))
    assert (here.body()["what"], here.body()["cases"]) == ("test", [])


def test_another_body_or_time_has_another_signature() -> None:
    told = {signature(SECRET, at, body) for at in ("1", "11") for body in (b"1.x", b".x", b"x")}
    assert len(told) == 6


def test_any_answer_but_yes_is_a_no_and_no_redirect_is_followed(papers: Certificates) -> None:
    for status in (301, 302, 307, 308, 400, 401, 404, 429, 500, 503, 199):
        elsewhere = Http()
        with listening(elsewhere) as other:
            here = Http(
                f"HTTP/1.1 {status} X\r\nLocation: http://{NAME}:{other}/\r\nContent-Length: 0\r\n\r\n".encode()
            )
            with listening(here) as port:
                said = refused(way(papers, NAME), f"http://{NAME}:{port}/")
        assert f"answered {status}" in said or status == 199
        assert elsewhere.asked == []


def test_a_receiver_that_talks_nonsense_or_hangs_up_is_none(papers: Certificates) -> None:
    def resets(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    for handle in (
        Http(b"not http at all\r\n\r\n"),
        Http(b""),
        Http(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500),
        resets,
    ):
        with listening(handle) as port:
            assert NAME in refused(way(papers, NAME), f"http://{NAME}:{port}/")


def test_ten_megabytes_of_answer_are_not_read(papers: Certificates) -> None:
    sent = threading.Event()

    def handle(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n")
        try:
            connection.sendall(b"x" * 10_000_000)
            sent.set()
        except OSError:
            pass

    with listening(handle) as port:
        assert way(papers, NAME).send(claim(NoticeChannel.WEBHOOK, f"http://{NAME}:{port}/")) == format_detail(
            "answered", host=NAME, n=200
        )
    assert not sent.is_set()


def test_one_that_stalls_or_drips_is_hung_up_on(papers: Certificates) -> None:
    over = threading.Event()

    def stalls(connection: socket.socket) -> None:
        read_request(connection)
        connection.recv(1)

    def drips(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not over.wait(0.02):
            connection.sendall(b"A")

    def never_speaks_tls(connection: socket.socket) -> None:
        while connection.recv(1000):
            pass

    for handle, scheme in ((stalls, "http"), (drips, "http"), (never_speaks_tls, "https")):
        with listening(handle) as port:
            assert "no answer within 0.5 seconds" in refused(
                way(papers, NAME, whole_s=0.5), f"{scheme}://{NAME}:{port}/"
            )
    over.set()


def test_a_certificate_that_nobody_vouches_for_is_none(papers: Certificates, tmp_path: Path) -> None:
    for server, host in ((certificates(tmp_path).server, NAME), (papers.server, "other.example")):
        here = Http()
        with listening(here, server) as port:
            assert "certificate" in refused(way(papers, NAME, "other.example"), f"https://{host}:{port}/").lower()
        assert here.asked == []


def test_nothing_goes_inside_without_leave_and_nothing_plain_outside(papers: Certificates) -> None:
    here = Http()
    with listening(here) as port:
        assert "inside a network" in refused(way(papers), f"https://{NAME}:{port}/")
        assert "Without TLS" in refused(way(papers), f"http://{NAME}:{port}/")
    assert here.asked == []


def test_a_name_is_resolved_once_and_the_connection_goes_there(papers: Certificates) -> None:
    """A name that is another address the next time it is asked leads nowhere else."""
    answers = [["127.0.0.1"], ["192.0.2.1"]]
    here = Http()
    with listening(here) as port:
        network = OutboundNetwork((NAME,), lambda *_: answers.pop(0), papers.client)
        sending = WebhookSender(case_line, network, lambda: NOW)
        sending.send(claim(NoticeChannel.WEBHOOK, f"http://{NAME}:{port}/"))
    assert len(here.asked) == len(answers) == 1


def test_the_second_address_of_a_name_is_tried(papers: Certificates) -> None:
    here = Http()
    with listening(here) as port:
        network = OutboundNetwork((NAME,), lambda *_: ["127.0.0.2", "127.0.0.1"], papers.client)
        sending = WebhookSender(case_line, network, lambda: NOW)
        sending.send(claim(NoticeChannel.WEBHOOK, f"http://{NAME}:{port}/"))
    assert len(here.asked) == 1


def test_nobody_there_is_told(papers: Certificates) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert "refused" in refused(way(papers, NAME), f"http://{NAME}:{port}/")
