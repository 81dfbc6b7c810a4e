from __future__ import annotations

import email
import email.policy
import socket
from pathlib import Path

import pytest

from kiosk.sorting_center.desk.notices.mail import MailSender
from kiosk.sorting_center.desk.notices.outbound import OutboundNetwork
from kiosk.sorting_center.desk.notices.outbox import NoticeClaim
from kiosk.sorting_center.desk.notices.targets import NoticeChannel
from kiosk.sorting_center.shared.alarm_texts import format_detail
from tests.sorting_center.desk.notices.receivers import Certificates, Smtp, certificates, claim, listening, mail_text
from tests.sorting_center.desk.notices.receivers import refused as refused_by

PASSWORD = "apricot and almond"


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("papers"))


@pytest.fixture
def logins(tmp_path: Path) -> Path:
    (tmp_path / "office").write_text(f"center\n{PASSWORD}\n")
    return tmp_path


def way(papers: Certificates, logins: Path | None = None, *, whole_s: float = 30.0) -> MailSender:
    return MailSender(mail_text, logins, OutboundNetwork({"localhost"}, tls=papers.client), whole_s)


def letter(port: int, security: str = "starttls", login: str = "") -> NoticeClaim:
    server = f"localhost:{port}/{security}"
    return claim(
        NoticeChannel.MAIL,
        "post@example.org watch@example.org",
        language="ug",
        server=server,
        sender="center@example.org",
        login=login,
    )


def refused(sending: MailSender, one: NoticeClaim) -> str:
    return refused_by(sending.send, one, PASSWORD)


def test_a_letter_goes_out_over_starttls_and_over_tls(papers: Certificates, logins: Path) -> None:
    for security, tls in (("starttls", None), ("tls", papers.server)):
        post = Smtp(papers.server)
        with listening(post, tls) as port:
            said = way(papers, logins).send(letter(port, security, "office"))
        assert said == format_detail("mail_taken")
        assert post.logins == [b"\0center\0" + PASSWORD.encode()]
        assert post.said.count("RCPT") == 2
        read = email.message_from_bytes(post.letter, policy=email.policy.default)
        assert (read["From"], read["To"]) == ("center@example.org", "post@example.org, watch@example.org")
        assert read["Message-ID"] == "<c0de@example.org>"
        assert read["Auto-Submitted"] == "auto-generated"
        assert read["Subject"] == "1 ئاگاھ Bcc: evil@example.org", "on one line"
        assert read["Bcc"] is None
        assert read.get_content().strip() == "ug fork S0147"


def test_no_password_is_said_before_tls(papers: Certificates, logins: Path) -> None:
    for answer in ("502 no", "454 not now"):
        post = Smtp(papers.server, {"STARTTLS": answer})
        with listening(post) as port:
            refused(way(papers, logins), letter(port, login="office"))
        assert "AUTH" not in post.said
        assert "MAIL" not in post.said
    post = Smtp(papers.server, {"EHLO": "250 receiver.example"})
    with listening(post) as port:
        assert "NotSupported" in refused(way(papers, logins), letter(port, login="office"))
    assert "AUTH" not in post.said


def test_a_certificate_that_nobody_vouches_for_is_none(papers: Certificates, logins: Path, tmp_path: Path) -> None:
    post = Smtp(certificates(tmp_path).server)
    with listening(post) as port:
        assert "ertificate" in refused(way(papers, logins), letter(port, login="office"))
    assert "AUTH" not in post.said


def test_what_the_server_refuses_is_told_without_its_words(papers: Certificates, logins: Path) -> None:
    for word, answer, said in [
        ("AUTH", f"535 {PASSWORD} is wrong", "did not take the login (535)"),
        ("MAIL", "550 no", "550"),
        ("RCPT", "550 no", "refuses all recipients (2)"),
        ("DATA", "554 no", "554"),
        (".", f"452 full of {PASSWORD}", "452"),
    ]:
        post = Smtp(papers.server, {word: answer})
        with listening(post) as port:
            assert said in refused(way(papers, logins), letter(port, login="office")), word


def test_a_server_that_stalls_drips_or_hangs_up(papers: Certificates) -> None:
    def stalls(connection: socket.socket) -> None:
        connection.recv(1)

    def drips(connection: socket.socket) -> None:
        for _ in range(1_000):
            connection.sendall(b"2")
            connection.settimeout(0.02)
            try:
                connection.recv(1)
                return
            except TimeoutError:
                continue

    for handle in (stalls, drips):
        with listening(handle) as port:
            assert "no answer within 0.5 seconds" in refused(way(papers, whole_s=0.5), letter(port))
    for garbage in (b"", b"\xff\xfe" * 100 + b"\r\n", b"220 x\r\n" + b"9" * 100_000):
        with listening(lambda connection, garbage=garbage: connection.sendall(garbage)) as port:  # type: ignore[misc]
            assert "ail server" in refused(way(papers), letter(port))


def test_a_login_that_is_not_there_says_which(logins: Path, papers: Certificates) -> None:
    (logins / "one-line").write_text("center")
    (logins / "no-text").write_bytes(b"\xff\xfe")
    for folder, name, said in [
        (None, "office", "--mail-logins"),
        (logins, "nothing", "cannot be read"),
        (logins, "one-line", "two lines"),
        (logins, "no-text", "cannot be read"),
    ]:
        assert said in refused(way(papers, folder), letter(1, login=name))


def test_a_server_inside_a_network_is_asked_only_when_it_was_allowed(papers: Certificates) -> None:
    asked: list[socket.socket] = []
    with listening(asked.append) as port:
        for place in ("127.0.0.1", "::1", "10.0.0.7", "::ffff:192.168.1.1", "169.254.169.254"):
            said = refused(
                MailSender(mail_text, network=OutboundNetwork(resolve=lambda *_, place=place: [place])), letter(port)
            )  # type: ignore[misc]
            assert f"localhost is {place}, inside a network" in said
        several = OutboundNetwork(resolve=lambda *_: ["93.184.216.34", "127.0.0.1"])
        assert "inside a network" in refused(MailSender(mail_text, network=several), letter(port)), (
            "one of several is enough"
        )
    assert asked == []


def test_a_server_is_asked_at_the_address_that_was_looked_at(papers: Certificates, logins: Path) -> None:
    """A name that stands for another address a moment later leads nowhere else; of several the first that answers."""
    names: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        names.append(host)
        return ["127.0.0.2", "127.0.0.1"]

    post = Smtp(papers.server)
    with listening(post) as port:
        one = letter(port)
        MailSender(mail_text, network=OutboundNetwork({"localhost"}, resolve, papers.client)).send(one)
    assert names == ["localhost"]
