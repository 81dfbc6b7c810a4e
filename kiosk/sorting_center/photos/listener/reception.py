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
from kiosk.sorting_center.photos.ports import Guest

MAX_CONNECTIONS: Final = 48
MAX_FETCHING: Final = 16
"""Of these, for updates: 200 stations fetch one for hours, and a picture that is asked about is not kept waiting."""
MAX_OF_STATION: Final = 2
MAX_STRANGERS: Final = 128
"""Connections whose handshake is not over. When there are more, the oldest of the busiest address goes."""
HANDSHAKE_S: Final = 20.0
"""Above what it takes on a line of a few kbit/s."""
HEAD_S: Final = 20.0
"""For a request up to its body, however few bytes come at a time; and for a connection on which nothing is asked."""
LEAST_BYTES_PER_S: Final = 1000
"""A body that comes more slowly is hung up on; what came of it is kept."""
REST_S: Final = 2.0
"""Who fetches an update and asks nothing for so long gives its place to one that asks: it comes again by itself."""
_LOOK_S: Final = 0.25
_LOG_PERIOD_S: Final = 300.0
_PARTING_S: Final = 2.0
"""For whoever is sent away to read why: with bytes of its own unread here it would be told of a broken line instead."""
_NO_PLACE: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)
_NO_STATION: Final = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds."""

    connections: int = MAX_CONNECTIONS
    fetching: int = MAX_FETCHING
    of_station: int = MAX_OF_STATION
    strangers: int = MAX_STRANGERS
    handshake_s: float = HANDSHAKE_S
    head_s: float = HEAD_S
    least_bytes_per_s: int = LEAST_BYTES_PER_S

    def body_s(self, size: int) -> float:
        """For a request with a body of this size."""
        return self.head_s + size / self.least_bytes_per_s


class Reception:
    """``come_in`` is called with each guest that was admitted, once."""

    def __init__(
        self,
        come_in: Callable[[Guest], None],
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock`` is monotonic seconds."""
        self._come_in, self._clock = come_in, clock
        self.limits = limits or Limits()
        self._lock = threading.Lock()
        self._new: deque[Guest] = deque()
        self._strangers: dict[Guest, float] = {}
        self._parting: set[Guest] = set()
        self._places: dict[Guest, str | None] = {}
        self._deadlines: dict[Guest, float] = {}
        self._fetching: dict[Guest, float] = {}
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
        for guest in [*self._new, *self._strangers]:
            guest.close()
        with self._lock:
            serving = list(self._places)
        for guest in serving:
            _hang_up(guest)
        self._selector.close()
        self._wake_read.close()
        self._wake_write.close()

    def receive(self, guest: Guest) -> None:
        """A new connection."""
        if self._ending:
            guest.close()
            return
        with self._lock:
            self._new.append(guest)
        self._wake()

    def leave(self, guest: Guest) -> None:
        """A connection was closed."""
        with self._lock:
            self._give_up(guest)

    def fetches(self, guest: Guest) -> bool:
        """It asks for updates: whether it has one of the places for that."""
        with self._lock:
            given_up = None
            if guest not in self._fetching and len(self._fetching) >= self.limits.fetching:
                given_up = min(self._fetching, key=self._fetching.__getitem__)
                if self._clock() - self._fetching[given_up] < REST_S:
                    return False
                self._give_up(given_up)
            if guest in self._places:
                self._fetching[guest] = math.inf
        if given_up is not None:
            _hang_up(given_up)
        return True

    def allow(self, guest: Guest, seconds: float) -> None:
        """What it does now may take so long; then it is hung up on."""
        with self._lock:
            if guest in self._places:
                self._deadlines[guest] = self._clock() + seconds
            if guest in self._fetching:
                self._fetching[guest] = math.inf

    def rest(self, guest: Guest) -> None:
        """It does nothing now."""
        with self._lock:
            self._deadlines.pop(guest, None)
            if guest in self._fetching:
                self._fetching[guest] = self._clock()

    def _give_up(self, guest: Guest) -> None:
        """Its place; the caller has the lock, and hangs up without it."""
        for kept in (self._places, self._deadlines, self._fetching):
            kept.pop(guest, None)

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
        for key, _ in self._selector.select(_LOOK_S):
            if key.data is None:
                with suppress(OSError):
                    self._wake_read.recv(4096)
            else:
                self._shake(key.data)
        with self._lock:
            new, self._new = self._new, deque()
        for guest in new:
            self._begin(guest)
        self._hang_up_on_the_late()

    def _begin(self, guest: Guest) -> None:
        if not isinstance(guest.sock, ssl.SSLSocket):
            self._seat(guest, None)
            return
        while len(self._strangers) >= self.limits.strangers:
            self._forget_one()
        guest.sock.setblocking(False)
        self._strangers[guest] = self._clock() + self.limits.handshake_s
        self._selector.register(guest.sock, selectors.EVENT_READ, guest)

    def _forget_one(self) -> None:
        busiest, _ = Counter(guest.address for guest in self._strangers).most_common(1)[0]
        self._dismiss(next(guest for guest in self._strangers if guest.address == busiest))

    def _shake(self, guest: Guest) -> None:
        if guest in self._parting:
            self._take_leave(guest)
            return
        if guest not in self._strangers or not isinstance(guest.sock, ssl.SSLSocket):
            return
        try:
            guest.sock.do_handshake()
        except ssl.SSLWantReadError:
            self._selector.modify(guest.sock, selectors.EVENT_READ, guest)
        except ssl.SSLWantWriteError:
            self._selector.modify(guest.sock, selectors.EVENT_WRITE, guest)
        except (OSError, ValueError) as error:
            said = error.reason if isinstance(error, ssl.SSLError) and error.reason else str(error)
            self._log.write(f"{guest.address} was not let in to the pictures: {said}", kind="handshake")
            self._part(guest)
        else:
            station = station_of(guest.sock)
            if station is None:
                self._log.write(f"{guest.address} shows a certificate of no station", kind="name")
                self._part(guest, _NO_STATION)
            else:
                self._seat(guest, station)

    def _seat(self, guest: Guest, station: str | None) -> None:
        with self._lock:
            own = [other for other, name in self._places.items() if station is not None and name == station]
            given_up = own[0] if len(own) >= self.limits.of_station else None
            if given_up is not None:
                # A station has one connection at a time: of an older one its line has not told anybody that it broke.
                self._give_up(given_up)
            welcome = len(self._places) < self.limits.connections
            if welcome:
                self._places[guest] = station
        if given_up is not None:
            _hang_up(given_up)
        if welcome:
            if self._strangers.pop(guest, None) is not None:
                self._selector.unregister(guest.sock)
            guest.admit(station)
            self._come_in(guest)
            return
        self._log.write(f"{station or guest.address} was sent away: too many connections", kind="places")
        self._part(guest, _NO_PLACE)

    def _part(self, guest: Guest, word: bytes = b"") -> None:
        """Say why, and hang up when that was read, or soon."""
        with suppress(OSError):
            guest.sock.setblocking(False)
            if word:
                guest.sock.send(word)
            socket.socket.shutdown(guest.sock, socket.SHUT_WR)
            if guest in self._strangers:
                self._selector.modify(guest.sock, selectors.EVENT_READ, guest)
            else:
                self._selector.register(guest.sock, selectors.EVENT_READ, guest)
            self._strangers[guest] = self._clock() + _PARTING_S
            self._parting.add(guest)
            return
        self._dismiss(guest)

    def _take_leave(self, guest: Guest) -> None:
        try:
            over = not socket.socket.recv(guest.sock, 4096)
        except BlockingIOError:
            over = False
        except OSError:
            over = True
        if over:
            self._dismiss(guest)

    def _dismiss(self, guest: Guest) -> None:
        self._strangers.pop(guest, None)
        self._parting.discard(guest)
        with suppress(KeyError, ValueError):
            self._selector.unregister(guest.sock)
        guest.close()

    def _hang_up_on_the_late(self) -> None:
        now = self._clock()
        for guest in [guest for guest, until in self._strangers.items() if now > until]:
            self._dismiss(guest)
        with self._lock:
            late = [guest for guest, until in self._deadlines.items() if now > until]
            for guest in late:
                del self._deadlines[guest]
        for guest in late:
            _hang_up(guest)


def _hang_up(guest: Guest) -> None:
    """Whoever reads from it or writes to it is told at once; that thread closes it."""
    with suppress(OSError):
        # Past SSLSocket.shutdown, which would take TLS away from under a thread that reads.
        socket.socket.shutdown(guest.sock, socket.SHUT_RDWR)
