"""Which county a station believes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CountyKeys:
    """``authority``: the county's certificate, PEM. ``pin_secret``: 64 hex digits that the county has as well, by which
    a PIN is set over the telephone; None: that way is not open.
    """

    authority: Path
    pin_secret: Path | None = None
