"""``kiosk scale send``: one command to one scale, sent once, believed only when its effect is seen."""

from __future__ import annotations

import json
import signal
import sys
import threading
from typing import Final

import click

from kiosk.app.shared.adapters import open_scale
from kiosk.cli.scale.options import PortOptions, port_options
from kiosk.devices.ports import CommandOutcome, CommandResult, LinkState
from kiosk.devices.scale.command import COMMANDS
from kiosk.devices.scale.live import LiveScale
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.simulators.scale.packets import SimulatedHx711

_OPEN_S: Final = 5.0  # A device server answers within 1.5 s or is given up; then the scale is told missing
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
    listener = _Listener()
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


def _send_command(live: LiveScale, listener: _Listener, command: str) -> CommandResult:
    live.start()
    try:
        listener.linked.wait(_OPEN_S)
        if listener.state is not LinkState.CONNECTED:
            click.echo(listener.detail or "The scale's port does not open: check its address.", err=True)
            return CommandResult(CommandOutcome.REFUSED, "not_connected")
        listener.read.wait(_READING_S)
        return live.send(command)
    finally:
        live.stop()


class _Listener:
    """Hears in the scale's thread; ``linked`` and ``read`` are set by the first word on the port and the first weight.

    Only the first word on the port counts: a port that another program holds is refused, not waited for.
    """

    def __init__(self) -> None:
        self.linked, self.read = threading.Event(), threading.Event()
        self.state: LinkState | None = None
        self.detail = ""

    def on_reading(self, reading: Reading, at: float) -> None:
        self.read.set()

    def on_expired(self, at: float) -> None:
        return

    def on_link(self, state: LinkState, detail: str, at: float) -> None:
        if not self.linked.is_set():
            self.state, self.detail = state, detail
            self.linked.set()
