"""The board an update is for, its clock, and where it has what updates need."""

from __future__ import annotations

import platform
import secrets
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


class ThisBoard:
    def __init__(self, *folders: Path) -> None:
        self._folders = folders

    @property
    def architecture(self) -> str:
        """As Debian calls it; the machine's own word for one that no release is made for."""
        return ARCHITECTURES.get(platform.machine(), platform.machine())

    @property
    def python(self) -> str:
        """Without the patch level."""
        return f"{sys.version_info.major}.{sys.version_info.minor}"

    def free_bytes(self) -> int:
        """Return those of the fullest of the folders' file systems."""
        return min(shutil.disk_usage(folder).free for folder in self._folders)

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def new_number(self) -> str:
        """Return 16 random hex digits."""
        return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class UpdatePaths:
    """``runtime`` is on a file system that a power cut empties; below ``data`` kiosk-update.path looks for a request,
    whatever the settings say."""

    releases: Path = Path("/var/lib/kiosk-releases")
    package: Path = Path("/usr/lib/station-kiosk")
    runtime: Path = Path("/run/kiosk-update")
    data: Path = Path("/var/lib/kiosk")


UPDATE_PATHS: Final = UpdatePaths()
