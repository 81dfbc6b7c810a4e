"""The name in a certificate of this county: what kind of machine it is, which one, and which of its certificates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from kiosk.domain.identifiers import check_region, check_station

_SUBJECT: Final = re.compile(
    r"serialNumber=(?P<generation>[1-9][0-9]{0,5}),CN=(?P<name>[A-Za-z0-9.-]{1,64}),OU=(?P<kind>[a-z]{1,16}),"
    r"O=(?P<region>[a-z0-9-]{1,16})"
)
_READER: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_HOST: Final = re.compile(
    r"(?=.{1,64}\Z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
MAX_GENERATION: Final = 999_999


class MachineKind(StrEnum):
    """``SERVER`` names a host of the county; ``READER`` is a program elsewhere that reads the feed; ``CONFIGURATION``
    is no machine but the county's key that signs what stations are given, and passes for no connection.
    """

    STATION = "station"
    SERVER = "server"
    READER = "reader"
    CONFIGURATION = "configuration"


class BadSubject(ValueError):
    """The text says what the name must be."""


@dataclass(frozen=True, slots=True)
class MachineSubject:
    """``generation`` counts the certificates of one machine from 1. Raises BadSubject, BadIdentifier."""

    region: str
    kind: MachineKind
    name: str
    generation: int = 1

    def __post_init__(self) -> None:
        check_region(self.region)
        if not 1 <= self.generation <= MAX_GENERATION:
            raise BadSubject(f"generation {self.generation} must be 1 to {MAX_GENERATION}")
        if self.kind is MachineKind.STATION:
            check_station(self.name)
        elif self.kind is MachineKind.READER and not _READER.fullmatch(self.name):
            raise BadSubject(f"reader {self.name[:40]!r} must be a letter, then up to 39 of a-z, 0-9 and -")
        elif self.kind is MachineKind.CONFIGURATION and self.name != MachineKind.CONFIGURATION:
            raise BadSubject(f"the key of a county's configuration is named {MachineKind.CONFIGURATION}")
        elif self.kind is MachineKind.SERVER and not _HOST.fullmatch(self.name):
            raise BadSubject(f"server {self.name[:64]!r} must be a host name of at most 64 characters")

    def __str__(self) -> str:
        """Write the name by RFC 4514, as Mosquitto (use_subject_as_username) and nginx ($ssl_client_s_dn) give it."""
        return f"serialNumber={self.generation},CN={self.name},OU={self.kind},O={self.region}"

    @classmethod
    def parse(cls, text: str) -> MachineSubject:
        """Parse what `str` writes. Raises BadSubject for anything else."""
        match = _SUBJECT.fullmatch(text)
        if match is None or match["kind"] not in set(MachineKind):
            raise BadSubject(f"{text[:120]!r} is no machine of a county")
        try:
            return cls(match["region"], MachineKind(match["kind"]), match["name"], int(match["generation"]))
        except ValueError as error:
            raise BadSubject(str(error)) from error
