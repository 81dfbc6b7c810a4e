"""The questions about Wi-Fi: search, choose, type the password. A root helper joins it; a cable needs no answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from kiosk.base.refused import Refused
from kiosk.devices.network.ports import NEEDS_PASSWORD, Network, WifiNetwork, split_key
from kiosk.first_start.question import SKIP, Form, WizardQuestion, one_of, value
from kiosk.first_start.shared.draft import SettingsDraft
from kiosk.first_start.shared.ports import Choice, FirstStartMachine

SEARCH: Final = "search"


def _ways(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    yield Choice(SKIP, text_id="setup.choice.network_cable", picture="link", chosen=not draft.wifi)
    yield Choice(SEARCH, text_id="setup.choice.network_search", picture="link-search", chosen=bool(draft.wifi))


def _take_way(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    if one_of(form, (SKIP, SEARCH), "answer") == SKIP:
        return replace(draft, wifi="")
    _network(machine).search()
    return replace(draft, wifi=SEARCH)


def _networks(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    yield Choice(SKIP, text_id="setup.choice.network_cable", picture="link")
    for row in _found(machine):
        yield Choice(row.key, row.name, "", "", f"setup.strength.{row.strength_word}", "", row.connected)


def _take_network(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    if value(form) == SKIP:
        return replace(draft, wifi="")
    row = next((one for one in _found(machine) if one.key == value(form)), None)
    if row is None:
        raise Refused("network_out_of_range")
    if row.needs_no_password:
        try:
            _network(machine).join(row.name, row.security, "")
            return replace(draft, wifi=SEARCH)
        except Refused as refusal:
            if refusal.code not in NEEDS_PASSWORD:
                raise
    return replace(draft, wifi=row.key)


def _take_password(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    _network(machine).join(*split_key(draft.wifi), value(form))
    return replace(draft, wifi=SEARCH)


def _network(machine: FirstStartMachine) -> Network:
    if machine.network is None:
        raise Refused("network_no_service")
    return machine.network


def _found(machine: FirstStartMachine) -> tuple[WifiNetwork, ...]:
    state = _network(machine).state()
    return () if state is None else state.wifi


NETWORK = (
    WizardQuestion("network", "broker", _take_way, _ways, lambda draft: draft.networked, root="network"),
    WizardQuestion("network_list", "broker", _take_network, _networks, lambda draft: bool(draft.wifi), root="network"),
    WizardQuestion(
        "network_password", "broker", _take_password, when=lambda draft: draft.wifi not in ("", SEARCH), root="network"
    ),
)
