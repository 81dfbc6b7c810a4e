"""Which release is built: its version, its commit, its time, as they stand in packages and in ``release.json``."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
LOCK: Final = ROOT / "requirements.lock"
VENDOR_KEY: Final = ROOT / "packaging/vendor.pub"
"""The public keys that updates are judged by; a package that is built without them refuses every update."""
PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"


class NoRelease(Exception):
    """The checkout does not say which release it is."""


@dataclass(frozen=True, slots=True)
class Release:
    """``version`` like ``0.9.0+g2d3aa88``; ``built`` is the time of the commit, in seconds since 1970."""

    version: str
    commit: str
    built: int

    def told(self, architecture: str, libraries: str) -> str:
        """``release.json``; ``libraries`` are the digits that stand for all of them."""
        rows = {
            "version": self.version,
            "commit": self.commit,
            "architecture": architecture,
            "python": PYTHON,
            "libraries": libraries,
            "schema": _schema(),
            "vendor_key": VENDOR_KEY.is_file(),
        }
        return json.dumps(rows, indent=1) + "\n"


def of_checkout() -> Release:
    """Raises NoRelease where there is no Git, or no commit."""
    number = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    commit = _git("rev-parse", "HEAD")
    changed = "dirty" if _git("status", "--porcelain") else ""
    built = int(_git("show", "--no-patch", "--format=%ct", "HEAD"))
    return Release(f"{number}+g{commit[:7]}{changed}", commit, built)


def _git(*words: str) -> str:
    command = ["git", "-c", f"safe.directory={ROOT}", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoRelease(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def _schema() -> int:
    """Of the station's database. Read, not imported: what lays the tree out needs none of the program's libraries."""
    text = (ROOT / "kiosk/store/database/schema.py").read_text(encoding="utf-8")
    found = re.search(r"^SCHEMA_VERSION: Final = (\d+)$", text, re.MULTILINE)
    if found is None:
        raise NoRelease("the database's schema has no number")
    return int(found[1])
