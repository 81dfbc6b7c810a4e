"""Every engine is fuzzed for a moment by the plain driver; by atheris, a program for each, one engine.

``make torture`` lets both drivers work on each of them; ``make fuzz`` works for longer, with atheris where it has a
wheel and with the plain driver elsewhere.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.depth import TORTURE
from tests.fuzz import plain, targets
from tests.fuzz.__main__ import ROOT, TARGETS, has_atheris, main

_ENGINES = sorted(targets.engines())
_BY_ATHERIS = [*_ENGINES, *TARGETS] if TORTURE else ["LineEngine"]
INPUTS = 2000
SECONDS = 600
"""So long as the slowest machine needs: the number of inputs is the end of it, and they are the same every time."""


def test_atheris_is_there_where_it_has_a_wheel() -> None:
    wheel = platform.system() == "Linux" and platform.machine() == "x86_64" and sys.version_info < (3, 15)
    assert has_atheris() == wheel


@pytest.mark.parametrize("engine", _ENGINES)
def test_the_plain_driver_finds_nothing(engine: str) -> None:
    tried, kept = plain.fuzz(targets.target(engine), targets.seeds(engine), SECONDS, most=INPUTS)
    assert tried == INPUTS
    assert kept >= len(list(targets.seeds(engine)))


@pytest.mark.parametrize("name", TARGETS)
def test_the_plain_driver_finds_nothing_in_messages_and_codes(name: str) -> None:
    tried, kept = plain.fuzz(TARGETS[name].target, TARGETS[name].seeds(), SECONDS, most=INPUTS)
    assert tried == INPUTS
    assert kept >= len(list(TARGETS[name].seeds()))


@pytest.mark.parametrize("engine", _BY_ATHERIS if has_atheris() else ())
def test_atheris_finds_nothing(engine: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    limits = ["--seconds", str(SECONDS), "--runs", "3000", "--seed", "1"]
    assert main(["--engine", engine, *limits, "--folder", str(tmp_path)]) == 0
    assert "nothing broken" in capfd.readouterr().out
    assert not list(tmp_path.glob(f"{engine}-*")), "an input that broke a property"


def test_the_plain_driver_finds_a_broken_property_and_names_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "check", _broken)
    with pytest.raises(AssertionError, match="a plus") as caught:
        plain.fuzz(targets.target("LineEngine"), targets.seeds("LineEngine"), SECONDS)
    (note,) = caught.value.__notes__
    assert b"++" in bytes.fromhex(note.removeprefix("the input: "))


def _broken(_: str, __: dict[str, str], stream: bytes, ___: tuple[int, int]) -> None:
    assert b"++" not in stream, "a plus too many"


@pytest.mark.parametrize("engine", ["LineEngine"] if has_atheris() else ())
def test_atheris_finds_a_broken_property(engine: str, tmp_path: Path) -> None:
    program = (
        "import sys; from tests.fuzz import atheris_run, targets, test_fuzz;"
        "targets.check = test_fuzz._broken; atheris_run.main()"
    )
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "seed").write_bytes(b"\0\0\0\0ST,GS,+ 1.000kg\r\n")
    limits = [
        str(tmp_path / "corpus"),
        f"-max_total_time={SECONDS}",
        "-seed=1",
        "-max_len=60",
        f"-artifact_prefix={tmp_path}/",
    ]
    done = subprocess.run(
        [sys.executable, "-c", program, engine, *limits], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    (found,) = tmp_path.glob("crash-*")
    assert b"++" in found.read_bytes()


def test_new_lines_are_noticed() -> None:
    """Line events came with Python 3.12; before it the driver keeps its first inputs."""
    with plain.Lines() as lines:
        targets.target(_ENGINES[0])(next(targets.seeds(_ENGINES[0])))
        first = lines.new
        targets.target(_ENGINES[0])(next(targets.seeds(_ENGINES[0])))
    assert (first > 5) == (sys.version_info >= (3, 12))
    assert lines.new - first < max(first, 1)


def test_seeds_choose_the_format_they_are_of() -> None:
    for engine, protocols in targets.engines().items():
        for seed in targets.seeds(engine):
            assert seed[0] < len(protocols)
            assert seed[1] < len(targets.parameter_sets(protocols[seed[0]]))


def test_a_short_input_is_nothing() -> None:
    for each in TARGETS.values():
        each.target(b"\0\0\0")
    targets.target(_ENGINES[0])(b"\0\0\0")
