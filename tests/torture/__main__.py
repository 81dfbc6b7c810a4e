"""``python -m tests.torture [--seed N] [--runs M] [--steps K] [--only 3,7,9]``: seeded runs, one after the other."""

from __future__ import annotations

import argparse
import sys
import time

from tests.torture.runner import STEPS, Failure, Runner
from tests.torture.world import steps_of


def main() -> int:
    """1 when a run failed; each failure is printed with the shortest list of steps that was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--runs", type=int, default=1, help="how many seeds, counted up from the first")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of a run")
    parser.add_argument("--only", default="", help="only these steps of the seed, by their places")
    chosen = parser.parse_args()
    runner = Runner()
    failures = 0
    try:
        for seed in range(chosen.seed, chosen.seed + chosen.runs):
            failure = _only(runner, seed, chosen) if chosen.only else runner.run(seed, chosen.steps)
            if failure is not None:
                failures += 1
                print(failure, flush=True)
    finally:
        runner.close()
    print(f"{chosen.runs} runs from seed {chosen.seed}: {failures} failed, {time.process_time():.1f} s of processor")
    return 1 if failures else 0


def _only(runner: Runner, seed: int, chosen: argparse.Namespace) -> Failure | None:
    every = steps_of(seed, chosen.steps)
    steps = tuple((int(place), every[int(place)]) for place in chosen.only.split(","))
    broken = runner.broken_by([step for _, step in steps])
    return Failure(seed, steps, broken) if broken else None


if __name__ == "__main__":
    sys.exit(main())
