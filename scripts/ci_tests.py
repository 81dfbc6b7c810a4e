"""Runs all tests, and a few failures once more alone: ``ci_tests.py [--first COMMAND] [--again COMMAND]``.

A test that fails by chance must not refuse good work, nor hide. When at most three tests failed, and the change touched
none of them, they are run once more, alone, one after the other. Green then: the run counts, and the last lines name
each as FLAKY, a fault to mend in the next change. Everything else is red: more failures, a failure of a test that the
change itself wrote or altered, a run that broke off or could not even collect, a second failure.

*The change* is what lies between ``CI_BASE`` and HEAD. Without ``CI_BASE`` it begins after the newest commit that is
four hours older than HEAD; work is landed more often than that. A test is touched when its own text differs, or
anything in its file that is not another test. A file that moved is the same file, and import lines are left out: a move
rewrites them. Where git does not know, everything counts as touched.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RECORD = "KIOSK_TEST_RECORD"
MOST = 3
"""More failures than this are no chance."""
TESTS_FAILED = 1
"""pytest's exit status when tests ran and some failed; any other is another trouble."""
CHANGE_S = 4 * 3600


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one run; ``status`` None when it left no record."""

    status: int | None
    passed: int = 0
    failed: tuple[str, ...] = ()

    @property
    def green(self) -> bool:
        """Everything ran and passed."""
        return self.status == 0 and not self.failed

    @property
    def only_failures(self) -> bool:
        """It ran to its end, and nothing but tests failed."""
        return self.status == TESTS_FAILED and bool(self.failed)


def run(command: Sequence[str]) -> Run:
    """Run the tests; what they print is printed."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record.json"
        status = subprocess.run(command, env={**os.environ, RECORD: str(record)}, check=False).returncode
        if not record.exists():
            return Run(None)
        found = json.loads(record.read_text(encoding="utf-8"))
    # A command that fails although its tests passed is no green run.
    return Run(int(found["exit"]) or status, int(found["passed"]), tuple(found["failed"]))


def why_red(first: Run, touched: Sequence[str]) -> str:
    """Why the failures of a run are not tried again; "" when they are."""
    if first.status is None:
        return "the run of the tests broke off"
    if not first.only_failures:
        return f"pytest ended with status {first.status}"
    if len(first.failed) > MOST:
        return f"{len(first.failed)} tests failed: more than {MOST} are no chance"
    if touched:
        return "the change itself touched " + ", ".join(touched)
    return ""


def base() -> str | None:
    """The commit before the change, None when git does not know."""
    named = os.environ.get("CI_BASE")
    if named:
        return _git("rev-parse", "--verify", "--quiet", f"{named}^{{commit}}")
    made = _git("log", "-1", "--format=%ct", "HEAD")
    if made is None:
        return None
    return _git("rev-list", "-1", f"--before={int(made) - CHANGE_S}", "HEAD") or None


def touched(node: str, since: str | None) -> bool:
    """Whether the change touched this test: ``path::name[...]`` or ``path::Class::name``."""
    path, _, inside = node.partition("::")
    if since is None or not Path(path).is_file():
        return True
    before = _git("show", f"{since}:{place_before(path, since)}")
    if before is None:
        return True
    name = inside.split("[", 1)[0].split("::", 1)[0]
    return essence(before, name) != essence(Path(path).read_text(encoding="utf-8"), name)


def place_before(path: str, since: str) -> str:
    """Where the file lay before the change, as git finds by its text; ``path`` when it did not move."""
    moved = _git("diff", "-M", "-l0", "--diff-filter=R", "--name-status", "-z", since, "HEAD") or ""
    words = moved.split("\0")
    return next((old for old, new in zip(words[1::3], words[2::3], strict=False) if new == path), path)


def essence(source: str, test: str) -> str:
    """A file of tests without its other tests and without its imports: what decides about this one."""
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if not _other_test(node, test)]
    return ast.dump(_WithoutImports().visit(tree))


class _WithoutImports(ast.NodeTransformer):
    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None


def _other_test(node: ast.stmt, test: str) -> bool:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    return node.name != test and node.name.startswith(("test", "Test"))


def _git(*words: str) -> str | None:
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 and words[0] == "show" else _line(done)


def _line(done: subprocess.CompletedProcess[str]) -> str | None:
    return done.stdout.strip() if done.returncode == 0 else None


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when the tests count as green."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", default="make tests", help="the command that runs all tests")
    parser.add_argument("--again", default=".venv/bin/pytest -v", help="the command that runs the tests named after it")
    options = parser.parse_args(arguments)
    first = run(shlex.split(options.first))
    if first.green:
        return 0
    since = base()
    red = why_red(first, [node for node in first.failed if first.only_failures and touched(node, since)])
    if red:
        print(f"\nRED: {red}.", flush=True)
        return 1
    print(f"\nRunning once more, alone: {', '.join(first.failed)}", flush=True)
    again = [(node, run([*shlex.split(options.again), node])) for node in first.failed]
    print(f"\nFirst run: {first.passed} passed, {len(first.failed)} failed. Once more, alone:")
    for node, second in again:
        print(f"{'FLAKY' if second.green else 'RED'} {node}")
    print("Mend every one named above in the next change.", flush=True)
    if not all(second.green for _, second in again):
        return 1
    print(f"{first.passed + len(again)} passed, 0 failed", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
