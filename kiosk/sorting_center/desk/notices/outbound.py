"""A connection to the receiver of a notice: to addresses that were checked alone, and no longer than it may take."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from kiosk.base.refused import Refused

Resolve = Callable[[str, int], Sequence[str]]  # Numeric addresses of a name; raises OSError

_NON_PUBLIC_NETWORKS: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",  # carrier-grade NAT, RFC 6598
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "64:ff9b::/96",  # NAT64, RFC 6052: an IPv4 address in disguise
        "64:ff9b:1::/48",
        "2001::/32",  # Teredo, RFC 4380
        "2002::/16",  # 6to4, RFC 3056
        "fec0::/10",  # site-local, RFC 3879
    )
)


class DeliveryFailed(Refused):
    """``code`` and ``values`` are those of an `AlarmDetail`, without a secret in them."""


def system_resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[4][0]) for place in found))


@dataclass(frozen=True, slots=True)
class OutboundNetwork:
    """``allowed``: names of hosts inside the own network that may be connected to."""

    allowed: Collection[str] = ()
    resolve: Resolve = system_resolve
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    @contextmanager
    def connected(self, host: str, port: int, timeout_s: float) -> Iterator[socket.socket]:
        """Connect; ``timeout_s`` includes resolving and all that follows. Raises DeliveryFailed and OSError."""
        ends = time.monotonic() + timeout_s

        def left_s() -> float:
            return max(0.05, ends - time.monotonic())

        addresses = self.resolve_allowed(host, port)
        with _open_connection(addresses, port, left_s) as plain, closed_after(left_s(), plain):
            yield plain

    def resolve_allowed(self, host: str, port: int) -> Sequence[str]:
        """Resolve once; the connection goes to exactly these. Raises DeliveryFailed when one of them is not public."""
        try:
            found = self.resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise DeliveryFailed("not_found", values={"host": host}) from error
        if not found:
            raise DeliveryFailed("not_found", values={"host": host})
        if host not in self.allowed and (private := [address for address in found if not is_public(address)]):
            raise DeliveryFailed("not_open", values={"host": host, "address": private[0]})
        return found


def _open_connection(addresses: Sequence[str], port: int, left_s: Callable[[], float]) -> socket.socket:
    """Connect to the first that answers; each but the last may take half of the time left. Raises OSError."""
    for address in addresses[:-1]:
        try:
            return socket.create_connection((address, port), left_s() / 2)
        except OSError:
            continue
    return socket.create_connection((addresses[-1], port), left_s())


def is_public(text: str) -> bool:
    """Return whether an address is on the public internet, and does not stand for another one (NAT64, 6to4, Teredo)."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in net for net in _NON_PUBLIC_NETWORKS if net.version == address.version)
    )


@contextmanager
def closed_after(seconds: float, connection: socket.socket) -> Iterator[None]:
    """Shut ``connection`` down when the time is over, and raise TimeoutError then, also when an answer was read.

    This holds however slowly the other side sends; what was cut off may look like a short answer. The timer has its own
    descriptor: TLS takes that of the connection away. The timeout of the connection itself, which could come a moment
    earlier as another error, is removed.
    """
    own, expired = connection.dup(), threading.Event()
    connection.settimeout(None)

    def shut_down() -> None:
        expired.set()
        with suppress(OSError):
            own.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, shut_down)
    timer.daemon = True
    timer.start()
    try:
        yield
        if expired.is_set():
            raise TimeoutError
    except Exception as error:
        if expired.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
        timer.join()
        own.close()
