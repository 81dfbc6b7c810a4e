"""Whether systemd runs this machine (sd_booted(3)), and what it says of its units."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

MARK: Final = Path("/run/systemd/system")


def is_booted() -> bool:
    return MARK.is_dir()


def unit_properties(names: str, *unit: str) -> Mapping[str, str]:
    """``names`` with commas between them, of one unit or of systemd itself; none where it does not answer in 5 s."""
    command = ["systemctl", "show", f"--property={names}", *unit]
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=5.0, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return dict(line.partition("=")[::2] for line in output.splitlines())
