"""nginx of Debian with the sites that the package ships, on free ports of loopback, gone with the tests."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.messaging.ports import claimed_port, wait_for_listener

SITES: Final = Path(__file__).resolve().parents[2] / "firmware_config/nginx"
_PROGRAM: Final = Path("/usr/sbin/nginx")
_PATIENCE_S: Final = 60.0
_PR_SET_PDEATHSIG: Final = 1
_NOBODY: Final = 65534
"""It needs no root, so it does not run as root."""
_SETTINGS: Final = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{
    worker_connections 768;
}}
http {{
    access_log off;
    server_tokens off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/sites/*;
}}
"""
"""As Debian's nginx.conf in what the sites rely on: its number of connections, and no more than one worker."""


class MissingServer(Exception):
    """nginx is not installed: a test that needs it fails, it is not skipped."""


class Nginx:
    """A running server; ``ports`` are those of the sites by name."""

    def __init__(self, folder: Path, ports: Mapping[str, int], user: int) -> None:
        self._folder, self.ports, self._user = folder, ports, user
        self._command: list[str | Path] = [_PROGRAM, "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        tested = self._called("-t")
        assert tested.returncode == 0, tested.stderr
        with (self._folder / "start.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                user=self._user,
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_parent,
            )
        for port in self.ports.values():
            wait_for_listener(port, _PATIENCE_S)

    def reload(self) -> subprocess.CompletedProcess[str]:
        """As ``systemctl reload nginx`` does: the settings are tested, and used when they are good."""
        return self._called("-s", "reload")

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE_S)

    def _called(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [*self._command, *words]
        return subprocess.run(command, user=self._user, capture_output=True, text=True, check=False)


@contextmanager
def running_nginx(folder: Path, sites: Mapping[str, Mapping[str, str]]) -> Iterator[Nginx]:
    """``sites``: by name, each with what stands for the places in it. All that is in ``folder`` becomes its own."""
    if not _PROGRAM.exists():
        raise MissingServer(f"install the Debian package nginx: there is no {_PROGRAM}")
    (folder / "sites").mkdir()
    (folder / "nginx.conf").write_text(_SETTINGS.format(folder=folder), encoding="utf-8")
    with ExitStack() as ends:
        ports = {name: ends.enter_context(claimed_port()) for name in sites}
        for name, places in sites.items():
            (folder / "sites" / name).write_text(rendered(name, ports[name], places), encoding="utf-8")
        for path in (folder, *folder.rglob("*")):
            os.chown(path, nginx_user(), -1)
        server = Nginx(folder, ports, nginx_user())
        ends.callback(server.stop)
        server.start()
        yield server


def nginx_user() -> int:
    """Who may connect to the sockets of the sites: nobody where this process is root, else its own."""
    return _NOBODY if os.geteuid() == 0 else os.geteuid()


def rendered(name: str, port: int, places: Mapping[str, str]) -> str:
    """The shipped site on this port of loopback; every key of ``places`` stands in it."""
    text = (SITES / name).read_text(encoding="utf-8")
    text, listens = re.subn(r"listen \d+ ssl;", f"listen 127.0.0.1:{port} ssl;", text)
    text, others = re.subn(r" *listen \[::\]:\d+ ssl;\n", "", text)
    assert (listens, others) == (1, 1), name
    for place, stands_for in places.items():
        assert place in text, (name, place)
        text = text.replace(place, stands_for)
    return text


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
