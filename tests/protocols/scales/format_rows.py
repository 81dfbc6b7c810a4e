"""What each format cannot notice: ``formats.toml`` as values.

An exception from "no weight that was not sent" is a kind of damage, named reasons, and for each reason the bytes whose
damage it excuses. The damage test proves that each named exception really occurs and that no other does.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.protocols.scales.damage import KINDS

FILE = Path(__file__).with_name("formats.toml")
LATE = "late"


@dataclass(frozen=True)
class Reason:
    """Why a damage cannot be seen; ``hit`` matches the damaged byte (b"" for a damage that hit no single one)."""

    id: str
    text: str
    hit: re.Pattern[bytes]


@dataclass(frozen=True)
class Judged:
    """One set of parameters and what the format cannot notice with it, by kind of damage."""

    params: dict[str, str] = field(default_factory=dict)
    blind: Mapping[str, tuple[Reason, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Format:
    """``check``: the kind of check, or "none". ``check_at``: where its bytes stand in a frame, as a slice.

    ``late``: why the first whole frame behind noise may be lost, "" when it never is. ``alone``: why every frame comes
    to an empty decoder, "" when frames stand behind each other on one line. ``lacks``: golden frames that cannot exist,
    with the reason. ``judged``: the default parameters come first.
    """

    check: str
    check_at: tuple[int, int] | None
    judged: tuple[Judged, ...]
    late: str = ""
    alone: str = ""
    lacks: Mapping[str, str] = field(default_factory=dict)


@cache
def reasons() -> dict[str, Reason]:
    """Every reason by its name."""
    table = tomllib.loads(FILE.read_text("utf-8"))["reasons"]
    return {
        name: Reason(name, row["text"], re.compile(row.get("bytes", "").encode("latin-1"), re.DOTALL))
        for name, row in table.items()
    }


def _judged(row: Mapping[str, Any]) -> Judged:
    known = {kind.id for kind in KINDS}
    blind = {name: tuple(reasons()[reason] for reason in given) for name, given in row.items() if name != "params"}
    if unknown := set(blind) - known:
        raise ValueError(f"formats.toml names kinds of damage that are not in the table: {sorted(unknown)}")
    return Judged(dict(row.get("params", {})), blind)


@cache
def formats() -> dict[str, Format]:
    """Every format by its protocol id."""
    table = tomllib.loads(FILE.read_text("utf-8"))["formats"]
    return {
        protocol: Format(
            row["check"],
            tuple(row["check_at"]) if "check_at" in row else None,
            (_judged(row.get("blind", {})), *(_judged(other) for other in row.get("also", ()))),
            row.get("late", ""),
            row.get("alone", ""),
            row.get("lacks", {}),
        )
        for protocol, row in table.items()
    }
