"""What the document says of a sorting center with login is done as it stands there, only elsewhere."""

from __future__ import annotations

import http.cookiejar
import json
import re
import shlex
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.cli.sorting_center import main
from kiosk.messaging.contract.receive import build_batch
from kiosk.messaging.contract.topics import Topics
from tests.depth import TORTURE
from tests.house.documents import DOCS
from tests.messaging.ports import claimed_port
from tests.servers.postgres import PostgresServer
from tests.sorting_center.brokers import SOON_S, Broker, Peer, until
from tests.sorting_center.station_journal import Station

PASSWORD = "walnut and apricot"
TOPICS = Topics("shache", "S0147")
PROGRAM = f"{shlex.quote(sys.executable)} -m kiosk.cli.sorting_center"


def documented() -> tuple[list[str], list[str], str]:
    """The commands for SQLite and for PostgreSQL, and the line for a fresh copy of the project."""
    page = (DOCS / "sorting-center.md").read_text(encoding="utf-8")
    section = page.split("### With login, in two commands\n")[1].split("\n### ")[0]
    sqlite, postgresql, fresh = re.findall(r"^```\n(.*?)\n```", section, re.DOTALL | re.MULTILINE)
    return sqlite.splitlines(), postgresql.splitlines(), fresh


@dataclass
class Place:
    """Where the commands of the document are done: other ports, another folder, another database."""

    folder: Path
    broker: Broker
    http: str
    database: str = ""

    def there(self, command: str) -> str:
        changes = {
            "mqtt://127.0.0.1:1883": self.broker.url,
            "127.0.0.1:8090": self.http,
            "sqlite:////var/lib/sorting-center/ledger.db": f"sqlite:///{self.folder / 'ledger.db'}",
            "postgresql://center@127.0.0.1:5432/ledger": self.database,
            ".venv/bin/sorting-center": PROGRAM,
        }
        for documented, here in changes.items():
            command = command.replace(documented, here)
        return re.sub(r"^sorting-center", PROGRAM, command)

    def add_person(self, command: str) -> None:
        """As on a terminal that is none: the password is one line. The fresh copy has a process of its own for it."""
        program, *words = shlex.split(self.there(command).replace(PROGRAM, "sorting-center", 1))
        assert program == "sorting-center"
        done = CliRunner().invoke(main, words, input=f"{PASSWORD}\n")
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout.startswith("gulnar may sign in as admin")

    @contextmanager
    def running(self, command: list[str]) -> Iterator[None]:
        with subprocess.Popen(command, cwd=self.folder, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            try:
                assert any("sorting center ready" in line for line in process.stderr)
                yield
            finally:
                process.terminate()


@pytest.fixture
def place(broker: Broker, tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as ends:
        port = ends.enter_context(claimed_port())
        yield Place(tmp_path, broker, f"127.0.0.1:{port}")


class Visitor:
    """A browser without a screen."""

    def __init__(self, address: str) -> None:
        self._address = f"http://{address}"
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies)

    def page(self, path: str, form: dict[str, str] | None = None) -> tuple[str, str]:
        """Where it led, and what stands there."""
        data = None if form is None else urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(f"{self._address}{path}", data, {"Origin": self._address})
        with self._opener.open(request, timeout=SOON_S) as answer:
            return str(answer.url).removeprefix(self._address), answer.read().decode()

    def is_well(self) -> bool:
        try:
            return bool(json.loads(self.page("/health")[1]))
        except (urllib.error.URLError, ConnectionError):
            return False

    def sign_in(self) -> str:
        """The front page; the name stands on it."""
        asked, _ = self.page("/")
        assert asked.startswith("/sign-in"), "nobody is let in without a password"
        return self.page("/sign-in", {"name": "gulnar", "password": PASSWORD, "next": "/"})[1]


def assert_it_takes_in_and_shows(place: Place) -> None:
    visitor = Visitor(place.http)
    until(visitor.is_well)
    assert "gulnar" in visitor.sign_in()
    assert json.loads(visitor.page("/intakes.json")[1])["intakes"] == []
    station = Station()
    peer = Peer(place.broker, TOPICS.ack)
    try:
        peer.send(TOPICS.batch, build_batch([event.body for event in station.run(3)]))
        until(lambda: peer.last(TOPICS.ack) is not None)
    finally:
        peer.close()
    until(lambda: "S0147" in visitor.page("/intakes.json")[1])


def test_the_commands_for_sqlite_are_those_of_the_fresh_copy() -> None:
    """Which are run below; those alone in torture."""
    sqlite, _, fresh = documented()
    for command in sqlite:
        there = command.replace("sqlite:////var/lib/sorting-center/", "sqlite:///var/center/")
        assert f" .venv/bin/{there}" in fresh


if TORTURE:

    def test_a_sorting_center_with_login_on_sqlite(place: Place) -> None:
        (add, run), _, _ = documented()
        place.add_person(add)
        with place.running(shlex.split(place.there(run))):
            assert_it_takes_in_and_shows(place)


def test_a_sorting_center_with_login_on_postgresql(place: Place, postgres: PostgresServer) -> None:
    _, (add, run), _ = documented()
    with postgres.fresh() as database:
        place.database = postgres.url(database)
        place.add_person(add)
        with place.running(shlex.split(place.there(run))):
            assert_it_takes_in_and_shows(place)


def test_a_sorting_center_with_login_in_a_fresh_copy(place: Place) -> None:
    *_, line = documented()
    shell, option, script = shlex.split(place.there(line))
    assert (shell, option) == ("sh", "-c")
    setup, rest = script.split(" && ", 1)
    assert setup == "make setup", "these tests run in a copy that is set up"
    with place.running(["sh", "-c", rest]):
        assert_it_takes_in_and_shows(place)
