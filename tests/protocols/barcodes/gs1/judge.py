"""bwip-js, another program that knows the rules of GS1: its verdicts and its symbols, for many rows at once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

PROGRAM = Path(__file__).with_name("judge.js")
LIBRARY = Path(__file__).resolve().parents[4] / ".venv/gs1-judge/bwip-js-node.js"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``error`` is None for what it would print; ``rows`` are the modules, one row for bars."""

    error: str | None
    rows: tuple[str, ...]


def verdicts(asked: Iterable[tuple[str, str, Mapping[str, object]]]) -> list[Verdict]:
    """One process for all of (symbology, text, options)."""
    lines = "".join(json.dumps(row) + "\n" for row in asked)
    done = subprocess.run(["node", PROGRAM, LIBRARY], input=lines, capture_output=True, text=True, check=True)
    return [_verdict(*json.loads(line)) for line in done.stdout.splitlines()]


def _verdict(error: str | None, columns: int, modules: str) -> Verdict:
    width = columns or len(modules) or 1
    return Verdict(error, tuple(modules[at : at + width] for at in range(0, len(modules), width)))
