"""The questions about Wi-Fi: search, choose, type the password. A root helper joins it; a cable needs no answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from kiosk.base.refused import Refused
from kiosk.devices.network.ports import Network, WifiNetwork
from kiosk.first_start.question import SKIP, Form, WizardQuestion, one_of, value
from kiosk.first_start.shared.draft import SettingsDraft
from kiosk.first_start.shared.ports import Choice, FirstStartMachine

SEARCH: Final = "search"
_NETWORK: Final = " "  # Between the kind of security and the name of a network that waits for its password


def _ways(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    yield Choice(SKIP, text_id="setup.choice.network_cable", picture="link", chosen=not draft.wifi)
    yield Choice(SEARCH, text_id="setup.choice.network_search", picture="scan", chosen=bool(draft.wifi))


def _take_way(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    if one_of(form, (SKIP, SEARCH), "answer") == SKIP:
        return replace(draft, wifi="")
    _network(machine).search()
    return replace(draft, wifi=SEARCH)


def _networks(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    yield Choice(SKIP, text_id="setup.choice.network_cable", picture="link")
    for row in _found(machine):
        word = "connected" if row.connected else row.strength
        yield Choice(_key(row), row.name, "", "", f"setup.strength.{word}", "", row.connected)


def _take_network(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    if value(form) == SKIP:
        return replace(draft, wifi="")
    row = next((one for one in _found(machine) if _key(one) == value(form)), None)
    if row is None:
        raise Refused("network_out_of_range")
    if row.security != "open" and not row.known:
        return replace(draft, wifi=_key(row))
    try:
        _network(machine).join(row.name, row.security, "")
    except Refused as refusal:
        if refusal.code not in ("network_needs_password", "network_wrong_password"):
            raise
        return replace(draft, wifi=_key(row))
    return replace(draft, wifi=SEARCH)


def _take_password(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    security, _, name = draft.wifi.partition(_NETWORK)
    _network(machine).join(name, security, value(form))
    return replace(draft, wifi=SEARCH)


def _network(machine: FirstStartMachine) -> Network:
    if machine.network is None:
        raise Refused("network_no_service")
    return machine.network


def _found(machine: FirstStartMachine) -> tuple[WifiNetwork, ...]:
    state = _network(machine).state()
    return () if state is None else state.wifi


def _key(row: WifiNetwork) -> str:
    return f"{row.security}{_NETWORK}{row.name}"


NETWORK = (
    WizardQuestion("network", "broker", _take_way, _ways, lambda draft: draft.networked, root="network"),
    WizardQuestion("network_list", "broker", _take_network, _networks, lambda draft: bool(draft.wifi), root="network"),
    WizardQuestion(
        "network_password", "broker", _take_password, when=lambda draft: _NETWORK in draft.wifi, root="network"
    ),
)
