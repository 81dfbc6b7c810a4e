"""The torture of the way from a station to the feed: seeded runs in one process, and runs with the real programs.

``python -m tests.torture --runs 1000`` tries a thousand seeds; ``--sqlite 50 --postgresql 50 --rabbitmq 5 --cluster 2``
runs the real programs so often on each. Each kind ends with a line of figures.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path
from random import Random
from typing import Final

from kiosk.store.database.migrate import migrate
from tests.torture.real.run import RealRun
from tests.torture.real.stands import STANDS, Stand
from tests.torture.real.tally import Tally
from tests.torture.runner import STEPS, Failure, Runner, quiet
from tests.torture.world import steps_of

_TOLD_EVERY: Final = 100
"""Runs in one process, between two lines that say how far it is."""
_ACTS: Final = 40
"""Of a station at most, between two kills."""


def main() -> int:
    """1 when a run failed; each failure is printed with the shortest list of steps that was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--runs", type=int, help="how many seeds in one process, counted up from the first")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of such a run")
    parser.add_argument("--only", default="", help="only these steps of the seed, by their places")
    for name in STANDS:
        parser.add_argument(f"--{name}", type=int, default=0, metavar="N", help=f"so many real runs on {name}")
    parser.add_argument("--kills", type=int, default=10, help="kills of a real run")
    chosen = parser.parse_args()
    wanted = {name: getattr(chosen, name) for name in STANDS}
    runs = chosen.runs if chosen.runs is not None else int(not any(wanted.values()))
    failures = _simulated(runs, chosen) if runs else 0
    for name, count in wanted.items():
        if count:
            failures += _real(name, count, chosen.seed, chosen.kills)
    return 1 if failures else 0


def _simulated(runs: int, chosen: argparse.Namespace) -> int:
    runner = Runner()
    failures = 0
    try:
        for number, seed in enumerate(range(chosen.seed, chosen.seed + runs), 1):
            failure = _only(runner, seed, chosen) if chosen.only else runner.run(seed, chosen.steps)
            if failure is not None:
                failures += 1
                print(failure, flush=True)
            if number % _TOLD_EVERY == 0 or number == runs:
                print(
                    f"{number} runs in one process from seed {chosen.seed}: {failures} failed, "
                    f"{time.process_time():.1f} s of processor, {_memory_mib():.0f} MiB",
                    flush=True,
                )
    finally:
        runner.close()
    return failures


def _only(runner: Runner, seed: int, chosen: argparse.Namespace) -> Failure | None:
    every = steps_of(seed, chosen.steps)
    steps = tuple((int(place), every[int(place)]) for place in chosen.only.split(","))
    broken = runner.broken_by([step for _, step in steps])
    return Failure(seed, steps, broken) if broken else None


def _memory_mib() -> float:
    """What this process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _real(name: str, count: int, first_seed: int, kills: int) -> int:
    """One after the other on the same servers; the folder of a run that failed is kept."""
    tally = Tally()
    folder = Path(tempfile.mkdtemp(prefix=f"torture-{name}-"))
    template = folder / "template.sqlite"
    migrate(template)
    with STANDS[name](count) as stand:
        for seed in range(first_seed, first_seed + count):
            one = folder / f"run-{seed}"
            one.mkdir()
            tally.add(_real_run(stand, one, template, seed, kills))
            print(f"{name}, seed {seed}: {tally}", flush=True)
    if not tally.failed:
        shutil.rmtree(folder)
    return tally.failed


def _real_run(stand: Stand, folder: Path, template: Path, seed: int, kills: int) -> Tally:
    random = Random(seed)
    try:
        with quiet(), stand(folder, random) as servers:
            run = RealRun(folder, template, servers, random)
            done = run.run(run.draw(kills), _ACTS)
    except Exception:
        print(f"seed {seed} failed, its logs are in {folder}:\n{traceback.format_exc()}", flush=True)
        return Tally(runs=1, failed=1)
    shutil.rmtree(folder)
    return done


if __name__ == "__main__":
    sys.exit(main())
