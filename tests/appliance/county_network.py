"""A county's server in a container, and networks from which others reach it: nothing else is reached from there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.systemd.box import AS_ROOT, Booted

HOST = "center.county.example"
SERVER = {"stations": "10.77.0.1", "elsewhere": "10.77.1.1"}
"""Its address on each network."""
_PEER = {"stations": "10.77.0.2", "elsewhere": "10.77.1.2"}
_ENTER = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'


@dataclass(frozen=True)
class Network:
    """A network of its own, with the server at its other end."""

    name: str
    leader: int
    hosts: Path

    def command(self, *words: str) -> list[str]:
        """That runs in it."""
        inside = ["nsenter", f"--target={self.leader}", "--net", "--", "unshare", "--mount"]
        return [*AS_ROOT, *inside, "sh", "-c", _ENTER, "enter", str(self.hosts), *words]

    def join(self, server: Booted) -> None:
        """The cable to a server that has just started."""
        end, other = f"to-{self.name}"[:15], SERVER[self.name]
        own = ["nsenter", f"--target={self.leader}", "--net", "--", "ip"]
        far = ["nsenter", f"--target={server.leader}", "--net", "--", "ip"]
        cable = ["link", "add", "server", "type", "veth", "peer", "name", end, "netns", str(server.leader)]
        for command in (
            [*own, *cable],
            [*own, "address", "add", f"{_PEER[self.name]}/24", "dev", "server"],
            [*own, "link", "set", "server", "up"],
            [*far, "address", "add", f"{other}/24", "dev", end],
            [*far, "link", "set", end, "up"],
        ):
            subprocess.run([*AS_ROOT, *command], check=True)


@contextmanager
def network(name: str, folder: Path) -> Iterator[Network]:
    """Gone at the end, with whatever cable is in it."""
    hosts = folder / f"hosts-{name}"
    hosts.write_text(f"127.0.0.1 localhost\n{SERVER[name]} {HOST}\n")
    with subprocess.Popen(
        [*AS_ROOT, "unshare", "--net", "sh", "-c", "ip link set lo up && echo up && read -r _"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        try:
            assert holder.stdout.readline() == "up\n"
            yield Network(name, holder.pid, hosts)
        finally:
            holder.stdin.close()
            holder.wait(10)


def output(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
