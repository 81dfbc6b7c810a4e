"""The questions about where data go and come from: broker, goods, backup.

The catalog of the goods is read and checked when it is chosen, and kept in the draft: then the stick may be pulled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from kiosk.base.refused import Refused
from kiosk.domain.catalog import Catalog
from kiosk.first_start.question import (
    LATER,
    NONE,
    YES,
    Form,
    WizardQuestion,
    absent,
    by_hand,
    check_or_refuse,
    device_tile,
    has,
    one_of,
    unproven,
    value,
)
from kiosk.first_start.settings import relay_settings
from kiosk.first_start.shared.draft import BrokerDraft, GoodsDraft, SettingsDraft
from kiosk.first_start.shared.ports import Choice, FirstStartMachine
from kiosk.first_start.trials import DeviceTrial, OnDemandTrial
from kiosk.messaging.contract.catalog.file import CatalogError, parse_catalog, read_catalog_file
from kiosk.store.backup.medium import check_medium, nearest_existing, uuid_of
from kiosk.store.shared.errors import StoreError
from kiosk.texts import LANGUAGES

# What the pad for it can type, in the order that makes a host and a port.
_ADDRESS = re.compile(r"[a-z0-9.-]+(:[0-9]+)?")
_CERTIFICATES, _PASSWORDS = (".crt", ".pem"), ("password",)


# --- broker -----------------------------------------------------------------------------------------------------------


def _brokers(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    scheme = draft.broker.scheme if draft.broker else ""
    yield Choice("mqtts", "mqtts", detail_id="setup.choice.mqtts", picture="link", chosen=scheme == "mqtts")
    yield Choice("mqtt", "mqtt", detail_id="setup.choice.mqtt", picture="link", chosen=scheme == "mqtt")
    later = draft.broker is None and draft.proven.get("broker") == "absent"
    yield Choice(LATER, text_id="setup.choice.later", picture="link-off", chosen=later)


def _take_broker(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    scheme = one_of(form, ("mqtts", "mqtt", LATER), "answer")
    if scheme == LATER:
        return absent(draft, "broker")
    if draft.broker is not None and draft.broker.scheme == scheme:
        return draft
    address = draft.broker.address if draft.broker else ""
    broker = BrokerDraft("mqtts" if scheme == "mqtts" else "mqtt", address)
    return replace(draft, broker=broker, proven=unproven(draft, "broker"))


def _change_broker(draft: SettingsDraft, code: str, **changes: Any) -> SettingsDraft:
    assert draft.broker is not None
    broker = replace(draft.broker, **changes)
    changed = replace(draft, broker=broker)
    check_or_refuse(code, lambda: relay_settings(changed, Path("/")).endpoint)
    return changed if broker == draft.broker else replace(changed, proven=unproven(draft, "broker"))


def _take_address(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    if not _ADDRESS.fullmatch(value(form)):
        raise Refused("broker", value(form))
    return _change_broker(draft, "broker", address=value(form))


def _key_pairs(machine: FirstStartMachine) -> Mapping[str, str]:
    keys = {path.removesuffix(".key"): path for path in machine.key_files(".key")}
    found = {path: keys.get(path.rpartition(".")[0], "") for path in machine.key_files(*_CERTIFICATES)}
    return {path: key for path, key in found.items() if key}


def _authority_files(machine: FirstStartMachine) -> tuple[str, ...]:
    """List certificates without a private key: those of other parties."""
    pairs = _key_pairs(machine)
    return tuple(path for path in machine.key_files(*_CERTIFICATES) if path not in pairs)


def _has_account(draft: SettingsDraft) -> bool:
    """Return whether the account of the broker has been chosen: "none" must be an answer, not the initial value."""
    return draft.broker is not None and bool(draft.broker.account)


def _authorities(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    chosen = draft.broker.ca_file if draft.broker else ""
    yield from (device_tile(path, chosen, "link") for path in _authority_files(machine))
    system = _has_account(draft) and not chosen
    yield Choice(NONE, text_id="setup.choice.system_ca", picture="link", chosen=system)


def _take_authority(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    chosen = one_of(form, (NONE, *_authority_files(machine)))
    return _change_broker(draft, "broker_files", ca_file="" if chosen == NONE else chosen)


def _accounts(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    broker = draft.broker
    chosen = (broker.cert_file or broker.password_file) if broker else ""
    for path in _key_pairs(machine) if broker and broker.scheme == "mqtts" else ():
        yield device_tile(path, chosen, "card", "setup.choice.certificate")
    for path in machine.key_files(*_PASSWORDS):
        yield device_tile(path, chosen, "lock", "setup.choice.password")
    no_account = _has_account(draft) and not chosen
    yield Choice(NONE, text_id="setup.choice.no_account", picture="absent", chosen=no_account)


def _take_account(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    pairs, passwords = _key_pairs(machine), machine.key_files(*_PASSWORDS)
    chosen = one_of(form, (NONE, *pairs, *passwords))
    account = "certificate" if chosen in pairs else "password" if chosen in passwords else NONE
    return _change_broker(
        draft,
        "broker_files",
        account=account,
        cert_file=chosen if account == "certificate" else "",
        key_file=pairs.get(chosen, ""),
        password_file=chosen if account == "password" else "",
    )


def _reach_broker(draft: SettingsDraft, machine: FirstStartMachine) -> DeviceTrial:
    settings = relay_settings(draft, machine.data)

    def act() -> None:
        machine.reach(settings)

    return OnDemandTrial("broker", act)


def _has_broker(draft: SettingsDraft) -> bool:
    """Return whether to ask for the broker; the wizard could not try an identity's, which only the relay may read."""
    return draft.broker is not None and by_hand(draft)


def _has_tls(draft: SettingsDraft) -> bool:
    return draft.broker is not None and draft.broker.scheme == "mqtts" and by_hand(draft)


def _typed_address(draft: SettingsDraft) -> str:
    return draft.broker.address if draft.broker else ""


BROKER = (
    WizardQuestion("broker", "broker", _take_broker, _brokers, by_hand),
    WizardQuestion("broker_address", "broker", _take_address, when=_has_broker, typed=_typed_address),
    WizardQuestion("broker_ca", "broker", _take_authority, _authorities, _has_tls),
    WizardQuestion("broker_account", "broker", _take_account, _accounts, _has_broker),
    WizardQuestion("broker_test", "broker", when=_has_broker, trial=_reach_broker, proves="broker"),
)


# --- goods and backup -------------------------------------------------------------------------------------------------


def _goods(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    chosen, found = draft.goods.source if draft.goods else "", machine.catalogs()
    if draft.goods and chosen not in (SAMPLE, *found):
        yield Choice(chosen, draft.goods.name, detail_id="setup.choice.kept", picture="bring", chosen=True)
    yield from (device_tile(path, chosen, "bring") for path in found)
    sample, none = chosen == SAMPLE, draft.proven.get("goods") == "absent"
    yield Choice(SAMPLE, "", "setup.choice.sample", "", "setup.choice.sample_prices", "badam", sample)
    yield Choice(LATER, "", "setup.choice.later", "", "setup.choice.no_goods", "absent", none)


def _take_goods(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    """Read the file now. One that is missing, but was chosen before, stays chosen: its content was kept."""
    chosen, offered = value(form), (SAMPLE, *machine.catalogs())
    if chosen == LATER:
        return absent(draft, "goods")
    if draft.goods is not None and chosen == draft.goods.source and chosen not in offered:
        return draft
    try:
        goods = read_goods(one_of(form, offered))
    except CatalogError as error:
        raise Refused("goods", str(error)) from error
    return replace(draft, goods=goods, proven=unproven(draft, "goods"))


def _take_goods_shown(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    one_of(form, (YES,), "answer")
    return draft


def _media(draft: SettingsDraft, machine: FirstStartMachine) -> Iterable[Choice]:
    yield from (device_tile(path, draft.backup, "shelf") for path in machine.backup_media())
    none = draft.proven.get("backup") == "absent"
    yield Choice(NONE, "", "setup.choice.no_backup", "", "setup.choice.no_backup_yet", "absent", none)


def _take_backup(draft: SettingsDraft, form: Form, machine: FirstStartMachine) -> SettingsDraft:
    if value(form) == NONE:
        return replace(draft, backup="", backup_uuid="", proven={**draft.proven, "backup": "absent"})
    folder = one_of(form, machine.backup_media())
    try:
        check_medium(Path(folder), nearest_existing(machine.data), same_disk=False)
        uuid = uuid_of(Path(folder))
    except (StoreError, OSError) as error:
        raise Refused("backup", str(error)) from error
    return replace(draft, backup=folder, backup_uuid=uuid, proven=unproven(draft, "backup"))


GOODS = (
    WizardQuestion("goods", "goods", _take_goods, _goods),
    WizardQuestion("goods_shown", "goods", _take_goods_shown, when=has("goods")),
)
BACKUP = (WizardQuestion("backup", "backup", _take_backup, _media),)

SAMPLE: Final = "sample"  # The catalog that comes with the program
_SAMPLE_FILE: Final = "yarkant.toml"
FIRST: Final = 6  # So many names are shown: enough to know a catalog again


def read_goods(source: str) -> GoodsDraft:
    """Read and check the catalog at ``source``, a path or ``SAMPLE``. Raises CatalogError with name and reason."""
    name = Path(_SAMPLE_FILE if source == SAMPLE else source).name
    try:
        content = (
            files("kiosk.catalogs").joinpath(_SAMPLE_FILE).read_bytes()
            if source == SAMPLE
            else read_catalog_file(Path(source))
        )
    except OSError as error:
        raise CatalogError(name, "", f"cannot be read: {error.strerror or error}") from error
    catalog = parse_catalog(content, name)
    return GoodsDraft(
        source=source,
        name=name,
        content=content,
        products=len(catalog.products),
        prices=len(catalog.prices),
        containers=len(catalog.containers),
        members=len(catalog.members),
        first={code: tuple(getattr(row.names, code) for row in catalog.products[:FIRST]) for code in LANGUAGES},
    )


def catalog_of(goods: GoodsDraft) -> Catalog:
    """Parse and check the kept catalog again: the draft is a file as well. Raises CatalogError."""
    return parse_catalog(goods.content, goods.name)
