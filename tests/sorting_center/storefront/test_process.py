"""The storefront in a process of its own: it answers, is begun again, and ends with whoever began it."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from kiosk.cli.sorting_center import main
from kiosk.sorting_center.ingest.address import BrokerAddress
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.service import OptionalServices, SortingCenter
from kiosk.sorting_center.storefront.child import StorefrontProcess
from kiosk.sorting_center.storefront.settings import BadStorefrontSettings, StorefrontSettings
from kiosk.sorting_center.storefront.small_pictures import MAX_BYTES
from tests.depth import TORTURE
from tests.each import each
from tests.sorting_center.brokers import IN_TIME_S, SOON_S, Broker, Stopwatch, until
from tests.sorting_center.storefront.shops import FIRST, SHOTS, Shop
from tests.sorting_center.storefront.test_small_pictures import master, sell
from tests.sorting_center.web.test_tls import files_in


def asked(url: str, tls: ssl.SSLContext | None = None) -> tuple[int, bytes]:
    """Again and again, until there is an answer: its port is open while it is begun."""

    def answer() -> tuple[int, bytes] | None:
        with suppress(urllib.error.URLError, ConnectionError):
            try:
                with urllib.request.urlopen(url, timeout=SOON_S, context=tls) as found:
                    return int(found.status), found.read()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read()
        return None

    found = until(answer)
    assert isinstance(found, tuple)
    return found


@pytest.fixture
def process(shop: Shop) -> Iterator[StorefrontProcess]:
    settings = StorefrontSettings(photos_dir=str(shop.folder.root)).checked()
    running = StorefrontProcess(shop.center.ledger.url, settings)
    running.start()
    yield running
    running.stop(SOON_S)


@pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"] if TORTURE else ["sqlite"], indirect=True)
def test_killed_it_is_begun_again_and_shows_what_was_published_since(process: StorefrontProcess, shop: Shop) -> None:
    assert asked(f"{process.url}/health")[0] == 200
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    shop.sell()
    until(lambda: process.pid not in (None, first))
    status, page = asked(process.url + shop.path())
    assert (status, b"Almonds" in page) == (200, True)
    assert asked(f"{process.url}/pictures/{FIRST}.jpg") == (200, SHOTS[0].content)
    port = int(process.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), SOON_S) as hostile:
        hostile.sendall(b"POST /en/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n")
        assert hostile.recv(4096).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_it_has_small_pictures_made_of_what_is_published(process: StorefrontProcess, shop: Shop) -> None:
    sell(shop, shot := master(1), lots=1)
    address = f"{process.url}/pictures/{shot.told.sha256}.jpg"
    until(lambda: len(asked(f"{address}?width=560")[1]) < MAX_BYTES)
    assert asked(address) == (200, shot.content)


def test_the_sorting_center_has_it_and_ends_it_in_time(broker: Broker, tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'county.db'}")
    beside = OptionalServices(storefront=StorefrontSettings())
    with SortingCenter(ledger, BrokerAddress.parse(broker.url), None, services=beside) as center:
        assert center.start(SOON_S)
        url = center.storefront_address
        assert url is not None
        assert asked(f"{url}/health")[0] == 503, "there is no desk yet"
        with Stopwatch() as watch:
            center.stop()
        assert watch.seconds < IN_TIME_S
    with pytest.raises(ConnectionError), closing(socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])))):
        pass


PARENT = """
import sys, time
from kiosk.sorting_center.storefront.child import StorefrontProcess
from kiosk.sorting_center.storefront.settings import StorefrontSettings
storefront = StorefrontProcess(sys.argv[1], StorefrontSettings())
storefront.start()
while storefront.pid is None: time.sleep(0.01)
print(storefront.pid, storefront.url, flush=True)
time.sleep(600)
"""


def test_it_is_gone_soon_after_its_killed_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, f"sqlite:///{tmp_path / 'county.db'}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, url = parent.stdout.readline().split()
        child = psutil.Process(int(pid))
        assert asked(f"{url}/health")[0] == 503
        parent.kill()
        parent.wait(SOON_S)
        _, alive = psutil.wait_procs([child], timeout=SOON_S)
    assert alive == []


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_it_is_served_by_hand_over_tls_and_ends_in_time(shop: Shop, tmp_path: Path) -> None:
    shop.sell()
    files = files_in(tmp_path / "tls")
    program = "import sys; from kiosk.cli.sorting_center import main; main()"
    options = ["--ledger", shop.center.ledger.url, "--http", "127.0.0.1:0", "--photos-dir", str(shop.folder.root)]
    options += ["--http-cert", files.cert, "--http-key", files.key, "--public-url", "https://localhost"]
    with subprocess.Popen(
        [sys.executable, "-c", program, "storefront", *options], stderr=subprocess.PIPE, text=True
    ) as serving:
        assert serving.stderr is not None
        line = serving.stderr.readline()
        assert line.startswith("storefront of postgresql://")
        port = line.rsplit(":", 1)[1].strip()
        status, page = asked(f"https://localhost:{port}{shop.path()}", files.client)
        assert (status, b'"https://localhost/en/shache/' in page) == (200, True)
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(SOON_S) == 0
        serving.stderr.read()


def test_what_cannot_be_used_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadStorefrontSettings, match="cannot be read"):
        StorefrontSettings(cert_file=str(tmp_path / "none"), key_file=str(tmp_path / "none")).checked()


@each(
    ("options", "says"),
    [
        (["storefront", "--http", "8100"], "HOST:PORT"),
        (["storefront", "--http", "127.0.0.1:0", "--http-cert", "x.pem"], "go together"),
        (["storefront", "--http", "127.0.0.1:0", "--public-url", "goods.example"], "https://goods.example.org"),
        (["run", "--broker", "mqtt://127.0.0.1:1", "--storefront-cert", "x.pem"], "--storefront HOST:PORT"),
        (["run", "--broker", "mqtt://127.0.0.1:1", "--storefront", "8100"], "--storefront '8100'"),
        (
            ["run", "--broker", "mqtt://127.0.0.1:1", "--storefront", "127.0.0.1:0", "--storefront-key", "x"],
            "go together",
        ),
    ],
)
def test_wrong_options(options: list[str], says: str) -> None:
    result = CliRunner().invoke(main, [*options, "--ledger", "sqlite:////nowhere/at/all.db"])
    assert (result.exit_code, says in result.stderr) == (2, True), result.stderr
