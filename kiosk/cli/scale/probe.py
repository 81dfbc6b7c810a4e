"""``kiosk scale probe``: listens to one port and proposes what the scale there may be speaking."""

from __future__ import annotations

import json
import signal
import sys
from types import FrameType

import click

from kiosk.app.shared.adapters import make_port_probe
from kiosk.devices.ports import ProbeCancelled, ProbeFailed, ProbeProgress
from kiosk.protocols.scales.probe.proposals import Proposal


@click.command("probe")
@click.option("--port", required=True, metavar="PORT", help="the only port that is opened")
@click.option("--ask", is_flag=True, help="when nothing speaks by itself: send each format's question for the weight")
def probe(port: str, ask: bool) -> None:
    """Listen, try line settings, and propose formats, best first, one JSON object a line. Changes no setting.

    Without --ask nothing is ever sent. No proposal means: nothing there sounds like a scale.
    """
    progress = ProgressLine()
    try:
        looking = make_port_probe(port, ask, progress.show)
    except ValueError as error:
        raise click.UsageError(str(error)) from error

    def end(_: int, __: FrameType | None) -> None:
        looking.cancel()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        found = looking.run()
    except ProbeCancelled:
        return
    except ProbeFailed as error:
        raise click.UsageError(str(error)) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for one in found:
        click.echo(json.dumps(proposal_json(one), ensure_ascii=False))
    if not found:
        click.echo(_no_proposal_text(progress.received_bytes, ask), err=True)


def proposal_json(one: Proposal) -> dict[str, object]:
    line = one.candidate.line
    return {
        "protocol": one.candidate.protocol,
        "baud": line.baud,
        "bytesize": line.bytesize,
        "parity": line.parity,
        "stopbits": line.stopbits,
        "params": dict(one.candidate.params),
        "confidence": one.confidence,
        "reads": one.reads,
        "evidence": one.evidence,
    }


def _no_proposal_text(received_bytes: int, ask: bool) -> str:
    if received_bytes:
        return f"{received_bytes} bytes came, and no format the station speaks explains them: nothing is proposed."
    more = "" if ask else " A scale that waits to be asked is found with --ask."
    return f"Nothing came: switch the scale on, check its cable and its menu.{more}"


class ProgressLine:
    """How far it is, for a person at a terminal; how many bytes were heard."""

    def __init__(self) -> None:
        self.received_bytes = 0
        self._line = ""

    def show(self, progress: ProbeProgress) -> None:
        self.received_bytes = progress.received_bytes
        line = f"{'asking' if progress.asking else 'listening'} at {progress.line}"
        if line != self._line and sys.stderr.isatty():
            self._line = line
            click.echo(f"{progress.done:4.0%} {line}", err=True)
