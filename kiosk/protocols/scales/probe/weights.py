"""Which of several proposals is right: an empty pan and a known weight tell, and what does not fit falls with a reason.

A format is offered only when exactly one is left. Formats that are known to say the same of a frame that fits both, and
did so of every frame heard, count as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from kiosk.protocols.scales.probe.proposals import LOOK_ALIKES, Candidate, Proposal, Recording, shown
from kiosk.protocols.scales.reading import Reading

LEAST_READINGS = 3
"""Readings alike at the end of an observation, before they count as a pan at rest."""
LEAST_KNOWN_G, MOST_KNOWN_G = 100, 300_000
"""A weight must be many scale intervals to tell one point from another."""
_GRAMS = {"kg": Decimal(1000), "g": Decimal(1)}
_INTERVALS = (50, 20, 10, 5, 2)
_LEAST_PARTS = 20
"""A known weight is compared at least this finely, however coarse the scale interval seems."""


class Why(StrEnum):
    """Why a proposal fell."""

    SILENT = "silent"
    """It read nothing, or too little, of one of the two observations."""
    UNSTEADY = "unsteady"
    NO_WEIGHT = "no_weight"
    """The indicator says overload or underload."""
    NET = "net"
    """The indicator shows a net weight: its tare key was pressed."""
    UNIT = "unit"
    """The indicator is set to another unit than kg or g."""
    NOT_ZERO = "not_zero"
    NOT_THE_WEIGHT = "not_the_weight"


@dataclass(frozen=True, slots=True)
class Fallen:
    """``read`` is what it made of the pan, "" when nothing."""

    proposal: Proposal
    why: Why
    read: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """What is left: ``unit`` is what a format that sends none means here, None when it sends one or has only one.

    ``alike`` names formats that say the same of every frame heard.
    """

    candidate: Candidate
    unit: str | None
    alike: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """``offer`` is there exactly when one profile is left; ``left`` are all that fit both observations."""

    offer: Profile | None
    left: tuple[Profile, ...]
    fallen: tuple[Fallen, ...]


@dataclass(frozen=True, slots=True)
class _Fit:
    proposal: Proposal
    unit: str | None
    said: tuple[Reading, ...]


def weigh(
    proposals: Sequence[Proposal], empty: Sequence[Recording], loaded: Sequence[Recording], known_g: int
) -> Outcome:
    """Judge by what was heard of an empty pan and of ``known_g`` grams on it."""
    fits: list[_Fit] = []
    fallen: list[Fallen] = []
    for proposal in proposals:
        judged = _judge(proposal, empty, loaded, known_g)
        if isinstance(judged, Fallen):
            fallen.append(judged)
        else:
            fits.append(judged)
    left = _distinct(fits)
    return Outcome(left[0] if len(left) == 1 else None, left, tuple(fallen))


def heard_by(candidate: Candidate, recordings: Sequence[Recording]) -> tuple[Reading, ...]:
    """What this candidate reads of the recordings that are its own: its line, its question."""
    own = (item.heard for item in recordings if (item.line, item.asked) == (candidate.line, candidate.asked))
    return tuple(item for heard in own for item in candidate.read(heard) if isinstance(item, Reading))


def _judge(proposal: Proposal, empty: Sequence[Recording], loaded: Sequence[Recording], known_g: int) -> _Fit | Fallen:
    candidate = proposal.candidate
    bare, full = heard_by(candidate, empty), heard_by(candidate, loaded)
    step = _step((*proposal.readings, *bare, *full))
    at_rest: list[Reading] = []
    for said in (bare, full):
        last = said[-LEAST_READINGS:]
        why = _unusable(last, step)
        if why is not None:
            newest = next((item for item in reversed(last) if item.weight is not None), None)
            return Fallen(proposal, why, shown(newest, candidate.row.default_unit) if newest else "")
        at_rest.append(last[-1])
    return _compared(proposal, at_rest[0], at_rest[1], step, known_g) or _Fit(
        proposal, _meant(proposal, at_rest[1], step, known_g), (*proposal.readings, *bare, *full)
    )


def _unusable(last: Sequence[Reading], step: Decimal) -> Why | None:
    weights = [item.weight for item in last if item.weight is not None]
    if len(last) < LEAST_READINGS:
        return Why.SILENT
    if len(weights) < len(last):
        return Why.NO_WEIGHT
    if any(item.net for item in last):
        return Why.NET
    return Why.UNSTEADY if max(weights) - min(weights) > step else None


def _units(proposal: Proposal, reading: Reading) -> tuple[str, ...]:
    """What the number may mean: what is sent, what the format always means, or either of the two."""
    said = reading.unit or proposal.candidate.row.default_unit
    return (said,) if said else ("kg", "g")


def _compared(proposal: Proposal, bare: Reading, full: Reading, step: Decimal, known_g: int) -> Fallen | None:
    assert bare.weight is not None and full.weight is not None
    default = proposal.candidate.row.default_unit
    if not set(_units(proposal, bare)) | set(_units(proposal, full)) <= _GRAMS.keys():
        return Fallen(proposal, Why.UNIT, shown(full, default))
    if abs(bare.weight) > step:
        return Fallen(proposal, Why.NOT_ZERO, shown(bare, default))
    if not any(_is(full.weight, unit, step, known_g) for unit in _units(proposal, full)):
        return Fallen(proposal, Why.NOT_THE_WEIGHT, shown(full, default))
    return None


def _is(weight: Decimal, unit: str, step: Decimal, known_g: int) -> bool:
    off = abs(weight * _GRAMS[unit] - known_g)
    return off <= min(step * _GRAMS[unit], Decimal(known_g) / _LEAST_PARTS)


def _meant(proposal: Proposal, full: Reading, step: Decimal, known_g: int) -> str | None:
    units = _units(proposal, full)
    if len(units) == 1:
        return None
    assert full.weight is not None
    return next(unit for unit in units if _is(full.weight, unit, step, known_g))


def _step(said: Sequence[Reading]) -> Decimal:
    """The scale interval as seen, in the unit of the reading: the coarsest of 1, 2, 5, 10, 20 or 50 units of the last
    decimal that every weight is a multiple of.
    """
    weights = [item.weight for item in said if item.weight is not None]
    exponents = [int(weight.as_tuple().exponent) for weight in weights]
    finest = min(exponents, default=0)
    counts = [int(weight.scaleb(-finest)) for weight in weights]
    coarse = next((step for step in _INTERVALS if counts and all(count % step == 0 for count in counts)), 1)
    return Decimal(coarse).scaleb(finest)


def _distinct(fits: Sequence[_Fit]) -> tuple[Profile, ...]:
    """Those that can be told apart; of those that cannot the best ranked stands, and names the others."""
    kept: list[tuple[_Fit, list[str]]] = []
    for fit in fits:
        same = next((row for row in kept if _alike(row[0], fit)), None)
        if same is None:
            kept.append((fit, []))
        else:
            same[1].append(fit.proposal.candidate.name)
    return tuple(Profile(fit.proposal.candidate, fit.unit, tuple(names)) for fit, names in kept)


def _alike(one: _Fit, other: _Fit) -> bool:
    """Two settings of one format that read both pans right; or two formats that are known to say the same of a frame,
    and did so of every one.
    """
    names = {one.proposal.candidate.protocol, other.proposal.candidate.protocol}
    if len(names) == 1:
        return True
    known = any(names <= group.formats and group.same for group in LOOK_ALIKES)
    same = known and one.unit == other.unit and len(one.said) == len(other.said)
    return same and all(_agree(left, right) for left, right in zip(one.said, other.said, strict=True))


def _agree(one: Reading, other: Reading) -> bool:
    """The same weight and unit, and no flag that one denies and the other asserts."""
    flags = ((one.stable, other.stable), (one.net, other.net), (one.overload, other.overload))
    return (one.weight, one.unit) == (other.weight, other.unit) and all(
        left == right or None in (left, right) for left, right in flags
    )
