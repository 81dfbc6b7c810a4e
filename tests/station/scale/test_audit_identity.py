"""The scale as one content: every setting that could change a weight changes the hash, and no password is in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kiosk.devices.scale.settings import ScaleSettings
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import Transport
from kiosk.station.scale.audit import scale_content

SETTINGS = ScaleSettings("/dev/x", "xk3190_tf0", 5, 30_000)


@pytest.mark.parametrize(
    "change",
    [
        {"protocol": "st_gs_csv"},
        {"e_g": 10},
        {"max_g": 15_000},
        {"unit": "g"},
        {"baud": 4800},
        {"parity": "E"},
        {"params": {"strip_parity": "true"}},
    ],
)
def test_every_setting_counts(change: dict[str, Any]) -> None:
    assert scale_content(replace(SETTINGS, **change)).sha256 != scale_content(SETTINGS).sha256


def test_the_port_and_a_default_that_is_written_out_do_not() -> None:
    moved = replace(SETTINGS, port="/dev/y", params={"strip_parity": "false"})
    assert scale_content(moved) == scale_content(SETTINGS)


def test_what_is_told_of_it() -> None:
    told = scale_content(SETTINGS)
    assert (told.protocol, told.e_g, told.max_g, told.unit) == ("xk3190_tf0", 5, 30_000, "kg")
    assert told.trade is registry.get("xk3190_tf0").trade


def test_what_is_not_for_trade_says_so() -> None:
    ports = {Transport.SERIAL: "/dev/x", Transport.HID: "/dev/hidraw0", Transport.GPIO: "gpio:5,6"}
    weak = [row for row in registry.PROTOCOLS.values() if not row.trade]
    for row in weak:
        assert scale_content(replace(SETTINGS, protocol=row.id, port=ports[row.transport])).trade is False


def test_a_password_is_no_part_of_it() -> None:
    secret = [row.id for row in registry.PROTOCOLS.values() if any("password" in p.name for p in row.parameters)]
    for protocol in secret:
        one, other = (replace(SETTINGS, protocol=protocol, params={"password": word}) for word in ("1111", "2222"))
        assert scale_content(one) == scale_content(other)
