"""Every indicator format the station supports, by id."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import MappingProxyType

from kiosk.protocols.scales import formats
from kiosk.protocols.scales.shared.engines import StripParity
from kiosk.protocols.scales.shared.params import STRIP_PARITY, BadParameter, Parameter, validated
from kiosk.protocols.scales.shared.ports import Decoder, settled
from kiosk.protocols.scales.shared.protocol import ScaleProtocol
from kiosk.protocols.scales.shared.reading import Decoded

__all__ = [
    "PROTOCOLS",
    "BadParameter",
    "NoSuchCommand",
    "UnknownProtocol",
    "decoder",
    "defaults",
    "encode",
    "get",
    "parameters",
    "read",
    "undecided",
]

# In the order a technician is shown them: the likeliest first.
_DESCRIPTIONS = tomllib.loads(Path(__file__).with_name("descriptions.toml").read_text(encoding="utf-8"))


def _formats() -> Mapping[str, ScaleProtocol]:
    """Load the rows of all modules in `formats`, by id. Raises ValueError when module and description do not pair."""
    found = walk_packages(formats.__path__, f"{formats.__name__}.")
    rows = {row.id: row for each in found if not each.ispkg for row in import_module(each.name).PROTOCOLS}
    if rows.keys() != _DESCRIPTIONS.keys():
        raise ValueError(f"a format needs a module and a description: {sorted(rows.keys() ^ _DESCRIPTIONS.keys())}")
    return MappingProxyType({row_id: replace(rows[row_id], **about) for row_id, about in _DESCRIPTIONS.items()})


PROTOCOLS: Mapping[str, ScaleProtocol] = _formats()


class UnknownProtocol(ValueError):
    """The text names the requested id and the existing ones."""


class NoSuchCommand(ValueError):
    """The text names the protocol, the requested command and the existing ones."""


def get(protocol_id: str) -> ScaleProtocol:
    """Return the row of this id; raises UnknownProtocol."""
    row = PROTOCOLS.get(protocol_id)
    if row is None:
        raise UnknownProtocol(f"there is no scale protocol {protocol_id!r}; there are: {', '.join(PROTOCOLS)}")
    return row


def parameters(protocol_id: str) -> tuple[Parameter, ...]:
    """Return the protocol's own parameters and the common one; raises UnknownProtocol."""
    return (*get(protocol_id).parameters, STRIP_PARITY)


def defaults(protocol_id: str) -> dict[str, str]:
    """Return every parameter of the protocol at its default; raises UnknownProtocol."""
    return validated(protocol_id, parameters(protocol_id), {})


def decoder(protocol_id: str, params: Mapping[str, str]) -> Decoder:
    """Build a fresh decoder; raises UnknownProtocol or BadParameter."""
    checked = validated(protocol_id, parameters(protocol_id), params)
    made = get(protocol_id).make_decoder(checked)
    return StripParity(made) if checked[STRIP_PARITY.name] == "true" else made


def read(protocol_id: str, params: Mapping[str, str], data: bytes) -> list[Decoded]:
    """Decode bytes behind which nothing follows with a fresh decoder; raises UnknownProtocol or BadParameter."""
    made = decoder(protocol_id, params)
    return made.feed(data) + settled(made)


def undecided(protocol_id: str, params: Mapping[str, str], frame: bytes | None) -> tuple[Parameter, ...]:
    """Return parameters without a default that must be set before this indicator can be read; () for none.

    ``frame`` holds the bytes of its newest reading. None: it answers without a reading, for which any unset one may be
    the reason. Raises UnknownProtocol or BadParameter.
    """
    row = get(protocol_id)
    checked = validated(protocol_id, parameters(protocol_id), params)
    unset = tuple(one for one in row.parameters if one.choices and not checked[one.name])
    if row.undecided is None or frame is None:
        return unset
    needed = row.undecided(frame, checked)
    return tuple(one for one in unset if one.name in needed)


def encode(protocol_id: str, command: str, params: Mapping[str, str]) -> bytes:
    """Build the bytes of this command; b"" where the parameters choose a set of commands without it.

    Raises UnknownProtocol, BadParameter or NoSuchCommand.
    """
    row = get(protocol_id)
    checked = validated(protocol_id, parameters(protocol_id), params)
    if command not in row.commands:
        has = f"it has: {', '.join(row.commands)}" if row.commands else "it takes no commands"
        raise NoSuchCommand(f"{protocol_id} has no command {command!r}; {has}")
    return row.command(command, checked)
