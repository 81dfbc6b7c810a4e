"""One connection of the virtual board, handed on to a port of this machine's loopback: standard input and output."""

from __future__ import annotations

import os
import select
import socket
import sys


def main() -> None:
    """Until either end hangs up. QEMU starts one of these for each connection."""
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as way:
        while True:
            for ready in select.select([0, way], [], [])[0]:
                data = os.read(0, 65536) if ready == 0 else way.recv(65536)
                if not data:
                    return
                if ready == 0:
                    way.sendall(data)
                else:
                    rest = memoryview(data)
                    while rest:
                        rest = rest[os.write(1, rest) :]


if __name__ == "__main__":
    main()
