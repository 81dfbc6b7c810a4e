from __future__ import annotations

from collections.abc import Sequence

import pytest

from kiosk.sorting_center.desk.notices.outbound import DeliveryFailed, OutboundNetwork, is_public

INNER = (
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.127.255.255",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "192.88.99.1",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12::1",
    "ff02::1",
    "::ffff:8.8.8.8",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:0:53aa:64c::",
    "2001:db8::1",
    "fec0::1",
    "::127.0.0.1",
    "nonsense",
)
OPEN = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "100.63.255.255", "100.128.0.1", "172.32.0.1"]


def test_only_addresses_of_the_open_net_are_public() -> None:
    assert [address for address in INNER if is_public(address)] == []
    assert [address for address in OPEN if not is_public(address)] == []


def test_a_name_that_is_inside_is_refused_unless_it_is_allowed() -> None:
    def resolves(*allowed: str) -> Sequence[str]:
        return OutboundNetwork(allowed, lambda *_: ["10.0.0.1"]).resolve_allowed("hook.example", 443)

    with pytest.raises(DeliveryFailed, match="not_open") as told:
        resolves()
    assert told.value.values == {"host": "hook.example", "address": "10.0.0.1"}
    assert resolves("hook.example") == ["10.0.0.1"]
    with pytest.raises(DeliveryFailed):
        resolves("example", "other.example")


def test_one_inner_address_among_others_is_enough() -> None:
    with pytest.raises(DeliveryFailed):
        OutboundNetwork(resolve=lambda *_: ["8.8.8.8", "::1"]).resolve_allowed("hook.example", 443)


def test_a_name_that_nobody_knows_is_told() -> None:
    def unknown(*_: object) -> list[str]:
        raise OSError("no such name")

    for resolve in (unknown, lambda *_: []):
        with pytest.raises(DeliveryFailed, match="not_found"):
            OutboundNetwork(resolve=resolve).resolve_allowed("hook.example", 443)


def test_numbers_in_disguise_are_looked_at_after_they_are_resolved() -> None:
    """``127.1`` and ``2130706433`` are loopback for the resolver of this machine."""
    for host in ("127.1", "2130706433", "localhost"):
        with pytest.raises(DeliveryFailed):
            OutboundNetwork().resolve_allowed(host, 443)
