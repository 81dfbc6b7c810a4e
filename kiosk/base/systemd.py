"""Whether systemd runs this machine: sd_booted(3)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

MARK: Final = Path("/run/systemd/system")


def is_booted() -> bool:
    return MARK.is_dir()
