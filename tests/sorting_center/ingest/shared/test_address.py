from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.sorting_center.ingest.shared.address import BrokerAddress, BrokerAddressError


def test_ports_and_names() -> None:
    assert str(BrokerAddress.parse("mqtt://center.example")) == "mqtt://center.example:1883"
    assert str(BrokerAddress.parse("mqtts://center.example/")) == "mqtts://center.example:8883"
    assert str(BrokerAddress.parse("mqtt://[::1]:1884")) == "mqtt://[::1]:1884"
    assert str(BrokerAddress.parse("amqp://center.example/county")) == "amqp://center.example:5672/county"
    assert str(BrokerAddress.parse("amqps://center.example/")) == "amqps://center.example:5671"
    assert BrokerAddress.parse("amqp://center.example/a%2Fb").vhost == "a/b"


def test_the_password_is_never_shown() -> None:
    address = BrokerAddress.parse("mqtt://center:p%40ss@127.0.0.1:1883")
    assert (address.username, address.password) == ("center", "p@ss")
    assert "p@ss" not in f"{address} {address!r}"


def test_anything_else_is_refused(subtests: pytest.Subtests) -> None:
    for url in ["amqp://h/a/b", "amqp://", "http://h", "127.0.0.1:1883", "mqtt://", "mqtt://h:99999", "mqtt://h/x", ""]:
        with subtests.test(url=url), pytest.raises(BrokerAddressError):
            BrokerAddress.parse(url)


def test_tls_files_must_fit() -> None:
    with pytest.raises(BrokerAddressError, match="mqtts"):
        BrokerAddress.parse("mqtt://h", ca_file=Path("ca.pem"))
    with pytest.raises(BrokerAddressError, match="key"):
        BrokerAddress.parse("mqtts://h", cert_file=Path("c.pem"))
