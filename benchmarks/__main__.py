"""``make bench``: runs everything, prints a table, writes benchmarks/results.json."""

from __future__ import annotations

import compileall
import json
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import kiosk
from benchmarks import (
    care,
    center_ingest,
    cluster,
    configuration,
    counter,
    county,
    county_document,
    day,
    fleet,
    labels,
    latency,
    million,
    photo,
    scale_port,
    scales,
    scan,
    staff,
)
from benchmarks.measure import Row

RESULTS = Path(__file__).with_name("results.json")
ALL = {
    "latency": latency.run,
    "labels": labels.run,
    "day": day.run,
    "counter": counter.run,
    "scan": scan.run,
    "care": care.run,
    "scales": scales.run,
    "scale_port": scale_port.run,
    "center": center_ingest.run,
    "county": county.run,
    "county_document": county_document.run,
    "fleet": fleet.run,
    "configuration": configuration.run,
    "cluster": cluster.run,
    "million": million.run,
    "staff": staff.run,
    "photo": photo.run,
}
SCRATCH = "/var/tmp"  # a real disk: what is measured are durable commits


def line(row: Row) -> str:
    """One row of a Markdown table."""
    verdict = {True: "kept", False: "**missed**", None: ""}[row.ok]
    base = f"{row.baseline:.2f} ({row.baseline_name})" if row.baseline else ""
    ratio = f"{row.ratio:.1f}×" if row.ratio else ""
    return f"| {row.name} | {row.value:.2f} {row.unit} | {row.bound} | {verdict} | {base} | {ratio} |"


def main() -> int:
    """Every benchmark, or those named on the command line; always 0: figures are read, not asserted."""
    wanted = sys.argv[1:] or list(ALL)
    # As on an installed station, whose files were compiled once: not at each start of each program.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    compileall.compile_dir(kiosk.__path__[0], quiet=1)
    rows: list[Row] = []
    print("| what | measured | limit | | baseline in the same run | ratio |")
    print("|---|---|---|---|---|---|", flush=True)
    for name in wanted:
        folder = Path(tempfile.mkdtemp(prefix=f"kiosk-bench-{name}-", dir=SCRATCH))
        try:
            measured = ALL[name](folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        # At once: a later one that fails loses none.
        print(*map(line, measured), sep="\n", flush=True)
        rows += measured
    about = {"python": platform.python_version(), "machine": platform.machine()}
    RESULTS.write_text(json.dumps({"about": about, "rows": [asdict(row) for row in rows]}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
