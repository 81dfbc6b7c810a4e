"""``sorting-center storefront`` as a program: it answers, also after it was killed, and ends in time."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.cli.sorting_center import main
from kiosk.sorting_center.storefront.small_pictures import MAX_BYTES
from tests.depth import TORTURE
from tests.messaging.ports import claimed_port
from tests.sorting_center.brokers import IN_TIME_S, SOON_S, Stopwatch, until
from tests.sorting_center.storefront.shops import FIRST, SHOTS, Shop
from tests.sorting_center.storefront.test_small_pictures import master, sell


def asked(url: str) -> tuple[int, bytes]:
    """Again and again, until there is an answer."""

    def answer() -> tuple[int, bytes] | None:
        with suppress(urllib.error.URLError, ConnectionError):
            try:
                with urllib.request.urlopen(url, timeout=SOON_S) as found:
                    return int(found.status), found.read()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read()
        return None

    found = until(answer)
    assert isinstance(found, tuple)
    return found


@contextmanager
def running(ledger_url: str, *options: str, port: int = 0) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Its address, and the process."""
    program = "import sys; from kiosk.cli.sorting_center import main; main()"
    words = ["storefront", "--ledger", ledger_url, "--http", f"127.0.0.1:{port}", *options]
    with subprocess.Popen([sys.executable, "-c", program, *words], stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            assert line.startswith("storefront of "), line
            yield line.rsplit(" ", 1)[1].strip(), process
        finally:
            process.kill()
            process.stderr.read()


@pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"] if TORTURE else ["sqlite"], indirect=True)
def test_killed_and_started_again_it_shows_what_was_published_since(shop: Shop) -> None:
    where, folder = shop.center.ledger.url, ("--photos-dir", str(shop.folder.root))
    with claimed_port() as port:
        with running(where, *folder, port=port) as (url, _):
            assert asked(f"{url}/health")[0] == 200
        shop.sell()
        with running(where, *folder, port=port) as (url, _):
            status, page = asked(url + shop.path())
            assert (status, b"Almonds" in page) == (200, True)
            assert asked(f"{url}/pictures/{FIRST}.jpg") == (200, SHOTS[0].content)
            with socket.create_connection(("127.0.0.1", port), SOON_S) as hostile:
                hostile.sendall(b"POST /en/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n")
                assert hostile.recv(4096).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_it_has_small_pictures_made_of_what_is_published(shop: Shop) -> None:
    sell(shop, shot := master(1), lots=1)
    with running(shop.center.ledger.url, "--photos-dir", str(shop.folder.root)) as (url, _):
        address = f"{url}/pictures/{shot.told.sha256}.jpg"
        until(lambda: len(asked(f"{address}?width=480")[1]) < MAX_BYTES[480])
        assert asked(address) == (200, shot.content)


def test_without_a_desk_it_says_so_and_ends_in_time(tmp_path: Path) -> None:
    with running(f"sqlite:///{tmp_path / 'county.db'}") as (url, process):
        assert asked(f"{url}/health")[0] == 503, "there is no desk yet"
        with Stopwatch() as watch:
            process.send_signal(signal.SIGTERM)
            assert process.wait(SOON_S) == 0
        assert watch.seconds < IN_TIME_S


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_its_links_begin_with_the_public_address(shop: Shop) -> None:
    shop.sell()
    options = ("--photos-dir", str(shop.folder.root), "--public-url", "https://localhost", "--phone", " 0998 1234567")
    with running(shop.center.ledger.url, *options) as (url, _):
        status, page = asked(f"{url}{shop.path()}")
        assert (status, b'"https://localhost/en/shache/' in page, b"tel:09981234567" in page) == (200, True, True)


def test_wrong_options(subtests: pytest.Subtests) -> None:
    for options, says in [
        (["storefront", "--http", "8100"], "HOST:PORT"),
        (["storefront", "--http", "127.0.0.1:0", "--public-url", "goods.example"], "https://goods.example.org"),
        (["storefront", "--http", "127.0.0.1:0", "--chat", "javascript:alert(1)"], "an address like https://"),
        (["storefront", "--http", "127.0.0.1:0", "--phone", "call me"], "a telephone number"),
    ]:
        with subtests.test(options=options, says=says):
            result = CliRunner().invoke(main, [*options, "--ledger", "sqlite:////nowhere/at/all.db"])
            assert (result.exit_code, says in result.stderr) == (2, True), result.stderr
