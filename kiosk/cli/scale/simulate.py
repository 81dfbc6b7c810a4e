"""``kiosk scale simulate``: a scale outside this process, obeying fault words."""

from __future__ import annotations

from pathlib import Path

import click

from kiosk.cli.scale.fault_commands import run_fault_commands
from kiosk.cli.scale.options import params_option, protocol_option
from kiosk.cli.scale.output import ended_by_signal
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import Transport
from kiosk.simulators.scale.net import NetLine
from kiosk.simulators.scale.ports import SimulatedLine
from kiosk.simulators.scale.simulator import IndicatorSettings, ScaleSimulator


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
