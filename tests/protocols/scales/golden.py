"""The golden files: what each frame must give, as data that any parser can be judged by."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.numbers import to_text
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Record, Rejected

FOLDER = Path(__file__).parents[2] / "golden" / "scales"
FIELDS = ("weight", "unit", "stable", "net", "overload", "underload")
BESIDES = ("counts", "suspect", "tare")
"""What few formats have: the counts of a converter, whether it was read wrongly, the tare beside the weight."""
Answer = Mapping[str, list[Any]]
"""``readings``, ``records`` and ``rejected`` as ``kiosk scale decode`` prints them (rejected: the reasons alone)."""


@dataclass(frozen=True)
class Golden:
    """One frame of a golden file and what it gives."""

    protocol: str
    name: str
    data: bytes
    params: dict[str, str] = field(default_factory=dict)
    readings: tuple[Mapping[str, Any], ...] = ()
    records: tuple[Mapping[str, str], ...] = ()
    rejected: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """One weight (or the counts of a converter), and nothing else."""
        alone = len(self.readings) == 1 and not self.records and not self.rejected
        return alone and ("weight" in self.readings[0] or "counts" in self.readings[0])


@dataclass(frozen=True)
class GoldenCommand:
    """What a host sends for a command."""

    protocol: str
    name: str
    params: dict[str, str]
    data: bytes


@cache
def _table(protocol: str) -> dict[str, Any]:
    file = FOLDER / f"{protocol}.toml"
    table = tomllib.loads(file.read_text("utf-8")) if file.exists() else {"protocol": protocol}
    if table["protocol"] != protocol:
        raise ValueError(f"{file.name} says it is of {table['protocol']}")
    return table


def _bytes(row: Mapping[str, Any]) -> bytes:
    return bytes.fromhex(row["hex"]) if "hex" in row else row["text"].encode("latin-1")


def files() -> set[str]:
    """Protocols that have a golden file."""
    return {file.stem for file in FOLDER.glob("*.toml")}


@cache
def frames(protocol: str) -> tuple[Golden, ...]:
    """Every frame of the protocol's file, in its order."""
    return tuple(
        Golden(
            protocol,
            row["name"],
            _bytes(row),
            row.get("params", {}),
            tuple(row.get("readings", ())),
            tuple(row.get("records", ())),
            tuple(row.get("rejected", ())),
        )
        for row in _table(protocol).get("frame", ())
    )


@cache
def commands(protocol: str) -> tuple[GoldenCommand, ...]:
    """Every command of the protocol's file."""
    return tuple(
        GoldenCommand(protocol, row["name"], row.get("params", {}), _bytes(row))
        for row in _table(protocol).get("command", ())
    )


def all_frames() -> Iterator[Golden]:
    """The frames of every file, known to the registry or not."""
    for protocol in sorted(files()):
        yield from frames(protocol)


def full(readings: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Readings with every key: what is left out in a golden file is not said by the frame."""
    return [dict.fromkeys((*FIELDS, *BESIDES)) | dict(reading) for reading in readings]


def _plain(value: object) -> object:
    return to_text(value) if isinstance(value, Decimal) else value


def plain(decoded: Iterable[Decoded]) -> dict[str, list[Any]]:
    """Decoded items as the golden files write them."""
    told = list(decoded)
    return {
        "readings": [
            {name: _plain(getattr(item, name)) for name in (*FIELDS, *BESIDES)}
            for item in told
            if isinstance(item, Reading)
        ],
        "records": [{"kind": item.kind, "value": item.value} for item in told if isinstance(item, Record)],
        "rejected": [str(item.reason) for item in told if isinstance(item, Rejected)],
    }


def decode(protocol: str, params: Mapping[str, str], data: bytes) -> list[Decoded]:
    """What the station's own decoder makes of one stream."""
    return registry.read(protocol, params, data)
