"""Where a notice may go: to the world, and into this house only by a name that was allowed."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Collection, Sequence
from typing import Final

from kiosk.sorting_center.desk.notices.ports import DeliveryFailed
from kiosk.sorting_center.shared.alarm_texts import format_detail

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


def system_resolve(host: str, port: int) -> list[str]:
    """By the resolver of this machine."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[4][0]) for place in found))


def resolve_allowed(host: str, port: int, allowed: Collection[str], resolve: Resolve) -> list[str]:
    """Resolve once; who connects takes exactly these. Raises Undelivered when one of them must not be asked."""
    try:
        found = list(resolve(host, port))
    except (OSError, UnicodeError) as error:
        raise DeliveryFailed(format_detail("not_found", host=host)) from error
    if not found:
        raise DeliveryFailed(format_detail("not_found", host=host))
    if host not in allowed and (private := [place for place in found if not is_public(place)]):
        raise DeliveryFailed(format_detail("not_open", host=host, address=private[0]))
    return found


def open_connection(places: Sequence[str], port: int, left_s: Callable[[], float]) -> socket.socket:
    """To the first that answers; each but the last may take half of the time that is left. Raises OSError."""
    for place in places[:-1]:
        try:
            return socket.create_connection((place, port), left_s() / 2)
        except OSError:
            continue
    return socket.create_connection((places[-1], port), left_s())


def is_public(text: str) -> bool:
    """Whether an address is one of the open net, by its number and by what it stands for."""
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
