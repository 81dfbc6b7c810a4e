"""``python -m tests.mutation [NAME ...]``: change engines and metrology a little, see whether a test notices.

Works in a copy below ``build/mutation`` with mutmut. The figures and the survivors with their reasons are in
docs/conformance.md. ``NAME`` is a pattern of mutants, as mutmut names them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / "build" / "mutation"
MUTATED = (
    "kiosk/protocols/scales/shared/engines.py",
    "kiosk/protocols/scales/shared/text_format.py",
    "kiosk/protocols/scales/shared/numbers.py",
    "kiosk/protocols/scales/shared/params.py",
    "kiosk/protocols/scales/formats/xk3190/equals.py",
    "kiosk/domain/metrology/*.py",
)
"""Functions of these modules; the tables of profiles are data and stay as they are."""
ROWS = ("xk3190_equals.x__about__", "xk3190_equals.x__row__", "xk3190_equals.x__encode", "xk3190_equals.x__text__")
"""Functions of a mutated module that make its rows and frames: data and simulation, not decoding."""
TESTS = (
    "tests/protocols/scales/test_golden.py",
    "tests/protocols/scales/shared/test_engines.py",
    "tests/protocols/scales/test_engines_*.py",
    "tests/protocols/scales/test_measured.py",
    "tests/protocols/scales/formats/xk3190/test_equals.py",
    "tests/protocols/scales/test_registry.py",
    "tests/domain/metrology",
)
"""Tests that give the same verdict every time: no fuzzing, no clock; what hypothesis tries comes from one seed."""
ROOMS = {"engines": "kiosk.protocols.scales.", "metrology": "kiosk.domain.metrology."}
"""Each has to reach ``ENOUGH`` by itself: a room that is well tested does not stand in for one that is not."""
ENOUGH = 0.9
KILLED = frozenset({"killed", "timeout", "caught by type check"})
NEEDED = (
    *("kiosk", "tests/protocols/scales", "tests/domain", "tests/golden/scales"),
    *(path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob("tests/*.py"))),
    *("tests/house/failures_record.py", "tests/web/browsing.py"),
)


def chosen() -> list[str]:
    """The tests that are there, as paths below the root."""
    return [str(path.relative_to(ROOT)) for pattern in TESTS for path in sorted(ROOT.glob(pattern))]


def prepare() -> None:
    """A fresh copy, with what earlier runs found when nothing has changed in it since (mutmut decides)."""
    for name in ("kiosk", "tests"):
        shutil.rmtree(COPY / name, ignore_errors=True)
    skip = shutil.ignore_patterns("__pycache__")
    for name in NEEDED:
        source, place = ROOT / name, COPY / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, ignore=skip, dirs_exist_ok=True)
        else:
            shutil.copy2(source, place)
    settings = {
        "source_paths": ["kiosk"],
        "only_mutate": list(MUTATED),
        "pytest_add_cli_args": ["--hypothesis-seed=0"],
        "pytest_add_cli_args_test_selection": chosen(),
        "process_isolation": "fork",
    }
    table = "".join(f"{name} = {value!r}\n" for name, value in settings.items())
    text = (ROOT / "pyproject.toml").read_text("utf-8") + f"\n[tool.mutmut]\n{table}"
    (COPY / "pyproject.toml").write_text(text, "utf-8")


def verdicts(told: str) -> dict[str, str]:
    """Mutant → verdict, from the list mutmut prints."""
    rows = (line.strip().rpartition(": ") for line in told.splitlines())
    mutants = {name: verdict for name, colon, verdict in rows if colon and "__mutmut_" in name}
    return {name: verdict for name, verdict in mutants.items() if not any(row in name for row in ROWS)}


def report(found: dict[str, str]) -> str:
    """How many were killed, in all and for each module, and every one that was not."""
    total, dead = Counter[str](), Counter[str]()
    for name, verdict in found.items():
        module = name.rpartition(".")[0]
        total[module] += 1
        dead[module] += verdict in KILLED
    lines = [f"{module}: {dead[module]} of {total[module]} killed" for module in sorted(total)]
    left = sorted(f"{verdict}: {name}" for name, verdict in found.items() if verdict not in KILLED)
    parts = [*((room, share(found, start)) for room, start in ROOMS.items()), ("in all", share(found))]
    lines += [f"{part} {dead} of {total} killed, {100 * dead / max(1, total):.1f} %" for part, (dead, total) in parts]
    return "\n".join([*left, "", *lines])


def share(found: dict[str, str], start: str = "") -> tuple[int, int]:
    """How many of the mutants whose name starts so were killed, and how many there are."""
    verdicts_here = [verdict in KILLED for name, verdict in found.items() if name.startswith(start)]
    return sum(verdicts_here), len(verdicts_here)


def too_weak(found: dict[str, str]) -> list[str]:
    """The rooms of which too few were killed; one without mutants is one of them."""
    shares = {room: share(found, start) for room, start in ROOMS.items()}
    return [room for room, (dead, total) in shares.items() if not total or dead < ENOUGH * total]


def mutmut(*words: str) -> subprocess.CompletedProcess[str]:
    """Run mutmut in the copy; ``results`` is captured, a run shows itself."""
    # The copy comes first, so that it is what the tests import and not what is installed.
    path = os.pathsep.join(filter(None, (".", os.environ.get("PYTHONPATH"))))
    return subprocess.run(
        [sys.executable, "-m", "mutmut", *words],
        cwd=COPY,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE if words[0] == "results" else None,
        text=True,
        check=False,
    )


def main(names: list[str]) -> int:
    """1 when less than nine of ten are killed in one of the rooms."""
    prepare()
    code = mutmut("run", *names).returncode
    found = verdicts(mutmut("results", "--all", "true").stdout)
    print(report(found))
    for room in too_weak(found):
        print(f"too few are killed in {room}: less than {ENOUGH:.0%}")
    return code or int(bool(too_weak(found)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
