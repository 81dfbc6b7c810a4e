"""``kiosk scale``: what technicians and checks do with a scale from a terminal; the formats, and a simulated scale."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import click

from kiosk.cli.scale.live import probe, send, watch
from kiosk.cli.scale.options import (
    ended_by_signal,
    params_option,
    print_json,
    protocol_option,
    reading_json,
    run_fault_commands,
)
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import ScaleProtocol, Transport
from kiosk.protocols.scales.shared.reading import Reading, Record, Rejected
from kiosk.simulators.scale.net import NetLine
from kiosk.simulators.scale.ports import SimulatedLine
from kiosk.simulators.scale.simulator import IndicatorSettings, ScaleSimulator


class _ScaleGroup(click.Group):
    """A format, a parameter or a command that the registry does not know is wrong usage."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (registry.UnknownProtocol, registry.BadParameter, registry.NoSuchCommand) as error:
            raise click.UsageError(str(error)) from error


@click.group("scale", cls=_ScaleGroup, no_args_is_help=False)
def scale() -> None:
    """Scales: formats, decoding, live readings, a simulated scale."""


@click.command("protocols")
def protocols() -> None:
    """List every format the station speaks, one JSON object a line."""
    for row in registry.PROTOCOLS.values():
        print_json(_protocol_json(row))


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


@click.command("decode")
@click.argument("source", type=click.File("rb"), default="-")
@protocol_option
@params_option
def decode(source: IO[bytes], protocol: str, params: dict[str, str]) -> None:
    """Decode lines of hex, each by a fresh decoder, one JSON object a line."""
    registry.decoder(protocol, params)
    for line in source:
        print_json(_decoded_json(line, protocol, params))


def _decoded_json(line: bytes, protocol: str, params: dict[str, str]) -> dict[str, object]:
    try:
        data = bytes.fromhex(line.decode("ascii"))
    except ValueError:
        return {"error": "the line is not hexadecimal bytes", "readings": [], "records": [], "rejected": []}
    decoded = registry.read(protocol, params, data)
    return {
        "readings": [reading_json(item) for item in decoded if isinstance(item, Reading)],
        "records": [{"kind": item.kind, "value": item.value} for item in decoded if isinstance(item, Record)],
        "rejected": [{"reason": item.reason} for item in decoded if isinstance(item, Rejected)],
    }


@click.command("encode")
@protocol_option
@click.option("--command", required=True, metavar="NAME", help="such as read, zero, tare, request_weight")
@params_option
def encode(protocol: str, command: str, params: dict[str, str]) -> None:
    """Print the hex a host sends for a command."""
    sent = registry.encode(protocol, command, params)
    if not sent:
        raise click.UsageError(f"{protocol} has no command {command!r} with these parameters")
    click.echo(sent.hex())


@click.command("simulate")
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
    with ended_by_signal():
        settings = IndicatorSettings(unit, decimals, step_g, params)
        simulator = ScaleSimulator(protocol, line or link, hz, settings=settings)
        try:
            simulator.start()
        except OSError as error:
            raise click.UsageError(f"the simulated scale cannot be made: {error}") from error
        try:
            _obey(simulator)
        finally:
            simulator.stop()


def _net_line(protocol: str, link: Path | None, rfc2217: bool, tcp: bool) -> SimulatedLine | None:
    if not (rfc2217 or tcp):
        return None
    row = registry.get(protocol)
    if (rfc2217 and tcp) or link is not None or row.transport is not Transport.SERIAL:
        raise click.UsageError("--rfc2217 and --tcp are for serial formats, and go neither together nor with --link")
    return NetLine(row.line, rfc2217)


def _obey(simulator: ScaleSimulator) -> None:
    click.echo(simulator.path)
    run_fault_commands(simulator.command, lambda: {"path": simulator.path})


for command in (protocols, decode, encode, watch, simulate, probe, send):
    scale.add_command(command)
