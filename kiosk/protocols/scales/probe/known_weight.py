"""Which of several proposals is right: an empty pan and a known weight decide, and misfits are dropped with a reason.

A format is offered only when exactly one remains. Formats that are known to read the same from a frame that fits both,
and did so for every frame received, count as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from kiosk.protocols.scales.probe.proposals import AMBIGUOUS_FORMATS, Candidate, Proposal, Recording, weight_text
from kiosk.protocols.scales.shared.reading import Reading

MIN_READINGS = 3  # Equal readings at the end of an observation that make a pan at rest
MIN_KNOWN_G, MAX_KNOWN_G = 100, 300_000  # A weight must be many scale intervals to tell points apart
_GRAMS = {"kg": Decimal(1000), "g": Decimal(1)}
_INTERVALS = (50, 20, 10, 5, 2)
_MIN_PARTS = 20  # A known weight is compared at least this finely, however coarse the scale interval seems


class MismatchReason(StrEnum):
    SILENT = "silent"  # It read nothing, or too little, of one of the two observations
    UNSTEADY = "unsteady"
    NO_WEIGHT = "no_weight"  # The indicator reports overload or underload
    NET = "net"  # The indicator shows a net weight: its tare key was pressed
    UNIT = "unit"  # The indicator is set to another unit than kg or g
    NOT_ZERO = "not_zero"
    NOT_THE_WEIGHT = "not_the_weight"


@dataclass(frozen=True, slots=True)
class MismatchedProposal:
    """``read`` is what it made of the pan, "" when nothing."""

    proposal: Proposal
    why: MismatchReason
    read: str = ""


@dataclass(frozen=True, slots=True)
class IdentifiedProfile:
    """A remaining format; ``unit`` is meant by a format that sends none, None when it sends one or has only one.

    ``alike`` names formats that read the same from every frame received.
    """

    candidate: Candidate
    unit: str | None
    alike: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WeighOutcome:
    """``offer`` is there exactly when one profile is left; ``left`` are all that fit both observations."""

    offer: IdentifiedProfile | None
    left: tuple[IdentifiedProfile, ...]
    fallen: tuple[MismatchedProposal, ...]


@dataclass(frozen=True, slots=True)
class _FittingProposal:
    proposal: Proposal
    unit: str | None
    readings: tuple[Reading, ...]


def identify_profile(
    proposals: Sequence[Proposal], empty: Sequence[Recording], loaded: Sequence[Recording], known_g: int
) -> WeighOutcome:
    """Compare the proposals with recordings of an empty pan and of ``known_g`` grams on it."""
    fits: list[_FittingProposal] = []
    fallen: list[MismatchedProposal] = []
    for proposal in proposals:
        judged = _judge(proposal, empty, loaded, known_g)
        if isinstance(judged, MismatchedProposal):
            fallen.append(judged)
        else:
            fits.append(judged)
    # Those that can be distinguished; of those that cannot, the best ranked is kept and names the others
    groups: list[tuple[_FittingProposal, list[str]]] = []
    for fit in fits:
        same = next((row for row in groups if _alike(row[0], fit)), None)
        if same is None:
            groups.append((fit, []))
        else:
            same[1].append(fit.proposal.candidate.name)
    left = tuple(IdentifiedProfile(fit.proposal.candidate, fit.unit, tuple(names)) for fit, names in groups)
    return WeighOutcome(left[0] if len(left) == 1 else None, left, tuple(fallen))


def readings_of(candidate: Candidate, recordings: Sequence[Recording]) -> tuple[Reading, ...]:
    """Return the candidate's readings of the recordings with its own line and question."""
    own = (item.received for item in recordings if (item.line, item.query) == (candidate.line, candidate.query))
    return tuple(item for received in own for item in candidate.read(received) if isinstance(item, Reading))


def _judge(
    proposal: Proposal, empty: Sequence[Recording], loaded: Sequence[Recording], known_g: int
) -> _FittingProposal | MismatchedProposal:
    candidate = proposal.candidate
    bare, full = readings_of(candidate, empty), readings_of(candidate, loaded)
    step = _step((*proposal.readings, *bare, *full))
    at_rest: list[Reading] = []
    for readings in (bare, full):
        last = readings[-MIN_READINGS:]
        why = _unusable(last, step)
        if why is not None:
            newest = next((item for item in reversed(last) if item.weight is not None), None)
            return MismatchedProposal(proposal, why, weight_text(newest, candidate.row.default_unit) if newest else "")
        at_rest.append(last[-1])
    return _compared(proposal, at_rest[0], at_rest[1], step, known_g) or _FittingProposal(
        proposal, _unit_meant(proposal, at_rest[1], step, known_g), (*proposal.readings, *bare, *full)
    )


def _unusable(last: Sequence[Reading], step: Decimal) -> MismatchReason | None:
    weights = [item.weight for item in last if item.weight is not None]
    if len(last) < MIN_READINGS:
        return MismatchReason.SILENT
    if len(weights) < len(last):
        return MismatchReason.NO_WEIGHT
    if any(item.net for item in last):
        return MismatchReason.NET
    return MismatchReason.UNSTEADY if max(weights) - min(weights) > step else None


def _units(proposal: Proposal, reading: Reading) -> tuple[str, ...]:
    """Return the possible units: the one sent, else the one the format always means, else kg and g."""
    unit = reading.unit or proposal.candidate.row.default_unit
    return (unit,) if unit else ("kg", "g")


def _compared(
    proposal: Proposal, bare: Reading, full: Reading, step: Decimal, known_g: int
) -> MismatchedProposal | None:
    assert bare.weight is not None and full.weight is not None
    default = proposal.candidate.row.default_unit
    if not set(_units(proposal, bare)) | set(_units(proposal, full)) <= _GRAMS.keys():
        return MismatchedProposal(proposal, MismatchReason.UNIT, weight_text(full, default))
    if abs(bare.weight) > step:
        return MismatchedProposal(proposal, MismatchReason.NOT_ZERO, weight_text(bare, default))
    if not any(_is_known_weight(full.weight, unit, step, known_g) for unit in _units(proposal, full)):
        return MismatchedProposal(proposal, MismatchReason.NOT_THE_WEIGHT, weight_text(full, default))
    return None


def _is_known_weight(weight: Decimal, unit: str, step: Decimal, known_g: int) -> bool:
    off = abs(weight * _GRAMS[unit] - known_g)
    return off <= min(step * _GRAMS[unit], Decimal(known_g) / _MIN_PARTS)


def _unit_meant(proposal: Proposal, full: Reading, step: Decimal, known_g: int) -> str | None:
    units = _units(proposal, full)
    if len(units) == 1:
        return None
    assert full.weight is not None
    return next(unit for unit in units if _is_known_weight(full.weight, unit, step, known_g))


def _step(readings: Sequence[Reading]) -> Decimal:
    """Return the scale interval as seen, in the unit of the reading: the coarsest of 1, 2, 5, 10, 20 or 50 units of the
    last decimal that every weight is a multiple of.
    """
    weights = [item.weight for item in readings if item.weight is not None]
    exponents = [int(weight.as_tuple().exponent) for weight in weights]
    finest = min(exponents, default=0)
    counts = [int(weight.scaleb(-finest)) for weight in weights]
    coarse = next((step for step in _INTERVALS if counts and all(count % step == 0 for count in counts)), 1)
    return Decimal(coarse).scaleb(finest)


def _alike(one: _FittingProposal, other: _FittingProposal) -> bool:
    """Return whether both are settings of one format, or two formats known to give the same reading of a frame, which
    did so for every frame.
    """
    names = {one.proposal.candidate.protocol, other.proposal.candidate.protocol}
    if len(names) == 1:
        return True
    known = any(names <= group.formats and group.same for group in AMBIGUOUS_FORMATS)
    same = known and one.unit == other.unit and len(one.readings) == len(other.readings)
    return same and all(_agree(left, right) for left, right in zip(one.readings, other.readings, strict=True))


def _agree(one: Reading, other: Reading) -> bool:
    """Return whether weight and unit are the same, and no flag is denied by one and asserted by the other."""
    flags = ((one.stable, other.stable), (one.net, other.net), (one.overload, other.overload))
    return (one.weight, one.unit) == (other.weight, other.unit) and all(
        left == right or None in (left, right) for left, right in flags
    )
