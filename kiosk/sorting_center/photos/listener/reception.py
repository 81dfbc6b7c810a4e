"""Who may come in: handshakes, places, and the time that each request has. One thread, which waits for nobody.

The server's own threads serve stations that have shown who they are, and no station has more than two of them: whoever
connects and says nothing, or says it byte by byte, keeps nobody waiting.
"""

from __future__ import annotations

import logging
import math
import selectors
import socket
import ssl
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.sorting_center.photos.listener.tls import station_of
from kiosk.sorting_center.photos.ports import StationConnection

MAX_CONNECTIONS: Final = 48
MAX_FETCHING: Final = 16
"""Of these, for updates: 200 stations fetch one for hours, and a picture that is asked about is not kept waiting."""
MAX_OF_STATION: Final = 2
MAX_PENDING_HANDSHAKES: Final = 128
"""Connections whose handshake is not over. When there are more, the oldest of the busiest address goes."""
HANDSHAKE_S: Final = 20.0
"""Above what it takes on a line of a few kbit/s."""
HEAD_S: Final = 20.0
"""For a request up to its body, however few bytes come at a time; and for a connection on which nothing is asked."""
MIN_BYTES_PER_S: Final = 1000
"""A body that comes more slowly is hung up on; what came of it is kept."""
IDLE_FETCH_S: Final = 2.0
"""Who fetches an update and asks nothing for so long gives its place to one that asks: it comes again by itself."""
_POLL_INTERVAL_S: Final = 0.25
_LOG_PERIOD_S: Final = 300.0
_REJECTION_TIMEOUT_S: Final = 2.0
"""For whoever is sent away to read why: with bytes of its own unread here it would be told of a broken line instead."""
_NO_PLACE: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)
_NO_STATION: Final = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Times in seconds."""

    connections: int = MAX_CONNECTIONS
    fetching: int = MAX_FETCHING
    of_station: int = MAX_OF_STATION
    pending_handshakes: int = MAX_PENDING_HANDSHAKES
    handshake_s: float = HANDSHAKE_S
    head_s: float = HEAD_S
    min_bytes_per_s: int = MIN_BYTES_PER_S

    def body_s(self, size: int) -> float:
        """For a request with a body of this size."""
        return self.head_s + size / self.min_bytes_per_s


class ConnectionGate:
    """``on_admitted`` is called with each client that was admitted, once."""

    def __init__(
        self,
        on_admitted: Callable[[StationConnection], None],
        limits: ConnectionLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock`` is monotonic seconds."""
        self._on_admitted, self._clock = on_admitted, clock
        self.limits = limits or ConnectionLimits()
        self._lock = threading.Lock()
        self._new: deque[StationConnection] = deque()
        self._pending_handshakes: dict[StationConnection, float] = {}
        self._draining: set[StationConnection] = set()
        self._places: dict[StationConnection, str | None] = {}
        self._deadlines: dict[StationConnection, float] = {}
        self._fetching: dict[StationConnection, float] = {}
        """Since when each asks nothing; `math.inf` while it does."""
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = socket.socketpair()
        for end in (self._wake_read, self._wake_write):
            end.setblocking(False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._ending = False
        self._log = RateLimitedLog(logging.getLogger(__name__), clock, _LOG_PERIOD_S)
        self._thread = threading.Thread(target=self._run, name="photos reception", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Hang up on everybody, end the thread."""
        self._ending = True
        self._wake()
        if self._thread.ident is not None:
            self._thread.join()
        for connection in [*self._new, *self._pending_handshakes]:
            connection.close()
        with self._lock:
            serving = list(self._places)
        for connection in serving:
            _shut_down(connection)
        self._selector.close()
        self._wake_read.close()
        self._wake_write.close()

    def receive(self, connection: StationConnection) -> None:
        """A new connection."""
        if self._ending:
            connection.close()
            return
        with self._lock:
            self._new.append(connection)
        self._wake()

    def leave(self, connection: StationConnection) -> None:
        """A connection was closed."""
        with self._lock:
            self._give_up(connection)

    def fetches(self, connection: StationConnection) -> bool:
        """It asks for updates: whether it has one of the places for that."""
        with self._lock:
            given_up = None
            if connection not in self._fetching and len(self._fetching) >= self.limits.fetching:
                given_up = min(self._fetching, key=self._fetching.__getitem__)
                if self._clock() - self._fetching[given_up] < IDLE_FETCH_S:
                    return False
                self._give_up(given_up)
            if connection in self._places:
                self._fetching[connection] = math.inf
        if given_up is not None:
            _shut_down(given_up)
        return True

    def allow(self, connection: StationConnection, seconds: float) -> None:
        """What it does now may take so long; then it is hung up on."""
        with self._lock:
            if connection in self._places:
                self._deadlines[connection] = self._clock() + seconds
            if connection in self._fetching:
                self._fetching[connection] = math.inf

    def rest(self, connection: StationConnection) -> None:
        """It does nothing now."""
        with self._lock:
            self._deadlines.pop(connection, None)
            if connection in self._fetching:
                self._fetching[connection] = self._clock()

    def _give_up(self, connection: StationConnection) -> None:
        """Its place; the caller has the lock, and hangs up without it."""
        for by_connection in (self._places, self._deadlines, self._fetching):
            by_connection.pop(connection, None)

    def _wake(self) -> None:
        with suppress(OSError):  # full: it is awake
            self._wake_write.send(b"x")

    def _run(self) -> None:
        while not self._ending:
            try:
                self._turn()
            except Exception as error:
                self._log.write("The reception of pictures goes on after an error.", level=logging.ERROR, error=error)

    def _turn(self) -> None:
        for key, _ in self._selector.select(_POLL_INTERVAL_S):
            if key.data is None:
                with suppress(OSError):
                    self._wake_read.recv(4096)
            else:
                self._continue_handshake(key.data)
        with self._lock:
            new, self._new = self._new, deque()
        for connection in new:
            self._begin(connection)
        self._close_overdue()

    def _begin(self, connection: StationConnection) -> None:
        if not isinstance(connection.sock, ssl.SSLSocket):
            self._admit(connection, None)
            return
        while len(self._pending_handshakes) >= self.limits.pending_handshakes:
            self._drop_oldest_handshake()
        connection.sock.setblocking(False)
        self._pending_handshakes[connection] = self._clock() + self.limits.handshake_s
        self._selector.register(connection.sock, selectors.EVENT_READ, connection)

    def _drop_oldest_handshake(self) -> None:
        busiest, _ = Counter(connection.address for connection in self._pending_handshakes).most_common(1)[0]
        self._close(next(client for client in self._pending_handshakes if client.address == busiest))

    def _continue_handshake(self, connection: StationConnection) -> None:
        if connection in self._draining:
            self._drain(connection)
            return
        if connection not in self._pending_handshakes or not isinstance(connection.sock, ssl.SSLSocket):
            return
        try:
            connection.sock.do_handshake()
        except ssl.SSLWantReadError:
            self._selector.modify(connection.sock, selectors.EVENT_READ, connection)
        except ssl.SSLWantWriteError:
            self._selector.modify(connection.sock, selectors.EVENT_WRITE, connection)
        except (OSError, ValueError) as error:
            detail = error.reason if isinstance(error, ssl.SSLError) and error.reason else str(error)
            self._log.write(f"{connection.address} was not let in to the pictures: {detail}", kind="handshake")
            self._reject(connection)
        else:
            station = station_of(connection.sock)
            if station is None:
                self._log.write(f"{connection.address} shows a certificate of no station", kind="name")
                self._reject(connection, _NO_STATION)
            else:
                self._admit(connection, station)

    def _admit(self, connection: StationConnection, station: str | None) -> None:
        with self._lock:
            own = [other for other, name in self._places.items() if station is not None and name == station]
            given_up = own[0] if len(own) >= self.limits.of_station else None
            if given_up is not None:
                # A station has one connection at a time: of an older one its line has not told anybody that it broke.
                self._give_up(given_up)
            has_slot = len(self._places) < self.limits.connections
            if has_slot:
                self._places[connection] = station
        if given_up is not None:
            _shut_down(given_up)
        if has_slot:
            if self._pending_handshakes.pop(connection, None) is not None:
                self._selector.unregister(connection.sock)
            connection.admit(station)
            self._on_admitted(connection)
            return
        self._log.write(f"{station or connection.address} was sent away: too many connections", kind="places")
        self._reject(connection, _NO_PLACE)

    def _reject(self, connection: StationConnection, word: bytes = b"") -> None:
        """Say why, and hang up when that was read, or soon."""
        with suppress(OSError):
            connection.sock.setblocking(False)
            if word:
                connection.sock.send(word)
            socket.socket.shutdown(connection.sock, socket.SHUT_WR)
            if connection in self._pending_handshakes:
                self._selector.modify(connection.sock, selectors.EVENT_READ, connection)
            else:
                self._selector.register(connection.sock, selectors.EVENT_READ, connection)
            self._pending_handshakes[connection] = self._clock() + _REJECTION_TIMEOUT_S
            self._draining.add(connection)
            return
        self._close(connection)

    def _drain(self, connection: StationConnection) -> None:
        try:
            over = not socket.socket.recv(connection.sock, 4096)
        except BlockingIOError:
            over = False
        except OSError:
            over = True
        if over:
            self._close(connection)

    def _close(self, connection: StationConnection) -> None:
        self._pending_handshakes.pop(connection, None)
        self._draining.discard(connection)
        with suppress(KeyError, ValueError):
            self._selector.unregister(connection.sock)
        connection.close()

    def _close_overdue(self) -> None:
        now = self._clock()
        for connection in [client for client, until in self._pending_handshakes.items() if now > until]:
            self._close(connection)
        with self._lock:
            late = [client for client, until in self._deadlines.items() if now > until]
            for connection in late:
                del self._deadlines[connection]
        for connection in late:
            _shut_down(connection)


def _shut_down(connection: StationConnection) -> None:
    """Whoever reads from it or writes to it is told at once; that thread closes it."""
    with suppress(OSError):
        # Past SSLSocket.shutdown, which would take TLS away from under a thread that reads.
        socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
