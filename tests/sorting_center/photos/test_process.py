"""``sorting-center photos`` as a program: killed on the way and gone on with, on a port, on a socket of systemd."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.cli.sorting_center import main
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.photos.photos import PhotoIndex
from kiosk.sorting_center.shared.listen_socket import unix_socket
from tests.messaging.ports import claimed_port
from tests.sorting_center.brokers import IN_TIME_S, Stopwatch, until
from tests.sorting_center.photos.lanes import REGION, SOON_S, STATION, Shot, announce, head, jpeg, put
from tests.sorting_center.station_journal import Station

PROGRAM = "import sys; from kiosk.cli.sorting_center import main; main()"


@contextmanager
def running(ledger: Ledger, folder: Path, *where: str, **more: object) -> Iterator[subprocess.Popen[str]]:
    """Killed in the end."""
    command = [sys.executable, "-c", PROGRAM, "photos", "--ledger", ledger.url, "--photos-dir", str(folder), *where]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **more) as process:  # type: ignore[call-overload]
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            assert re.fullmatch(r"pictures for \S+ on \S+\n", line), line + process.stderr.read()
            yield process
        finally:
            process.kill()
            process.stderr.read()


def client_of(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=SOON_S)


def offset(port: int, one: Shot) -> int | None:
    """Again and again, until the picture is known to be announced."""

    def known() -> list[int | None] | None:
        with suppress(OSError, http.client.HTTPException), closing(client_of(port)) as client:
            found = head(client, one.name())
            return None if found.status == 404 else [found.offset]
        return None

    found = until(known)
    assert isinstance(found, list)
    return found[0]


def test_killed_twice_on_the_way_a_picture_arrives(ledger: Ledger, tmp_path: Path, station: Station) -> None:
    one, folder = Shot.of(jpeg(1)), tmp_path / "photos"
    announce(ledger, station, one)
    with claimed_port() as port:
        where = ("--http", f"127.0.0.1:{port}")
        for _ in range(2):
            with running(ledger, folder, *where) as process, closing(client_of(port)) as client:
                reached = offset(port, one) or 0
                assert put(client, one.name(), one.part(reached, 1000)).offset == reached + 1000
                part, data = one.part(reached + 1000, 1000)
                client.putrequest("PUT", str(one.name()))
                client.putheader("Content-Range", str(part))
                client.putheader("Content-Length", str(part.size))
                client.endheaders()
                client.send(data[:500])
                process.kill()
                process.wait()
        with running(ledger, folder, *where), closing(client_of(port)) as client:
            reached = offset(port, one) or 0
            assert reached >= 2000
            assert put(client, one.name(), one.part(reached)).status == 201
    with PhotoIndex(ledger.url) as photos:
        assert photos.status(REGION, STATION, one.told.sha256) == "received"
    (whole,) = (folder / REGION / STATION).rglob("*.jpg")
    assert whole.read_bytes() == one.content


def test_it_ends_in_time(ledger: Ledger, tmp_path: Path) -> None:
    with running(ledger, tmp_path / "photos", "--http", "127.0.0.1:0") as process:
        with Stopwatch() as watch:
            process.send_signal(signal.SIGTERM)
            assert process.wait(SOON_S) == 0
        assert watch.seconds < IN_TIME_S


def socket_status(path: Path, one: Shot, *headers: str) -> int:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(path))
        lines = [f"HEAD {one.name()} HTTP/1.1", "Connection: close", *headers, "", ""]
        line.sendall("\r\n".join(lines).encode())
        return int(line.recv(4096).split()[1])


def test_on_a_unix_socket_the_header_says_who(
    subtests: pytest.Subtests, ledger: Ledger, tmp_path: Path, station: Station
) -> None:
    def holds(by_systemd: bool) -> None:
        one = Shot.of(jpeg(1))
        announce(ledger, station, one)
        with tempfile.TemporaryDirectory() as name:
            path, more = Path(name) / "photos.sock", {}
            if by_systemd:
                given = unix_socket(str(path))
                # As sd_listen_fds(3) has it: the third descriptor, for the process of this id.
                more = {
                    "pass_fds": (3,),
                    "preexec_fn": lambda: (os.dup2(given.fileno(), 3), os.environ.update(LISTEN_PID=str(os.getpid()))),
                }
            with running(ledger, tmp_path / "photos", "--socket", str(path), **more):
                until(lambda: socket_status(path, one, "X-Station: S0147") == 204)
                assert socket_status(path, one, "X-Station: S0148") == 403
                assert socket_status(path, one) == 403
            if by_systemd:
                given.close()

    for by_systemd in [False, True]:
        with subtests.test(by_systemd=by_systemd):
            holds(by_systemd)


def test_a_ledger_that_is_not_there_is_told(tmp_path: Path) -> None:
    options = ["--ledger", f"sqlite:///{tmp_path / 'none.db'}", "--http", "127.0.0.1:0", "--photos-dir", str(tmp_path)]
    result = CliRunner().invoke(main, ["photos", *options])
    assert (result.exit_code, "none.db" in result.stderr) == (2, True), result.stderr


def test_wrong_options(subtests: pytest.Subtests, monkeypatch: pytest.MonkeyPatch) -> None:
    for options, says in [
        (["--photos-dir", "photos"], "--socket PATH"),
        (["--photos-dir", "photos", "--http", "127.0.0.1:0", "--socket", "s"], "--socket PATH"),
        (["--http", "127.0.0.1:0"], "--photos-dir"),
        (["--http", "8843", "--photos-dir", "photos"], "HOST:PORT"),
        (["--http", "0.0.0.0:8843", "--photos-dir", "photos"], "this machine alone"),
    ]:
        with subtests.test(options=options, says=says):
            monkeypatch.delenv("PHOTOS_DIR", raising=False)
            result = CliRunner().invoke(main, ["photos", "--ledger", "sqlite:////nowhere/at/all.db", *options])
            assert (result.exit_code, says in result.stderr) == (2, True), result.stderr
