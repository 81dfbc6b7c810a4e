"""What a Wayland compositor says its seat has, asked over its socket as any program on its screen would be told.

Wire format (*The Wayland Protocol*, chapter 4): words of 32 bits in the order of the machine; object, then size << 16 |
opcode, then the arguments.
"""

from __future__ import annotations

import socket
import struct
import time
from enum import IntFlag
from pathlib import Path

_DISPLAY, _REGISTRY, _CALLBACK, _SEAT = 1, 2, 3, 4
_WAIT_S = 30.0


class Capability(IntFlag):
    """``wl_seat.capability``."""

    POINTER = 1
    KEYBOARD = 2
    TOUCH = 4


def capabilities(path: Path) -> Capability:
    """Ask the compositor at ``path``. Raises OSError, ValueError when it has no seat."""
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(_WAIT_S)
        _connect(wire, path)
        wire.sendall(_message(_DISPLAY, 1, struct.pack("=I", _REGISTRY)))
        seat = _find_seat(wire)
        interface = b"wl_seat\0"
        bind = struct.pack("=II8sII", seat, len(interface), interface, 1, _SEAT)
        wire.sendall(_message(_REGISTRY, 0, bind))
        while True:
            target, opcode, body = _event(wire)
            if (target, opcode) == (_SEAT, 0):
                return Capability(struct.unpack("=I", body)[0])


def _connect(wire: socket.socket, path: Path) -> None:
    """A compositor's socket has its name a moment before it is listened on. Raises OSError."""
    deadline = time.monotonic() + _WAIT_S
    while True:
        try:
            return wire.connect(str(path))
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _find_seat(wire: socket.socket) -> int:
    """The name of the global ``wl_seat``; a callback marks the end of the list."""
    wire.sendall(_message(_DISPLAY, 0, struct.pack("=I", _CALLBACK)))
    seat = 0
    while True:
        target, opcode, body = _event(wire)
        if (target, opcode) == (_REGISTRY, 0) and body[8:16] == b"wl_seat\0":
            seat = struct.unpack("=I", body[:4])[0]
        if target == _CALLBACK:
            break
    if not seat:
        raise ValueError("the compositor has no seat")
    return seat


def _message(target: int, opcode: int, body: bytes) -> bytes:
    return struct.pack("=II", target, (8 + len(body)) << 16 | opcode) + body


def _event(wire: socket.socket) -> tuple[int, int, bytes]:
    target, word = struct.unpack("=II", wire.recv(8, socket.MSG_WAITALL))
    size = (word >> 16) - 8
    return target, word & 0xFFFF, wire.recv(size, socket.MSG_WAITALL) if size else b""
