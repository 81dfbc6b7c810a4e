"""The house rules are tests: import directions, sizes, types, lint, format."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        [str(BIN / "lint-imports"), "--no-logo"],
        [sys.executable, "scripts/sizes.py"],
        [str(BIN / "ruff"), "check", "."],
        [str(BIN / "ruff"), "format", "--check", "."],
        [str(BIN / "mypy")],
    ],
    ids=["import directions", "sizes", "lint", "format", "types"],
)
def test_house_rule(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_code_is_shared_with_the_outside() -> None:
    """No address of a machine, no absolute path of a developer's home, no package host in anything that is kept."""
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    bad = []
    for name in filter(None, kept):
        path = ROOT / name
        if path.suffix in {".png", ".db", ".jpg"} or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        hosts = ("pypi" + ".org", "registry." + "npmjs", "files.python" + "hosted", "/ro" + "ot/", "/wo" + "rk/")
        bad += [f"{name}: {host}" for host in hosts if host in text]
    assert not bad
