"""Addresses at which the sorting center listens."""

from __future__ import annotations

import errno
import os
import socket
import stat
import time
from pathlib import Path
from typing import Final

# A further process of a center that was killed keeps its address until it has ended: three seconds at most.
BIND_TIMEOUT_S: Final = 6.0
_RETRY_S: Final = 0.05
_BACKLOG: Final = 128
_FROM_SYSTEMD: Final = 3  # The descriptor of a socket that systemd has made, sd_listen_fds(3)


def listening_socket(host: str, port: int, timeout_s: float = BIND_TIMEOUT_S) -> socket.socket:
    """Listen at ``host``, an address of IPv4 or IPv6; ``port`` 0 is any free one.

    Raises OSError when the address cannot be used; when another program has it, after ``timeout_s`` seconds.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    give_up = time.monotonic() + timeout_s
    while True:
        try:
            return socket.create_server((host, port), family=family)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= give_up:
                raise
        time.sleep(_RETRY_S)


def unix_socket(path: str) -> socket.socket:
    """Listen at ``path``, for the user of this process alone; on the socket of systemd where it hands one over.

    A socket of an earlier process is replaced. Raises OSError.
    """
    if os.environ.get("LISTEN_PID") == str(os.getpid()):
        given = socket.socket(fileno=_FROM_SYSTEMD)
        if given.family != socket.AF_UNIX:
            raise OSError(errno.EINVAL, "the socket of systemd is no Unix socket")
        return given
    if stat.S_ISSOCK(_mode(path)):
        Path(path).unlink()
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listening.bind(path)
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(before)
    return listening


def _mode(path: str) -> int:
    try:
        return Path(path).lstat().st_mode
    except FileNotFoundError:
        return 0
