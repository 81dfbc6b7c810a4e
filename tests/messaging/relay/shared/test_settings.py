"""Settings of the relay: what cannot work is refused with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.messaging.contract.receive import MAX_BATCH_BYTES, MAX_BATCH_EVENTS
from kiosk.messaging.relay.pace import TUNING
from kiosk.messaging.relay.shared.settings import CenterEndpoint, Endpoint, RelaySettings

FILE = Path("x")


def settings(url: str = "mqtt://broker", **more: object) -> RelaySettings:
    """Settings of a station with one thing changed."""
    return RelaySettings(url, "hotan", "S0147", "kiosk test", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("mqtt://broker", Endpoint("broker", 1883, False)),
        ("mqtts://county.example", Endpoint("county.example", 8883, True)),
        ("mqtt://127.0.0.1:4000/", Endpoint("127.0.0.1", 4000, False)),
        ("mqtts://[::1]:9", Endpoint("::1", 9, True)),
    ],
)
def test_urls(url: str, endpoint: Endpoint) -> None:
    assert settings(url).endpoint == endpoint


@pytest.mark.parametrize(
    ("url", "more", "reason"),
    [
        ("http://broker", {}, "must look like"),
        ("broker:1883", {}, "must look like"),
        ("mqtt://", {}, "must look like"),
        ("mqtt://broker/path", {}, "must look like"),
        ("mqtt://broker:99999", {}, "out of range"),
        ("mqtt://user:secret@broker", {}, "carries no user or password"),
        ("mqtt://broker", {"ca_file": FILE}, "write mqtts"),
        ("mqtt://broker", {"cert_file": FILE, "key_file": FILE}, "write mqtts"),
        ("mqtts://broker", {"cert_file": FILE}, "belong together"),
        ("mqtt://broker", {"password_file": FILE}, "needs a username"),
        ("mqtts://broker", {"photos": "https://county.example:8843"}, "needs cert_file and key_file"),
        ("mqtt://broker", {"photos": "https://county.example"}, "port"),
        ("mqtt://broker", {"photos": "https://county.example:0"}, "port"),
        ("mqtt://broker", {"photos": "https://county.example:99999"}, "port"),
        ("mqtt://broker", {"photos": "https://u:p@county.example:8843"}, "must look like"),
        ("mqtt://broker", {"photos": "https://county.example:8843/photos"}, "must look like"),
        ("mqtt://broker", {"photos": "http://county.example:8843"}, "must begin with https"),
        ("mqtt://broker", {"photos": "ftp://127.0.0.1:8843"}, "must begin with https"),
        ("mqtt://broker", {"photos": "http://127.0.0.1:8843", "cert_file": FILE, "key_file": FILE}, "write mqtts"),
        ("mqtt://broker", {"updates": "https://county.example:8843"}, "updates with https:// needs cert_file"),
        ("mqtt://broker", {"updates": "http://county.example:8843"}, "updates .* must begin with https"),
        ("mqtt://broker", {"updates": "https://county.example"}, "updates .* must look like"),
        ("mqtt://broker", {"updates": "https://county.example:8843/x"}, "updates .* must look like"),
    ],
)
def test_what_cannot_work_is_refused(url: str, more: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        settings(url, **more)


def test_where_pictures_go_and_updates_come_from() -> None:
    assert settings().photos_endpoint is settings().updates_endpoint is None
    plain = settings(photos="http://127.0.0.1:8843").photos_endpoint
    assert plain == CenterEndpoint("127.0.0.1", 8843, False)
    safe = settings(photos="https://county.example:8843/", cert_file=FILE, key_file=FILE).photos_endpoint
    assert safe == CenterEndpoint("county.example", 8843, True)
    updates = settings(updates="https://county.example:8844", cert_file=FILE, key_file=FILE).updates_endpoint
    assert updates == CenterEndpoint("county.example", 8844, True)


def test_a_full_batch_is_one_the_center_takes() -> None:
    assert 1 <= TUNING.batch_events <= MAX_BATCH_EVENTS
    assert 1 <= TUNING.batch_bytes < MAX_BATCH_BYTES


def test_a_refused_url_does_not_repeat_the_password() -> None:
    with pytest.raises(ValueError, match="carries no user") as refused:
        settings("mqtt://user:secret@broker")
    assert "secret" not in str(refused.value)
