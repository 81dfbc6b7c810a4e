"""An address that is still held by a process of a center that was killed, and one that is another program's."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.sorting_center.shared.listen_socket import listening_socket, unix_socket

HOLDER = """
import socket, sys
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
sys.stdin.readline()
listening.close()
"""


def test_an_address_is_waited_for_until_the_one_before_has_ended() -> None:
    command = [sys.executable, "-c", HOLDER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        port = int(holder.stdout.readline())
        with pytest.raises(OSError, match="in use"):
            listening_socket("127.0.0.1", port, timeout_s=0.0)
        holder.stdin.write("\n")  # it lets go of it some time from now
        holder.stdin.flush()
        with listening_socket("127.0.0.1", port, timeout_s=60.0) as listening:
            assert listening.getsockname() == ("127.0.0.1", port)


def test_another_programs_address_is_told_and_any_other_fault_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        listening_socket("127.0.0.1", taken.getsockname()[1], timeout_s=0.1)
    with pytest.raises(OSError, match="assign"):
        listening_socket("192.0.2.1", 0, timeout_s=60.0)


def test_it_listens_at_addresses_of_both_kinds() -> None:
    for host, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
        with listening_socket(host, 0) as listening:
            assert listening.family == family


def test_a_unix_socket_is_for_its_owner_alone_and_replaces_one_that_was_left(tmp_path: Path) -> None:
    path = tmp_path / "s"
    for _ in range(2):
        with unix_socket(str(path)) as listening, socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            listening.accept()[0].close()
        assert (stat.S_IMODE(path.lstat().st_mode), path.is_socket()) == (0o600, True)
    path.unlink()
    path.write_text("a file of somebody else")
    with pytest.raises(OSError, match="in use"):
        unix_socket(str(path))
    assert path.read_text() == "a file of somebody else"
