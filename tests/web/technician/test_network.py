"""The technician's pages of the network: Wi-Fi, a fixed address and its way back, a time server, faults in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from flask.testing import FlaskClient

from kiosk.devices.network.iwd import _ERRORS
from kiosk.devices.network.ports import WifiSecurity
from kiosk.devices.network.settings import NetworkSettings
from kiosk.store.database.migrate import migrate
from kiosk.texts import LANGUAGES, load
from kiosk.web.shared import roles
from kiosk.web.shared.password_keys import PASSWORD_KEYS
from kiosk.web.shared.settings import WebSettings
from kiosk.web.technician import network as pages
from tests.station.doctor.clinic import Clinic
from tests.web.technician.screens import app_of
from tests.web.village_air import PASSWORD, VillageAir

HOME = pages.HOME
BAZAR = {"network": "psk Bazar"}


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    monkeypatch.setattr("kiosk.base.systemd.MARK", tmp_path / "none")
    migrate(tmp_path / "empty.sqlite")
    clinic = Clinic(tmp_path, tmp_path / "empty.sqlite")
    yield clinic
    clinic.store.close()


@pytest.fixture
def air(clinic: Clinic) -> VillageAir:
    air = VillageAir()
    clinic.equipment.network = air
    return air


def person(clinic: Clinic, language: str = "en") -> FlaskClient:
    client = app_of(clinic, WebSettings(language=language)).test_client()
    client.set_cookie(roles.COOKIE, "technician")
    return client


def test_wifi_is_joined_with_a_typed_password_and_forgotten(clinic: Clinic, air: VillageAir) -> None:
    client = person(clinic)
    listed = client.get(f"{HOME}/wifi").text
    assert ("Strong" in listed, "Bazar" in listed, 'href="/technician/network/wifi?page=2"' in listed) == (True,) * 3
    keys = client.get(f"{HOME}/password", query_string=BAZAR).text
    assert keys.count('type="radio"') == len(PASSWORD_KEYS)
    wrong = client.post(f"{HOME}/join", data={**BAZAR, "password": "apricot trees"})
    assert (wrong.status_code, "password is wrong" in wrong.text) == (409, True)
    assert "/technician/network/password?network=psk+Bazar" in wrong.text, "and back to the keys"
    right = client.post(f"{HOME}/join", data={**BAZAR, "password": PASSWORD})
    assert (right.status_code, right.location) == (303, f"{HOME}/wifi?done=1")
    assert PASSWORD not in client.get(right.location).text
    assert "Bazar" in client.get(HOME).text
    assert client.post(f"{HOME}/forget", data=BAZAR).status_code == 303
    assert client.post(f"{HOME}/join", data=BAZAR).status_code == 409, "its password is not known any more"


def test_every_sign_of_a_password_has_a_key() -> None:
    typed = "".join("".join(rows) for rows in PASSWORD_KEYS.values())
    assert {chr(code) for code in range(0x21, 0x7F)} == set(typed)


def test_an_address_is_fixed_in_three_steps_and_taken_back_with_one_tap(clinic: Clinic, air: VillageAir) -> None:
    client, asked = person(clinic), {"link": "wired"}
    for name, value in (("address", "192.168.1.20/24"), ("gateway", "192.168.1.1")):
        page = client.get(f"{HOME}/address", query_string=asked).text
        assert (f'name="{name}"' in page, 'method="get"' in page) == (True, True)
        asked[name] = value
    assert 'action="/technician/network/apply"' in client.get(f"{HOME}/address", query_string=asked).text
    assert client.post(f"{HOME}/apply", data={"time_server": "ntp.county.example"}).location == HOME
    assert client.post(f"{HOME}/apply", data={**asked, "dns": ""}).location == HOME
    assert air.settings == NetworkSettings("wired", "192.168.1.20/24", "192.168.1.1", "", "ntp.county.example")
    shown = client.get(HOME).text
    assert ("fixed" in shown, "ntp.county.example" in shown, "station-s0147" in shown) == (True,) * 3
    assert client.post(f"{HOME}/apply", data={"link": ""}).location == HOME
    assert air.settings == NetworkSettings(time_server="ntp.county.example")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_cannot_be_is_said_and_changes_nothing(clinic: Clinic, air: VillageAir, language: str) -> None:
    client, texts = person(clinic, language), load(language)
    rows = [
        ({"link": "wired", "address": "192.168.1.300", "gateway": "192.168.1.1"}, "address"),
        ({"link": "wifi", "address": "192.168.1.20", "gateway": "192.168.2.1"}, "gateway"),
        ({"link": "wifi", "address": "192.168.1.20", "gateway": "192.168.1.1", "dns": "0.0.0.0"}, "dns"),
        ({"time_server": "ntp example"}, "time_server"),
    ]
    for form, field in rows:
        answer = client.post(f"{HOME}/apply", data=form)
        assert (answer.status_code, texts.text(f"setup.refused.network_{field}") in answer.text) == (409, True), field
    assert client.post(f"{HOME}/apply", data={"link": "moon"}).status_code == 400
    assert air.settings == NetworkSettings()
    for code in {*_ERRORS.values(), "network_no_adapter", "network_blocked", "network_silent", "network_failed"}:
        air.refusal = code
        answer = client.post(f"{HOME}/search")
        assert (answer.status_code, texts.text(f"setup.refused.{code}") in answer.text) == (409, True), code


def test_where_somebody_else_sets_the_network_the_page_says_so(clinic: Clinic, air: VillageAir) -> None:
    client = person(clinic)
    air.managed = False
    for helper in (air, None):
        clinic.equipment.network = helper
        for path in ("", "/wifi"):
            page = client.get(f"{HOME}{path}")
            assert (page.status_code, "set by its administrator" in page.text) == (200, True)
        assert client.post(f"{HOME}/search").status_code == 409


def test_every_kind_of_network_has_a_row(clinic: Clinic, air: VillageAir) -> None:
    assert {row.security for row in air.wifi} < set(get_args(WifiSecurity))
    page = person(clinic).get(f"{HOME}/wifi?page=2").text
    assert "office" in page
    assert page.count("/technician/network/password") == 0, "nobody types a password for it"
