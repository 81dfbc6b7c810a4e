"""Wi-Fi through iwd, against a stand-in on a bus of its own. No radio was near: that is unproven."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.base.refused import Refused
from kiosk.devices.network.iwd import Iwd
from kiosk.devices.network.ports import WifiNetwork
from tests.devices.network.iwd_stand_in import Air, IwdStandIn, private_bus

PASSWORD = "Apricot trees 7"


@pytest.fixture
def iwd(tmp_path: Path) -> Iterator[IwdStandIn]:
    air = [
        Air("Bazar", "psk", -7000, PASSWORD),
        Air("ئاۋات", "open", -5500),
        Air("Bazar", "open", -8000),
        Air("office", "8021x", -6500),
    ]
    with private_bus(tmp_path) as address, IwdStandIn(address, air).running() as stand_in:
        yield stand_in


def adapter(iwd: IwdStandIn) -> Iwd:
    return Iwd(iwd.address)


def code(iwd: Iwd, name: str = "Bazar", security: str = "psk", password: str = PASSWORD) -> str:
    try:
        iwd.join(name, security, password)
    except Refused as refusal:
        assert password not in (str(refusal), repr(refusal)) or not password
        return refusal.code
    return ""


def test_networks_are_listed_with_their_strength(iwd: IwdStandIn) -> None:
    assert adapter(iwd).networks(scan=True) == (
        WifiNetwork("ئاۋات", "open", 4),
        WifiNetwork("office", "8021x", 3),
        WifiNetwork("Bazar", "psk", 2),
        WifiNetwork("Bazar", "open", 1),
    )
    assert iwd.scans == 1
    assert len(adapter(iwd).networks(scan=False)) == 4
    assert iwd.scans == 1


def test_a_network_is_joined_and_then_joined_again_without_its_password(iwd: IwdStandIn) -> None:
    wifi = adapter(iwd)
    assert code(wifi) == ""
    row = WifiNetwork("Bazar", "psk", 2, known=True, connected=True)
    assert row in wifi.networks(scan=False)
    assert code(wifi, "ئاۋات", "open", "") == ""
    assert code(wifi, password="") == ""
    assert iwd.passwords_requested == 1
    wifi.forget("Bazar", "psk")
    wifi.forget("Bazar", "psk")
    assert code(wifi, password="") == "network_needs_password"


def test_a_wrong_password_is_not_kept_and_the_right_one_may_follow(iwd: IwdStandIn) -> None:
    wifi = adapter(iwd)
    assert code(wifi, password="apricot trees") == "network_wrong_password"
    assert not any(network.known for network in wifi.networks(scan=False))
    assert code(wifi) == ""


def test_the_password_of_a_network_was_changed(iwd: IwdStandIn) -> None:
    """The county's identity, or last year, has left one that is wrong by now: the new one is typed and replaces it."""
    iwd.air[0].known, iwd.air[0].failed = True, True
    assert code(adapter(iwd), password="") == "network_needs_password"
    assert code(adapter(iwd)) == ""


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ("no-antenna", "network_no_adapter"),
        ("out-of-range", "network_out_of_range"),
        ("weak", "network_wrong_password"),
    ],
)
def test_each_fault_has_its_word(iwd: IwdStandIn, fault: str, word: str) -> None:
    iwd.faults.add(fault)
    assert code(adapter(iwd)) == word


def test_a_radio_that_is_off_is_switched_on_or_its_lock_is_named(iwd: IwdStandIn) -> None:
    iwd.powered = False
    iwd.faults.add("blocked")
    assert code(adapter(iwd)) == "network_blocked"
    iwd.faults.clear()
    assert code(adapter(iwd)) == ""


def test_another_network_of_the_same_name_is_not_joined_in_its_place(iwd: IwdStandIn) -> None:
    del iwd.air[0]
    assert code(adapter(iwd)) == "network_out_of_range"
    assert code(adapter(iwd), "office", "8021x") == "network_kind"
    assert not any(one.connected for one in iwd.air)


def test_a_search_that_is_under_way_is_waited_for_and_one_without_an_end_is_given_up(iwd: IwdStandIn) -> None:
    iwd.faults.add("busy")
    assert len(adapter(iwd).networks(scan=True)) == 4
    iwd.faults.add("scans-for-ever")
    with pytest.raises(Refused, match="network_no_answer"):
        Iwd(iwd.address, scan_s=0).networks(scan=True)


def test_a_connection_without_an_end_is_given_up(iwd: IwdStandIn) -> None:
    iwd.faults.add("silent")
    assert code(Iwd(iwd.address, connect_s=0.2)) == "network_no_answer"


def test_no_iwd_and_no_bus(tmp_path: Path) -> None:
    with private_bus(tmp_path) as address:
        assert code(Iwd(address)) == "network_no_service"
    assert code(Iwd(address)) == "network_no_service"
