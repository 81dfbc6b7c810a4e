"""A PostgreSQL server of the tests: on a free port of loopback, gone with them, an empty database for each test."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from psycopg.errors import DuplicateObject

from tests.messaging.ports import claimed_port, wait_for_listener

USER: Final = "tester"
LOCKED_USER: Final = "locked"
LOCKED_PASSWORD: Final = "a secret: with #signs"
_ACCESS: Final = f"""
local all all trust
host all {LOCKED_USER} 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""
_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "100",
    "shared_buffers": "32MB",
    # The tests kill our processes, never the machine: what the server has written stays.
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "lc_messages": "C",
}
_PATIENCE_S: Final = 300.0
"""Two seconds of processor, beside thirty programs that want one."""
_NOT_YET: Final = ("starting up", "recovery")
_PR_SET_PDEATHSIG: Final = 1


class MissingServer(Exception):
    """PostgreSQL is not installed: a test that needs it fails, it is not skipped."""


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if not found:
        raise MissingServer("install the Debian package postgresql: there is no /usr/lib/postgresql/*/bin/initdb")
    return found[-1].parent


def _unprivileged() -> str | None:
    """The server refuses to run as root."""
    return "nobody" if os.geteuid() == 0 else None


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


class PostgresServer:
    """A server in a folder of its own; its port stays its own while it is down after a kill."""

    def __init__(self, programs: Path, folder: Path, port: int, user: str | None) -> None:
        """``folder`` has the data in it already, and belongs to ``user``."""
        self.port = port
        self._command: list[str | Path] = [programs / "postgres", "-D", folder / "data", *_options(folder, port)]
        self._folder, self._user = folder, user
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._place: socket.socket | None = None

    def start(self) -> None:
        """Until it answers: after a kill it first goes through its log."""
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                user=self._user,
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_parent,
            )
        try:
            _wait_until_it_answers(self.port)
        except BaseException:
            self.end()
            raise
        finally:
            self._give_place_up()

    def kill(self) -> None:
        """Immediate stop, to be started again: every connection ends, nothing is finished, no checkpoint is made."""
        self.end()
        self._place = socket.socket()
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._place.bind(("127.0.0.1", self.port))

    def end(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """The same for good."""
        self._give_place_up()
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(_PATIENCE_S)

    def _give_place_up(self) -> None:
        if self._place is not None:
            self._place.close()
            self._place = None

    def connection(self, database: str = "postgres") -> psycopg.Connection:
        """As the owner of everything, each statement a transaction."""
        return psycopg.connect(host="127.0.0.1", port=self.port, user=USER, dbname=database, autocommit=True)

    def url(self, database: str, user: str = USER) -> str:
        """As a ledger's address."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def fresh(self, like: str = "template1") -> Iterator[str]:
        """The name of an empty database, or of a copy of one that nobody is connected to.

        It is dropped in the end, whoever is still connected.
        """
        name = f"ledger_{next(self._numbers)}"
        new, source = sql.Identifier(name), sql.Identifier(like)
        with self.connection() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(new, source))
        try:
            yield name
        finally:
            with self.connection() as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _options(folder: Path, port: int) -> list[str]:
    settings = {**_SETTINGS, "port": str(port), "unix_socket_directories": str(folder)}
    return [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]


def _make_roles(server: PostgresServer) -> None:
    with server.connection() as connection, suppress(DuplicateObject):  # it is there in data of an earlier server
        password = sql.Literal(LOCKED_PASSWORD)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(LOCKED_USER), password))


def _wait_until_it_answers(port: int) -> None:
    wait_for_listener(port, _PATIENCE_S)
    give_up = time.monotonic() + _PATIENCE_S
    while True:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user=USER, dbname="postgres").close()
            return
        except psycopg.OperationalError as error:
            assert any(said in str(error) for said in _NOT_YET), error
            assert time.monotonic() < give_up, "the server is starting up for ever"
            # It listens before it is ready, and nothing announces that it is.
            time.sleep(0.01)


@contextmanager
def running_postgres(kept: Path | None = None) -> Iterator[PostgresServer]:
    """Started, and stopped in the end; it also ends with a test process that is killed.

    ``kept``: where data outlive the server. It begins with a copy of them, or leaves its own there when there are none.
    """
    programs, user = _programs(), _unprivileged()
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        if user is not None:
            shutil.chown(folder, user)
        if kept is not None and kept.exists():
            _copy(kept, folder / "data")
        else:
            _make(programs, folder, user)
        with claimed_port() as port:  # until the server has it
            server = PostgresServer(programs, folder, port, user)
            server.start()
        try:
            _make_roles(server)
            yield server
            if kept is not None and not kept.exists():
                server.end(signal.SIGINT)  # in good order: all of it is in the files then
                _copy(folder / "data", kept)
        finally:
            server.end()


def _make(programs: Path, folder: Path, user: str | None) -> None:
    data = folder / "data"
    initdb: list[str | Path] = [programs / "initdb", "-D", data, "-U", USER, "-A", "trust", "--no-sync"]
    initdb.append("--locale=C.UTF-8")
    subprocess.run(initdb, user=user, cwd=folder, check=True, capture_output=True, timeout=_PATIENCE_S)
    (data / "pg_hba.conf").write_text(_ACCESS, encoding="ascii")


def _copy(source: Path, target: Path) -> None:
    """With its owner."""
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    subprocess.run(["cp", "-a", "--reflink=auto", source, part], check=True)
    part.rename(target)
