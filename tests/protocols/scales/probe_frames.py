"""What a simulated indicator of each format sends while goods are put on and taken off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.probe.proposals import PROBE_COMMANDS, UNPROVABLE_FORMATS, Candidate, Recording
from kiosk.protocols.scales.shared.protocol import (
    DisplayState,
    LineSettings,
    ScaleProtocol,
    TransmissionMode,
    Transport,
)

LOADS = ((0, True), (1234, False), (2480, True), (2480, True), (7385, True), (7385, True), (7385, True))
"""Grams, and whether the pan is at rest."""
ROWS = [
    row for row in registry.PROTOCOLS.values() if row.transport is Transport.SERIAL and row.id not in UNPROVABLE_FORMATS
]
POLLED = [row for row in ROWS if row.mode is TransmissionMode.POLL]


def frames(
    row: ScaleProtocol, loads: Sequence[tuple[int, bool]] = LOADS, params: Mapping[str, str] | None = None
) -> tuple[bytes, ...]:
    """Each load as this format shows it: in kilograms with three decimals, else in grams, else in whole kilograms."""
    chosen = {**registry.defaults(row.id), **(params or {})}
    for unit, decimals in ((row.default_unit or "kg", 3), ("g", 0), ("kg", 0)):
        try:
            shown = (DisplayState(_weight(load, unit, decimals), unit, stable) for load, stable in loads)
            made = tuple(row.encode_frame(one, chosen) for one in shown)
        except ValueError:
            continue
        return tuple(frame for frame in made if frame)
    raise AssertionError(f"{row.id} can send none of {loads}")


def _weight(grams: int, unit: str, decimals: int) -> Decimal:
    return Decimal(grams) if unit == "g" or not decimals else Decimal(grams).scaleb(-decimals)


def recording(
    row: ScaleProtocol,
    loads: Sequence[tuple[int, bool]] = LOADS,
    line: LineSettings | None = None,
    params: Mapping[str, str] | None = None,
) -> Recording:
    """A stream, or answers to the format's own question."""
    sent = frames(row, loads, params)
    asked = Candidate(row.id, (), row.line).query
    assert row.poll is None or set(row.poll.steps) <= PROBE_COMMANDS
    return Recording(line or row.line, sent if asked else (b"".join(sent),), asked)
