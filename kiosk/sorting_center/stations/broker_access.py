"""Who may do what at Mosquitto, by its dynamic security plugin: the plugin's first file, what it has, what to change.

A machine is a client whose user name is the subject of its certificate, with one role only. Clients and roles of other
names are not ours and stay as they are.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from base64 import b64encode
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import msgspec

from kiosk.base.json_reader import Unreadable, reader
from kiosk.messaging.contract.topics import DOWN_KINDS, ROOT, UP_KINDS
from kiosk.sorting_center.stations.shared.subject import BadSubject, MachineKind, MachineSubject

CONTROL_TOPIC: Final = "$CONTROL/dynamic-security/v1"
CENTER_NAME: Final = "sorting-center"
FEED_READER: Final = "feed-reader"
PAGE: Final = 100  # Clients or roles in one answer, some 50 KB: far below what the broker lets through
_BATCH: Final = 50  # Commands in one message: for each the broker writes its whole file and serves no client then
_DENIED: Final = ("publishClientSend", "publishClientReceive", "subscribe")
_SALT_BYTES: Final = 12
_ITERATIONS: Final = 10_000
_HASH_BYTES: Final = 64

_OWN_ROLE: Final = re.compile(r"(?:station|reader)/([^/]+)(?:/[^/]+)?")

Command = dict[str, Any]


class _Acl(msgspec.Struct, frozen=True):
    acltype: str
    topic: str
    allow: bool


class _Role(msgspec.Struct, frozen=True):
    rolename: str
    acls: tuple[_Acl, ...] = ()


class _Client(msgspec.Struct, frozen=True):
    username: str
    roles: tuple[_Role, ...] = ()
    groups: tuple[dict[str, str | int], ...] = ()
    disabled: bool = False


class ControlPage(msgspec.Struct, frozen=True, rename="camel"):
    """``total_count`` is of all pages."""

    total_count: int = 0
    clients: tuple[_Client, ...] = ()
    roles: tuple[_Role, ...] = ()


class ControlResponse(msgspec.Struct, frozen=True, rename="camel"):
    """``error`` is "" for a command that was carried out."""

    command: str = ""
    correlation_data: str = ""
    error: str = ""
    data: ControlPage = ControlPage()


class _Answer(msgspec.Struct, frozen=True):
    responses: tuple[ControlResponse, ...]


_read_answer: Final = reader(msgspec.json.Decoder(_Answer))


def parse_answer(content: bytes) -> tuple[ControlResponse, ...]:
    """Parse the broker's answer. Raises Unreadable."""
    return _read_answer(content).responses


def is_answer_to(key: str, content: bytes) -> bool:
    """Return whether the content answers the `message` with this key; False when it is unreadable."""
    try:
        return any(response.correlation_data == key for response in parse_answer(content))
    except Unreadable:
        return False


@dataclass(frozen=True, slots=True)
class BrokerRights:
    """What the broker has of a county's machines.

    ``clients``: each with its roles, and with what else changes its rights; ``roles``: each with what it allows.
    """

    clients: Mapping[str, frozenset[str]]
    roles: Mapping[str, frozenset[_Acl]]

    @classmethod
    def of(cls, clients: Iterable[_Client], roles: Iterable[_Role], regions: Container[str]) -> Self:
        """Select these regions: another center may keep rights of another region at the same broker."""
        found = ((_OWN_ROLE.fullmatch(role.rolename), role) for role in roles)
        return cls(
            {client.username: _rights_of(client) for client in clients if _region_of(client.username) in regions},
            {role.rolename: frozenset(role.acls) for own, role in found if own is not None and own[1] in regions},
        )


def _rights_of(client: _Client) -> frozenset[str]:
    roles = {role.rolename for role in client.roles}
    return frozenset(roles | {"more than roles"} if client.groups or client.disabled else roles)


def _region_of(username: str) -> str:
    """Return the region; "" when the user name is not that of a machine."""
    try:
        return MachineSubject.parse(username).region
    except BadSubject:
        return ""


def commands(current: BrokerRights, subjects: Iterable[MachineSubject]) -> list[Command]:
    """Return commands that make the broker admit these machines and no other; removals of clients come first.

    A client with other rights than its own is deleted and created again.
    """
    expected = {str(one): one for one in subjects if one.kind is not MachineKind.SERVER}
    roles = {_role_name(one): _acls(one) for one in expected.values()}
    rights = {name: frozenset({_role_name(one)}) for name, one in expected.items()}
    wrong = [name for name in current.clients if current.clients[name] != rights.get(name)]
    found: list[Command] = [{"command": "deleteClient", "username": name} for name in wrong]
    for name, acls in roles.items():
        if current.roles.get(name) != acls:
            verb = "modifyRole" if name in current.roles else "createRole"
            found.append({"command": verb, "rolename": name, "acls": _ordered(acls)})
    for name, own in rights.items():
        if current.clients.get(name) != own:
            of_client = [{"rolename": role} for role in own]
            found.append({"command": "createClient", "username": name, "roles": of_client})
    found += [{"command": "deleteRole", "rolename": name} for name in current.roles if name not in roles]
    return found


def batches(found: list[Command]) -> Iterable[list[Command]]:
    """Split the commands so that a message stays small and the broker goes on serving."""
    return (found[first : first + _BATCH] for first in range(0, len(found), _BATCH))


def list_command(what: str, offset: int) -> Command:
    """Build the command for one page of ``listClients`` or ``listRoles``."""
    return {"command": what, "verbose": True, "count": PAGE, "offset": offset}


def message(found: list[Command], key: str) -> bytes:
    """Encode the commands; ``key`` comes back as ``correlation_data`` of each response."""
    return json.dumps({"commands": [command | {"correlationData": key} for command in found]}).encode()


def initial_document(password: str) -> bytes:
    """Build the plugin's first file: the sorting center, which admits all others, and a role for readers of the feed.

    No other user of the machine may read it.
    """
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS, _HASH_BYTES)
    center = {
        "username": CENTER_NAME,
        "password": b64encode(digest).decode(),
        "salt": b64encode(salt).decode(),
        "iterations": _ITERATIONS,
        "roles": [{"rolename": "admin"}, {"rolename": CENTER_NAME}],
    }
    down = [_sendable(f"{ROOT}/+/+/down/{kind}") for kind in DOWN_KINDS]
    roles = {
        "admin": _readable("$CONTROL/dynamic-security/#") | {_sendable("$CONTROL/dynamic-security/#")},
        CENTER_NAME: _readable(f"{ROOT}/+/+/up/#") | {*down, _sendable(f"{ROOT}/+/feed/#")},
        FEED_READER: _readable(f"{ROOT}/+/feed/#"),
    }
    document = {
        "defaultACLAccess": dict.fromkeys(_DENIED, False) | {"unsubscribe": True},
        "clients": [center],
        "groups": [],
        "roles": [{"rolename": name, "acls": _ordered(acls)} for name, acls in roles.items()],
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def _role_name(subject: MachineSubject) -> str:
    """Return the role; a machine that replaces another has the same."""
    of_reader = subject.kind is MachineKind.READER
    return f"{subject.kind}/{subject.region}" if of_reader else f"{subject.kind}/{subject.region}/{subject.name}"


def _acls(subject: MachineSubject) -> frozenset[_Acl]:
    if subject.kind is MachineKind.READER:
        # A reader may request the feed of all regions, as the programs on this machine do, and receives only its own.
        own = _readable(f"{ROOT}/{subject.region}/feed/#")
        return own | {_Acl("subscribePattern", f"{ROOT}/+/feed/#", allow=True)}
    topics = f"{ROOT}/{subject.region}/{subject.name}"
    return _readable(f"{topics}/down/#") | {_sendable(f"{topics}/up/{kind}") for kind in UP_KINDS}


def _readable(topic: str) -> frozenset[_Acl]:
    return frozenset(_Acl(kind, topic, allow=True) for kind in ("subscribePattern", "publishClientReceive"))


def _sendable(topic: str) -> _Acl:
    return _Acl("publishClientSend", topic, allow=True)


def _ordered(acls: frozenset[_Acl]) -> list[dict[str, object]]:
    return [msgspec.to_builtins(acl) for acl in sorted(acls, key=lambda acl: (acl.acltype, acl.topic))]
