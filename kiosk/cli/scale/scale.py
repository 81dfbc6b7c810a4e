"""``kiosk scale``: what technicians and checks do with a scale from a terminal."""

from __future__ import annotations

import json
import queue
import signal
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from os import fstat
from pathlib import Path
from types import FrameType
from typing import IO, Any

import click

from kiosk.app.adapters import open_scale
from kiosk.cli.scale.options import WrongUsage, line_of, params_option, port_options, protocol_option
from kiosk.cli.scale.probe import probe
from kiosk.cli.scale.send import send
from kiosk.devices.ports import LinkState
from kiosk.devices.scale.indicator import Indicator
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.numbers import to_text
from kiosk.protocols.scales.protocol import Carrier, ScaleProtocol
from kiosk.protocols.scales.reading import Reading, Record, Rejected
from kiosk.simulators.faults import BadFaultWord
from kiosk.simulators.scale.hx711 import SimulatedHx711
from kiosk.simulators.scale.line import SimulatedLine
from kiosk.simulators.scale.net import NetLine
from kiosk.simulators.scale.simulator import ScaleSimulator

_WRONG_USAGE = (registry.UnknownProtocol, registry.BadParameter, registry.NoSuchCommand)


class _ScaleGroup(click.Group):
    """Tells every wrong use below it, click's own included, in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise WrongUsage(" ".join(error.format_message().split())) from error
        except _WRONG_USAGE as error:
            raise WrongUsage(str(error)) from error


@click.group("scale", cls=_ScaleGroup, no_args_is_help=False)
def scale() -> None:
    """Scales: formats, decoding, live readings, a simulated scale."""


def _say(row: Mapping[str, object]) -> None:
    click.echo(json.dumps(row, ensure_ascii=False))


@scale.command("protocols")
def protocols() -> None:
    """List every format the station speaks, one JSON object a line."""
    for row in registry.PROTOCOLS.values():
        _say(_protocol_json(row))


def _protocol_json(row: ScaleProtocol) -> dict[str, object]:
    return {
        "protocol": row.id,
        "mode": row.mode,
        "reports": row.reports,
        "trade": row.trade,
        "books": not row.no_booking,
        "line": str(row.line),
        "parameters": {parameter.name: parameter.choices for parameter in registry.parameters(row.id)},
        "commands": tuple(row.commands),
    }


@scale.command("decode")
@click.argument("source", type=click.File("rb"), default="-")
@protocol_option
@params_option
def decode(source: IO[bytes], protocol: str, params: dict[str, str]) -> None:
    """Decode lines of hex, each by a fresh decoder, one JSON object a line."""
    registry.decoder(protocol, params)
    for line in source:
        _say(_decoded_json(line, protocol, params))


def _decoded_json(line: bytes, protocol: str, params: dict[str, str]) -> dict[str, object]:
    try:
        data = bytes.fromhex(line.decode("ascii"))
    except ValueError:
        return {"error": "the line is not hexadecimal bytes", "readings": [], "records": [], "rejected": []}
    decoded = registry.read(protocol, params, data)
    return {
        "readings": [_reading_json(item) for item in decoded if isinstance(item, Reading)],
        "records": [{"kind": item.kind, "value": item.value} for item in decoded if isinstance(item, Record)],
        "rejected": [{"reason": item.reason} for item in decoded if isinstance(item, Rejected)],
    }


def _reading_json(reading: Reading) -> dict[str, object]:
    """The keys of every reading; those of a bare converter only where there is one."""
    converter = {"raw": reading.counts, "suspect": reading.suspect}
    return {
        "weight": None if reading.weight is None else to_text(reading.weight),
        "unit": reading.unit,
        "stable": reading.stable,
        "net": reading.net,
        "overload": reading.overload,
        "underload": reading.underload,
        **{name: value for name, value in converter.items() if value is not None},
    }


@scale.command("encode")
@protocol_option
@click.option("--command", required=True, metavar="NAME", help="such as read, zero, tare, request_weight")
@params_option
def encode(protocol: str, command: str, params: dict[str, str]) -> None:
    """Print the hex a host sends for a command."""
    sent = registry.encode(protocol, command, params)
    if not sent:
        raise WrongUsage(f"{protocol} has no command {command!r} with these parameters")
    click.echo(sent.hex())


@scale.command("watch")
@port_options
@click.option("--count", type=click.IntRange(min=1), help="end after so many readings")
def watch(
    port: str,
    protocol: str,
    params: dict[str, str],
    baud: int | None,
    bytesize: str | None,
    parity: str | None,
    stopbits: str | None,
    count: int | None,
) -> None:
    """Print live readings, one JSON object a line; what happens to the port goes to standard error."""
    line = line_of(protocol, baud, bytesize, parity, stopbits)
    printer = _Printer()
    indicator = Indicator(port, protocol, params)
    try:
        live = open_scale(indicator, line, printer, SimulatedHx711)
    except ValueError as error:
        raise WrongUsage(str(error)) from error
    with _ended_by_signal():
        live.start()
        try:
            printer.run(count)
        finally:
            live.stop()


@dataclass
class _Printer:
    """Takes readings in the scale's thread and prints them in the command's own, where a closed pipe is noticed."""

    _waiting: queue.Queue[Reading | str] = field(default_factory=lambda: queue.Queue(maxsize=1000))

    def on_reading(self, reading: Reading, at: float) -> None:
        self._keep(reading)

    def on_expired(self, at: float) -> None:
        self._keep("The last reading is too old.")

    def on_link(self, state: LinkState, detail: str, at: float) -> None:
        self._keep(f"{state}: {detail}")

    def _keep(self, item: Reading | str) -> None:
        try:
            self._waiting.put_nowait(item)
        except queue.Full:
            with suppress(queue.Empty):
                self._waiting.get_nowait()
            self._waiting.put_nowait(item)

    def run(self, count: int | None) -> None:
        """Print until ``count`` readings are out, for ever when it is None."""
        printed = 0
        while count is None or printed < count:
            item = self._waiting.get()
            if isinstance(item, str):
                click.echo(item, err=True)
                continue
            _say(_reading_json(item))
            printed += 1


@scale.command("simulate")
@protocol_option
@params_option
@click.option("--link", type=click.Path(path_type=Path), help="a symbolic link that follows the pseudo-terminal")
@click.option("--rfc2217", is_flag=True, help="a device server on loopback instead: prints its rfc2217:// URL")
@click.option("--tcp", is_flag=True, help="the same without line settings: prints its tcp:// URL")
@click.option("--hz", type=click.FloatRange(0, 1000), default=10.0, show_default=True)
@click.option("--unit", type=click.Choice(["kg", "g", "lb", "oz", "t"]), help="default: the format's own, else kg")
@click.option("--decimals", type=click.IntRange(0, 4), default=3, show_default=True)
@click.option("--step-g", type=click.IntRange(min=1), default=1, show_default=True, help="scale interval d in grams")
def simulate(
    protocol: str,
    params: dict[str, str],
    link: Path | None,
    rfc2217: bool,
    tcp: bool,
    hz: float,
    unit: str | None,
    decimals: int,
    step_g: int,
) -> None:
    """Be a scale on a pseudo-terminal: print its path, then obey fault words from standard input until it ends.

    A USB scale is a file of reports, a converter a file that plays its pins, at the place of the link; a polled format
    is answered. A standard input that can never say anything, such as /dev/null, does not end it; a signal does.
    """
    line = _net_line(protocol, link, rfc2217, tcp)
    with _ended_by_signal():
        simulator = ScaleSimulator(protocol, link, hz, unit, decimals, step_g, params=params, line=line)
        try:
            simulator.start()
        except OSError as error:
            raise WrongUsage(f"the simulated scale cannot be made: {error}") from error
        try:
            _obey(simulator)
        finally:
            simulator.stop()


def _net_line(protocol: str, link: Path | None, rfc2217: bool, tcp: bool) -> SimulatedLine | None:
    if not (rfc2217 or tcp):
        return None
    row = registry.get(protocol)
    if (rfc2217 and tcp) or link is not None or row.carrier is not Carrier.SERIAL:
        raise WrongUsage("--rfc2217 and --tcp are for serial formats, and go neither together nor with --link")
    return NetLine(row.line, rfc2217)


def _obey(simulator: ScaleSimulator) -> None:
    click.echo(simulator.path)
    for line in sys.stdin.buffer:
        _say(_obeyed(simulator, line.decode("utf-8", "replace").strip()))
    if _never_says_anything():
        signal.pause()


def _obeyed(simulator: ScaleSimulator, text: str) -> dict[str, object]:
    try:
        simulator.command(text)
    except BadFaultWord as error:
        return {"ok": False, "error": str(error)}
    return {"ok": True, "path": simulator.path}


def _never_says_anything() -> bool:
    try:
        return stat.S_ISCHR(fstat(sys.stdin.fileno()).st_mode) and not sys.stdin.isatty()
    except (OSError, ValueError):
        return False


@contextmanager
def _ended_by_signal() -> Iterator[None]:
    """SIGINT and SIGTERM end the command in good order: ports and links are given back, exit code 0."""

    def end(_: int, __: FrameType | None) -> None:
        raise SystemExit(0)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


scale.add_command(probe)
scale.add_command(send)
