"""``kiosk scale watch``: live readings of one port."""

from __future__ import annotations

import queue
from contextlib import suppress
from dataclasses import dataclass, field

import click

from kiosk.app.shared.adapters import open_scale
from kiosk.cli.scale.options import PortOptions, port_options
from kiosk.cli.scale.output import ended_by_signal, print_json, reading_json
from kiosk.devices.ports import LinkState
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
        """Print until ``count`` readings are out, for ever when it is None."""
        printed = 0
        while count is None or printed < count:
            item = self._waiting.get()
            if isinstance(item, str):
                click.echo(item, err=True)
                continue
            print_json(reading_json(item))
            printed += 1
