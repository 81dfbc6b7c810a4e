"""The options that the commands below ``kiosk scale`` have in common, and the line they name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.protocol import LineSettings

Command = TypeVar("Command", bound=Callable[..., Any])


def _pairs(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals:
            raise click.BadParameter(f"{value!r} is not KEY=VALUE")
        pairs[name] = text
    return pairs


SPEEDS = (300, 600, 1200, 1800, 2400, 4800, 9600, 14_400, 19_200, 28_800, 38_400, 57_600, 115_200, 230_400)
"""What a serial line can be set to."""


def _speed(_: click.Context, __: click.Parameter, value: int | None) -> int | None:
    if value is not None and value not in SPEEDS:
        raise click.BadParameter(f"{value} is no speed of a line: it is one of {', '.join(map(str, SPEEDS))}")
    return value


protocol_option = click.option("--protocol", required=True, metavar="ID", help="see `kiosk scale protocols`")
params_option = click.option("--param", "params", multiple=True, callback=_pairs, metavar="KEY=VALUE")
_PORT_OPTIONS = (
    click.option(
        "--port", required=True, metavar="PORT", help="/dev/serial/by-id/..., tcp://..., rfc2217://..., gpio:5,6"
    ),
    protocol_option,
    params_option,
    click.option("--baud", type=int, callback=_speed, help="default: the protocol's usual speed"),
    click.option("--bytesize", type=click.Choice(["7", "8"])),
    click.option("--parity", type=click.Choice(["N", "E", "O"])),
    click.option("--stopbits", type=click.Choice(["1", "2"])),
)


def port_options(command: Command) -> Command:
    """The port, the format and the line."""
    for option in reversed(_PORT_OPTIONS):
        command = option(command)
    return command


def line_of(
    protocol: str, baud: int | None, bytesize: str | None, parity: str | None, stopbits: str | None
) -> LineSettings:
    """The line as asked for; what was left out is usual for the format. Raises UnknownProtocol."""
    usual = registry.get(protocol).line
    return LineSettings(
        usual.baud if baud is None else baud,
        int(bytesize or usual.bytesize),
        parity or usual.parity,
        int(stopbits or usual.stopbits),
    )
