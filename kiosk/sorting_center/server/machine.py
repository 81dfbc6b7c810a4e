"""What the set-up of a server does to the machine goes through here, and nowhere else."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kiosk.base.files import write_durably

_COMMAND_S: Final = 600.0
_NOT_FOUND: Final = 127
_TLS_S: Final = 5.0
_LISTENING: Final = "0A"  # In /proc/net/tcp
_NONE: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    code: int
    output: str = ""
    errors: str = ""

    @property
    def reason(self) -> str:
        """Its first line."""
        return ((self.errors or self.output).strip().splitlines() or [f"exit {self.code}"])[0]


class ServerMachine:
    """This one; tests have another."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def is_root(self) -> bool:
        return os.geteuid() == 0

    def run(self, command: Sequence[str], stdin: str = "", environ: Mapping[str, str] = _NONE) -> CommandOutcome:
        whole = {**os.environ, "LC_ALL": "C.UTF-8", **environ}
        try:
            done = subprocess.run(
                command,
                input=stdin,
                env=whole,
                cwd="/",
                capture_output=True,
                text=True,
                timeout=_COMMAND_S,
                check=False,
            )
        except FileNotFoundError:
            return CommandOutcome(_NOT_FOUND, errors=f"{command[0]} is not installed")
        except subprocess.TimeoutExpired:
            return CommandOutcome(1, errors=f"{command[0]} has not ended within {_COMMAND_S:.0f} s")
        return CommandOutcome(done.returncode, done.stdout, done.stderr)

    def write(self, path: Path, content: bytes, mode: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, content, mode)

    def link(self, path: Path, target: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    def port_holder(self, port: int) -> str | None:
        """Find the program that listens there; "another program" when /proc does not show it; None for a free port."""
        inodes = {inode for name in ("tcp", "tcp6") for inode in _listening(Path("/proc/net", name), port)}
        if not inodes:
            return None
        for link in Path("/proc").glob("[0-9]*/fd/*"):
            with suppress(OSError):
                if link.readlink().name.removeprefix("socket:[").removesuffix("]") in inodes:
                    return (link.parents[1] / "comm").read_text().strip()
        return "another program"

    def peer_certificate(self, port: int, host: str, authority: Path) -> bytes:
        """Return the DER certificate, after TLS and the chain to the authority were checked. Raises OSError."""
        context = ssl.create_default_context(cafile=str(authority))
        plain = socket.create_connection(("127.0.0.1", port), _TLS_S)
        with plain, context.wrap_socket(plain, server_hostname=host) as secured:
            return secured.getpeercert(binary_form=True) or b""

    def health(self, port: int) -> dict[str, str]:
        """Ask the sorting center on this machine what is wrong with each part; "" for nothing."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TLS_S)
        try:
            connection.request("GET", "/health")
            found = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            return {"pages": f"they do not answer ({error})"}
        finally:
            connection.close()
        parts = ((key.removesuffix("_trouble"), text) for key, text in found.items() if key.endswith("_trouble"))
        return {name: str(text) for name, text in parts}

    def resolves(self, host: str) -> bool:
        try:
            return bool(socket.getaddrinfo(host, None))
        except OSError:
            return False

    def free_bytes(self, path: Path) -> int:
        return shutil.disk_usage(path).free

    def wait_until(self, probe: Callable[[], bool], seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not probe():
            if time.monotonic() >= end:
                return False
            time.sleep(0.2)
        return True


def _listening(table: Path, port: int) -> list[str]:
    try:
        rows = [row.split() for row in table.read_text(encoding="ascii").splitlines()[1:]]
    except OSError:
        return []
    return [row[9] for row in rows if row[3] == _LISTENING and int(row[1].rpartition(":")[2], 16) == port]
