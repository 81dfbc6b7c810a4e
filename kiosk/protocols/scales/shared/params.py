"""Parameters of a protocol: named texts with a default, and a closed set of values or a pattern they must fit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


class BadParameter(ValueError):
    """The text names the protocol, the parameter and what is allowed."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A setting a technician may give as NAME=VALUE.

    A value is one of ``choices``; a parameter without choices takes what ``pattern`` matches as a whole, and
    ``meaning`` then describes it. A default of "" beside choices means: not set, and nothing is guessed.
    """

    name: str
    default: str
    choices: tuple[str, ...]
    meaning: str
    pattern: str = ""

    @property
    def allowed(self) -> str:
        """What a value may be, for people."""
        return f"one of: {', '.join(self.choices)}" if self.choices else f"{self.meaning} ({self.pattern})"

    def allows(self, value: str) -> bool:
        return value in self.choices or bool(self.pattern and re.fullmatch(self.pattern, value, re.ASCII))


# Every protocol has this one: an adapter that cannot do 7E1 leaves the parity bit in the byte.
STRIP_PARITY = Parameter(
    "strip_parity", "false", ("true", "false"), "the line is 7-bit but read as 8-bit: clear bit 7 of every byte"
)

CHECKSUM = Parameter("checksum", "on", ("on", "off"), "off only for indicators known to send a wrong check")


def validated(protocol_id: str, parameters: tuple[Parameter, ...], given: Mapping[str, str]) -> dict[str, str]:
    """Return all parameters, defaults filled in; raises BadParameter for an unknown name or value."""
    known = {parameter.name: parameter for parameter in parameters}
    for name, value in given.items():
        parameter = known.get(name)
        if parameter is None:
            raise BadParameter(f"{protocol_id} has no parameter {name!r}; it has: {', '.join(known)}")
        if not parameter.allows(value):
            raise BadParameter(f"{protocol_id}: parameter {name!r} is {value!r} but must be {parameter.allowed}")
    return {name: given.get(name, parameter.default) for name, parameter in known.items()}
