"""``python -m tests.fuzz [--engine NAME] [--seconds N]``: fuzz one engine, or all of them one after the other.

``Messages`` is the reading of what stations send to the sorting center, ``Codes`` that of scans and GS1 data; the
others decode scales.

With atheris where it can be imported (coverage-guided, libFuzzer), else with the driver in ``plain.py``. What was
found stays below ``build/fuzz``: a corpus that the next run begins with, and the input that broke a property.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

from tests.fuzz import codes, messages, plain, targets

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "fuzz"
TARGETS = {messages.NAME: messages, codes.NAME: codes}
"""Beside the engines of the scales, each a module."""


def engines() -> dict[str, tuple[str, ...]]:
    """Everything that is fuzzed, and what it reads."""
    return {**targets.engines(), **{name: each.KINDS for name, each in TARGETS.items()}}


def has_atheris() -> bool:
    """Whether this machine has a coverage-guided fuzzer for Python."""
    return importlib.util.find_spec("atheris") is not None


def write_seeds(engine: str, corpus: Path) -> None:
    """The golden frames or messages as files, where libFuzzer looks for its first inputs."""
    corpus.mkdir(parents=True, exist_ok=True)
    for at, seed in enumerate(TARGETS[engine].seeds() if engine in TARGETS else targets.seeds(engine)):
        (corpus / f"golden-{at:03}").write_bytes(seed)


def with_atheris(engine: str, seconds: int, folder: Path, runs: int, seed: int) -> int:
    """Fuzz in a process of its own, which libFuzzer ends; its exit code, 0 when nothing was found."""
    corpus = folder / engine
    write_seeds(engine, corpus)
    command = [sys.executable, "-m", "tests.fuzz.atheris_run", engine, str(corpus)]
    limits = [
        f"-max_total_time={seconds}",
        f"-runs={runs}",
        f"-seed={seed}",
        f"-max_len={2000 if engine == messages.NAME else 600}",
        "-timeout=20",
        "-verbosity=0",
    ]
    return subprocess.run(
        [*command, *limits, f"-artifact_prefix={folder}/{engine}-", "-print_final_stats=1"], cwd=ROOT, check=False
    ).returncode


def without_atheris(engine: str, seconds: float) -> int:
    """The same target with the plain driver."""
    if engine in TARGETS:
        tried, kept = plain.fuzz(TARGETS[engine].target, TARGETS[engine].seeds(), seconds)
    else:
        tried, kept = plain.fuzz(targets.target(engine), targets.seeds(engine), seconds)
    print(f"{engine}: {tried} inputs, {kept} kept")
    return 0


def main(arguments: list[str]) -> int:
    """0 when no property was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--engine", choices=engines(), action="append")
    parser.add_argument("--seconds", type=int, default=60, help="for each engine")
    parser.add_argument("--runs", type=int, default=-1, help="inputs at most for each engine; -1: no limit")
    parser.add_argument("--seed", type=int, default=0, help="atheris tries the same every time; 0: never the same")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--plain", action="store_true", help="the standard library's driver, even with atheris")
    given = parser.parse_args(arguments)
    broken = []
    for engine in given.engine or engines():
        use_atheris = has_atheris() and not given.plain
        print(f"== {engine}: {', '.join(engines()[engine])}", flush=True)
        if use_atheris:
            code = with_atheris(engine, given.seconds, given.folder.resolve(), given.runs, given.seed)
        else:
            code = without_atheris(engine, given.seconds)
        broken += [engine] * (code != 0)
    print(f"broken: {', '.join(broken)}" if broken else "nothing broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
