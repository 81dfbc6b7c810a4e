"""Printer models as rows of profiles.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Final, Literal

import msgspec

from kiosk.protocols.printers import pwg
from kiosk.protocols.printers.page_setup import (
    BAND_ROWS,
    MAX_BAND_ROWS,
    MAX_DENSITY,
    USUAL_DENSITY,
    Language,
    PageSetup,
    PrintHead,
    Wire,
)

Proof = Literal["status", "drained", "job", "faults", "write"]
_MAX_SPEED_MM_S = 600
_MAX_GAP_MM = 30
_MAX_OFFSET_MM = 50
_OFFSETS = f"offset_x_mm and offset_y_mm must be 0 to {_MAX_OFFSET_MM}"
_CPCL_DPI = 203  # The "200 200" of its first line; other pitches have other figures, and no manual says which


class PrinterProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One model: its language, its head, how its paper runs, and what proves that a paper came out.

    Every page is drawn and timed by its printer's row; no other place defines a dpi, a width, a speed or a gap.
    ``speed_mm_s`` is the speed sent to the printer (label languages) or the slowest the class has (ESC/POS).
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
    mark: bool = False
    density: int = USUAL_DENSITY
    cutter: bool = False
    band_rows: int = BAND_ROWS
    plain: bool = False
    settle_s: float = 0.0
    counts_labels: bool = False

    def __post_init__(self) -> None:
        for wrong, reason in (*self._paper_rules(), *self._language_rules()):
            if wrong:
                raise ValueError(f"printer {self.id}: {reason}")

    def _paper_rules(self) -> tuple[tuple[bool, str], ...]:
        offsets = (self.offset_x_mm, self.offset_y_mm)
        return (
            (self.width_dots < 8, "width_dots must be 8 or more"),
            (not 0 < self.speed_mm_s <= _MAX_SPEED_MM_S, f"speed_mm_s must be 1 to {_MAX_SPEED_MM_S}"),
            (not 0 <= self.gap_mm <= _MAX_GAP_MM, f"gap_mm must be 0 to {_MAX_GAP_MM}"),
            (self.mark and not self.gap_mm, "gap_mm must say how high the black mark is"),
            (not all(0 <= offset <= _MAX_OFFSET_MM for offset in offsets), _OFFSETS),
            (not 0 <= self.density <= MAX_DENSITY, f"density must be 0 to {MAX_DENSITY}"),
            (not 1 <= self.band_rows <= MAX_BAND_ROWS, f"band_rows must be 1 to {MAX_BAND_ROWS}"),
            (self.settle_s < 0, "settle_s must be 0 or more"),
        )

    def _language_rules(self) -> tuple[tuple[bool, str], ...]:
        language, proof = self.language, self.proof
        receipt = language == "escpos"
        unmarked = language not in ("tspl", "zpl", "cpcl")
        return (
            (receipt and self.width_dots % 8 != 0, "width_dots of an escpos head must be whole bytes"),
            (receipt and self.gap_mm > 0, "gap_mm must be 0: receipt paper has no gaps"),
            (
                receipt and max(self.offset_x_mm, self.offset_y_mm) > 0,
                "offset_x_mm and offset_y_mm are for label languages",
            ),
            (unmarked and self.density != USUAL_DENSITY, "density is for label languages"),
            (not receipt and self.band_rows != BAND_ROWS, "band_rows is for escpos"),
            (self.plain and language not in ("zpl", "cpcl"), "plain is for zpl and cpcl"),
            (self.cutter and language in ("cpcl", "ipp"), f"{language} has no cutter"),
            (language == "ipp" and self.dpi != pwg.SHEET_DPI, f"a sheet is drawn at {pwg.SHEET_DPI} dpi"),
            (language == "ipp" and self.width_dots > pwg.PRINTED_DOTS, f"a sheet has {pwg.PRINTED_DOTS} dots across"),
            (language == "cpcl" and self.dpi != _CPCL_DPI, f"cpcl counts in dots of {_CPCL_DPI} dpi"),
            (
                proof == "drained" and language not in ("escpos", "cpcl"),
                "only escpos and cpcl have a query that waits behind the job",
            ),
            (proof == "status" and receipt, "an escpos status never says that it is printing: use faults"),
            (proof == "status" and language == "cpcl", "a cpcl status waits behind the job: use drained"),
            ((proof == "job") != (language == "ipp"), "a job can be asked after in ipp, and only in ipp: proof job"),
            (self.counts_labels and language != "zpl", "only zpl tells how many labels it has printed"),
        )

    @property
    def setup(self) -> PageSetup:
        return PageSetup(
            self.language,
            PrintHead(self.dpi, self.width_dots),
            self.speed_mm_s,
            self.gap_mm,
            (self.offset_x_mm, self.offset_y_mm),
            mark=self.mark,
            density=self.density,
            cutter=self.cutter,
            wire=Wire(self.band_rows, self.plain),
        )


DEFAULT_BY_LANGUAGE = {
    "tspl": "tspl_203",
    "zpl": "zpl_203",
    "escpos": "escpos_58",
    "cpcl": "cpcl_203",
    "ipp": "office_a4",
}

_PREBUILT_DECODER: Final = msgspec.json.Decoder(tuple[PrinterProfile, ...])


@cache
def profiles() -> dict[str, PrinterProfile]:
    """Return all rows by id. Raises msgspec.ValidationError for a bad row."""
    text = Path(__file__).with_name("profiles.toml").read_text(encoding="utf-8")
    rows = msgspec.convert(tomllib.loads(text)["printers"], tuple[PrinterProfile, ...])
    return {row.id: row for row in rows}


def profile(name: str | PrinterProfile) -> PrinterProfile:
    """Return the row with this id, the usual one of a language, or the row itself. Raises ValueError."""
    if isinstance(name, PrinterProfile):
        return name
    row = profiles().get(DEFAULT_BY_LANGUAGE.get(name, name))
    if row is None:
        raise ValueError(f"no printer {name!r}: known are {', '.join(profiles())}")
    return row
