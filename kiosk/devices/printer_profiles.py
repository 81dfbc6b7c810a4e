"""Printer models as rows of printer_profiles.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

Language = Literal["tspl", "zpl", "escpos"]
Proof = Literal["status", "drained", "write"]


class ProfileProblem(ValueError):
    """The text names the row and what is wrong with it."""


class PrinterProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model: what it speaks, the dots of its head, and what proves that a paper came out."""

    id: str
    language: Language
    dpi: Literal[203, 300]
    width_dots: int
    proof: Proof
    settle_s: float = 0.0

    def __post_init__(self) -> None:
        if self.width_dots < 8 or self.settle_s < 0:
            raise ProfileProblem(f"printer {self.id}: width_dots must be 8 or more and settle_s 0 or more")
        if self.proof == "drained" and self.language != "escpos":
            raise ProfileProblem(f"printer {self.id}: only escpos has a query that waits behind the job")


DEFAULT_BY_LANGUAGE = {"tspl": "tspl_203", "zpl": "zpl_203", "escpos": "escpos_58"}


@cache
def profiles() -> dict[str, PrinterProfile]:
    """Return all rows by id. Raises msgspec.ValidationError for a bad row."""
    text = Path(__file__).with_name("printer_profiles.toml").read_text(encoding="utf-8")
    rows = msgspec.convert(tomllib.loads(text)["printers"], tuple[PrinterProfile, ...])
    return {row.id: row for row in rows}


def profile(name: str) -> PrinterProfile:
    """Return the row with this id, or the usual one of a language. Raises ProfileProblem."""
    row = profiles().get(DEFAULT_BY_LANGUAGE.get(name, name))
    if row is None:
        raise ProfileProblem(f"no printer {name!r}: known are {', '.join(profiles())}")
    return row
