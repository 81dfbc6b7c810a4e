"""Which address of a printer a box may be let reach: a private one of a host, spelled in one way, and nothing else."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.devices.printer.settings import PrinterSettings
from kiosk.station.papers import network_printer
from kiosk.station.papers.network_printer import (
    MAX_REQUEST_BYTES,
    PRIVATE,
    AddressRequest,
    host_of,
    is_reachable,
    parse,
    parse_line,
    reachable_networks,
    request_access,
    request_file,
)

TAKEN = ("192.168.1.50", "10.0.0.1", "10.255.255.254", "172.16.0.1", "172.31.255.1", "fd00::1", "fc00:1:2::50")
REFUSED = (
    *("127.0.0.1", "::1", "localhost", "printer.local", "0.0.0.0", "::", "255.255.255.255", "224.0.0.1", "ff02::1"),
    *("169.254.7.7", "fe80::1", "fe80::1%eth0", "fd00::1%eth0", "8.8.8.8", "2001:db8::1", "192.0.2.7", "100.64.0.1"),
    *("172.15.255.254", "172.32.0.1", "192.167.1.1", "11.0.0.1", "192.168.1.0", "192.168.1.255", "10.0.0.0/8"),
    *("192.168.1.50:9100", "192.168.001.050", "192.168.1", "3232235826", "0xc0a80132", "::ffff:192.168.1.50"),
    *(
        "FD00::1",
        "fd00:0:0::1",
        "fd00::192.168.1.50",
        "[fd00::1]",
        " 192.168.1.50",
        "192.168.1.50 ",
        "any",
        "",
        "١٠.0.0.1",
    ),
    *("192.168.1.50\n[Service]\nExecStart=/bin/sh", "192.168.1.50 any", "192.168.1.50\r", "192.168.1.50\0"),
)


def test_private_addresses_are_taken(subtests: pytest.Subtests) -> None:
    for text in TAKEN:
        with subtests.test(text=text):
            assert str(parse(text)) == text
            assert parse_line(f"{text}\n".encode()) == parse(text)


def test_all_else_is_refused(subtests: pytest.Subtests) -> None:
    def holds(text: str) -> None:
        for refused in (lambda: parse(text), lambda: parse_line(f"{text}\n".encode())):
            with pytest.raises(ValueError, match=r"it |write "):
                refused()

    for text in REFUSED:
        with subtests.test(text=text):
            holds(text)


@given(st.one_of(st.binary(max_size=80), st.text(max_size=50).map(str.encode)))
def test_bytes_of_anybody(content: bytes) -> None:
    try:
        address = parse_line(content)
    except ValueError:
        return
    assert content == f"{address}\n".encode()


@given(st.one_of(st.ip_addresses(), *(st.ip_addresses(network=str(one)) for one in PRIVATE)))
def test_every_address(address: IPv4Address | IPv6Address) -> None:
    private = any(address in one for one in PRIVATE if one.version == address.version)
    host = address.version == 6 or address.packed[-1] not in (0, 255)
    content = f"{address}\n".encode()
    assert len(content) <= MAX_REQUEST_BYTES
    try:
        assert parse_line(content) == address
        taken = True
    except ValueError:
        taken = False
    assert taken == (private and host)
    assert not (taken and (address.is_loopback or address.is_link_local or address.is_multicast or address.is_global))


def test_which_printers_are_on_the_network() -> None:
    for kind, address, host in (
        ("tcp", "192.168.1.50:9100", "192.168.1.50"),
        ("tcp", "[fd00:0::1]:9100", "fd00::1"),
        ("ipp", "ipp://192.168.1.51/ipp/print", "192.168.1.51"),
        ("tcp", "printer.local:9100", "printer.local"),
        ("tcp", "127.0.0.1:9100", ""),
        ("ipp", "ipp://localhost:631/printers/office", ""),
        ("file", "/dev/usb/lp0", ""),
        ("serial", "/dev/ttyUSB0", ""),
    ):
        profile = "ipp" if kind == "ipp" else "tspl"
        assert host_of(PrinterSettings(kind, address, profile)) == host  # type: ignore[arg-type]


def test_what_may_be_reached() -> None:
    networks = (ip_network("127.0.0.0/8"), ip_network("192.168.1.50/32"))
    assert is_reachable("192.168.1.50", networks)
    assert is_reachable("", networks)
    assert is_reachable("8.8.8.8", None), "nothing is kept from a station that is no box's"
    for host in ("192.168.1.51", "printer.local", "fd00::1"):
        assert not is_reachable(host, networks)


SYSTEMCTL = """#!/bin/sh
echo "IPAddressAllow=127.0.0.0/8 ::1/128 192.168.1.50/32"
echo "IPAddressDeny=$DENY"
"""


def test_systemd_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert reachable_networks() is None, "no systemd here"
    (tmp_path / "systemctl").write_text(SYSTEMCTL)
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("DENY", "0.0.0.0/0 ::/0")
    assert is_reachable("192.168.1.50", reachable_networks())
    assert not is_reachable("192.168.1.51", reachable_networks())
    monkeypatch.setenv("DENY", "")
    assert network_printer.reachable_networks() is None


def test_a_request_is_whole_and_says_nothing_else(tmp_path: Path) -> None:
    request_access("192.168.1.50", tmp_path)
    request_access("fd00::1", tmp_path)
    message = request_file(tmp_path).read()
    assert message is not None
    assert message.body == AddressRequest("fd00::1")
    assert request_file(tmp_path).path.parent.stat().st_mode & 0o777 == 0o700
    with pytest.raises(ValueError, match="no IP address"):
        request_access("printer.local", tmp_path)
