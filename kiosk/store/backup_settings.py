"""What a technician sets for backups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """``folder`` lies on a second medium, for example a USB stick; the newest ``keep`` backups stay there."""

    folder: Path
    keep: int = 14

    def __post_init__(self) -> None:
        if not 1 <= self.keep <= 400:
            raise ValueError(f"keep {self.keep} must be 1 to 400")
