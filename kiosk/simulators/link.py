"""The line between station and broker: a TCP proxy with the link's fault words: down, up, slow, lossy.

One thread and a selector. Each direction of a connection holds at most one block; while that cannot be passed on,
nothing more is read, so TCP itself makes the sender wait, as on a real line.
"""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Final

from kiosk.simulators.faults import BadFaultWord, parse_fault

_BLOCK: Final = 4096
_MAX_CONNECTIONS: Final = 512
_UNITS: Final = {"bit": 1, "kbit": 1000, "Mbit": 1_000_000}


@dataclass(frozen=True, slots=True)
class LinkState:
    """What the line does to what passes it. ``bytes_per_s`` None: as fast as it comes, both directions together."""

    up: bool = True
    bytes_per_s: float | None = None
    loss: float = 0.0


def parse_link_word(text: str) -> LinkState:
    """``down``, ``up``, ``slow 32kbit`` or ``lossy 20%``; each replaces what was before. Raises BadFaultWord."""
    word, argument = parse_fault("link", text)
    if word == "slow":
        return LinkState(bytes_per_s=_rate(argument) / 8)
    if word == "lossy":
        return LinkState(loss=_share(argument))
    return LinkState(up=word == "up")


def _rate(argument: str) -> float:
    match = re.fullmatch(r"([1-9][0-9]{0,6})(bit|kbit|Mbit)", argument)
    if match is None:
        raise BadFaultWord(f"link slow needs a rate like 32kbit, not {argument!r}")
    return float(match[1]) * _UNITS[match[2]]


def _share(argument: str) -> float:
    match = re.fullmatch(r"([0-9]{1,3})%", argument)
    if match is None or int(match[1]) > 100:
        raise BadFaultWord(f"link lossy needs a share like 20%, not {argument!r}")
    return int(match[1]) / 100


@dataclass(slots=True, eq=False)
class _End:
    """One socket of a connection and the block that waits to be written to it."""

    sock: socket.socket
    peer: _End | None = None
    waiting: bytes = field(default=b"", repr=False)
    read_closed: bool = False
    write_closed: bool = False


class Link:
    """Listens on 127.0.0.1:``port`` and passes everything to 127.0.0.1:``target_port``."""

    def __init__(self, target_port: int, port: int = 0, random: Random | None = None) -> None:
        self._target = ("127.0.0.1", target_port)
        self._random = random or Random()  # noqa: S311  a simulator
        self._state = LinkState()
        self._budget = _Budget(time.monotonic)
        self._ends: dict[socket.socket, _End] = {}
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._closing = False
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name=f"link-{self.port}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Link:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def command(self, text: str) -> None:
        """Obey a fault word; raises BadFaultWord."""
        self._state = parse_link_word(text)
        self._wake()

    def close(self) -> None:
        """Break every connection and end the thread."""
        if self._thread.is_alive():
            self._closing = True
            self._wake()
            self._thread.join()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._wake_write.send(b"x")

    def _run(self) -> None:
        try:
            while not self._closing:
                state = self._state
                self._listen_where_useful(state)
                for key, events in self._selector.select(self._budget.wait_s(state)):
                    self._serve(key.fileobj, events, state)
        finally:
            for end in list(self._ends.values()):
                self._break(end)
            for sock in (self._listener, self._wake_read, self._wake_write):
                sock.close()
            self._selector.close()

    def _listen_where_useful(self, state: LinkState) -> None:
        """Register each socket for exactly what can be done with it now, or the selector would spin."""
        flowing = state.up and self._budget.ready(state)
        self._want(self._listener, selectors.EVENT_READ if state.up and len(self._ends) < 2 * _MAX_CONNECTIONS else 0)
        for sock, end in self._ends.items():
            peer = end.peer
            events = 0
            if flowing and not end.read_closed and peer is not None and not peer.waiting:
                events |= selectors.EVENT_READ
            if state.up and end.waiting:
                events |= selectors.EVENT_WRITE
            self._want(sock, events)

    def _want(self, sock: socket.socket, events: int) -> None:
        registered = self._selector.get_map().get(sock)
        if registered is None:
            if events:
                self._selector.register(sock, events)
        elif not events:
            self._selector.unregister(sock)
        elif registered.events != events:
            self._selector.modify(sock, events)

    def _serve(self, sock: object, events: int, state: LinkState) -> None:
        if sock is self._wake_read:
            self._wake_read.recv(_BLOCK)
        elif sock is self._listener:
            self._accept()
        elif isinstance(sock, socket.socket) and (end := self._ends.get(sock)) is not None:
            try:
                if events & selectors.EVENT_WRITE:
                    self._write(end)
                if events & selectors.EVENT_READ:
                    self._read(end, state)
            except BlockingIOError:
                return
            except OSError:
                self._break(end)

    def _accept(self) -> None:
        try:
            near_sock, _ = self._listener.accept()
        except OSError:
            return
        try:
            far_sock = socket.create_connection(self._target, timeout=2.0)
        except OSError:
            near_sock.close()
            return
        near, far = _End(near_sock), _End(far_sock)
        near.peer, far.peer = far, near
        for end in (near, far):
            end.sock.setblocking(False)
            self._ends[end.sock] = end

    def _read(self, end: _End, state: LinkState) -> None:
        peer = end.peer
        if peer is None:
            return
        block = end.sock.recv(_BLOCK if state.bytes_per_s is None else min(_BLOCK, 512))
        if block and state.loss and self._random.random() < state.loss:
            self._break(end)
            return
        self._budget.spend(len(block), state)
        if block:
            peer.waiting = block
            self._write(peer)
        else:
            end.read_closed = True
            self._finish(peer)

    def _write(self, end: _End) -> None:
        try:
            end.waiting = end.waiting[end.sock.send(end.waiting) :]
        except BlockingIOError:
            return
        if end.peer is not None and end.peer.read_closed:
            self._finish(end)

    def _finish(self, end: _End) -> None:
        """The other side has sent its last: pass that on, and forget both when both have."""
        if end.waiting:
            return
        if not end.write_closed:
            end.write_closed = True
            end.sock.shutdown(socket.SHUT_WR)
        if end.read_closed:
            self._break(end)

    def _break(self, end: _End) -> None:
        for one in (end, end.peer):
            if one is not None and self._ends.pop(one.sock, None) is not None:
                self._want(one.sock, 0)
                one.sock.close()


class _Budget:
    """How many bytes may pass now: fills with time, holds at most a quarter of a second's worth."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._bytes = 0.0
        self._at = clock()

    def ready(self, state: LinkState) -> bool:
        """Whether anything may be read now."""
        if state.bytes_per_s is None:
            return True
        now = self._clock()
        self._bytes = min(self._bytes + (now - self._at) * state.bytes_per_s, state.bytes_per_s / 4)
        self._at = now
        return self._bytes > 0

    def spend(self, count: int, state: LinkState) -> None:
        """A block has passed; the budget may go below zero and then needs time."""
        if state.bytes_per_s is not None:
            self._bytes -= count

    def wait_s(self, state: LinkState) -> float | None:
        """Seconds until there is something to do without any socket calling; None: only sockets matter."""
        if state.bytes_per_s is None or self._bytes > 0:
            return None
        return -self._bytes / state.bytes_per_s + 0.001
