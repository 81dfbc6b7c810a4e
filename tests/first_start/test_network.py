"""The first start asks for Wi-Fi where a helper sets the network, and nowhere else; a cable needs no answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.first_start.test_identity import answered
from tests.web.first_start.start import Start
from tests.web.village_air import PASSWORD, VillageAir


@pytest.fixture
def air() -> VillageAir:
    return VillageAir()


@pytest.fixture
def start(tmp_path: Path, air: VillageAir) -> Iterator[Start]:
    start = Start(tmp_path)
    start.machine = replace(start.machine, network=air)
    start.again()
    yield start
    start.wizard.close()


def test_by_cable_nothing_more_is_asked(start: Start) -> None:
    answered(start, "network")
    start.wizard.answer("network", {"value": "skip"})
    assert start.at == "broker"
    start.wizard.back()
    assert start.at == "network"


def test_a_network_is_chosen_and_its_password_typed_and_typed_again(start: Start, air: VillageAir) -> None:
    answered(start, "network")
    start.wizard.answer("network", {"value": "search"})
    tiles = {tile.value: tile.detail_id for tile in start.wizard.view().choices}
    assert tiles["psk Bazar"] == "setup.strength.2"
    assert start.refused("network_list", "psk Baza") == "network_out_of_range"
    start.wizard.answer("network_list", {"value": "psk Bazar"})
    assert start.restart().view().question == "network_password"
    assert start.refused("network_password", "apricot trees") == "network_wrong_password"
    start.wizard.answer("network_password", {"value": PASSWORD})
    assert start.at == "broker"
    assert PASSWORD not in start.draft_text
    start.wizard.back()
    assert start.at == "network_list"
    assert [tile.value for tile in start.wizard.view().choices if tile.chosen] == ["psk Bazar"]


def test_one_that_is_known_is_joined_with_a_tap(start: Start, air: VillageAir) -> None:
    answered(start, "network")
    start.wizard.answer("network", {"value": "search"})
    start.wizard.answer("network_list", {"value": "open يېزا بازىرى"})
    assert (start.at, air.passwords) == ("broker", [""])


def test_one_whose_password_was_changed_leads_to_the_keys(start: Start, air: VillageAir) -> None:
    answered(start, "network")
    start.wizard.answer("network", {"value": "search"})
    air.wifi = (replace(air.wifi[2], known=True),)
    air.refusal = "network_wrong_password"
    start.wizard.answer("network_list", {"value": "psk Bazar"})
    assert start.at == "network_password"
    air.refusal = "network_no_adapter"
    assert start.refused("network_password", PASSWORD) == "network_no_adapter"
    start.wizard.back()
    start.wizard.answer("network_list", {"value": "skip"})
    assert start.at == "broker"


def test_without_a_helper_it_is_not_asked(start: Start, air: VillageAir) -> None:
    air.managed = False
    assert "network" not in answered(start, "check")
