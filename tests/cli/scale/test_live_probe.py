"""``kiosk scale probe``: one JSON object a proposal, nothing else on standard output, and no setting changed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.kiosk import main
from kiosk.cli.scale.live import _no_proposal_text
from kiosk.devices.scale.probe import TIMING, ProbeLine, ProbeTiming, ScaleProbe
from kiosk.protocols.scales.probe.proposals import probe_queries
from kiosk.protocols.scales.shared.protocol import ScaleProtocol
from kiosk.simulators.scale.simulator import ScaleSimulator

ASKED = "xk3190_tf1"
PATIENCE_S = 30.0


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["scale", "probe", *words])


@pytest.fixture
def listens_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It listens until it has heard enough: a machine that stands still for some seconds is no silent scale."""
    timing = replace(TIMING, first_s=PATIENCE_S)
    monkeypatch.setattr("kiosk.app.shared.adapters.ScaleProbe", partial(ScaleProbe, timing=timing))


@pytest.fixture
def listens_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing comes by itself: all of the time that is given has to pass."""
    timing = replace(TIMING, first_s=0.3, listen_s=0.3, answer_s=0.05, gap_s=0.05)
    monkeypatch.setattr("kiosk.app.shared.adapters.ScaleProbe", partial(ScaleProbe, timing=timing))


@pytest.fixture
def waits_on(monkeypatch: pytest.MonkeyPatch, listens_briefly: None) -> None:
    """The one question that the scale there answers is given as long as the answer takes."""
    ask, answered = ProbeLine.ask, {row.id: steps for row, steps in probe_queries()}[ASKED]

    def waiting(line: ProbeLine, row: ScaleProtocol, steps: Sequence[bytes], timing: ProbeTiming) -> bytes:
        return ask(
            line, row, steps, replace(timing, answer_s=PATIENCE_S, gap_s=TIMING.gap_s) if steps == answered else timing
        )

    monkeypatch.setattr(ProbeLine, "ask", waiting)


@pytest.mark.usefixtures("listens_on")
def test_proposals_best_first_with_what_each_reads() -> None:
    with ScaleSimulator("ff_bcd", hz=100) as scale:
        scale.write_now(2480)
        result = run("--port", scale.path)
    assert result.exit_code == 0
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["protocol"] for row in rows] == ["ff_bcd", "ff_bcd"]
    assert set(rows[0]) >= {"protocol", "baud", "bytesize", "parity", "confidence", "evidence"}
    assert {json.dumps(row["params"]): row["reads"] for row in rows} == {
        "{}": "2.480",
        '{"variant": "d4_stable"}': "80.2400",
    }
    assert (rows[0]["baud"], rows[0]["bytesize"], rows[0]["parity"]) == (9600, 8, "N")
    assert [row["confidence"] for row in rows] == sorted((row["confidence"] for row in rows), reverse=True)


@pytest.mark.usefixtures("listens_briefly")
def test_a_silent_port_is_no_proposal_and_no_error() -> None:
    with ScaleSimulator("mt_sics") as scale:
        result = run("--port", scale.path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "--ask" in result.stderr


@pytest.mark.usefixtures("waits_on")
def test_a_scale_that_is_asked() -> None:
    with ScaleSimulator(ASKED) as scale:
        result = run("--port", scale.path, "--ask")
    assert [json.loads(line)["protocol"] for line in result.stdout.splitlines()] == [ASKED]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "Missing option '--port'"),
        (("--port", "gpio:5,6"), "must name"),
        (("--port", "/dev/none"), "not plugged in"),
    ],
)
def test_wrong_usage_in_one_line(words: tuple[str, ...], says: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_what_is_said_when_nothing_is_proposed() -> None:
    assert _no_proposal_text(12, ask=False).startswith("12 bytes came")
    assert "--ask" in _no_proposal_text(0, ask=False)
    assert "--ask" not in _no_proposal_text(0, ask=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_gives_the_port_back(number: signal.Signals, tmp_path: Path) -> None:
    """A hung program would keep the port from the station."""
    master, slave = os.openpty()
    try:
        words = [sys.executable, "-m", "tests.cli.scale.probe_told", os.ttyname(slave)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "listening\n"
            child.send_signal(number)
            assert child.wait(30) == 0
    finally:
        os.close(master)
        os.close(slave)
