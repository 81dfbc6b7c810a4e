"""Where an installed machine has what updates need."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True)
class UpdatePaths:
    """``runtime`` is on a file system that a power cut empties; below ``data`` kiosk-update.path looks for a request,
    whatever the settings say."""

    releases: Path = Path("/var/lib/kiosk-releases")
    package: Path = Path("/usr/lib/station-kiosk")
    runtime: Path = Path("/run/kiosk-update")
    data: Path = Path("/var/lib/kiosk")


UPDATE_PATHS: Final = UpdatePaths()
