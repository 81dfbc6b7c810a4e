"""What a printer's interpreter makes of the bytes it gets."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True, slots=True)
class JobBegun:
    """The first byte of a job that is not a status query."""


@dataclass(frozen=True, slots=True)
class StatusAsked:
    """A status query; ``number`` is the n of DLE EOT n and 0 in a label language."""

    number: int = 0


@dataclass(frozen=True, slots=True)
class DrainAsked:
    """A status query that is answered when everything before it has been printed."""


@dataclass(frozen=True, slots=True)
class CountAsked:
    """A query for the labels printed so far."""


@dataclass(frozen=True, slots=True)
class Page:
    """One label or receipt as people see it: mode "1", dark on white."""

    image: Image.Image


Event = JobBegun | StatusAsked | DrainAsked | CountAsked | Page
