"""What a printer's interpreter makes of the bytes it gets."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True, slots=True)
class JobStarted:
    """The first byte of a job that is not a status query."""


@dataclass(frozen=True, slots=True)
class StatusQuery:
    """A status query; ``number`` is the n of DLE EOT n and 0 in a label language."""

    number: int = 0


@dataclass(frozen=True, slots=True)
class DrainQuery:
    """A status query that is answered when everything before it has been printed."""


@dataclass(frozen=True, slots=True)
class CountQuery:
    """A query for the labels printed so far."""


@dataclass(frozen=True, slots=True)
class PrintedPage:
    """One label or receipt as people see it: mode "1", dark on white."""

    image: Image.Image


Event = JobStarted | StatusQuery | DrainQuery | CountQuery | PrintedPage
