"""Printer models as rows of profiles.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Final, Literal

import msgspec

from kiosk.protocols.printers.page_setup import Language, PageSetup, PrintHead

Proof = Literal["status", "drained", "faults", "write"]

_FASTEST_MM_S = 600
_WIDEST_GAP_MM = 30


class ProfileProblem(ValueError):
    """The text names the row and what is wrong with it."""


class PrinterProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One model: what it speaks, its head, how its paper runs, and what proves that a paper came out.

    Every page is drawn and timed by its printer's row; no other place says a dpi, a width, a speed or a gap.
    ``speed_mm_s`` is the speed the printer is told (label languages) or the slowest the class has (ESC/POS).
    """

    id: str
    language: Language
    dpi: Literal[203, 300]
    width_dots: int
    speed_mm_s: int
    proof: Proof
    gap_mm: float = 0.0
    offset_x_mm: float = 0.0
    offset_y_mm: float = 0.0
    settle_s: float = 0.0
    counts_labels: bool = False

    def __post_init__(self) -> None:
        for wrong, reason in self._rules():
            if wrong:
                raise ProfileProblem(f"printer {self.id}: {reason}")

    def _rules(self) -> tuple[tuple[bool, str], ...]:
        receipt = self.language == "escpos"
        offsets = (self.offset_x_mm, self.offset_y_mm)
        return (
            (self.width_dots < 8, "width_dots must be 8 or more"),
            (receipt and self.width_dots % 8 != 0, "width_dots of an escpos head must be whole bytes"),
            (not 0 < self.speed_mm_s <= _FASTEST_MM_S, f"speed_mm_s must be 1 to {_FASTEST_MM_S}"),
            (not 0 <= self.gap_mm <= _WIDEST_GAP_MM, f"gap_mm must be 0 to {_WIDEST_GAP_MM}"),
            (receipt and self.gap_mm > 0, "gap_mm must be 0: receipt paper has no gaps"),
            (min(offsets) < 0, "offset_x_mm and offset_y_mm must be 0 or more"),
            (receipt and max(offsets) > 0, "offset_x_mm and offset_y_mm are for label languages"),
            (self.settle_s < 0, "settle_s must be 0 or more"),
            (self.proof == "drained" and not receipt, "only escpos has a query that waits behind the job"),
            (self.proof == "status" and receipt, "an escpos status never says that it is printing: use faults"),
            (self.counts_labels and self.language != "zpl", "only zpl tells how many labels it has printed"),
        )

    @property
    def setup(self) -> PageSetup:
        """What the pages of this printer are drawn for."""
        return PageSetup(
            self.language,
            PrintHead(self.dpi, self.width_dots),
            self.speed_mm_s,
            self.gap_mm,
            (self.offset_x_mm, self.offset_y_mm),
        )


DEFAULT_BY_LANGUAGE = {"tspl": "tspl_203", "zpl": "zpl_203", "escpos": "escpos_58"}


_LOOKED_AT: Final = msgspec.json.Decoder(tuple[PrinterProfile, ...])


@cache
def profiles() -> dict[str, PrinterProfile]:
    """Return all rows by id. Raises msgspec.ValidationError for a bad row."""
    text = Path(__file__).with_name("profiles.toml").read_text(encoding="utf-8")
    rows = msgspec.convert(tomllib.loads(text)["printers"], tuple[PrinterProfile, ...])
    return {row.id: row for row in rows}


def profile(name: str) -> PrinterProfile:
    """Return the row with this id, or the usual one of a language. Raises ProfileProblem."""
    row = profiles().get(DEFAULT_BY_LANGUAGE.get(name, name))
    if row is None:
        raise ProfileProblem(f"no printer {name!r}: known are {', '.join(profiles())}")
    return row
