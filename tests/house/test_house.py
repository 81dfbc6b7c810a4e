"""What is kept in the repository speaks of the project alone."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


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


def test_no_pattern_of_a_message_takes_a_line_end() -> None:
    """msgspec searches with Python's rules, by which a ``$`` alone also matches before a last line end."""
    rule = re.compile(r'Meta\([^()]*?pattern=\s*r?f?"((?:[^"\\]|\\.)*)"')
    found = {path: rule.findall(path.read_text(encoding="utf-8")) for path in ROOT.glob("kiosk/**/*.py")}
    patterns = [(path.name, pattern) for path, several in found.items() for pattern in several]
    assert len(patterns) > 20
    assert not [one for one in patterns if not one[1].endswith((r"\Z", r"(?!\n)$"))]
