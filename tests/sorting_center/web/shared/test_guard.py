"""A page of somebody else, whose name was rebound to this machine, reads nothing here."""

from __future__ import annotations

import pytest

from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.web.app import ExternalAddresses, create_app
from kiosk.sorting_center.web.shared.guard import Hosts
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.staff import NOON, app_of, stores_of

PATHS = ["/", "/live", "/feed", "/intakes.json", "/ledger/summary.json", "/health", "/static/center.css", "/nothing"]
FOREIGN = [
    "rebound.example:8090",
    "127.0.0.1.example:8090",
    "localhost.example:8090",
    "example:8090",
    "192.0.2.7:8090",
    "127.0.0.1:9999",
    "127.0.0.1",
    "localhost@rebound.example:8090",
    "rebound.example:8090/127.0.0.1",
    "127.0.0.1:8090?x",
    "[::1:8090",
    "127.0.0.1:x",
    "",
]
OWN = ["127.0.0.1:8090", "localhost:8090", "LOCALHOST:8090", "[::1]:8090"]


def answered(ledger: Ledger, host: str, path: str = "/health", hosts: Hosts | None = None) -> int:
    health = CenterHealth()
    health.set_connected(True)
    with (
        stores_of(ledger) as stores,
        create_app(stores, health, lambda: NOON, ExternalAddresses(hosts)).test_client() as client,
    ):
        return client.get(
            path, headers={"Host": host}, environ_overrides={"SERVER_PORT": "8090"}, buffered=True
        ).status_code


def test_a_foreign_name_gets_nothing_on_any_path(ledger: Ledger) -> None:
    wrong = [(host, path) for host in FOREIGN[:3] for path in PATHS if answered(ledger, host, path) != 403]
    wrong += [(host, "/health") for host in FOREIGN if answered(ledger, host) != 403]
    assert wrong == []
    assert [host for host in OWN if answered(ledger, host) != 200] == []


def test_the_address_it_listens_on_is_its_own(ledger: Ledger) -> None:
    hosts = Hosts("192.0.2.7")
    assert answered(ledger, "192.0.2.7:8090", hosts=hosts) == 200
    assert answered(ledger, "127.0.0.1:8090", hosts=hosts) == 200
    assert answered(ledger, "192.0.2.8:8090", hosts=hosts) == 403


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "::"])
def test_listening_everywhere_it_answers_to_addresses_and_to_no_name(ledger: Ledger, everywhere: str) -> None:
    hosts = Hosts(everywhere)
    assert [answered(ledger, host, hosts=hosts) for host in ("192.0.2.7:8090", "[2001:db8::7]:8090")] == [200, 200]
    assert answered(ledger, "rebound.example:8090", hosts=hosts) == 403


def test_the_name_of_a_reverse_proxy_is_taken_on_any_port(ledger: Ledger) -> None:
    hosts = Hosts("127.0.0.1", ["Center.County.example"])
    assert [
        answered(ledger, host, hosts=hosts) for host in ("center.county.example", "center.county.example:8443")
    ] == [
        200,
        200,
    ]
    assert answered(ledger, "county.example", hosts=hosts) == 403


def test_who_came_over_tls_once_never_comes_without(stores: Stores) -> None:
    app = app_of(stores)
    for base, said in (
        ("https://192.0.2.7", True),
        ("https://localhost", False),
        ("http://127.0.0.1", False),
    ):
        answer = app.test_client().get("/sign-in", base_url=base)
        assert ("Strict-Transport-Security" in answer.headers) is said, base


def test_the_port_of_tls_need_not_be_named() -> None:
    hosts = Hosts("192.0.2.7")
    assert hosts.is_allowed("192.0.2.7", 443, "https")
    assert not hosts.is_allowed("192.0.2.7", 443, "http")
    assert not hosts.is_allowed("192.0.2.7", 8090, "https")
