"""The line between station and broker: a TCP proxy with the link's fault words: down, up, slow, lossy.

A test may also set what no word says: a delay each way, and the byte at which the line breaks (``LinkConditions``).
What breaks depends on the seed and on the bytes that pass, never on how TCP cut them into blocks.

One thread and a selector. Each direction of a connection holds a bounded queue; while that cannot be passed on,
nothing more is read, so TCP itself makes the sender wait, as on a real line.
"""

from __future__ import annotations

import contextlib
import math
import re
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from kiosk.base.closable import Closable
from kiosk.simulators.shared.faults import BadFaultWord, parse_fault

_BLOCK: Final = 4096
_MAX_QUEUED: Final = 64 * 1024  # On its way in one direction of a delayed line; without a delay one block is
_LOSS_UNIT: Final = 1024  # Bytes: for each started unit of a direction, a lossy line breaks with its likelihood
_MAX_CONNECTIONS: Final = 512
# The thread takes a new state at once; it may be in the middle of a connection to a server that does not answer.
_TAKE_S: Final = 5.0
_UNITS: Final = {"bit": 1, "kbit": 1000, "Mbit": 1_000_000}


@dataclass(frozen=True, slots=True)
class LinkConditions:
    """What the line does to its traffic. ``bytes_per_s`` is for both directions together; None: as fast as it comes.

    ``delay_s`` is that of each direction. ``cut_at``: so many more bytes of all connections and directions together
    pass; then every connection is broken, once, and the line continues as before.
    """

    up: bool = True
    bytes_per_s: float | None = None
    loss: float = 0.0
    delay_s: float = 0.0
    cut_at: int | None = None

    def __post_init__(self) -> None:
        if self.delay_s < 0 or (self.cut_at is not None and self.cut_at < 0):
            raise ValueError("a delay and the byte of a cut are not below 0")


def parse_link_word(text: str) -> LinkConditions:
    """Parse ``down``, ``up``, ``slow 32kbit`` or ``lossy 20%``; each replaces the last. Raises BadFaultWord."""
    word, argument = parse_fault("link", text)
    if word == "slow":
        return LinkConditions(bytes_per_s=_rate(argument) / 8)
    if word == "lossy":
        return LinkConditions(loss=_share(argument))
    return LinkConditions(up=word == "up")


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
    """One socket of a connection, and what waits to be written to it: bytes, and from when on."""

    sock: socket.socket
    random: Random
    peer: _End | None = None
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque, repr=False)
    queued: int = 0
    # Bytes that may still be read of a lossy line; None where it is not lossy, or not decided yet.
    lives: int | None = None
    read_closed: bool = False
    write_closed: bool = False
    breaking: bool = False  # What waits is still written, then the connection is broken

    def put(self, data: bytes, due: float) -> None:
        self.waiting.append((due, data))
        self.queued += len(data)

    def sent(self, count: int) -> None:
        due, data = self.waiting.popleft()
        self.queued -= count
        if count < len(data):
            self.waiting.appendleft((due, data[count:]))

    def allowed(self, loss: float) -> int | None:
        """Return how many bytes may be read before the lossy line breaks; None for no limit."""
        if not loss:
            self.lives = None
        elif self.lives is None:
            whole = 0 if loss >= 1 else int(math.log(1 - self.random.random()) / math.log1p(-loss))
            self.lives = whole * _LOSS_UNIT
        return self.lives


class SimulatedLink(Closable):
    """Listens on 127.0.0.1:``port`` and passes everything to 127.0.0.1:``target_port``.

    ``random`` decides where a lossy line breaks, for each connection in the order in which they come.
    """

    def __init__(
        self, target_port: int, port: int = 0, random: Random | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._target = ("127.0.0.1", target_port)
        self._random = random or Random()  # noqa: S311  a simulator
        self._clock = clock
        self._state = LinkConditions()
        # How often a state was set, and how many of those the thread has taken over.
        self._requested_no = self._applied_no = 0
        self._cut_left: int | None = None
        self._budget = _Budget(clock)
        self._ends: dict[socket.socket, _End] = {}
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._closing = False
        self._changed = threading.Condition()
        self.cuts = 0  # How often every connection was broken at a requested byte
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name=f"link-{self.port}", daemon=True)
        self._thread.start()

    def command(self, text: str) -> None:
        """Carry out a fault word; raises BadFaultWord."""
        self.set(parse_link_word(text))

    def set(self, state: LinkConditions) -> None:
        """Set the state, in force when this returns; data on its way is not affected."""
        with self._changed:
            self._state = state
            self._requested_no += 1
            self._wake()
            requested_no = self._requested_no
            self._changed.wait_for(lambda: self._applied_no >= requested_no or not self._thread.is_alive(), _TAKE_S)

    def wait_cut(self, count: int, timeout_s: float) -> bool:
        """Wait until the line has been cut ``count`` times since it began; false at the timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: self.cuts >= count, timeout_s)

    def close(self) -> None:
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
                state = self._next_state()
                self._listen_where_useful(state)
                for key, events in self._selector.select(self._wait_s(state)):
                    self._serve(key.fileobj, events, state)
        finally:
            for end in list(self._ends.values()):
                self._break(end)
            for sock in (self._listener, self._wake_read, self._wake_write):
                sock.close()
            self._selector.close()

    def _next_state(self) -> LinkConditions:
        """Return the requested state, after breaking all connections if the bytes before a cut have passed."""
        with self._changed:
            state = self._state
            if self._requested_no != self._applied_no:
                self._applied_no, self._cut_left = self._requested_no, state.cut_at
                self._changed.notify_all()
            if self._cut_left != 0:
                return state
            self._cut_left = None
        self._break_off(list(self._ends.values()))
        with self._changed:
            self.cuts += 1
            self._changed.notify_all()
        return state

    def _wait_s(self, state: LinkConditions) -> float | None:
        """Return the seconds until something is due without socket events; None: only sockets matter."""
        now = self._clock()
        delayed = [max(0.0, end.waiting[0][0] - now) for end in self._ends.values() if end.waiting and state.up]
        later = [wait for wait in delayed if wait > 0]
        paid = self._budget.wait_s(state)
        return min([*later, *([] if paid is None else [paid])], default=None)

    def _listen_where_useful(self, state: LinkConditions) -> None:
        """Register each socket for exactly what can be done with it now, or the selector would spin."""
        flowing, now = state.up and self._budget.ready(state), self._clock()
        self._want(self._listener, selectors.EVENT_READ if state.up and len(self._ends) < 2 * _MAX_CONNECTIONS else 0)
        for sock, end in self._ends.items():
            peer = end.peer
            events = 0
            if flowing and not (end.read_closed or end.breaking) and peer is not None and self._room(peer, state):
                events |= selectors.EVENT_READ
            if state.up and end.waiting and end.waiting[0][0] <= now:
                events |= selectors.EVENT_WRITE
            self._want(sock, events)

    @staticmethod
    def _room(end: _End, state: LinkConditions) -> bool:
        return end.queued < _MAX_QUEUED if state.delay_s else not end.waiting

    def _want(self, sock: socket.socket, events: int) -> None:
        registered = self._selector.get_map().get(sock)
        if registered is None:
            if events:
                self._selector.register(sock, events)
        elif not events:
            self._selector.unregister(sock)
        elif registered.events != events:
            self._selector.modify(sock, events)

    def _serve(self, sock: object, events: int, state: LinkConditions) -> None:
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
        near, far = (_End(sock, Random(self._random.random())) for sock in (near_sock, far_sock))  # noqa: S311
        near.peer, far.peer = far, near
        for end in (near, far):
            end.sock.setblocking(False)
            self._ends[end.sock] = end

    def _read(self, end: _End, state: LinkConditions) -> None:
        peer = end.peer
        if peer is None or self._cut_left == 0:
            return
        block_size = _BLOCK if state.bytes_per_s is None else min(_BLOCK, 512)
        lives = end.allowed(state.loss)
        # One byte more than a lossy line bears shows that it comes: only then does the line break.
        limits = [self._cut_left, None if lives is None else lives + 1]
        block = end.sock.recv(min([block_size, *(limit for limit in limits if limit is not None)]))
        passing = block if lives is None else block[:lives]
        if passing:
            self._passed(end, passing, state)
        if len(passing) < len(block):
            self._break_off([end, peer])
        elif not block:
            end.read_closed = True
            self._finish(peer)
        elif not state.delay_s:
            self._write(peer)

    def _passed(self, end: _End, data: bytes, state: LinkConditions) -> None:
        if end.lives is not None:
            end.lives -= len(data)
        if self._cut_left is not None:
            self._cut_left -= len(data)
        self._budget.spend(len(data), state)
        if end.peer is not None:
            end.peer.put(data, self._clock() + state.delay_s)

    def _break_off(self, ends: list[_End]) -> None:
        """Break the line here: what came before still arrives."""
        for end in ends:
            end.breaking = True
        for end in ends:
            self._finish(end)

    def _write(self, end: _End) -> None:
        now = self._clock()
        try:
            while end.waiting and end.waiting[0][0] <= now:
                end.sent(end.sock.send(end.waiting[0][1]))
        except BlockingIOError:
            return
        if end.breaking or (end.peer is not None and end.peer.read_closed):
            self._finish(end)

    def _finish(self, end: _End) -> None:
        """Pass on that the other side has closed or the line breaks; drop both ends when both are done."""
        if end.waiting:
            return
        if end.breaking:
            if end.peer is None or not end.peer.waiting:
                self._break(end)
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

    def ready(self, state: LinkConditions) -> bool:
        if state.bytes_per_s is None:
            return True
        now = self._clock()
        self._bytes = min(self._bytes + (now - self._at) * state.bytes_per_s, state.bytes_per_s / 4)
        self._at = now
        return self._bytes > 0

    def spend(self, count: int, state: LinkConditions) -> None:
        """Subtract a block that has passed; the budget may go below zero and then needs time."""
        if state.bytes_per_s is not None:
            self._bytes -= count

    def wait_s(self, state: LinkConditions) -> float | None:
        """Return the seconds until there is budget; None: only sockets matter."""
        if state.bytes_per_s is None or self._bytes > 0:
            return None
        return -self._bytes / state.bytes_per_s + 0.001
