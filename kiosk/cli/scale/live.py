"""``kiosk scale watch``, ``send`` and ``probe``: readings of a port, one command to it, and what a scale may speak."""

from __future__ import annotations

import json
import queue
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import click

from kiosk.app.shared.adapters import FirstReading, make_port_probe, open_scale
from kiosk.cli.scale.options import PortOptions, ended_by_signal, port_options, print_json, reading_json
from kiosk.cli.shared.one_line import on_signal
from kiosk.devices.ports import CommandOutcome, CommandResult, LinkState, ProbeCancelled, ProbeFailed, ProbeProgress
from kiosk.devices.scale.command import COMMANDS
from kiosk.devices.scale.live import LiveScale
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.probe.proposals import Proposal
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.simulators.scale.packets import SimulatedHx711


@click.command("watch")
@port_options
@click.option("--count", type=click.IntRange(min=1), help="end after so many readings")
def watch(at: PortOptions, count: int | None) -> None:
    """Print live readings, one JSON object a line; what happens to the port goes to standard error."""
    readings = _ReadingQueue()
    try:
        live = open_scale(at.indicator(), at.line(), readings, SimulatedHx711)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    with ended_by_signal():
        live.start()
        try:
            readings.print(count)
        finally:
            live.stop()


@dataclass
class _ReadingQueue:
    """Takes readings in the scale's thread and prints them in the command's own, where a closed pipe is noticed."""

    _waiting: queue.Queue[Reading | str] = field(default_factory=lambda: queue.Queue(maxsize=1000))

    def on_reading(self, reading: Reading, at: float) -> None:
        self._put(reading)

    def on_expired(self, at: float) -> None:
        self._put("The last reading is too old.")

    def on_link(self, state: LinkState, detail: str, at: float) -> None:
        self._put(f"{state}: {detail}")

    def _put(self, item: Reading | str) -> None:
        try:
            self._waiting.put_nowait(item)
        except queue.Full:
            with suppress(queue.Empty):
                self._waiting.get_nowait()
            self._waiting.put_nowait(item)

    def print(self, count: int | None) -> None:
        printed = 0
        while count is None or printed < count:
            item = self._waiting.get()
            if isinstance(item, str):
                click.echo(item, err=True)
                continue
            print_json(reading_json(item))
            printed += 1


_OPEN_S: Final = 5.0  # A device server answers within 1.5 s or is given up; then the scale counts as missing
# An effect is judged from what was there before; a scale that says nothing by then is sent the command without it.
_READING_S: Final = 2.0


@click.command("send")
@port_options
@click.option("--command", required=True, type=click.Choice(COMMANDS))
def send(at: PortOptions, command: str) -> None:
    """Send zero, tare or clear_tare once and print how it ended, as one JSON object. Exit code 0 for done, else 1.

    The port must be free: while the station runs, its technician's page has these keys.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it starts in the background
    listener = FirstReading()
    try:
        live = open_scale(at.indicator(), at.line(), listener, SimulatedHx711)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    result = CommandResult(CommandOutcome.NOT_SUPPORTED)
    if command in registry.get(at.protocol).commands and registry.encode(at.protocol, command, at.params):
        result = _send_command(live, listener, command)
    click.echo(json.dumps({"outcome": result.outcome, "reason": result.reason or None}))
    if result.outcome is not CommandOutcome.DONE:
        sys.exit(1)


def _send_command(live: LiveScale, listener: FirstReading, command: str) -> CommandResult:
    live.start()
    try:
        listener.linked.wait(_OPEN_S)  # a port that another program holds is refused, not waited for
        if listener.state is not LinkState.CONNECTED:
            click.echo(listener.detail or "The scale's port does not open: check its address.", err=True)
            return CommandResult(CommandOutcome.REFUSED, "not_connected")
        listener.read.wait(_READING_S)
        return live.send(command)
    finally:
        live.stop()


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

    try:
        with on_signal(looking.cancel):
            found = looking.run()
    except ProbeCancelled:
        return
    except ProbeFailed as error:
        raise click.UsageError(str(error)) from error
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
    def __init__(self) -> None:
        self.received_bytes = 0
        self._line = ""

    def show(self, progress: ProbeProgress) -> None:
        self.received_bytes = progress.received_bytes
        line = f"{'asking' if progress.asking else 'listening'} at {progress.line}"
        if line != self._line and sys.stderr.isatty():
            self._line = line
            click.echo(f"{progress.done:4.0%} {line}", err=True)
