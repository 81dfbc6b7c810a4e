"""``kiosk verify`` and the checker of docs/feed/example: what both find of the published vectors, and of hostile files."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kiosk.cli.kiosk import main
from kiosk.messaging.contract.public_keys import PublicKeys
from tests.messaging.contract import paper_vectors
from tests.messaging.contract.paper_vectors import FOLDER, SLIP, proof_of

NODE = Path(__file__).resolve().parents[2] / "docs/feed/example/check.mjs"
KEYS = FOLDER / "keys.json"
Answers = list[dict[str, Any]]


def by_kiosk(files: Sequence[Path | str], keys: Path | None = KEYS, given: bytes = b"") -> Answers:
    words = ["verify", *map(str, files), *(["--keys", str(keys)] if keys else [])]
    done = CliRunner().invoke(main, words, input=given)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert done.stderr == ""
    assert done.exit_code == (0 if all(one["verdict"] == "valid" for one in answers) else 1)
    return answers


def by_node(files: Sequence[Path | str], keys: Path = KEYS) -> Answers:
    done = subprocess.run(["node", NODE, keys, *files], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == (0 if all(one["verdict"] == "valid" for one in answers) else 1)
    return answers


CHECKERS: list[Callable[[Sequence[Path | str]], Answers]] = [by_kiosk, by_node]


def faults(answer: dict[str, Any]) -> list[str]:
    return sorted(f"{row['name']} {row.get('event', '')}".strip() for row in answer["checks"] if not row["ok"])


def verdicts(answers: Answers) -> list[str]:
    return [answer["verdict"] for answer in answers]


def test_the_published_vectors_are_what_the_generator_makes() -> None:
    made = paper_vectors.files()
    assert {path.name: path.read_bytes() for path in FOLDER.iterdir()} == made, (
        "python -m tests.messaging.contract.paper_vectors"
    )
    assert sum(map(len, made.values())) < 64_000


@pytest.mark.parametrize("name", ["slips", "proofs", "events"])
def test_both_checkers_find_what_the_vectors_say(name: str, tmp_path: Path, subtests: pytest.Subtests) -> None:
    content = json.loads((FOLDER / f"{name}.json").read_bytes())
    rows = content if isinstance(content, list) else content["rows"]
    files = [tmp_path / f"{number}" for number in range(len(rows))]
    for file, row in zip(files, rows, strict=True):
        lines = "".join(f"{content['lines'][line]}\n" for line in row["lines"]) if "lines" in row else row["text"]
        file.write_text(lines, encoding="utf-8", newline="")
    kinds = {"slips": "slip", "proofs": "proof", "events": "export"}
    for row, ours, other in zip(rows, by_kiosk(files), by_node(files), strict=True):
        with subtests.test(row["name"]):
            assert (ours["verdict"], faults(ours)) == (row["verdict"], sorted(row["failed"]))
            assert (other["verdict"], faults(other)) == (row["verdict"], sorted(row["failed"]))
            assert ours["kind"] == other["kind"]
            assert ours["kind"] in (kinds[name], None)
            assert {one["name"] for one in ours["checks"]} == {one["name"] for one in other["checks"]}
