"""Port texts of a scale, and the settings that hold them."""

from __future__ import annotations

from typing import Any

import pytest

from kiosk.app.shared.adapters import make_scale
from kiosk.devices.scale.line.address import Address, AddressKind, parse_address
from kiosk.devices.scale.live import LiveScale
from kiosk.devices.scale.settings import ScaleSettings
from kiosk.protocols.scales.shared.protocol import Transport
from tests.devices.scale.listener import Listener


@pytest.mark.parametrize(
    ("text", "transport", "address"),
    [
        ("/dev/serial/by-id/usb-x", Transport.SERIAL, Address("", AddressKind.FILE, path="/dev/serial/by-id/usb-x")),
        ("tcp://192.168.1.60:4001", Transport.SERIAL, Address("", AddressKind.TCP, host="192.168.1.60", port=4001)),
        ("rfc2217://localhost:7", Transport.SERIAL, Address("", AddressKind.RFC2217, host="127.0.0.1", port=7)),
        ("tcp://[fe80::1]:23/", Transport.SERIAL, Address("", AddressKind.TCP, host="fe80::1", port=23)),
        ("/dev/hidraw3", Transport.HID, Address("", AddressKind.FILE, path="/dev/hidraw3")),
        ("gpio:5,6", Transport.GPIO, Address("", AddressKind.GPIO, data_pin=5, clock_pin=6)),
        ("gpio:5,6,64", Transport.GPIO, Address("", AddressKind.GPIO, data_pin=5, clock_pin=6, gain=64)),
        ("gpio:/run/scale", Transport.GPIO, Address("", AddressKind.SIMULATED_PINS, path="/run/scale")),
    ],
)
def test_addresses(text: str, transport: Transport, address: Address) -> None:
    parsed = parse_address(text, transport)
    assert parsed.text == text
    for name in ("kind", "path", "host", "port", "data_pin", "clock_pin", "gain"):
        assert getattr(parsed, name) == getattr(address, name)


@pytest.mark.parametrize(
    ("text", "transport", "words"),
    [
        ("", Transport.SERIAL, "/dev/serial/by-id"),
        ("/dev/a\0b", Transport.SERIAL, "/dev/serial/by-id"),
        ("tcp://scale.example:4001", Transport.SERIAL, "by its IP address, not by a name"),
        ("tcp://10.0.0.1", Transport.SERIAL, "tcp://ADDRESS:PORT"),
        ("tcp://10.0.0.1:0", Transport.SERIAL, "tcp://ADDRESS:PORT"),
        ("tcp://10.0.0.1:70000", Transport.SERIAL, "tcp://ADDRESS:PORT"),
        ("socket://10.0.0.1:7", Transport.SERIAL, "tcp://ADDRESS:PORT"),
        ("gpio:5,6", Transport.SERIAL, "does not fit this format"),
        ("tcp://10.0.0.1:4001", Transport.HID, "/dev/hidraw0"),
        ("/dev/ttyS0", Transport.GPIO, "gpio:5,6"),
        ("gpio:5,5", Transport.GPIO, "two BCM numbers from 0 to 27"),
        ("gpio:5,28", Transport.GPIO, "two BCM numbers from 0 to 27"),
        ("gpio:5,6,100", Transport.GPIO, "gpio:DOUT,SCK"),
        ("gpio:5", Transport.GPIO, "gpio:DOUT,SCK"),
    ],
)
def test_what_does_not_fit_is_named(text: str, transport: Transport, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_address(text, transport)


def _settings(**given: Any) -> ScaleSettings:
    return ScaleSettings(**{"port": "/dev/none", "protocol": "st_gs_csv", "e_g": 5, "max_g": 60_000} | given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"port": "gpio:5,6"}, "does not fit this format"),
        ({"protocol": "hx711"}, "gpio:5,6"),
        ({"protocol": "none"}, "no scale protocol 'none'"),
        ({"params": {"width": "3"}}, "parameter 'width'"),
        ({"poll_s": 0.2}, "st_gs_csv speaks by itself"),
        ({"protocol": "mt_8217", "poll_s": 0.6}, "poll_s 0.6 must be 0.05 to 0.5"),
        ({"baud": 75}, "baud 75"),
    ],
)
def test_settings_are_checked_against_the_format(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _settings(**given)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, LiveScale),
        ({"port": "tcp://127.0.0.1:4001", "protocol": "mt_8217", "poll_s": 0.3}, LiveScale),
        ({"port": "/dev/hidraw0", "protocol": "usb_hid_scale"}, LiveScale),
        ({"port": "gpio:5,6", "protocol": "hx711"}, LiveScale),
    ],
)
def test_each_carrier_gets_its_adapter(given: dict[str, Any], kind: type) -> None:
    assert type(make_scale(_settings(**given), Listener())) is kind


def test_simulated_pins_are_refused_where_nobody_gives_them() -> None:
    with pytest.raises(ValueError, match="in the demo and in trials only"):
        make_scale(_settings(port="gpio:/run/scale", protocol="hx711"), Listener())
