"""What the commands below ``kiosk scale`` have in common: options, JSON lines, fault words, an end in good order."""

from __future__ import annotations

import json
import signal
import stat
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from functools import wraps
from os import fstat
from typing import Any, TypeVar

import click

from kiosk.cli.shared.one_line import on_signal
from kiosk.devices.scale.settings import Indicator
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.numbers import to_text
from kiosk.protocols.scales.shared.protocol import LineSettings
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.simulators.shared.faults import BadFaultWord

Command = TypeVar("Command", bound=Callable[..., Any])


def _pairs(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals:
            raise click.BadParameter(f"{value!r} is not KEY=VALUE")
        pairs[name] = text
    return pairs


# What a serial line can be set to.
SPEEDS = (300, 600, 1200, 1800, 2400, 4800, 9600, 14_400, 19_200, 28_800, 38_400, 57_600, 115_200, 230_400)


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


@dataclass(frozen=True, slots=True)
class PortOptions:
    """The requested options; one that was left out of the line is None: the default of the format."""

    port: str
    protocol: str
    params: dict[str, str]
    baud: int | None
    bytesize: str | None
    parity: str | None
    stopbits: str | None

    def indicator(self) -> Indicator:
        return Indicator(self.port, self.protocol, self.params)

    def line(self) -> LineSettings:
        usual = registry.get(self.protocol).line
        bytesize, stopbits = (None if text is None else int(text) for text in (self.bytesize, self.stopbits))
        return usual.with_changes(self.baud, bytesize, self.parity, stopbits)


_PORT_FIELDS = frozenset(row.name for row in fields(PortOptions))


def port_options(command: Command) -> Callable[..., Any]:
    @wraps(command)
    def with_port(**values: Any) -> Any:
        own = {name: value for name, value in values.items() if name not in _PORT_FIELDS}
        return command(PortOptions(**{name: values[name] for name in _PORT_FIELDS}), **own)

    for option in reversed(_PORT_OPTIONS):
        with_port = option(with_port)
    return with_port


def print_json(row: Mapping[str, object]) -> None:
    click.echo(json.dumps(row, ensure_ascii=False))


def reading_json(reading: Reading) -> dict[str, object]:
    """Return the keys of every reading; those of a bare converter only where there is one."""
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


def ended_by_signal() -> AbstractContextManager[None]:
    """End the command cleanly at SIGINT and SIGTERM: ports and links are released, exit code 0."""
    return on_signal(lambda: sys.exit(0))


def run_fault_commands(command: Callable[[str], None], get_state: Callable[[], dict[str, object]]) -> None:
    """Carry out one word per line and print the result, with the simulator's state from ``get_state``.

    A standard input that never sends anything, such as /dev/null, does not end it; a signal does.
    """
    for line in sys.stdin.buffer:
        print_json(_run_command(command, get_state, line.decode("utf-8", "replace").strip()))
    if _is_silent_device():
        signal.pause()


def _run_command(
    command: Callable[[str], None], get_state: Callable[[], dict[str, object]], text: str
) -> dict[str, object]:
    try:
        command(text)
    except BadFaultWord as error:
        return {"ok": False, "error": str(error)}
    return {"ok": True, **get_state()}


def _is_silent_device() -> bool:
    try:
        return stat.S_ISCHR(fstat(sys.stdin.fileno()).st_mode) and not sys.stdin.isatty()
    except (OSError, ValueError):
        return False
