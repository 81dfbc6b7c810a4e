"""Figures: percentiles, what a process has used, rows of the table."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One line of the table; all figures in the same unit, None when there is none.

    ``limit`` is what the value may be at most, ``least`` what it has to be at least; a row has one of them or neither.
    """

    name: str
    value: float
    unit: str
    limit: float | None = None
    baseline: float | None = None
    baseline_name: str = ""
    least: float | None = None

    @property
    def bound(self) -> str:
        """The limit for people: ``≤ 5``, ``≥ 20000`` or nothing."""
        if self.least is not None:
            return f"≥ {self.least:.10g}"
        return "" if self.limit is None else f"≤ {self.limit:g}"

    @property
    def ok(self) -> bool | None:
        """Whether the limit is kept."""
        if self.least is not None:
            return self.value >= self.least
        return None if self.limit is None else self.value <= self.limit

    @property
    def ratio(self) -> float | None:
        """Value over baseline."""
        return self.value / self.baseline if self.baseline else None


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of all lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def pss_mb(pid: int) -> float:
    """Proportional set size in megabytes (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("no Pss line")


def write_bytes(pid: int) -> int:
    """Bytes this process has caused to be written to the disk."""
    for line in Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    raise RuntimeError("no write_bytes line")


def cpu_seconds(pid: int) -> float:
    """User and system time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_share(pid: int, seconds: float) -> float:
    """Percent of one core used over the next ``seconds``."""
    before, start = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return 100 * (cpu_seconds(pid) - before) / (time.monotonic() - start)
